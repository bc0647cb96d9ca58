import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Server } from "../server";

/** A schema may have thousands of tables. */
const MAX_OUTPUT = 32 * 1024 * 1024;
const PATIENCE_MS = 60_000;

/** What the page says of itself. */
export type Drawn = { readonly kind: "drawn"; readonly tables: number } | { readonly kind: "failed"; readonly reason: string };

/** The command that shows the tables of a project and how they hang together. */
export class Diagrams implements vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  private readonly events = new vscode.EventEmitter<Drawn>();

  /** A page has drawn its diagram, or could not. */
  readonly onDidDraw = this.events.event;

  constructor(
    private readonly server: Server,
    private readonly extension: vscode.Uri,
  ) {}

  dispose(): void {
    vscode.Disposable.from(this.events, ...this.panels.values()).dispose();
  }

  /** Shows the diagram of a folder: the one of the file in front, the only one, or one that the user picks. */
  async show(): Promise<void> {
    const program = this.server.program;
    if (program === undefined) {
      void vscode.window.showWarningMessage("Auditline: no program was found, so there is no diagram.");
      return;
    }
    const folder = await folderOfInterest();
    if (folder === undefined) return;
    const location = vscode.ProgressLocation.Window;
    try {
      const text = await vscode.window.withProgress({ location, title: "Auditline: reading the schema" }, () =>
        run(program.command, folder.uri.fsPath),
      );
      this.open(folder, text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.server.output.error(`The schema of ${folder.name} cannot be read: ${reason}`);
      void vscode.window.showErrorMessage(`Auditline: the schema of ${folder.name} cannot be read. The output says why.`);
    }
  }

  private open(folder: vscode.WorkspaceFolder, text: string): void {
    const key = folder.uri.toString();
    const code = vscode.Uri.joinPath(this.extension, "dist");
    let panel = this.panels.get(key);
    if (panel === undefined) {
      panel = vscode.window.createWebviewPanel("auditline.schema", `Schema of ${folder.name}`, vscode.ViewColumn.Active, {
        enableScripts: true,
        localResourceRoots: [code],
        retainContextWhenHidden: true,
      });
      this.panels.set(key, panel);
      panel.onDidDispose(() => this.panels.delete(key));
      panel.webview.onDidReceiveMessage((message: Drawn) => {
        if (message.kind === "failed") this.server.output.error(`The schema of ${folder.name} cannot be drawn: ${message.reason}`);
        this.events.fire(message);
      });
    } else {
      panel.reveal();
    }
    const script = panel.webview.asWebviewUri(vscode.Uri.joinPath(code, "diagram.js"));
    panel.webview.html = page(script.toString(), panel.webview.cspSource, text);
  }
}

async function folderOfInterest(): Promise<vscode.WorkspaceFolder | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const shown = vscode.window.activeTextEditor?.document.uri;
  const own = shown === undefined ? undefined : vscode.workspace.getWorkspaceFolder(shown);
  if (own !== undefined || folders.length === 1) return own ?? folders[0];
  if (folders.length === 0) {
    void vscode.window.showInformationMessage("Auditline: open a folder to see its schema.");
    return undefined;
  }
  return vscode.window.showWorkspaceFolderPick({ placeHolder: "The folder whose schema is shown" });
}

/** The diagram in the words of Mermaid, as the command line prints it. */
function run(program: string, directory: string): Promise<string> {
  const options = { cwd: directory, maxBuffer: MAX_OUTPUT, timeout: PATIENCE_MS, encoding: "utf8" as const };
  return new Promise((resolve, reject) => {
    execFile(program, ["schema", "--format", "mermaid"], options, (error, output, said) => {
      if (error === null) resolve(output);
      else reject(new Error(said.trim() || error.message));
    });
  });
}

/** A page that may run our own script and nothing else, and reach nothing outside of the extension. */
function page(script: string, source: string, text: string): string {
  const nonce = randomBytes(16).toString("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src ${source}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>
html, body { height: 100%; margin: 0; padding: 0; overflow: hidden; }
body { background: var(--vscode-editor-background); color: var(--vscode-editor-foreground); font-family: var(--vscode-font-family); }
#bar { position: fixed; top: 8px; right: 12px; z-index: 1; display: flex; gap: 4px; }
#bar button { font: inherit; color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: 0; border-radius: 2px; min-width: 28px; height: 28px; cursor: pointer; }
#bar button:hover { background: var(--vscode-button-secondaryHoverBackground); }
#bar button:focus-visible { outline: 1px solid var(--vscode-focusBorder); }
#view { width: 100%; height: 100%; overflow: auto; cursor: grab; }
#view:active { cursor: grabbing; }
#diagram { padding: 16px; width: max-content; min-width: calc(100% - 32px); text-align: center; }
#said { padding: 24px; }
</style>
</head>
<body>
<div id="bar" role="toolbar" aria-label="Zoom">
<button id="out" aria-label="Zoom out">−</button><button id="fit" aria-label="Fit into the window">Fit</button><button id="in" aria-label="Zoom in">+</button>
</div>
<div id="view"><div id="diagram"></div></div>
<script type="application/json" id="text">${JSON.stringify(text).replaceAll("<", "\\u003c")}</script>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
