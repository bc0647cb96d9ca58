import * as vscode from "vscode";
import type { Finding } from "../findings";
import type { Hazard } from "../protocol";

/** How the tree groups findings. */
export type Grouping = "family" | "severity";

/** A finding with what the catalogue says about it. */
export interface Audited extends Finding {
  readonly hazard: Hazard | undefined;
  readonly family: string;
}

/** What stands in the tree. */
export type Node = Group | Leaf | Evidence;

/** A family or a severity, with what belongs to it. */
export interface Group {
  readonly kind: "group";
  /** Names it among all groups, also after the findings have changed. */
  readonly id: string;
  readonly by: Grouping;
  readonly key: string;
  readonly children: readonly Node[];
  readonly count: number;
  /** The worst severity in it. */
  readonly worst: vscode.DiagnosticSeverity;
}

export interface Leaf {
  readonly kind: "finding";
  readonly id: string;
  readonly finding: Audited;
}

/** A place that proves a finding. */
export interface Evidence {
  readonly kind: "evidence";
  readonly id: string;
  readonly information: vscode.DiagnosticRelatedInformation;
}

const SEVERITIES = ["error", "warning", "information", "hint"] as const;

/** The family of what is no hazard: a mistake in the configuration, a comment that suppresses nothing. */
export const OTHER = "configuration and comments";

/** The findings as a tree: by family and then by severity, or the other way round. */
export function tree(findings: readonly Audited[], grouping: Grouping): Node[] {
  const order: Grouping[] = grouping === "family" ? ["family", "severity"] : ["severity", "family"];
  return group(findings, order, "");
}

function group(findings: readonly Audited[], order: readonly Grouping[], above: string): Node[] {
  const [by, ...rest] = order;
  if (by === undefined) return leaves(findings, above);
  const groups = new Map<string, Audited[]>();
  for (const finding of findings) {
    const key = by === "family" ? finding.family : severityWord(finding.diagnostic.severity);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [finding]);
    else members.push(finding);
  }
  const nodes = [...groups].map(([key, members]): Group => {
    const id = `${above}/${key}`;
    const worst = Math.min(...members.map((member) => member.diagnostic.severity)) as vscode.DiagnosticSeverity;
    return { kind: "group", id, by, key, children: group(members, rest, id), count: members.length, worst };
  });
  const rank = (node: Group) => (by === "severity" ? SEVERITIES.indexOf(node.key as (typeof SEVERITIES)[number]) : node.worst);
  // The worst first; families that are equally bad by the codes of their hazards.
  return nodes.sort((a, b) => rank(a) - rank(b) || firstCode(a) - firstCode(b) || a.key.localeCompare(b.key));
}

function firstCode(node: Node): number {
  if (node.kind === "group") return Math.min(...node.children.map(firstCode));
  return node.kind === "finding" ? Number(node.finding.code.replace(/\D/g, "")) || Number.MAX_SAFE_INTEGER : 0;
}

function leaves(findings: readonly Audited[], above: string): Node[] {
  const seen = new Map<string, number>();
  return findings.map((finding) => {
    const { start } = finding.diagnostic.range;
    const place = `${above}/${finding.uri.toString()}:${start.line}:${start.character}:${finding.code}`;
    const count = seen.get(place) ?? 0;
    seen.set(place, count + 1);
    return { kind: "finding", id: count === 0 ? place : `${place}#${count}`, finding };
  });
}

/** The places that prove a finding. */
export function evidence(leaf: Leaf): Evidence[] {
  const related = leaf.finding.diagnostic.relatedInformation ?? [];
  return related.map((information, index) => ({ kind: "evidence", id: `${leaf.id}/${index}`, information }));
}

export function severityWord(severity: vscode.DiagnosticSeverity): string {
  return SEVERITIES[severity] ?? "hint";
}
