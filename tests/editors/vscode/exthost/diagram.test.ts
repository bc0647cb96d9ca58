import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import type { Drawn } from "../../../../editors/vscode/src/diagram/panel";
import { file, openFresh, ready } from "./support";

/** Runs the command, and waits for what the page says of itself. */
async function shown(): Promise<Drawn> {
  const { diagrams } = await ready();
  const drawn = new Promise<Drawn>((resolve) => {
    const listening = diagrams.onDidDraw((what) => {
      listening.dispose();
      resolve(what);
    });
  });
  await vscode.commands.executeCommand("auditline.schemaDiagram");
  return drawn;
}

function tabs(): string[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs.map((tab) => tab.label));
}

describe("the schema diagram", () => {
  before(ready);

  it("draws the tables of the folder of the file in front, once", async () => {
    await openFresh(file("warehouse", "app/models.py"));
    assert.deepEqual(await shown(), { kind: "drawn", tables: 1 });
    assert.ok(tabs().includes("Schema of warehouse"), tabs().join(", "));
    await openFresh(file("storefront", "app/api/orders.py"));
    const drawn = await shown();
    assert.ok(drawn.kind === "drawn" && drawn.tables > 5, JSON.stringify(drawn));
    await openFresh(file("warehouse", "app/models.py"));
    await shown();
    assert.equal(tabs().filter((label) => label === "Schema of warehouse").length, 1);
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });
});
