import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, RevealOutputChannelOn, State } from "vscode-languageclient/node";
import type { ErrorHandler, LanguageClientOptions, StaticFeature } from "vscode-languageclient/node";
import { Crashes } from "./crashes";
import { describe, search } from "./discovery";
import type { Found } from "./discovery";
import { explainRequest, hazardsRequest, statusNotification } from "./protocol";
import type { Explanation, Hazard } from "./protocol";
import { environments, onDidSelect } from "./python";

/** What the server is doing, as the user sees it. */
export type Phase =
  | { readonly kind: "starting" }
  | { readonly kind: "indexing" }
  | { readonly kind: "ready" }
  | { readonly kind: "stopped" }
  | { readonly kind: "missing" }
  | { readonly kind: "failed"; readonly reason: string };

const SECTION = "auditline";

/** The kinds of files that have findings. */
const DOCUMENTS: { language: string }[] = [
  { language: "python" },
  { language: "dockerfile" },
  { language: "sql" },
  { language: "pip-requirements" },
];
const FILES = ["**/*requirements*.{txt,in}", "**/requirements/*.{txt,in}", "**/{auditline,.auditline,pyproject}.toml"];

/** The language server: finds it, starts it, starts it again when it crashes. */
export class Server implements vscode.Disposable {
  readonly output: vscode.LogOutputChannel;
  private client: LanguageClient | undefined;
  private found: Found | undefined;
  private catalogue: Promise<Hazard[]> | undefined;
  private current: Phase = { kind: "stopped" };
  private readonly phases = new vscode.EventEmitter<Phase>();
  private readonly crashes = new Crashes();
  private readonly subscriptions: vscode.Disposable[] = [];
  /** Starts and stops follow each other. */
  private queue: Promise<void> = Promise.resolve();
  private disposed = false;

  readonly onDidChangePhase = this.phases.event;

