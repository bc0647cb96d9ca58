import * as vscode from "vscode";

/** Applies all safe fixes of the document in front. */
export async function fixAll(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) return;
  const everything = new vscode.Range(0, 0, document.lineCount, 0);
  const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider",
    document.uri,
    everything,
    "source.fixAll.auditline",
    1,
  );
  const edit = actions.find((action) => action.kind?.value === "source.fixAll.auditline")?.edit;
  if (edit === undefined) {
    void vscode.window.showInformationMessage("Auditline has no safe fix for this file.");
  } else if (!(await vscode.workspace.applyEdit(edit))) {
    void vscode.window.showWarningMessage("Auditline: the file has changed meanwhile; nothing was fixed.");
  }
}
