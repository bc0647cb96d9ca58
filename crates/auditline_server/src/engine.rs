//! The engine: one thread owns the model and writes to it in the order of what happened; readers get snapshots and work on
//! a pool of their own, never on the protocol's tasks.
//!
//! Every message to the engine stands in one queue, so that a reader sees exactly the changes that were sent before it. A change
//! cancels the readers under way: their answers would be about a text that is gone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use auditline_model::{FileContent, ParsedModule, RootDatabase};
use auditline_project::{MAX_FILE_SIZE, Workspace, discover, is_relevant, read_text};
use auditline_source::{ByteEdit, FileKind, FilePath, SourceText};
use auditline_syntax::python::{Tree, lower_with, parse};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use salsa::Database;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

/// Queries recurse along the user's code; a thread's own stack is small.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// How many files the index reads between two reports of its progress.
const PROGRESS_STEP: usize = 256;

/// A handle to the engine.
#[derive(Clone)]
pub(crate) struct Engine {
    queue: Sender<Message>,
    generation: watch::Receiver<u64>,
}

/// Why a reader has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ReadError {
    /// The text changed meanwhile.
    #[error("the content changed meanwhile")]
    Cancelled,
    /// The reader failed: an internal error, which has been logged.
    #[error("internal error")]
    Failed,
}

/// What a reader sees.
pub(crate) struct Snapshot {
    pub(crate) db: RootDatabase,
    pub(crate) workspaces: Arc<Vec<Workspace>>,
    /// The open documents with their versions.
    pub(crate) open: Arc<FxHashMap<FilePath, i32>>,
}

type Job = Box<dyn FnOnce(Option<&Snapshot>) + Send>;
type Report = Box<dyn Fn(usize, usize) + Send + Sync>;

enum Message {
    Index(Vec<Workspace>, Report, oneshot::Sender<()>),
    Configure(Vec<Workspace>),
    Document { path: FilePath, version: i32, text: Arc<SourceText>, edits: Option<Vec<ByteEdit>> },
    Close(FilePath),
    Disk(Vec<FilePath>),
    Read(Job),
}

impl Engine {
    /// Starts the engine's threads.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub(crate) fn start() -> Result<Self, std::io::Error> {
        let (queue, messages) = channel();
        let (notify, generation) = watch::channel(0);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2))
            .stack_size(STACK_SIZE)
            .thread_name(|index| format!("auditline-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        std::thread::Builder::new().name("auditline-writer".to_owned()).stack_size(STACK_SIZE).spawn(move || {
            Writer {
                db: RootDatabase::new(&[], &[]),
                workspaces: Arc::default(),
                documents: FxHashMap::default(),
                open: Arc::default(),
                pool: Arc::new(pool),
                generation: notify,
            }
            .run(&messages);
        })?;
        Ok(Self { queue, generation })
    }

    fn send(&self, message: Message) {
        // The writer only ends with the last handle; a send that fails has nobody to tell.
        let _ = self.queue.send(message);
    }

    /// Reads the workspaces; the answer comes when everything is read.
    pub(crate) fn index(&self, workspaces: Vec<Workspace>, report: Report) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        self.send(Message::Index(workspaces, report, done));
        answer
    }

    /// Replaces the configuration of the workspaces.
    pub(crate) fn configure(&self, workspaces: Vec<Workspace>) {
        self.send(Message::Configure(workspaces));
    }

    /// A document was opened (`edits` is `None`) or edited.
    pub(crate) fn document(&self, path: FilePath, version: i32, text: Arc<SourceText>, edits: Option<Vec<ByteEdit>>) {
        self.send(Message::Document { path, version, text, edits });
    }

    /// A document was closed: its content is that of the disk again.
    pub(crate) fn close(&self, path: FilePath) {
        self.send(Message::Close(path));
    }

    /// Files changed on disk.
    pub(crate) fn disk(&self, paths: Vec<FilePath>) {
        self.send(Message::Disk(paths));
    }

    /// Runs `read` on a snapshot that holds every change sent so far.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let (sender, answer) = oneshot::channel();
        self.send(Message::Read(Box::new(move |snapshot| {
            let Some(snapshot) = snapshot else { return };
            let outcome = catch_unwind(AssertUnwindSafe(|| read(snapshot))).map_err(|payload| {
                if payload.is::<salsa::Cancelled>() {
                    ReadError::Cancelled
                } else {
                    tracing::error!("a request failed inside the analysis");
                    ReadError::Failed
                }
            });
            let _ = sender.send(outcome);
        })));
        answer.await.unwrap_or(Err(ReadError::Failed))
    }

    /// Tells when anything that findings depend on has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.clone()
    }
}

