import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { RACE, api, file, openFresh, place, ready, replace, revert, until, untilFound } from "./support";

/** The process of the server. */
async function processId(): Promise<number> {
  const { server } = await api();
  return until("the server has a process", () => {
    const client = server.running();
    return client?.serverProcess?.pid;
  });
}

describe("a server that crashes", () => {
  before(ready);

  it("is started again, and knows what stands in the buffers", async () => {
    const { server } = await ready();
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, RACE);
    const crashed = await processId();
    // Edited before the crash, during it, and after it; nothing of it is saved.
    await replace(document, new vscode.Range(0, 0, 0, 0), "# one\n");
    process.kill(crashed, "SIGKILL");
    await replace(document, new vscode.Range(0, 0, 0, 0), "# two\n");
    await until("another server runs", async () => server.running() !== undefined && (await processId()) !== crashed);
    await replace(document, new vscode.Range(0, 0, 0, 0), "# three\n");
    await untilFound(document.uri, RACE);
    const client = server.running();
    assert.ok(client);
    const text = await client.sendRequest("auditline/viewFileText", { textDocument: { uri: document.uri.toString() } });
    assert.equal(text, document.getText());
    await replace(document, place(document, "pallet.crates -= crates"), "pallet.crates = crates");
    await untilFound(document.uri, []);
    await revert(document);
    await untilFound(document.uri, RACE);
  });

  it("over and over is left alone, until the user starts it again", async () => {
    const { server } = await ready();
    await vscode.commands.executeCommand("auditline.restart");
    await ready();
    for (let crash = 1; crash <= 5; crash++) {
      const crashed = await processId();
      process.kill(crashed, "SIGKILL");
      if (crash < 5) await until("it runs again", async () => server.running() !== undefined && (await processId()) !== crashed);
    }
    await until("it is left alone", () => server.phase.kind === "failed");
    assert.match(server.phase.kind === "failed" ? server.phase.reason : "", /crashed 5 times/);
    assert.equal(server.running(), undefined);
    await vscode.commands.executeCommand("auditline.restart");
    await ready();
    await untilFound(file("warehouse", "app/stock.py"), RACE);
  });
});
