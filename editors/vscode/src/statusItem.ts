import * as vscode from "vscode";
import { describe } from "./discovery";
import * as findings from "./findings";
import type { Server } from "./server";

/** The item in the status bar: how far the server is, and how many findings there are. */
export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;
  private readonly subscriptions: vscode.Disposable[];

  constructor(private readonly server: Server) {
    this.item = vscode.window.createStatusBarItem("auditline.status", vscode.StatusBarAlignment.Left, 10);
    this.item.name = "Auditline";
    this.item.command = "auditline.showOutput";
    this.subscriptions = [
      this.item,
      server.onDidChangePhase(() => this.update()),
      findings.onDidChange(() => this.update()),
    ];
    this.update();
    this.item.show();
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private update(): void {
    const found = findings.all();
    const { text, state, isBad } = this.words(found.length);
    this.item.text = text;
    this.item.accessibilityInformation = { label: `Auditline, ${state}` };
    this.item.backgroundColor = isBad ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.tooltip = this.tooltip(state, found);
  }

  private words(count: number): { text: string; state: string; isBad: boolean } {
    const phase = this.server.phase;
    switch (phase.kind) {
      case "starting":
        return { text: "$(sync~spin) Auditline", state: "starting", isBad: false };
      case "indexing":
        return { text: "$(sync~spin) Auditline", state: "reading the workspace", isBad: false };
      case "ready":
        return { text: `$(law) Auditline ${count}`, state: plural(count, "finding"), isBad: false };
      case "stopped":
        return { text: "$(circle-slash) Auditline", state: "stopped", isBad: false };
      case "missing":
        return { text: "$(error) Auditline", state: "no server was found", isBad: true };
      case "failed":
        return { text: "$(error) Auditline", state: phase.reason, isBad: true };
    }
  }

  private tooltip(state: string, found: readonly findings.Finding[]): vscode.MarkdownString {
    const tooltip = new vscode.MarkdownString(undefined, true);
    tooltip.isTrusted = { enabledCommands: ["auditline.restart", "auditline.report", "auditline.audit.focus"] };
    const version = this.server.version;
    tooltip.appendMarkdown(`**Auditline**${version === undefined ? "" : ` ${version}`}: ${state}\n\n`);
    const severities = [
      [vscode.DiagnosticSeverity.Error, "$(error)", "error"],
      [vscode.DiagnosticSeverity.Warning, "$(warning)", "warning"],
      [vscode.DiagnosticSeverity.Information, "$(info)", "information"],
      [vscode.DiagnosticSeverity.Hint, "$(lightbulb)", "hint"],
    ] as const;
    const counts = severities.flatMap(([severity, icon, word]) => {
      const count = found.filter((finding) => finding.diagnostic.severity === severity).length;
      if (count === 0) return [];
      return [`${icon} ${word === "information" ? `${count} information` : plural(count, word)}`];
    });
    if (counts.length > 0) tooltip.appendMarkdown(`${counts.join(" · ")}\n\n`);
    const program = this.server.program;
    if (program !== undefined) {
      tooltip.appendMarkdown(`Server ${describe(program.origin)}: `);
      tooltip.appendText(program.command);
      tooltip.appendMarkdown("\n\n");
    }
    tooltip.appendMarkdown(
      "[Audit](command:auditline.audit.focus) · [Report](command:auditline.report) · [Restart](command:auditline.restart)",
    );
    return tooltip;
  }
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
