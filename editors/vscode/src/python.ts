import { access } from "node:fs/promises";
import * as path from "node:path";
import * as vscode from "vscode";

/** As much as is used of the interface of the Python extension. */
interface PythonApi {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(
      environment: { readonly path: string },
    ): Promise<{ readonly executable: { readonly uri: vscode.Uri | undefined } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

async function api(): Promise<PythonApi | undefined> {
  const extension = vscode.extensions.getExtension<PythonApi>("ms-python.python");
  try {
    return await extension?.activate();
  } catch {
    return undefined;
  }
}

/**
 * The folders with the programs of the Python environment that is selected for a folder: as the Python extension says;
 * without it, `python.defaultInterpreterPath`, the environment in which the editor was started, and the environment that
 * stands in the folder.
 */
export async function environments(folder: vscode.Uri | undefined): Promise<string[]> {
  const selected = (await api())?.environments;
  if (selected !== undefined) {
    try {
      const environment = await selected.resolveEnvironment(selected.getActiveEnvironmentPath(folder));
      const executable = environment?.executable.uri?.fsPath;
      return executable === undefined ? [] : [path.dirname(executable)];
    } catch {
      return [];
    }
  }
  const folders: string[] = [];
  const interpreter = vscode.workspace.getConfiguration("python", folder ?? null).get<string>("defaultInterpreterPath");
  if (interpreter !== undefined && path.isAbsolute(interpreter)) folders.push(path.dirname(interpreter));
  const programs = process.platform === "win32" ? "Scripts" : "bin";
  const active = process.env["VIRTUAL_ENV"];
  if (active) folders.push(path.join(active, programs));
  if (folder?.scheme === "file") {
    for (const name of [".venv", "venv"]) {
      const environment = path.join(folder.fsPath, name);
      if (await exists(path.join(environment, "pyvenv.cfg"))) folders.push(path.join(environment, programs));
    }
  }
  return folders;
}

/** Calls back when another Python environment is selected. */
export function onDidSelect(callback: () => void): vscode.Disposable {
  let subscription: vscode.Disposable | undefined;
  let disposed = false;
  void api().then((python) => {
    if (!disposed) subscription = python?.environments?.onDidChangeActiveEnvironmentPath(callback);
  });
  return new vscode.Disposable(() => {
    disposed = true;
    subscription?.dispose();
  });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
