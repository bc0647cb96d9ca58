import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as vscode from "vscode";
import { file, found, open, ready, revert, untilFound } from "./support";

describe("typing at speed", () => {
  before(ready);

  it("in a file of 2,000 lines leaves no stale finding", async () => {
    const uri = file("warehouse", "app/long.py");
    const functions: string[] = ["from sqlalchemy.orm import Session", "", "from app.models import Pallet", ""];
    for (let number = 0; functions.length < 2000; number++) {
      functions.push("", `def take_${number}(db: Session, pallet_id: int) -> None:`);
      functions.push("    pallet = db.query(Pallet).filter(Pallet.id == pallet_id).with_for_update().first()");
      functions.push("    pallet.crates -= 1", "    db.commit()", "");
    }
    fs.writeFileSync(uri.fsPath, functions.join("\n"));
    try {
      const document = await open(uri);
      const editor = await vscode.window.showTextDocument(document);
      const line = functions.findIndex((text, index) => index > 1000 && text.includes("with_for_update"));
      const lock = ".with_for_update()";
      // The lock is taken away and typed again, a character at a time; at last it is away.
      const column = (functions[line] ?? "").indexOf(lock);
      await editor.edit((edit) => edit.delete(new vscode.Range(line, column, line, column + lock.length)));
      let typed = 0;
      for (let change = 0; change < 49; change++) {
        if (typed < lock.length) {
          const at = new vscode.Position(line, column + typed);
          await editor.edit((edit) => edit.insert(at, lock[typed] ?? ""), { undoStopBefore: false, undoStopAfter: false });
          typed++;
        } else {
          await editor.edit((edit) => edit.delete(new vscode.Range(line, column, line, column + typed)));
          typed = 0;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await editor.edit((edit) => edit.delete(new vscode.Range(line, column, line, column + typed)));
      assert.equal(document.lineAt(line).text, (functions[line] ?? "").replace(lock, ""));
      await untilFound(uri, ["AUD201 pallet.crates -= 1"]);
      await editor.edit((edit) => edit.insert(new vscode.Position(line, column), lock));
      await untilFound(uri, []);
      // The last word stays the last: nothing of what was typed comes late.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.deepEqual(await found(uri), []);
      await revert(document);
    } finally {
      await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
      fs.rmSync(uri.fsPath);
    }
  });
});