  constructor(private readonly extension: vscode.Uri) {
    this.output = vscode.window.createOutputChannel("Auditline", { log: true });
    this.subscriptions.push(
      this.output,
      this.phases,
      onDidSelect(() => void this.rediscover()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.rediscover()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("auditline.path")) void this.rediscover();
      }),
    );
  }

  get phase(): Phase {
    return this.current;
  }

  /** The program that is running, if one was found. */
  get program(): Found | undefined {
    return this.found;
  }

  /** The version that the server says it has. */
  get version(): string | undefined {
    return this.client?.initializeResult?.serverInfo?.version;
  }

  /** The client, for the tests. */
  get languageClient(): LanguageClient | undefined {
    return this.client;
  }

  start(): Promise<void> {
    return this.enqueue(() => this.startNow());
  }

  restart(): Promise<void> {
    this.crashes.forget();
    return this.enqueue(async () => {
      await this.stopNow();
      await this.startNow();
    });
  }

  /** The hazards of the catalogue; none while no server runs. */
  async hazards(): Promise<readonly Hazard[]> {
    const client = this.running();
    if (client === undefined) return [];
    this.catalogue ??= client.sendRequest(hazardsRequest);
    try {
      return await this.catalogue;
    } catch {
      this.catalogue = undefined;
      return [];
    }
  }

  /** The page of a hazard, by code or name. */
  async explain(hazard: string): Promise<Explanation | undefined> {
    return this.running()?.sendRequest(explainRequest, { hazard });
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** Ends the server with the extension. */
  async shutdown(): Promise<void> {
    this.disposed = true;
    await this.enqueue(() => this.stopNow());
  }

  running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  private enqueue(job: () => Promise<void>): Promise<void> {
    const run = this.queue.then(job);
    this.queue = run.catch((error: unknown) => this.output.error(String(error)));
    return run;
  }

  private enter(phase: Phase): void {
    if (this.disposed) return;
    this.current = phase;
    this.phases.fire(phase);
  }

  /** Looks for the server anew; starts what is found, if it is another one. */
  private async rediscover(): Promise<void> {
    await this.enqueue(async () => {
      const { found } = await this.search();
      if (found?.command === this.found?.command && this.current.kind !== "missing") return;
      this.crashes.forget();
      await this.stopNow();
      await this.startNow();
    });
  }

  private async search() {
    const folder = vscode.workspace.workspaceFolders?.find((candidate) => candidate.uri.scheme === "file");
    // A workspace that is not trusted must not choose which program runs.
    const trusted = vscode.workspace.isTrusted;
    return search({
      setting: vscode.workspace.getConfiguration(SECTION).get<string>("path", ""),
      folder: folder?.uri.fsPath,
      extension: this.extension.fsPath,
      environments: trusted ? await environments(folder?.uri) : [],
      path: process.env["PATH"] ?? "",
    });
  }

  private async startNow(): Promise<void> {
    if (this.disposed) return;
    this.enter({ kind: "starting" });
    const { found, missed } = await this.search();
    this.found = found;
    if (found === undefined) {
      this.missing(missed);
      return;
    }
    this.output.info(`the server is ${found.command}, ${describe(found.origin)}`);
    const closed = new Promise<"closed">((resolve) => {
      const handler: ErrorHandler = {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          resolve("closed");
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      };
      this.client = new LanguageClient(
        SECTION,
        "Auditline",
        { command: found.command, args: ["server"] },
        { ...options(this.output), errorHandler: handler },
      );
    });
    const client = this.client;
    if (client === undefined) return;
    client.registerFeature(announcement());
    client.onNotification(statusNotification, ({ workspaces }) => {
      const indexing = workspaces.some((workspace) => workspace.state === "indexing");
      if (client === this.client) this.enter({ kind: indexing ? "indexing" : "ready" });
    });
    // It may end at any time from here on, also while it starts.
    void closed.then(() => this.crashed(client));
    try {
      const outcome = await Promise.race([client.start(), closed]);
      if (outcome === "closed") return;
      this.output.info(`auditline ${this.version ?? "of an unknown version"} runs`);
      // Without a folder there is nothing to index, and nothing is said of it.
      if (this.current.kind === "starting" && vscode.workspace.workspaceFolders === undefined) this.enter({ kind: "ready" });
    } catch (error) {
      if (await Promise.race([closed, Promise.resolve("open")]) === "closed") return;
      const reason = error instanceof Error ? error.message : String(error);
      this.enter({ kind: "failed", reason });
      this.complain(`Auditline could not start ${found.command} (${describe(found.origin)}): ${reason}`);
    }
  }

  /** The server has ended, and nobody asked it to. */
  private crashed(client: LanguageClient): void {
    if (client !== this.client || this.disposed) return;
    if (this.crashes.note()) {
      this.output.warn(`the server has ended unexpectedly (${this.crashes.count}); it is started again`);
      this.enter({ kind: "starting" });
      void this.enqueue(async () => {
        if (client !== this.client) return;
        await this.stopNow();
        await this.startNow();
      });
      return;
    }
    const reason = `the server has crashed ${this.crashes.count} times within three minutes`;
    this.enter({ kind: "failed", reason });
    this.complain(`Auditline is stopped: ${reason}. The log says what happened.`);
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.catalogue = undefined;
    if (client !== undefined) {
      try {
        await client.dispose(5000);
      } catch (error) {
        this.output.warn(`the server did not end in order: ${String(error)}`);
      }
    }
    this.enter({ kind: "stopped" });
  }

  private missing(missed: readonly string[]): void {
    this.enter({ kind: "missing" });
    this.output.error(["no server was found; looked at:", ...missed.map((place) => `  ${place}`)].join("\n"));
    const [set, install, log] = ["Open Settings", "How to Install", "Show Log"];
    const message =
      missed.length === 1 && missed[0]?.startsWith("the setting")
        ? `Auditline: ${missed[0]}.`
        : "Auditline found no server: neither in the selected Python environment nor on PATH.";
    void vscode.window.showErrorMessage(message, set, install, log).then((choice) => {
      if (choice === set) void vscode.commands.executeCommand("workbench.action.openSettings", "auditline.path");
      else if (choice === install) void vscode.env.openExternal(vscode.Uri.parse(INSTALLATION));
      else if (choice === log) this.output.show();
    });
  }

  private complain(message: string): void {
    this.output.error(message);
    const [log, restart] = ["Show Log", "Restart"];
    void vscode.window.showErrorMessage(message, log, restart).then((choice) => {
      if (choice === log) this.output.show();
      else if (choice === restart) void this.restart();
    });
  }
}

const INSTALLATION = "https://github.com/auditline/auditline#try-it";

function options(output: vscode.LogOutputChannel): LanguageClientOptions {
  return {
    documentSelector: [
      ...DOCUMENTS.flatMap((document) => [
        { ...document, scheme: "file" },
        { ...document, scheme: "untitled" },
      ]),
      ...FILES.map((pattern) => ({ scheme: "file", pattern })),
    ],
    initializationOptions: vscode.workspace.getConfiguration(SECTION),
    synchronize: { configurationSection: SECTION },
    outputChannel: output,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    diagnosticPullOptions: { onChange: true, onSave: false, onTabs: false },
    initializationFailedHandler: () => false,
  };
}

/** Says to the server that we show how far it is, and that VS Code shows messages and evidence in the hover by itself. */
function announcement(): StaticFeature {
  return {
    fillClientCapabilities(capabilities) {
      const experimental = (capabilities.experimental ?? {}) as Record<string, unknown>;
      capabilities.experimental = { ...experimental, auditline: { status: true, messageInHover: true } };
    },
    initialize() {},
    getState: () => ({ kind: "static" }),
    clear() {},
  };
}