/// A document of the editor, with what its next edit re-uses.
struct Document {
    text: Arc<SourceText>,
    tree: Option<Tree>,
    module: Option<Arc<ParsedModule>>,
}

struct Writer {
    db: RootDatabase,
    workspaces: Arc<Vec<Workspace>>,
    documents: FxHashMap<FilePath, Document>,
    open: Arc<FxHashMap<FilePath, i32>>,
    pool: Arc<rayon::ThreadPool>,
    generation: watch::Sender<u64>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(message) = messages.recv() {
            match message {
                Message::Index(workspaces, report, done) => {
                    self.set_workspaces(workspaces);
                    self.index(&report);
                    let _ = done.send(());
                }
                Message::Configure(workspaces) => {
                    self.set_workspaces(workspaces);
                    self.index(&|_, _| {});
                }
                Message::Document { path, version, text, edits } => self.document(path, version, text, edits),
                Message::Close(path) => self.close(path),
                Message::Disk(paths) => self.disk(paths),
                Message::Read(job) => {
                    let snapshot = self.snapshot();
                    self.pool.spawn(move || job(Some(&snapshot)));
                    continue;
                }
            }
            self.generation.send_modify(|generation| *generation += 1);
        }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { db: self.db.clone(), workspaces: Arc::clone(&self.workspaces), open: Arc::clone(&self.open) }
    }

    fn set_workspaces(&mut self, workspaces: Vec<Workspace>) {
        let roots: Vec<FilePath> = workspaces.iter().map(|workspace| workspace.root).collect();
        let sources: Vec<FilePath> =
            workspaces.iter().flat_map(|workspace| workspace.config.source_roots.iter().copied()).collect();
        self.db.set_roots(&roots, &sources);
        self.db.set_include_tests(workspaces.iter().any(|workspace| workspace.config.include_tests));
        self.workspaces = Arc::new(workspaces);
    }

    /// Reads every file of the workspaces that is not known yet, and forgets those that are gone.
    fn index(&mut self, report: &(dyn Fn(usize, usize) + Send + Sync)) {
        let mut files: Vec<FilePath> = Vec::new();
        let mut directories: Vec<(FilePath, Vec<String>)> = Vec::new();
        for workspace in self.workspaces.iter() {
            let found = discover(workspace.root, &workspace.config.exclude, &[], self.pool.current_num_threads());
            for skipped in &found.skipped {
                tracing::info!("not read: {skipped:?}");
            }
            files.extend(found.files);
            directories.extend(found.directories);
        }
        files.sort_unstable();
        files.dedup();
        let known: Vec<FilePath> = self.db.all_files().into_iter().map(|file| file.path(&self.db)).collect();
        for path in known {
            if files.binary_search(&path).is_err() && !self.documents.contains_key(&path) {
                self.db.set_content(path, FileContent::Absent);
            }
        }
        let (new, again): (Vec<FilePath>, Vec<FilePath>) =
            files.into_iter().partition(|path| self.db.file(*path).is_none());
        let done = std::sync::atomic::AtomicUsize::new(0);
        let total = new.len();
        let snapshot = self.db.clone();
        let pool = Arc::clone(&self.pool);
        pool.install(|| {
            new.par_iter().for_each_with(snapshot, |db, path| {
                match read_text(path.as_path(), MAX_FILE_SIZE) {
                    Ok(text) => {
                        db.add_file(*path, text);
                    }
                    Err(reason) => tracing::warn!("not read: {}: {reason:?}", path.as_str()),
                }
                let read = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                if read.is_multiple_of(PROGRESS_STEP) {
                    report(read, total);
                }
            });
        });
        self.reread(again);
        for (directory, names) in &directories {
            self.db.set_listing(*directory, names.iter().map(String::as_str));
        }
        // This is not always the first walk: documents may have been checked before, and new files found later.
        self.db.publish_added();
    }

    fn document(&mut self, path: FilePath, version: i32, text: Arc<SourceText>, edits: Option<Vec<ByteEdit>>) {
        let is_python = FileKind::of(path).is_python();
        let previous = self.documents.remove(&path);
        let (tree, module) = if is_python {
            let old_tree = match (&previous, edits) {
                (Some(Document { tree: Some(tree), .. }), Some(edits)) => {
                    let mut tree = tree.clone();
                    edits.iter().for_each(|edit| tree.edit(edit));
                    Some(tree)
                }
                _ => None,
            };
            let tree = parse(text.text(), old_tree.as_ref());
            let reused =
                previous.as_ref().and_then(|document| Some((document.text.text(), &document.module.as_ref()?.module)));
            let module = Arc::new(ParsedModule::new(lower_with(text.text(), &tree, reused)));
            (Some(tree), Some(module))
        } else {
            (None, None)
        };
        let content = FileContent::Open { text: Arc::clone(&text), module: module.clone() };
        self.db.set_content(path, content);
        self.documents.insert(path, Document { text, tree, module });
        Arc::make_mut(&mut self.open).insert(path, version);
    }

    fn close(&mut self, path: FilePath) {
        self.documents.remove(&path);
        Arc::make_mut(&mut self.open).remove(&path);
        self.reread(vec![path]);
        self.db.trigger_lru_eviction();
    }

    fn disk(&mut self, paths: Vec<FilePath>) {
        let unknown = paths.iter().any(|path| self.db.file(*path).is_none() && is_relevant(*path));
        let ignores = paths.iter().any(|path| matches!(path.file_name(), ".gitignore" | ".ignore"));
        if unknown || ignores {
            // Whether a new file belongs to the workspace only the whole walk can tell.
            self.index(&|_, _| {});
        } else {
            self.reread(paths);
        }
    }

    /// Reads files from disk again; documents of the editor stay as they are.
    fn reread(&mut self, paths: Vec<FilePath>) {
        for path in paths {
            if self.documents.contains_key(&path) {
                continue;
            }
            let content = match read_text(path.as_path(), MAX_FILE_SIZE) {
                Ok(text) => FileContent::Closed(text),
                Err(_) => FileContent::Absent,
            };
            let known = self.db.file(path).and_then(|file| file.content(&self.db).text().cloned());
            let same = match (&known, content.text()) {
                (Some(known), Some(text)) => known.text() == text.text(),
                (None, None) => true,
                _ => false,
            };
            let was_open =
                self.db.file(path).is_some_and(|file| matches!(file.content(&self.db), FileContent::Open { .. }));
            if !same || was_open {
                self.db.set_content(path, content);
            }
        }
    }
}

impl Snapshot {
    /// The workspace to which a path belongs: the innermost folder that holds it.
    pub(crate) fn workspace(&self, path: FilePath) -> Option<&Workspace> {
        self.workspaces
            .iter()
            .filter(|workspace| path.starts_with(workspace.root))
            .max_by_key(|workspace| workspace.root.as_str().len())
    }

    /// What is reported of a file, exactly as the command line does.
    pub(crate) fn report(&self, path: FilePath) -> Option<auditline_project::FileReport> {
        let file = self.db.file(path)?;
        file.content(&self.db).text()?;
        match self.workspace(path) {
            Some(workspace) => {
                Some(auditline_project::file_report(&self.db, file, workspace, auditline_project::FixDetail::Titles))
            }
            None => {
                let root = path.parent()?;
                let workspace = Workspace::new(root, auditline_project::Config::default(), &[], &[]);
                Some(auditline_project::file_report(&self.db, file, &workspace, auditline_project::FixDetail::Titles))
            }
        }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: FilePath) -> Option<Arc<SourceText>> {
        self.db.file(path)?.content(&self.db).text().cloned()
    }
}
