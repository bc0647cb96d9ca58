import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { RACE, file, folder, found, ready, until, untilFound } from "./support";

describe("a workspace with two folders", () => {
  before(ready);

  it("has findings in both, each by its own models", async () => {
    // Both folders have a package `app` with `app.models`; each is its own project.
    await untilFound(file("warehouse", "app/stock.py"), RACE);
    await untilFound(file("storefront", "app/services/wallets.py"), ["AUD201 wallet.balance += amount"]);
  });

  it("forgets a folder that is taken away, and learns one that is added", async () => {
    const warehouse = folder("warehouse");
    const stock = file("warehouse", "app/stock.py");
    // None of its files is open: an open one would be looked at wherever it stands.
    assert.ok(vscode.workspace.textDocuments.every((document) => !document.uri.path.startsWith(warehouse.uri.path)));
    assert.ok(vscode.workspace.updateWorkspaceFolders(warehouse.index, 1));
    await until("the folder is gone", () => vscode.workspace.workspaceFolders?.length === 1);
    await untilFound(stock, []);
    assert.ok(vscode.workspace.updateWorkspaceFolders(1, 0, { uri: warehouse.uri, name: "warehouse" }));
    await until("the folder is back", () => vscode.workspace.workspaceFolders?.length === 2);
    await untilFound(stock, RACE);
    assert.deepEqual(await found(file("storefront", "app/services/wallets.py")), ["AUD201 wallet.balance += amount"]);
  });
});
