import * as vscode from "vscode";
import { AuditView } from "./audit/view";
import { Diagrams } from "./diagram/panel";
import { Explainer } from "./explain";
import { fixAll } from "./fixAll";
import * as findings from "./findings";
import { goTo } from "./navigate";
import { Reporter } from "./report";
import { Server } from "./server";
import { StatusItem } from "./statusItem";

/** What the extension exports. */
export interface Api {
  readonly server: Server;
  readonly findings: () => findings.Finding[];
  readonly audit: AuditView;
  readonly diagrams: Diagrams;
}

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  const running = new Server(context.extensionUri);
  server = running;
  const explainer = new Explainer(running);
  const reporter = new Reporter(running);
  const diagrams = new Diagrams(running, context.extensionUri);
  const audit = new AuditView(running, context.workspaceState);
  const command = (name: string, action: (...words: never[]) => unknown) =>
    vscode.commands.registerCommand(`auditline.${name}`, action);
  context.subscriptions.push(
    running,
    explainer,
    audit,
    reporter,
    diagrams,
    new StatusItem(running),
    running.onDidChangePhase((phase) => vscode.commands.executeCommand("setContext", "auditline.phase", phase.kind)),
    command("restart", () => running.restart()),
    command("showOutput", () => running.output.show()),
    command("explain", (hazard?: unknown) => explainer.explain(hazardOf(hazard))),
    command("report", () => reporter.show()),
    command("saveReport", () => reporter.save()),
    command("schemaDiagram", () => diagrams.show()),
    command("nextFinding", () => goTo(1)),
    command("previousFinding", () => goTo(-1)),
    command("fixAll", fixAll),
    command("audit.filterByText", (text?: unknown) => audit.filterByText(typeof text === "string" ? text : undefined)),
    command("audit.filterByFamily", (families?: unknown) => audit.filterByFamily(strings(families))),
    command("audit.onlyChanged", () => audit.onlyChanged(true)),
    command("audit.allFiles", () => audit.onlyChanged(false)),
    command("audit.clearFilter", () => audit.clearFilter()),
    command("audit.groupByFamily", () => audit.groupBy("family")),
    command("audit.groupBySeverity", () => audit.groupBy("severity")),
  );
  await running.start();
  return { server: running, findings: findings.all, audit, diagrams };
}

export function deactivate(): Promise<void> | undefined {
  return server?.shutdown();
}

/** What a command was given: a code or a name, or a finding of the tree. */
function hazardOf(given: unknown): string | undefined {
  if (typeof given === "string") return given;
  const finding = (given as { finding?: { code?: unknown } } | undefined)?.finding;
  return typeof finding?.code === "string" ? finding.code : undefined;
}

/** A list of strings, where a command was given one. */
function strings(given: unknown): string[] | undefined {
  return Array.isArray(given) && given.every((word) => typeof word === "string") ? given : undefined;
}
