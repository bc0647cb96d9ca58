import * as vscode from "vscode";
import * as findings from "./findings";

/** Goes to the finding after the cursor, or before it, also in another file. */
export async function goTo(step: 1 | -1): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const position = editor?.selection.active ?? new vscode.Position(0, 0);
  const target = findings.neighbour(findings.all(), editor?.document.uri, position, step);
  if (target === undefined) {
    void vscode.window.showInformationMessage("Auditline has no findings in this workspace.");
    return;
  }
  await reveal(target.uri, target.diagnostic.range);
}

/** Shows a place, with the cursor at its start. */
export async function reveal(uri: vscode.Uri, range: vscode.Range): Promise<void> {
  const selection = new vscode.Range(range.start, range.start);
  const editor = await vscode.window.showTextDocument(uri, { selection });
  editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}
