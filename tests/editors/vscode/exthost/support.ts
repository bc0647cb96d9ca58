import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import type { Api } from "../../../../editors/vscode/src/extension";

/** The longest that a test waits for anything. */
const PATIENCE_MS = 40_000;

/** What the tests select, in the workspace that `run.sh` writes: they do not change with each new hazard. */
export const SELECTED = ["AUD101", "AUD201", "AUD203", "AUD204", "AUD301", "AUD305", "AUD401", "AUD701"];

/** The finding of the warehouse. */
export const RACE = ["AUD201 pallet.crates -= crates"];

/** Waits until something is so, and returns it. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  also: () => string = () => "",
): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false && seen !== null) return seen;
    if (Date.now() > deadline) throw new Error(`never: ${what} ${also()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export async function api(): Promise<Api> {
  const extension = vscode.extensions.getExtension<Api>("auditline.auditline");
  assert.ok(extension, "the extension is installed");
  return extension.activate();
}

/** The extension, with a server that has read the workspace. */
export async function ready(): Promise<Api> {
  const auditline = await api();
  await until("the server is ready", () => auditline.server.phase.kind === "ready", () => standing(auditline.server));
  return auditline;
}

/** How the server stands, for who waits in vain. */
export function standing(server: Api["server"]): string {
  const { phase, program, version, languageClient } = server;
  const path = vscode.workspace.getConfiguration("auditline").get("path");
  return JSON.stringify({ phase, program, version, state: languageClient?.state, path });
}

export function folder(name: string): vscode.WorkspaceFolder {
  const found = vscode.workspace.workspaceFolders?.find((candidate) => candidate.name === name);
  assert.ok(found, name);
  return found;
}

export function file(name: string, inside: string): vscode.Uri {
  return vscode.Uri.joinPath(folder(name).uri, inside);
}

export async function open(uri: vscode.Uri): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

/** The document as it stands on disk, whatever a test before did to it. */
export async function openFresh(uri: vscode.Uri): Promise<vscode.TextDocument> {
  const document = await open(uri);
  if (document.isDirty) await vscode.commands.executeCommand("workbench.action.files.revert");
  return document;
}

export async function revert(document: vscode.TextDocument): Promise<void> {
  await vscode.window.showTextDocument(document);
  await vscode.commands.executeCommand("workbench.action.files.revert");
}

/** The code of every finding in a file, with what stands there. */
export async function found(uri: vscode.Uri): Promise<string[]> {
  const { findings } = await api();
  const here = findings().filter((finding) => finding.uri.toString() === uri.toString());
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  const lines = (open?.getText() ?? onDisk(uri)).split("\n");
  return here.map((finding) => `${finding.code} ${lines[finding.diagnostic.range.start.line]?.trim()}`);
}

export async function untilFound(uri: vscode.Uri, expected: string[]): Promise<void> {
  let last: string[] = [];
  await until(
    `${path.basename(uri.fsPath)} has ${expected.join(", ") || "no finding"}`,
    async () => {
      last = await found(uri);
      return JSON.stringify(last) === JSON.stringify(expected);
    },
    () => `but ${last.join(", ") || "none"}`,
  );
}

export function place(document: vscode.TextDocument, text: string): vscode.Range {
  const offset = document.getText().indexOf(text);
  assert.ok(offset >= 0, `${text} in ${document.fileName}`);
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + text.length));
}

/** The code actions at a place, resolved. */
export async function actions(document: vscode.TextDocument, range: vscode.Range, kind?: vscode.CodeActionKind) {
  return vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider",
    document.uri,
    range,
    kind?.value,
    100,
  );
}

export async function replace(document: vscode.TextDocument, range: vscode.Range, text: string): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, range, text);
  assert.ok(await vscode.workspace.applyEdit(edit));
}

export function onDisk(uri: vscode.Uri): string {
  return fs.readFileSync(uri.fsPath, "utf8");
}

/** What the command line finds in a folder, as [`found`] writes it, with the file in front. */
export async function byCommandLine(root: string): Promise<string[]> {
  const { server } = await api();
  assert.ok(server.program);
  const words = ["check", "--exit-zero", "--output-format", "json", "--select", SELECTED.join(","), "."];
  const output = execFileSync(server.program.command, words, { cwd: root, encoding: "utf8" });
  const { findings } = JSON.parse(output) as {
    findings: { code: string; severity: string; path: string; range: { start: { line: number } } }[];
  };
  const shown = findings.filter((finding) => finding.severity !== "hint");
  return shown.map((finding) => `${finding.path}:${finding.range.start.line} ${finding.code}`).sort();
}

/** Sets a setting of the workspace; `undefined` makes it what it was. */
export async function configure(key: string, value: unknown, section = "auditline"): Promise<void> {
  await vscode.workspace.getConfiguration(section).update(key, key === "select" ? (value ?? SELECTED) : value, vscode.ConfigurationTarget.Workspace);
}
