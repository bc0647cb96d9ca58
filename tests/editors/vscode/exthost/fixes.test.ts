import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { actions, configure, file, onDisk, openFresh, place, ready, revert, untilFound } from "./support";

describe("fixes", () => {
  before(ready);

  it("come first, and the safe one is preferred", async () => {
    const document = await openFresh(file("storefront", "app/services/wallets.py"));
    await untilFound(document.uri, ["AUD201:17"]);
    const offered = await actions(document, place(document, "wallet.balance += amount"));
    const ours = offered.filter((action) => /Wallet|AUD201/.test(action.title));
    assert.deepEqual(
      ours.map((action) => [action.title, action.isPreferred ?? false]),
      [
        ["Lock the load of `Wallet`", true],
        ["Compute `balance` in SQL from `Wallet.balance` (changes behaviour)", false],
        ["Suppress AUD201 with a comment", false],
      ],
    );
    assert.equal(offered[0]?.title, "Lock the load of `Wallet`");
  });

  it("cure what they are for, byte for byte", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, ["AUD201:8"]);
    const before = document.getText();
    const offered = await actions(document, place(document, "pallet.crates -="), vscode.CodeActionKind.QuickFix);
    const fix = offered.find((action) => action.isPreferred);
    assert.ok(fix?.edit, offered.map((action) => action.title).join("\n"));
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    const expected = before.replace("== pallet_id).first()", "== pallet_id).with_for_update().first()");
    assert.equal(document.getText(), expected);
    await untilFound(document.uri, []);
    await document.save();
    assert.equal(onDisk(document.uri), expected);
    await vscode.commands.executeCommand("undo");
    await untilFound(document.uri, ["AUD201:8"]);
    await document.save();
    assert.equal(onDisk(document.uri), before);
  });

  it("are applied all at once", async () => {
    const document = await openFresh(file("storefront", "app/api/orders.py"));
    await untilFound(document.uri, ["AUD201:34", "AUD201:36"]);
    await vscode.commands.executeCommand("auditline.fixAll");
    await untilFound(document.uri, []);
    assert.match(document.getText(), /\.with_for_update\(\)/);
    await revert(document);
    await untilFound(document.uri, ["AUD201:34", "AUD201:36"]);
  });

  it("are applied on save, if the user wants that, and unsafe ones never", async () => {
    const document = await openFresh(file("storefront", "app/services/orders.py"));
    await untilFound(document.uri, ["AUD201:33", "AUD201:41", "AUD201:50"]);
    const before = document.getText();
    await configure("codeActionsOnSave", { "source.fixAll.auditline": "explicit" }, "editor");
    try {
      await vscode.window.activeTextEditor?.edit((edit) => edit.insert(new vscode.Position(0, 0), "# saved\n"));
      await document.save();
      await untilFound(document.uri, []);
      assert.equal(onDisk(document.uri), document.getText());
      const locked = before
        .replace("self.orders.get_by_id(order_id)", "self.orders.get_by_id(order_id, for_update=True)")
        .replace("self.db.get(Product, product_id)", "self.db.get(Product, product_id, with_for_update=True)")
        .replace("(Coupon.code == code).first()", "(Coupon.code == code).with_for_update().first()");
      assert.equal(document.getText(), `# saved\n${locked}`);
    } finally {
      await configure("codeActionsOnSave", undefined, "editor");
      const edit = new vscode.WorkspaceEdit();
      edit.replace(document.uri, new vscode.Range(0, 0, document.lineCount, 0), before);
      await vscode.workspace.applyEdit(edit);
      await document.save();
    }
    await untilFound(document.uri, ["AUD201:33", "AUD201:41", "AUD201:50"]);
  });

  it("ask for confirmation where they change what the code does", async () => {
    const document = await openFresh(file("storefront", "app/repositories/orders.py"));
    await untilFound(document.uri, ["AUD401:18"]);
    const before = document.getText();
    const offered = await actions(document, place(document, "payment_intent="), vscode.CodeActionKind.QuickFix);
    const fix = offered.find((action) => action.title.startsWith("Rename to"));
    assert.ok(fix?.edit, offered.map((action) => action.title).join("\n"));
    assert.notEqual(fix.isPreferred, true);
    // An edit that nobody has confirmed stands in the preview and not in the document.
    void vscode.workspace.applyEdit(fix.edit, { isRefactoring: true });
    await vscode.commands.executeCommand("refactorPreview.focus");
    assert.equal(document.getText(), before);
    await vscode.commands.executeCommand("refactorPreview.apply");
    await untilFound(document.uri, []);
    assert.equal(document.getText(), before.replace("payment_intent=", "payment_intent_id="));
    await revert(document);
    await untilFound(document.uri, ["AUD401:18"]);
  });

  it("silence a finding with a comment", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, ["AUD201:8"]);
    const offered = await actions(document, place(document, "pallet.crates -="), vscode.CodeActionKind.QuickFix);
    const suppress = offered.find((action) => action.title.startsWith("Suppress"));
    assert.ok(suppress?.edit);
    assert.ok(await vscode.workspace.applyEdit(suppress.edit));
    assert.match(document.getText(), /pallet\.crates -= crates {2}# auditline: ignore\[AUD201\]\n/);
    await untilFound(document.uri, []);
    await revert(document);
    await untilFound(document.uri, ["AUD201:8"]);
  });
});
