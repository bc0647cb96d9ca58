//! A project that was read, and its check on all processors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auditline_model::db::Moment;
use auditline_model::{FileContent, RootDatabase, SourceFile};
use auditline_source::{FilePath, SourceText};
use rayon::prelude::*;
use thiserror::Error;

use crate::discovery::{Discovered, discover};
use crate::file_report::{FileReport, file_report, prepare};
use crate::read::{MAX_FILE_SIZE, read_text};
use crate::report::{Failure, Report, Stats};
use crate::resolved::FixDetail;
use crate::skipped::Skipped;
use crate::workspace::Workspace;

/// Queries recurse along the user's code; a thread's own stack is small.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// How a project is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many threads work; `None`: as many as there are processors.
    pub threads: Option<usize>,
    /// The size above which a file is named instead of read; `None`: [`MAX_FILE_SIZE`].
    pub max_file_size: Option<u64>,
    /// The paths that are checked; empty: everything. All of the workspace is read in any case.
    pub paths: Vec<FilePath>,
}

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many files have been read.
    Read {
        /// How many.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// So many files have been checked.
    Checked {
        /// How many.
        done: usize,
        /// Of how many.
        total: usize,
    },
}

/// Is told how far the work has come, from any thread.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);

/// Why a project cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The threads could not be started.
    #[error("the worker threads could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// A workspace whose files have been read.
pub struct Project {
    workspace: Workspace,
    db: RootDatabase,
    pool: rayon::ThreadPool,
    paths: Vec<FilePath>,
    skipped: Vec<Skipped>,
    files_read: usize,
    reading: Duration,
}

impl Project {
    /// Finds and reads the files of a workspace.
    ///
    /// # Errors
    /// If the threads cannot be started. Files that cannot be read are no error; they are named in the report.
    pub fn open(workspace: Workspace, options: &Options, on_progress: OnProgress<'_>) -> Result<Self, OpenError> {
        let started = Instant::now();
        let threads =
            options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .stack_size(STACK_SIZE)
            .thread_name(|index| format!("auditline-{index}"))
            .build()?;
        let mut db = RootDatabase::new(&[workspace.root], &workspace.config.source_roots);
        db.set_include_tests(workspace.config.include_tests);
        db.set_now(now());
        let Discovered { files, mut skipped, directories } =
            discover(workspace.root, &workspace.config.exclude, &options.paths, threads);
        let limit = options.max_file_size.unwrap_or(MAX_FILE_SIZE);
        let done = &AtomicUsize::new(0);
        let total = files.len();
        let snapshot = db.clone();
        let unread: Vec<Skipped> = pool.install(move || {
            files
                .par_iter()
                .map_with(snapshot, |db, path| {
                    let outcome = read_text(path.as_path(), limit).map(|text| db.add_file(*path, text));
                    on_progress(Progress::Read { done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
                    outcome.err().map(|reason| Skipped::new(path.as_path(), reason))
                })
                .flatten_iter()
                .collect()
        });
        for (directory, names) in &directories {
            db.set_listing(*directory, names.iter().map(String::as_str));
        }
        let files_read = total - unread.len();
        skipped.extend(unread);
        skipped.sort_unstable();
        let paths = options.paths.clone();
        tracing::debug!(files = files_read, elapsed = ?started.elapsed(), "read");
        Ok(Self { workspace, db, pool, paths, skipped, files_read, reading: started.elapsed() })
    }

    /// The workspace.
    #[must_use]
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Its database, and what could not be read: for who goes on with them in a way of its own.
    #[must_use]
    pub fn into_parts(self) -> (RootDatabase, Vec<Skipped>) {
        (self.db, self.skipped)
    }

    /// The database. Clones of it must be dropped before the project is checked or changed.
    #[must_use]
    pub fn db(&self) -> &RootDatabase {
        &self.db
    }

    /// What a file holds.
    #[must_use]
    pub fn text(&self, path: FilePath) -> Option<Arc<SourceText>> {
        self.db.file(path)?.content(&self.db).text().cloned()
    }

    /// Replaces what a file holds in memory; the file on disk stays as it is.
    pub fn set_text(&mut self, path: FilePath, text: Arc<SourceText>) {
        self.db.set_content(path, FileContent::Closed(text));
    }

    /// Takes a file away in memory; the file on disk, if there is one, stays.
    pub fn remove_text(&mut self, path: FilePath) {
        self.db.set_content(path, FileContent::Absent);
    }

    /// Whether the path is one of those that are checked.
    #[must_use]
    pub fn is_checked(&self, path: FilePath) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|base| path.starts_with(*base))
    }

