import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { RACE, SELECTED, actions, configure, file, onDisk, openFresh, place, ready, revert, until, untilFound } from "./support";

const ORDERS = ["AUD201 order.status = OrderStatus.PAID", "AUD201 user.loyalty_points += int(order.total)"];
const SERVICE = [
  "AUD201 order.status = OrderStatus.CANCELLED",
  "AUD201 product.stock = product.stock + quantity",
  "AUD201 coupon.redeemed = True",
];
const MISNAMED = ["AUD401 return self.session.query(Order).filter_by(payment_intent=intent).first()"];

describe("fixes", () => {
  before(ready);

  it("come first, and the safe one is preferred", async () => {
    const document = await openFresh(file("storefront", "app/services/wallets.py"));
    await untilFound(document.uri, ["AUD201 wallet.balance += amount"]);
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
    await untilFound(document.uri, RACE);
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
    await untilFound(document.uri, RACE);
    await document.save();
    assert.equal(onDisk(document.uri), before);
  });

  it("are applied all at once", async () => {
    const document = await openFresh(file("storefront", "app/api/orders.py"));
    await untilFound(document.uri, ORDERS);
    await vscode.commands.executeCommand("auditline.fixAll");
    await untilFound(document.uri, []);
    assert.match(document.getText(), /\.with_for_update\(\)/);
    await revert(document);
    await untilFound(document.uri, ORDERS);
  });

  it("are applied on save, if the user wants that, and unsafe ones never", async () => {
    const document = await openFresh(file("storefront", "app/services/orders.py"));
    await untilFound(document.uri, SERVICE);
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
    await untilFound(document.uri, SERVICE);
  });

  it("ask for confirmation where they change what the code does", async () => {
    const document = await openFresh(file("storefront", "app/repositories/orders.py"));
    await untilFound(document.uri, MISNAMED);
    const before = document.getText();
    // The command that lists code actions for extensions loses what has to be confirmed; the client has it.
    const client = (await ready()).server.running();
    assert.ok(client);
    const range = client.code2ProtocolConverter.asRange(place(document, "payment_intent="));
    const textDocument = { uri: document.uri.toString() };
    const params = { textDocument, range, context: { diagnostics: [] } };
    const offered = await client.sendRequest<{ title: string; isPreferred?: boolean }[]>("textDocument/codeAction", params);
    const fix = offered.find((action) => action.title.startsWith("Rename to"));
    assert.ok(fix, offered.map((action) => action.title).join("\n"));
    assert.notEqual(fix.isPreferred, true);
    const resolved = await client.sendRequest<{ edit: never }>("codeAction/resolve", fix);
    const edit = await client.protocol2CodeConverter.asWorkspaceEdit(resolved.edit);
    assert.ok(edit);
    // An edit that nobody has confirmed stands in the preview and not in the document.
    const applied = vscode.workspace.applyEdit(edit);
    const outcome = await Promise.race([applied, new Promise((resolve) => setTimeout(resolve, 1500, "waits"))]);
    assert.equal(outcome, "waits");
    assert.equal(document.getText(), before);
    // One that is refused has done nothing; the tests on the screen confirm one.
    await vscode.commands.executeCommand("refactorPreview.discard");
    assert.equal(await applied, false);
    assert.equal(document.getText(), before);
    await untilFound(document.uri, MISNAMED);
  });

  it("make a file, and show it", async () => {
    await configure("select", [...SELECTED, "AUD405"]);
    const models = file("warehouse", "app/models.py");
    const made = file("warehouse", "alembic/versions/0002_add_crates_to_pallets.py");
    try {
      const document = await openFresh(models);
      await untilFound(models, ["AUD405 crates: Mapped[int]"]);
      const client = (await ready()).server.running();
      assert.ok(client);
      const range = client.code2ProtocolConverter.asRange(place(document, "crates: Mapped"));
      const params = { textDocument: { uri: models.toString() }, range, context: { diagnostics: [] } };
      type Action = { title: string; command?: { command: string; arguments?: unknown[] } };
      const offered = await client.sendRequest<Action[]>("textDocument/codeAction", params);
      const fix = offered.find((action) => action.title.includes("in a new revision"));
      assert.ok(fix?.command, offered.map((action) => action.title).join("\n"));
      const resolved = await client.sendRequest<{ edit: { changeAnnotations?: Record<string, unknown> } }>("codeAction/resolve", fix);
      // The user confirms it in the preview, as the tests on the screen do with another one.
      for (const annotation of Object.values(resolved.edit.changeAnnotations ?? {})) {
        assert.equal((annotation as { needsConfirmation?: boolean }).needsConfirmation, true);
        (annotation as { needsConfirmation?: boolean }).needsConfirmation = false;
      }
      const edit = await client.protocol2CodeConverter.asWorkspaceEdit(resolved.edit as never);
      assert.ok(edit && (await vscode.workspace.applyEdit(edit)));
      await client.sendRequest("workspace/executeCommand", fix.command);
      await until("the revision is shown", () => vscode.window.activeTextEditor?.document.uri.fsPath === made.fsPath);
      const revision = vscode.window.activeTextEditor?.document;
      assert.match(revision?.getText() ?? "", /down_revision = "0001"\n[^]*op\.add_column\("pallets", sa\.Column\("crates"/);
      await untilFound(models, []);
      await revision?.save();
      assert.match(onDisk(made), /Revises: 0001/);
    } finally {
      await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
      await vscode.workspace.fs.delete(made).then(undefined, () => undefined);
      await configure("select", undefined);
    }
    await untilFound(models, []);
  });

  it("silence a finding with a comment", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, RACE);
    const offered = await actions(document, place(document, "pallet.crates -="), vscode.CodeActionKind.QuickFix);
    const suppress = offered.find((action) => action.title.startsWith("Suppress"));
    assert.ok(suppress?.edit);
    assert.ok(await vscode.workspace.applyEdit(suppress.edit));
    assert.match(document.getText(), /pallet\.crates -= crates {2}# auditline: ignore\[AUD201\]\n/);
    await untilFound(document.uri, []);
    await revert(document);
    await untilFound(document.uri, RACE);
  });
});
