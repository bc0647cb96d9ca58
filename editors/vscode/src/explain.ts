import * as vscode from "vscode";
import * as findings from "./findings";
import type { Server } from "./server";

const SCHEME = "auditline-page";

/** The command that explains a hazard: the pages of the catalogue, in the Markdown preview. */
export class Explainer implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly registration: vscode.Disposable;

  constructor(private readonly server: Server) {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  dispose(): void {
    this.registration.dispose();
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const code = uri.path.replace(/^\/|\.md$/g, "");
    const page = await this.server.explain(code);
    return page?.markdown ?? `# ${code}\n\nThe server does not run.`;
  }

  /** Shows the page of a hazard: the one that is named, or one that the user picks. */
  async explain(named?: string): Promise<void> {
    const hazard = named ?? (await this.pick());
    if (hazard === undefined) return;
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${hazard}.md` });
    try {
      await vscode.commands.executeCommand("markdown.showPreview", uri);
    } catch {
      // The preview can be switched off.
      await vscode.window.showTextDocument(uri, { preview: true });
    }
  }

  private async pick(): Promise<string | undefined> {
    const hazards = await this.server.hazards();
    if (hazards.length === 0) {
      void vscode.window.showWarningMessage("Auditline: the server does not run, so there is nothing to explain.");
      return undefined;
    }
    const here = hazardsAtCursor();
    const items = hazards.map((hazard) => ({
      label: hazard.code,
      description: hazard.name,
      detail: hazard.summary,
      iconPath: new vscode.ThemeIcon(here.has(hazard.code) ? "location" : "book"),
    }));
    items.sort((a, b) => Number(here.has(b.label)) - Number(here.has(a.label)));
    const picked = await vscode.window.showQuickPick(items, {
      title: "Auditline: Explain Hazard",
      placeHolder: "A code, a name, or a word of what it finds",
      matchOnDescription: true,
      matchOnDetail: true,
    });
    return picked?.label;
  }
}

function hazardsAtCursor(): Set<string> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return new Set();
  const line = editor.selection.active.line;
  const here = findings.inFile(editor.document.uri).filter((finding) => {
    const { start, end } = finding.diagnostic.range;
    return start.line <= line && line <= end.line;
  });
  return new Set(here.map((finding) => finding.code));
}
