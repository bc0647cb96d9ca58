//! What a reader sees: one moment of one workspace.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use auditline_model::{RootDatabase, SourceFile};
use auditline_project::{ConfigError, FileReport, FixDetail, Workspace as Judge, file_report};
use auditline_source::{FilePath, SourceText};

/// An open document as it stands in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenDocument {
    pub(crate) uri: Arc<str>,
    pub(crate) version: i32,
    /// The number of the event that changed it last.
    pub(crate) stamp: u64,
    /// Its text, also where it is not analysed.
    pub(crate) text: Arc<SourceText>,
}

pub(crate) type OpenDocuments = BTreeMap<FilePath, OpenDocument>;

/// One moment of a workspace. It must be dropped soon: a write waits for it.
pub(crate) struct Snapshot {
    pub(crate) db: RootDatabase,
    pub(crate) judge: Arc<Judge>,
    pub(crate) documents: Arc<OpenDocuments>,
    pub(crate) config_errors: Arc<Vec<ConfigError>>,
    /// How many writes came before it.
    pub(crate) generation: u64,
}

/// Why a job on a snapshot has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// A write wants to happen; the job can be done again after it.
    Cancelled,
    /// The job panicked.
    Panicked,
}

impl Snapshot {
    pub(crate) fn file(&self, path: FilePath) -> Option<SourceFile> {
        self.db.file(path)
    }

    /// What a file holds.
    pub(crate) fn text(&self, path: FilePath) -> Option<Arc<SourceText>> {
        self.file(path)?.content(&self.db).text().cloned()
    }

    /// The findings of one file, as the command line reports them.
    pub(crate) fn report(&self, path: FilePath, detail: FixDetail) -> Option<FileReport> {
        Some(file_report(&self.db, self.file(path)?, &self.judge, detail))
    }

    /// Does a job on this snapshot and drops it. The job may unwind because of a write.
    pub(crate) fn run<T>(self, job: impl FnOnce(&Self) -> T) -> Result<T, Interrupted> {
        // The snapshot is dropped with the closure, whichever way it ends.
        catch_unwind(AssertUnwindSafe(move || job(&self))).map_err(|payload| {
            match payload.downcast_ref::<salsa::Cancelled>() {
                Some(_) => Interrupted::Cancelled,
                None => Interrupted::Panicked,
            }
        })
    }
}
