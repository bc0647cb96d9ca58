//! Hearing of files that change on disk: from the client, or by a watcher of our own where it does not watch.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use auditline_source::FilePath;
use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde_json::json;
use tower_lsp::ls_types::Registration;

use crate::keeper::{Event, FileChange};
use crate::shared::{CLIENT_PATIENCE, Shared};

/// The files that matter, as patterns of the protocol.
const PATTERNS: &[&str] = &[
    "**/*.{py,pyi,pyw,sql,ddl,toml,cfg,ini,txt,in,yml,yaml,sh,mk}",
    "**/*{Dockerfile,dockerfile,Containerfile,containerfile}*",
    "**/{Makefile,GNUmakefile}",
    "**/{.dockerignore,.containerignore,.gitignore,.gitmodules,.ignore}",
    "**/*.dockerignore",
];

/// Events come in bursts; so long after the last one they are taken together.
const QUIET: Duration = Duration::from_millis(100);

/// Asks the client to watch files, if it can. Nobody waits for the answer.
pub(crate) fn register(shared: &Arc<Shared>) {
    if !shared.features().watches_files {
        return;
    }
    let watchers: Vec<_> = PATTERNS.iter().map(|pattern| json!({ "globPattern": pattern })).collect();
    let registration = Registration {
        id: "auditline/files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: Some(json!({ "watchers": watchers })),
    };
    let shared = Arc::clone(shared);
    shared.runtime.clone().spawn(async move {
        let Some(client) = shared.client() else { return };
        let answer = tokio::time::timeout(CLIENT_PATIENCE, client.register_capability(vec![registration]));
        if !matches!(answer.await, Ok(Ok(()))) {
            tracing::warn!("the client does not watch files");
        }
    });
}

/// A watcher of our own. It watches the directories that hold files of a workspace and those above them, one by one:
/// what is left out of the workspace costs nothing.
pub(crate) struct OwnWatcher {
    watcher: RecommendedWatcher,
    watched: BTreeSet<FilePath>,
}

impl OwnWatcher {
    pub(crate) fn new(shared: &Arc<Shared>) -> Option<Self> {
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel::<FileChange>();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))) {
                return;
            }
            for path in event.paths.iter().filter_map(|path| FilePath::new(path)) {
                // Whoever renames a file over another one says so in many ways; what counts is whether it is there.
                let _ = sender.send(FileChange { path, is_gone: !path.as_path().exists() });
            }
        });
        let watcher = match watcher {
            Ok(watcher) => watcher,
            Err(error) => {
                tracing::warn!(%error, "files cannot be watched");
                return None;
            }
        };
        let shared = Arc::clone(shared);
        shared.runtime.clone().spawn(async move {
            while let Some(first) = events.recv().await {
                let mut changes = BTreeSet::from([(first.path, first.is_gone)]);
                while let Ok(Some(next)) = tokio::time::timeout(QUIET, events.recv()).await {
                    changes.insert((next.path, next.is_gone));
                }
                let changes = changes.into_iter().map(|(path, is_gone)| FileChange { path, is_gone });
                shared.tell_keeper(Event::Files(changes.collect()));
            }
        });
        Some(Self { watcher, watched: BTreeSet::new() })
    }

    /// Watches these directories, and goes on to watch those below them that it watches: what is empty now may be
    /// filled.
    pub(crate) fn set(&mut self, directories: &BTreeSet<FilePath>) {
        let stays = |directory: &FilePath| {
            let is_below = directory.ancestors().any(|above| directories.contains(&above));
            directories.contains(directory) || (is_below && directory.as_path().is_dir())
        };
        let gone: Vec<FilePath> = self.watched.iter().copied().filter(|directory| !stays(directory)).collect();
        for directory in gone {
            self.watched.remove(&directory);
            drop(self.watcher.unwatch(directory.as_path()));
        }
        for directory in directories {
            self.add(*directory);
        }
    }

    /// Watches that directory, too.
    pub(crate) fn add(&mut self, directory: FilePath) {
        if !self.watched.contains(&directory) && self.start(directory.as_path()) {
            self.watched.insert(directory);
        }
    }

    fn start(&mut self, directory: &Path) -> bool {
        let outcome = self.watcher.watch(directory, RecursiveMode::NonRecursive);
        if let Err(error) = &outcome {
            tracing::debug!(path = %directory.display(), %error, "a directory cannot be watched");
        }
        outcome.is_ok()
    }
}
