import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { reveal } from "./navigate";
import { reportRequest } from "./protocol";
import type { ReportPage } from "./protocol";
import type { Server } from "./server";

/** The command that shows the audit report of the workspace. */
export class Reporter implements vscode.Disposable {
  private readonly panels = new Map<string, vscode.WebviewPanel>();

  constructor(private readonly server: Server) {}

  dispose(): void {
    vscode.Disposable.from(...this.panels.values()).dispose();
  }

  /** Asks for the report and shows it: a page for each project of the workspace. */
  async show(): Promise<void> {
    const client = this.server.running();
    if (client === undefined) {
      void vscode.window.showWarningMessage("Auditline: the server does not run, so there is no report.");
      return;
    }
    const location = vscode.ProgressLocation.Window;
    const pages = await vscode.window.withProgress({ location, title: "Auditline: writing the report" }, (_, token) =>
      client.sendRequest(reportRequest, token),
    );
    if (pages.length === 0) {
      void vscode.window.showInformationMessage("Auditline: open a folder to get a report of it.");
    }
    for (const page of pages) this.open(page);
  }

  /** Saves the report as a file that opens in any browser. */
  async save(): Promise<void> {
    const pages = await this.server.running()?.sendRequest(reportRequest);
    for (const page of pages ?? []) {
      const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
      const target = await vscode.window.showSaveDialog({
        title: `Auditline: Save the Report of ${page.name}`,
        filters: { HTML: ["html"] },
        ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, `audit-${page.name}.html`) }),
      });
      if (target !== undefined) await vscode.workspace.fs.writeFile(target, Buffer.from(page.html));
    }
  }

  private open(page: ReportPage): void {
    let panel = this.panels.get(page.name);
    if (panel === undefined) {
      panel = vscode.window.createWebviewPanel("auditline.report", `Audit of ${page.name}`, vscode.ViewColumn.Active, {
        enableScripts: true,
        localResourceRoots: [],
        enableFindWidget: true,
      });
      this.panels.set(page.name, panel);
      panel.onDidDispose(() => this.panels.delete(page.name));
      panel.webview.onDidReceiveMessage((message: unknown) => void follow(message));
    } else {
      panel.reveal();
    }
    panel.webview.html = dressed(page.html);
  }
}

/** Opens the place to which a link of the page leads. */
async function follow(message: unknown): Promise<void> {
  const href = (message as { href?: unknown }).href;
  if (typeof href !== "string") return;
  const uri = vscode.Uri.parse(href);
  if (uri.scheme !== "file") return;
  const line = Math.max(0, Number(/^L(\d+)$/.exec(uri.fragment)?.[1] ?? 1) - 1);
  const position = new vscode.Position(line, 0);
  await reveal(uri.with({ fragment: "" }), new vscode.Range(position, position));
}

/** The page for a webview: it may do nothing but say which of its links was clicked, and wears the editor's colours. */
function dressed(html: string): string {
  const nonce = randomBytes(16).toString("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>
body.vscode-dark, body.vscode-high-contrast { color-scheme: dark; } body.vscode-light, body.vscode-high-contrast-light { color-scheme: light; }
body { --page: var(--vscode-editor-background); --ink: var(--vscode-editor-foreground); --link: var(--vscode-textLink-foreground); font-family: var(--vscode-font-family); }
</style>`;
  const script = `<script nonce="${nonce}">
const editor = acquireVsCodeApi();
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='file:']");
  if (link === null) return;
  event.preventDefault();
  editor.postMessage({ href: link.getAttribute("href") });
});
</script>`;
  return html.replace("</head>", () => `${head}</head>`).replace("</body>", () => `${script}</body>`);
}
