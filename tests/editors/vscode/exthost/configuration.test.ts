import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as vscode from "vscode";
import { RACE, configure, file, folder, openFresh, ready, untilFound } from "./support";

describe("configuration", () => {
  before(ready);

  it("is obeyed while the server runs", async () => {
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, RACE);
    const steps: [string, unknown, string[]][] = [
      ["ignore", ["AUD201"], []],
      ["ignore", undefined, RACE],
      ["select", ["AUD1"], []],
      ["select", ["unlocked-read-modify-write"], RACE],
      ["select", undefined, RACE],
    ];
    for (const [key, value, expected] of steps) {
      await configure(key, value);
      await untilFound(document.uri, expected);
    }
  });

  it("of the project is obeyed when its file is written", async () => {
    const { findings } = await ready();
    const document = await openFresh(file("warehouse", "app/stock.py"));
    await untilFound(document.uri, RACE);
    const written = vscode.Uri.joinPath(folder("warehouse").uri, "auditline.toml");
    try {
      fs.writeFileSync(written.fsPath, '[per-file-ignores]\n"app/*" = ["AUD201"]\n');
      await untilFound(document.uri, []);
    } finally {
      fs.rmSync(written.fsPath);
    }
    await untilFound(document.uri, RACE);
    assert.ok(!findings().some((finding) => finding.uri.fsPath === written.fsPath));
  });
});
