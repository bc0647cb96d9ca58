import * as path from "node:path";
import * as vscode from "vscode";
import * as findings from "../findings";
import type { Hazard } from "../protocol";
import type { Server } from "../server";
import { Changes } from "./changes";
import { EVERYTHING, describe, isActive, shows } from "./filter";
import type { Filter } from "./filter";
import { OTHER, evidence, severityWord, tree } from "./nodes";
import type { Audited, Group, Grouping, Leaf, Node } from "./nodes";

const VIEW = "auditline.audit";
const STATE = "auditline.audit.grouping";

/** So long after VS Code has asked for a part of the tree another tree may take its place. */
const QUIET_MS = 200;

/** The tree "Audit": the findings of the workspace by family and severity, with filters. */
export class AuditView implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changes = new Changes();
  private readonly refreshed = new vscode.EventEmitter<Node | undefined>();
  private readonly view: vscode.TreeView<Node>;
  private readonly subscriptions: vscode.Disposable[];
  private catalogue = new Map<string, Hazard>();
  private roots: readonly Node[] = [];
  private parents = new Map<Node, Node>();
  private filter: Filter = EVERYTHING;
  private grouping: Grouping;
  /** When VS Code asked for a part of the tree, or was told to. */
  private asked = 0;
  private timer: NodeJS.Timeout | undefined;

  readonly onDidChangeTreeData = this.refreshed.event;

  constructor(
    private readonly server: Server,
    private readonly state: vscode.Memento,
  ) {
    this.grouping = state.get<Grouping>(STATE, "family");
    this.view = vscode.window.createTreeView(VIEW, { treeDataProvider: this, showCollapseAll: true });
    this.subscriptions = [
      this.view,
      this.refreshed,
      this.view.onDidChangeVisibility(({ visible }) => {
        this.asked = Date.now();
        // VS Code 1.139 mixes up the children of groups when it shows again what it has kept; a fresh tree it gets right.
        if (visible) this.refresh();
      }),
      this.changes,
      this.changes.onDidChange(() => this.filter.onlyChanged && this.refresh()),
      findings.onDidChange(() => void this.update()),
      server.onDidChangePhase(() => void this.update()),
    ];
    this.setContexts();
    void this.update();
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  getChildren(node?: Node): Node[] {
    this.asked = Date.now();
    if (node === undefined) return [...this.roots];
    const children = node.kind === "group" ? [...node.children] : node.kind === "finding" ? evidence(node) : [];
    for (const child of children) this.parents.set(child, node);
    return children;
  }

  getParent(node: Node): Node | undefined {
    return this.parents.get(node);
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case "group":
        return groupItem(node);
      case "finding":
        return findingItem(node);
      case "evidence": {
        const { location, message } = node.information;
        const item = new vscode.TreeItem(`${path.basename(location.uri.fsPath)}:${location.range.start.line + 1}`);
        item.id = node.id;
        item.description = plain(message);
        item.tooltip = new vscode.MarkdownString(`${message}\n\n\`${place(location.uri, location.range)}\``);
        item.iconPath = new vscode.ThemeIcon("debug-stackframe-dot");
        item.command = revealing(location.uri, location.range);
        return item;
      }
    }
  }

  async filterByText(text?: string): Promise<void> {
    const written =
      text ??
      (await vscode.window.showInputBox({
        title: "Auditline: Filter the Audit by Text",
        prompt: "Words that occur in the message, the file, or the hazard's code or name. Empty shows everything.",
        value: this.filter.text,
      }));
    if (written !== undefined) this.setFilter({ text: written });
  }

  async filterByFamily(families?: readonly string[]): Promise<void> {
    const chosen = families ?? (await this.pickFamilies());
    if (chosen !== undefined) this.setFilter({ families: chosen });
  }

  async onlyChanged(onlyChanged: boolean): Promise<void> {
    if (onlyChanged && !(await this.changes.connect())) {
      void vscode.window.showWarningMessage("Auditline: Git is not enabled here, so nobody knows which files you changed.");
      return;
    }
    this.setFilter({ onlyChanged });
  }

  clearFilter(): void {
    this.setFilter(EVERYTHING);
  }

  async groupBy(grouping: Grouping): Promise<void> {
    this.grouping = grouping;
    await this.state.update(STATE, grouping);
    this.setContexts();
    this.refresh();
  }

  /** Shows the finding in the tree. */
  async reveal(finding: findings.Finding): Promise<void> {
    const find = (nodes: readonly Node[]): Node | undefined => {
      for (const node of nodes) {
        if (node.kind === "finding" && findings.compare(node.finding, finding) === 0) return node;
        const inside = node.kind === "group" ? find(this.getChildren(node)) : undefined;
        if (inside !== undefined) return inside;
      }
      return undefined;
    };
    const node = find(this.roots);
    if (node !== undefined) await this.view.reveal(node, { select: true, focus: true });
  }

  private async pickFamilies(): Promise<string[] | undefined> {
    const all = new Set([...this.catalogue.values()].map((hazard) => hazard.family));
    for (const finding of this.audited()) all.add(finding.family);
    const counts = new Map<string, number>();
    for (const finding of this.audited()) counts.set(finding.family, (counts.get(finding.family) ?? 0) + 1);
    const items = [...all].map((family) => ({
      label: family,
      description: String(counts.get(family) ?? 0),
      picked: this.filter.families.includes(family),
    }));
    const picked = await vscode.window.showQuickPick(items, {
      title: "Auditline: Filter the Audit by Family",
      placeHolder: "The families to show; none for all",
      canPickMany: true,
    });
    return picked?.map((item) => item.label);
  }

  private setFilter(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    this.setContexts();
    this.refresh();
  }

  private setContexts(): void {
    const set = (key: string, value: unknown) => void vscode.commands.executeCommand("setContext", key, value);
    set("auditline.audit.grouping", this.grouping);
    set("auditline.audit.onlyChanged", this.filter.onlyChanged);
    set("auditline.audit.filtered", isActive(this.filter));
  }

  private async update(): Promise<void> {
    if (this.catalogue.size === 0) {
      const hazards = await this.server.hazards();
      this.catalogue = new Map(hazards.map((hazard) => [hazard.code, hazard]));
    }
    this.refresh();
  }

  private audited(): Audited[] {
    return findings.all().map((finding) => {
      const hazard = this.catalogue.get(finding.code);
      return { ...finding, hazard, family: hazard?.family ?? OTHER };
    });
  }

  /**
   * Shows the tree anew, but not while VS Code still asks for parts of the one before: it takes the parts of two trees
   * for those of one.
   */
  private refresh(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (Date.now() - this.asked < QUIET_MS) this.refresh();
      else this.build();
    }, QUIET_MS / 4);
  }

  private build(): void {
    const all = this.audited();
    const changed = this.filter.onlyChanged ? this.changes.paths() : undefined;
    const shown = all.filter((finding) => {
      const { code, hazard, family, uri, diagnostic } = finding;
      const words = { code, hazard: hazard?.name ?? "", family, message: diagnostic.message, path: uri.fsPath };
      return shows(this.filter, words, (file) => changed?.has(file) ?? true);
    });
    this.parents.clear();
    this.roots = tree(shown, this.grouping);
    const active = isActive(this.filter);
    this.view.description = active ? `${shown.length} of ${all.length}` : all.length > 0 ? String(all.length) : "";
    // The welcome view speaks where the tree is empty, and has no words for a filter.
    if (active) this.view.message = `${shown.length === 0 ? "No finding matches" : "Filter"}: ${describe(this.filter)}`;
    else this.view.message = "";
    this.asked = Date.now();
    this.refreshed.fire(undefined);
  }
}

