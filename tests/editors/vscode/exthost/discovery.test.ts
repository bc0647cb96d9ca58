import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { search } from "../../../../editors/vscode/src/discovery";
import type { Places } from "../../../../editors/vscode/src/discovery";
import { api, configure, ready, standing, until } from "./support";

describe("discovery", () => {
  let top: string;
  before(() => {
    top = fs.mkdtempSync(path.join(os.tmpdir(), "auditline-discovery-"));
  });
  after(() => fs.rmSync(top, { recursive: true }));

  function program(...names: string[]): string {
    const file = path.join(top, ...names, "auditline");
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, "#!/bin/sh\n", { mode: 0o755 });
    return file;
  }

  const places = (changes: Partial<Places>): Places => ({
    setting: "",
    folder: path.join(top, "project"),
    extension: path.join(top, "extension"),
    environments: [path.join(top, "venv")],
    path: [path.join(top, "empty"), path.join(top, "bin")].join(path.delimiter),
    ...changes,
  });

  it("takes the setting, the bundled program, the environment, PATH, in this order", async () => {
    const [set, bundled, environment, onPath] = [
      program("project", "tools"),
      program("extension", "bundled"),
      program("venv"),
      program("bin"),
    ];
    const expected = [
      { command: set, origin: "setting" },
      { command: bundled, origin: "bundled" },
      { command: environment, origin: "environment" },
      { command: onPath, origin: "path" },
    ];
    for (const [index, { command, origin }] of expected.entries()) {
      const setting = index === 0 ? "tools/auditline" : "";
      assert.deepEqual((await search(places({ setting }))).found, { command, origin });
      fs.rmSync(command);
    }
    const { found, missed } = await search(places({}));
    assert.equal(found, undefined);
    assert.deepEqual(missed, ["bundled with the extension", `the Python environment, ${path.join(top, "venv")}`, "PATH"]);
  });

  it("does not go on where a setting names no program", async () => {
    program("extension", "bundled");
    fs.writeFileSync(path.join(top, "notes"), "no program", { mode: 0o644 });
    for (const setting of [path.join(top, "nowhere"), top, path.join(top, "notes")]) {
      const { found, missed } = await search(places({ setting }));
      assert.equal(found, undefined, setting);
      assert.match(missed.join(), /auditline\.path/);
    }
  });

  it("expands what people write", async () => {
    const set = program("project", "tools");
    for (const setting of ["${workspaceFolder}/tools/auditline", "./tools/auditline", ` ${set} `]) {
      assert.equal((await search(places({ setting }))).found?.command, set, setting);
    }
  });

  it("runs the bundled server, and says so", async () => {
    const { server } = await ready();
    assert.equal(server.program?.origin, "bundled");
    assert.match(server.version ?? "", /^\d+\.\d+\.\d+/);
  });

  it("says what to do when there is no server, and starts one that appears", async () => {
    const { server } = await api();
    await configure("path", path.join(top, "nowhere"));
    try {
      await until("the server is missed", () => server.phase.kind === "missing", () => standing(server));
    } finally {
      // The tests behind this one need a server.
      await configure("path", undefined);
    }
    await ready();
  });
});
