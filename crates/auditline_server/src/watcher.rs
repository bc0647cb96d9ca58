//! Changes on disk: through the client where it can watch, else with a watcher of our own.

use std::path::PathBuf;
use std::sync::Weak;
use std::time::Duration;

use auditline_project::is_relevant;
use auditline_source::FilePath;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tower_lsp::Client;
use tower_lsp::ls_types::{DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

use crate::backend::{CLIENT_PATIENCE, Shared};

/// What is watched.
const PATTERNS: &[&str] = &[
    "**/*.{py,pyi,sql,toml,txt,yml,yaml,sh,mk}",
    "**/*{Dockerfile,Containerfile}*",
    "**/{Makefile,GNUmakefile}",
    "**/.{dockerignore,gitignore,gitmodules}",
];

/// How long changes are gathered before they are applied: a checkout changes many files at once.
const GATHER: Duration = Duration::from_millis(100);

/// Asks the client to watch.
pub(crate) async fn register(client: &Client) {
    let watchers = PATTERNS
        .iter()
        .map(|pattern| FileSystemWatcher { glob_pattern: GlobPattern::String((*pattern).to_owned()), kind: None })
        .collect();
    let options = serde_json::to_value(DidChangeWatchedFilesRegistrationOptions { watchers });
    let registration = Registration {
        id: "auditline/watched-files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: options.ok(),
    };
    let outcome = tokio::time::timeout(CLIENT_PATIENCE, client.register_capability(vec![registration])).await;
    if !matches!(outcome, Ok(Ok(()))) {
        tracing::warn!("the client does not watch files");
    }
}

/// A watcher of our own; it watches as long as it lives.
pub(crate) struct OwnWatcher {
    _watcher: RecommendedWatcher,
}

impl OwnWatcher {
    /// Watches the folders.
    pub(crate) fn start(roots: &[FilePath], shared: Weak<Shared>, runtime: tokio::runtime::Handle) -> Option<Self> {
        let (sender, mut changes) = mpsc::unbounded_channel::<PathBuf>();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event
                && !event.kind.is_access()
            {
                for path in event.paths {
                    let _ = sender.send(path);
                }
            }
        });
        let mut watcher = match watcher {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::warn!("files are not watched: {error}");
                return None;
            }
        };
        for root in roots {
            if let Err(error) = watcher.watch(root.as_path(), RecursiveMode::Recursive) {
                tracing::warn!("{} is not watched: {error}", root.as_str());
            }
        }
        runtime.spawn(async move {
            while let Some(first) = changes.recv().await {
                tokio::time::sleep(GATHER).await;
                let mut paths = vec![first];
                while let Ok(next) = changes.try_recv() {
                    paths.push(next);
                }
                let mut paths: Vec<FilePath> = paths.iter().filter_map(|path| FilePath::new(path)).collect();
                paths.retain(|path| is_relevant(*path));
                paths.sort_unstable();
                paths.dedup();
                let Some(shared) = shared.upgrade() else { return };
                shared.files_changed(paths);
            }
        });
        Some(Self { _watcher: watcher })
    }
}
