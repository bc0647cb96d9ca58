import * as assert from "node:assert/strict";
import * as path from "node:path";
import * as vscode from "vscode";
import { RACE, byCommandLine, file, folder, found, openFresh, place, ready, until, untilFound } from "./support";

async function hoverAt(uri: vscode.Uri, position: vscode.Position): Promise<string> {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", uri, position);
  const contents = hovers.flatMap((hover) => hover.contents);
  return contents.map((content) => (typeof content === "string" ? content : content.value)).join("\n");
}

describe("findings", () => {
  before(ready);

  it("are those of the command line, in files that nobody has opened", async () => {
    for (const name of ["storefront", "warehouse"]) {
      const root = folder(name).uri.fsPath;
      const expected = await byCommandLine(root);
      assert.ok(expected.length > 0, name);
      const { findings } = await ready();
      let shown: string[] = [];
      const look = () => {
        const inside = findings().filter((finding) => finding.uri.fsPath.startsWith(root + path.sep));
        shown = inside
          .map(({ uri, diagnostic, code }) => `${path.relative(root, uri.fsPath)}:${diagnostic.range.start.line + 1} ${code}`)
          .sort();
        return shown.length === expected.length;
      };
      await until(`${expected.length} findings in ${name}`, look, () => shown.join("\n"));
      assert.deepEqual(shown, expected);
    }
  });

  it("have a severity, a link to their page, and evidence in other files", async () => {
    const { findings } = await ready();
    const orders = file("storefront", "app/api/orders.py");
    await openFresh(orders);
    const first = "AUD201 order.status = OrderStatus.PAID";
    await until("the order is raced for", async () => (await found(orders))[0] === first);
    const race = findings().find((finding) => finding.uri.fsPath === orders.fsPath)?.diagnostic;
    assert.ok(race);
    assert.equal(race.severity, vscode.DiagnosticSeverity.Warning);
    assert.ok(typeof race.code === "object" && race.code.target.toString().endsWith("/AUD201.md"));
    const evidence = race.relatedInformation ?? [];
    const other = evidence.find((information) => information.location.uri.fsPath.endsWith("nightly.py"));
    assert.ok(other, evidence.map((information) => information.message).join("\n"));
    const jobs = await vscode.workspace.openTextDocument(other.location.uri);
    assert.match(jobs.getText(other.location.range), /order\.status/);
  });

  it("are explained on hover", async () => {
    const document = await openFresh(file("storefront", "app/api/orders.py"));
    const markdown = await hoverAt(document.uri, place(document, "order.status = OrderStatus.PAID").start);
    assert.match(markdown, /^\*\*AUD201 unlocked-read-modify-write\*\*/);
    assert.match(markdown, /\| Request A/);
  });

  it("stand at the right column behind characters outside of the basic plane", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, RACE);
    const { findings } = await ready();
    const race = findings().find((finding) => finding.uri.fsPath === document.uri.fsPath);
    const load = race?.diagnostic.relatedInformation?.find((information) => information.location.range.start.line === 6);
    assert.ok(load);
    assert.match(document.getText(load.location.range), /^db\.query\(Pallet\)/);
  });

  it("are gone through, from file to file and round", async () => {
    const { findings } = await ready();
    const all = findings();
    const first = all[0];
    assert.ok(first);
    const editor = await vscode.window.showTextDocument(first.uri);
    editor.selection = new vscode.Selection(0, 0, 0, 0);
    const here = () => {
      const active = vscode.window.activeTextEditor;
      return active && `${active.document.uri.toString()}:${active.selection.active.line}:${active.selection.active.character}`;
    };
    const places = [...new Set(all.map(({ uri, diagnostic: { range } }) => `${uri.toString()}:${range.start.line}:${range.start.character}`))];
    for (const expected of [...places, places[0]]) {
      await vscode.commands.executeCommand("auditline.nextFinding");
      assert.equal(here(), expected);
    }
    await vscode.commands.executeCommand("auditline.previousFinding");
    assert.equal(here(), places.at(-1));
  });

  it("are explained by their pages", async () => {
    await vscode.commands.executeCommand("auditline.explain", "AUD201");
    const page = await vscode.workspace.openTextDocument(vscode.Uri.parse("auditline-page:/AUD201.md"));
    assert.match(page.getText(), /^# AUD201 unlocked-read-modify-write\n/);
    await vscode.commands.executeCommand("workbench.action.closeActiveEditor");
  });

  it("follow what is typed, before it is saved", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, place(document, "pallet.crates -= crates"), "pallet.crates = crates");
    await vscode.workspace.applyEdit(edit);
    await untilFound(document.uri, []);
    await vscode.commands.executeCommand("workbench.action.files.revert");
    await untilFound(document.uri, RACE);
    assert.deepEqual(await found(document.uri), RACE);
  });
});
