import * as vscode from "vscode";

/** As much as is used of the interface of VS Code's Git extension. */
interface GitExtension {
  readonly enabled: boolean;
  readonly onDidChangeEnablement: vscode.Event<boolean>;
  getAPI(version: 1): Git;
}
interface Git {
  readonly repositories: readonly Repository[];
  readonly onDidOpenRepository: vscode.Event<Repository>;
  readonly onDidCloseRepository: vscode.Event<Repository>;
}
interface Repository {
  readonly state: {
    readonly workingTreeChanges: readonly Change[];
    readonly indexChanges: readonly Change[];
    readonly mergeChanges: readonly Change[];
    readonly untrackedChanges?: readonly Change[];
    readonly onDidChange: vscode.Event<void>;
  };
}
interface Change {
  readonly uri: vscode.Uri;
}

/** The files that differ from the last commit, as VS Code's Git extension knows them. */
export class Changes implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[] = [this.changed];
  private readonly watched = new Map<Repository, vscode.Disposable>();
  private git: Git | undefined;
  private connecting: Promise<void> | undefined;

  readonly onDidChange = this.changed.event;

  /** Whether Git is there to ask. */
  async connect(): Promise<boolean> {
    this.connecting ??= this.reach();
    await this.connecting;
    if (this.git === undefined) this.connecting = undefined;
    return this.git !== undefined;
  }

  /** The paths of all changed files. */
  paths(): Set<string> {
    const paths = new Set<string>();
    for (const { state } of this.git?.repositories ?? []) {
      const groups = [state.workingTreeChanges, state.indexChanges, state.mergeChanges, state.untrackedChanges ?? []];
      for (const change of groups.flat()) paths.add(change.uri.fsPath);
    }
    return paths;
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions, ...this.watched.values()).dispose();
  }

  private async reach(): Promise<void> {
    const extension = vscode.extensions.getExtension<GitExtension>("vscode.git");
    try {
      const exported = await extension?.activate();
      if (!exported?.enabled) return;
      this.git = exported.getAPI(1);
    } catch {
      return;
    }
    const watch = (repository: Repository) => {
      this.watched.set(repository, repository.state.onDidChange(() => this.changed.fire()));
      this.changed.fire();
    };
    this.git.repositories.forEach(watch);
    this.subscriptions.push(
      this.git.onDidOpenRepository(watch),
      this.git.onDidCloseRepository((repository) => {
        this.watched.get(repository)?.dispose();
        this.watched.delete(repository);
        this.changed.fire();
      }),
    );
  }
}
