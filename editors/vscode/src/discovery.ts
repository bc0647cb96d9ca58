import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";

/** Where the server was found. */
export type Origin = "setting" | "bundled" | "environment" | "path";

/** A server that can be started. */
export interface Found {
  readonly command: string;
  readonly origin: Origin;
}

/** What the search looks at; all of it is handed in, so that it can be tested. */
export interface Places {
  /** `auditline.path`; empty where it is not set. */
  readonly setting: string;
  /** The folder to which a relative `auditline.path` is relative. */
  readonly folder: string | undefined;
  /** The folder of the extension. */
  readonly extension: string;
  /** The folders with the programs of the selected Python environment; the first one counts most. */
  readonly environments: readonly string[];
  /** The variable `PATH`. */
  readonly path: string;
}

/** What came of the search. */
export interface Search {
  readonly found: Found | undefined;
  /** Every place that was looked at in vain, in words. */
  readonly missed: readonly string[];
}

const PROGRAM = process.platform === "win32" ? "auditline.exe" : "auditline";

/**
 * Looks for the server: the setting, the bundled program, the selected Python environment, `PATH`. A setting that names
 * no program ends the search: whoever names one does not want another.
 */
export async function search(places: Places): Promise<Search> {
  const missed: string[] = [];
  const setting = places.setting.trim();
  if (setting !== "") {
    const command = expand(setting, places.folder);
    if (await isProgram(command)) return { found: { command, origin: "setting" }, missed };
    return { found: undefined, missed: [`the setting auditline.path: ${command} is no program`] };
  }
  const candidates: { origin: Origin; command: string; what: string }[] = [
    { origin: "bundled", command: path.join(places.extension, "bundled", PROGRAM), what: "bundled with the extension" },
  ];
  for (const folder of places.environments) {
    candidates.push({ origin: "environment", command: path.join(folder, PROGRAM), what: `the Python environment, ${folder}` });
  }
  for (const folder of places.path.split(path.delimiter)) {
    if (path.isAbsolute(folder)) candidates.push({ origin: "path", command: path.join(folder, PROGRAM), what: "PATH" });
  }
  for (const { origin, command, what } of candidates) {
    if (await isProgram(command)) return { found: { command, origin }, missed };
    if (!missed.includes(what)) missed.push(what);
  }
  return { found: undefined, missed };
}

/** Says in words where the server comes from. */
export function describe(origin: Origin): string {
  switch (origin) {
    case "setting":
      return "from the setting auditline.path";
    case "bundled":
      return "bundled with the extension";
    case "environment":
      return "from the selected Python environment";
    case "path":
      return "from PATH";
  }
}

/** `~`, `${workspaceFolder}` and relative paths, as people write them into settings. */
function expand(written: string, folder: string | undefined): string {
  let expanded = written.replace(/^~(?=$|[\\/])/, os.homedir());
  if (folder !== undefined) {
    expanded = expanded.replaceAll("${workspaceFolder}", folder);
    expanded = path.resolve(folder, expanded);
  }
  return expanded;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