    /// Checks the files, on all threads.
    pub fn check(&mut self, detail: FixDetail, on_progress: OnProgress<'_>) -> Report {
        let started = Instant::now();
        let files: Vec<(FilePath, SourceFile)> = self
            .db
            .all_files()
            .into_iter()
            .map(|file| (file.path(&self.db), file))
            .filter(|(path, _)| self.is_checked(*path))
            .collect();
        let mut report = Report::default();
        let done = AtomicUsize::new(0);
        let total = files.len();
        let (snapshot, workspace, done) = (self.db.clone(), &self.workspace, &done);
        let outcomes: Vec<(FilePath, Option<FileReport>)> = self.pool.install(move || {
            // The first check asks how all modules import one another, and the other threads wait for that answer: what it
            // needs of each file is made by all of them before.
            files.par_iter().for_each_with(snapshot.clone(), |db, (_, file)| {
                // What fails here fails again where it is checked, and is reported there.
                let _ = catch_unwind(AssertUnwindSafe(|| prepare(db, *file)));
            });
            files
                .par_iter()
                .map_with(snapshot, |db, (path, file)| {
                    let outcome = catch_unwind(AssertUnwindSafe(|| file_report(db, *file, workspace, detail)));
                    on_progress(Progress::Checked { done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
                    (*path, outcome.ok())
                })
                .collect()
        });
        for (path, outcome) in outcomes {
            self.add(path, outcome, &mut report);
        }
        tracing::debug!(files = total, elapsed = ?started.elapsed(), "checked");
        let is_in_scope =
            |skipped: &Skipped| self.paths.is_empty() || self.paths.iter().any(|base| skipped.is_below(base.as_str()));
        (report.skipped, report.skipped_elsewhere) = self.skipped.iter().cloned().partition(is_in_scope);
        report.stats = Stats {
            files_checked: total,
            files_read: self.files_read,
            suppressed: report.stats.suppressed,
            reading: self.reading,
            checking: started.elapsed(),
        };
        report
    }

    fn add(&self, path: FilePath, outcome: Option<FileReport>, report: &mut Report) {
        let Some(outcome) = outcome else {
            report.failures.push(Failure { path, hazard: None });
            return;
        };
        report.failures.extend(outcome.failed.into_iter().map(|hazard| Failure { path, hazard: Some(hazard) }));
        report.stats.suppressed += outcome.suppressed;
        for finding in &outcome.findings {
            let places = finding.evidence.iter().map(|evidence| evidence.path).chain([finding.path]);
            let edited = finding.fixes.iter().flat_map(|fix| fix.edits.iter().flatten()).map(|edit| edit.path);
            for path in places.chain(edited) {
                if let Some(text) = self.text(path) {
                    report.texts.entry(path).or_insert(text);
                }
            }
        }
        for unused in &outcome.unused {
            if let Some(text) = self.text(unused.path) {
                report.texts.entry(unused.path).or_insert(text);
            }
        }
        report.unused.extend(outcome.unused);
        report.findings.extend(outcome.findings);
    }
}

/// The moment, for fixes that write a date.
fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Moment::of_unix(since.map_or(0, |since| since.as_secs()))
}
