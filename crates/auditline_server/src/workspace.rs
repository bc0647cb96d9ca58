//! A workspace that is served: its files, how it is judged, and what of it is reported.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditline_model::RootDatabase;
use auditline_project::{ConfigError, Workspace as Judge};
use auditline_source::FilePath;
use tokio::sync::watch;

use crate::snapshot::{OpenDocuments, Snapshot};

/// Which files of a workspace are read, and which of them are reported while they are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of the project around these folders of the editor is read; closed files below the folders are reported.
    Folders(Vec<FilePath>),
    /// A document stands in a project that is no folder of the editor: all of the project is read, open documents are
    /// reported.
    Guest,
    /// A document stands in no project: what stands beside it is read, open documents are reported.
    Loose,
    /// A document on no disk.
    Nowhere,
}

/// A workspace that is served.
pub(crate) struct Workspace {
    pub(crate) root: FilePath,
    pub(crate) extent: Extent,
    shelf: Mutex<Shelf>,
    /// Before the first index is there nothing is answered: half the knowledge gives wrong findings.
    stage: watch::Sender<Stage>,
    /// Counts the runs of the indexer; only the last one's result is taken.
    runs: AtomicU64,
    /// Whether all of its files were checked once, or are being checked.
    swept: AtomicBool,
}

/// How far a workspace has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Indexing,
    Ready,
    /// It is no longer served, or another one has taken its place.
    Gone,
}

/// What is written by the keeper alone.
pub(crate) struct Shelf {
    /// `None` until the first index is there.
    pub(crate) db: Option<RootDatabase>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) config_errors: Arc<Vec<ConfigError>>,
    /// The open documents that the database knows.
    pub(crate) documents: Arc<OpenDocuments>,
    pub(crate) generation: u64,
    /// Files that changed on disk while the index was made.
    pub(crate) missed: Vec<FilePath>,
}

impl Workspace {
    pub(crate) fn new(root: FilePath, extent: Extent, judge: Judge, config_errors: Vec<ConfigError>) -> Self {
        let shelf = Shelf {
            db: None,
            judge: Arc::new(judge),
            config_errors: Arc::new(config_errors),
            documents: Arc::default(),
            generation: 0,
            missed: Vec::new(),
        };
        Self::with_shelf(root, extent, shelf, Stage::Indexing)
    }

    fn with_shelf(root: FilePath, extent: Extent, shelf: Shelf, stage: Stage) -> Self {
        let (stage, _) = watch::channel(stage);
        Self { root, extent, shelf: Mutex::new(shelf), stage, runs: AtomicU64::new(0), swept: AtomicBool::new(false) }
    }

    /// The same workspace with another extent. This one is gone afterwards.
    pub(crate) fn replaced(&self, extent: Extent) -> Self {
        let stage = *self.stage.borrow();
        let shelf = {
            let mut shelf = self.shelf();
            Shelf {
                db: shelf.db.take(),
                judge: Arc::clone(&shelf.judge),
                config_errors: Arc::clone(&shelf.config_errors),
                documents: Arc::clone(&shelf.documents),
                generation: shelf.generation + 1,
                missed: std::mem::take(&mut shelf.missed),
            }
        };
        self.stage.send_replace(Stage::Gone);
        Self::with_shelf(self.root, extent, shelf, stage)
    }

    /// Locked by the keeper while it writes, and by readers for the moment in which they take a snapshot.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` before the first index is there.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        let shelf = self.shelf();
        Some(Snapshot {
            db: shelf.db.clone()?,
            judge: Arc::clone(&shelf.judge),
            documents: Arc::clone(&shelf.documents),
            config_errors: Arc::clone(&shelf.config_errors),
            generation: shelf.generation,
        })
    }

    /// Whether closed files are reported at all.
    pub(crate) fn reports_closed_files(&self) -> bool {
        matches!(self.extent, Extent::Folders(_))
    }

    /// Whether that file is reported while it is closed.
    pub(crate) fn reports_closed(&self, path: FilePath) -> bool {
        match &self.extent {
            Extent::Folders(folders) => folders.iter().any(|folder| path.starts_with(*folder)),
            Extent::Guest | Extent::Loose | Extent::Nowhere => false,
        }
    }

    /// Whether a file may belong to it, by its path.
    pub(crate) fn covers(&self, path: FilePath) -> bool {
        match self.extent {
            Extent::Folders(_) | Extent::Guest => path.starts_with(self.root),
            Extent::Loose | Extent::Nowhere => path.parent() == Some(self.root),
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.stage.borrow() == Stage::Ready
    }

    pub(crate) fn set_ready(&self) {
        self.stage.send_replace(Stage::Ready);
    }

    /// It is no longer served: whoever waits for it looks for another one.
    pub(crate) fn set_gone(&self) {
        self.shelf().db = None;
        self.stage.send_replace(Stage::Gone);
    }

    /// Waits for the first index. `false` if it will never come.
    pub(crate) async fn wait_until_ready(&self) -> bool {
        let mut stages = self.stage.subscribe();
        let stage = stages.wait_for(|stage| *stage != Stage::Indexing).await.map(|stage| *stage);
        stage.is_ok_and(|stage| stage == Stage::Ready)
    }

    /// A new run of the indexer starts.
    pub(crate) fn next_run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn is_last_run(&self, run: u64) -> bool {
        self.runs.load(Ordering::SeqCst) == run
    }

    /// Whether this is the first time that all of its files are checked.
    pub(crate) fn begin_first_sweep(&self) -> bool {
        !self.swept.swap(true, Ordering::Relaxed)
    }
}
