import * as vscode from "vscode";
import { Explainer } from "./explain";
import { fixAll } from "./fixAll";
import * as findings from "./findings";
import { goTo } from "./navigate";
import { Server } from "./server";
import { StatusItem } from "./statusItem";

/** What the extension exports. */
export interface Api {
  readonly server: Server;
  readonly findings: () => findings.Finding[];
}

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<Api> {
  const running = new Server(context.extensionUri);
  server = running;
  const explainer = new Explainer(running);
  const command = (name: string, action: (...words: never[]) => unknown) =>
    vscode.commands.registerCommand(`auditline.${name}`, action);
  context.subscriptions.push(
    running,
    explainer,
    new StatusItem(running),
    running.onDidChangePhase((phase) => vscode.commands.executeCommand("setContext", "auditline.phase", phase.kind)),
    command("restart", () => running.restart()),
    command("showOutput", () => running.output.show()),
    command("explain", (hazard?: unknown) => explainer.explain(typeof hazard === "string" ? hazard : undefined)),
    command("nextFinding", () => goTo(1)),
    command("previousFinding", () => goTo(-1)),
    command("fixAll", fixAll),
  );
  await running.start();
  return { server: running, findings: findings.all };
}

export function deactivate(): Promise<void> | undefined {
  return server?.shutdown();
}