function groupItem(node: Group): vscode.TreeItem {
  const item = new vscode.TreeItem(node.by === "severity" ? plural(node.key) : capital(node.key), vscode.TreeItemCollapsibleState.Expanded);
  item.id = node.id;
  item.description = String(node.count);
  item.contextValue = "group";
  if (node.by === "severity") item.iconPath = severityIcon(node.worst);
  else item.iconPath = new vscode.ThemeIcon(FAMILY_ICONS[node.key] ?? "law");
  return item;
}

function findingItem(node: Leaf): vscode.TreeItem {
  const { uri, diagnostic, code, hazard } = node.finding;
  const proofs = diagnostic.relatedInformation?.length ?? 0;
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  const where = `${path.basename(uri.fsPath)}:${diagnostic.range.start.line + 1}`;
  const item = new vscode.TreeItem(where, proofs > 0 ? Collapsed : None);
  item.id = node.id;
  item.description = `${code} ${plain(diagnostic.message)}`.trim();
  const tooltip = new vscode.MarkdownString(`**${code}${hazard ? ` ${hazard.name}` : ""}** · ${severityWord(diagnostic.severity)}\n\n`);
  tooltip.appendMarkdown(`${diagnostic.message}\n\n`);
  tooltip.appendMarkdown(`\`${place(uri, diagnostic.range)}\``);
  item.tooltip = tooltip;
  item.iconPath = severityIcon(diagnostic.severity);
  item.command = revealing(uri, diagnostic.range);
  item.contextValue = hazard === undefined ? "finding" : "finding.hazard";
  item.accessibilityInformation = { label: `${severityWord(diagnostic.severity)} in ${where}: ${plain(diagnostic.message)}` };
  return item;
}

const FAMILY_ICONS: Readonly<Record<string, string>> = {
  transactions: "git-commit",
  races: "git-compare",
  sessions: "database",
  schema: "table",
  security: "shield",
  resilience: "pulse",
  delivery: "package",
  "query-cost": "dashboard",
  posture: "checklist",
};

function severityIcon(severity: vscode.DiagnosticSeverity): vscode.ThemeIcon {
  const [icon, color] = SEVERITY_ICONS[severity];
  return new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
}

const SEVERITY_ICONS: Readonly<Record<vscode.DiagnosticSeverity, readonly [string, string]>> = {
  [vscode.DiagnosticSeverity.Error]: ["error", "problemsErrorIcon.foreground"],
  [vscode.DiagnosticSeverity.Warning]: ["warning", "problemsWarningIcon.foreground"],
  [vscode.DiagnosticSeverity.Information]: ["info", "problemsInfoIcon.foreground"],
  [vscode.DiagnosticSeverity.Hint]: ["lightbulb", "problemsInfoIcon.foreground"],
};

function revealing(uri: vscode.Uri, range: vscode.Range): vscode.Command {
  const options: vscode.TextDocumentShowOptions = { selection: new vscode.Range(range.start, range.start) };
  return { command: "vscode.open", title: "Open", arguments: [uri, options] };
}

function place(uri: vscode.Uri, range: vscode.Range): string {
  return `${vscode.workspace.asRelativePath(uri)}:${range.start.line + 1}`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).replaceAll("-", " ");
}

function plural(severity: string): string {
  return capital(severity === "information" ? severity : `${severity}s`);
}

/** A tree shows no Markdown. */
function plain(message: string): string {
  return message.replaceAll("`", "");
}
