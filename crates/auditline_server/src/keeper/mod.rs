//! The keeper: the one thread that writes.
//!
//! It takes events in their order. What has gathered while it was at work is taken together: a flood of edits is parsed
//! once. A write cancels the readers of the workspace; they take a new snapshot and start again.

mod disk;
mod folders;
mod indexing;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use auditline_model::{FileContent, RootDatabase};
use auditline_project::Skipped;
use auditline_source::{ContentChange, FilePath};
use serde_json::Value;

use crate::document::Document;
use crate::pool::STACK_SIZE;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::snapshot::OpenDocument;
use crate::status::Status;
use crate::watch::OwnWatcher;
use crate::workspace::{Shelf, Workspace};
use crate::{diagnostics, status};

/// More events are not taken together: who waits for the first of them would wait too long.
const MAX_BATCH: usize = 4096;

/// What happened.
pub(crate) enum Event {
    /// The session begins, with the folders of the editor and the settings that it starts with.
    Begin {
        folders: Vec<FilePath>,
        settings: Value,
    },
    /// The client listens: indexing may start.
    Index,
    Open {
        path: FilePath,
        uri: Arc<str>,
        version: i32,
        stamp: u64,
        text: String,
    },
    Change {
        path: FilePath,
        version: i32,
        stamp: u64,
        changes: Vec<ContentChange>,
    },
    Close {
        path: FilePath,
    },
    /// Files changed on disk.
    Files(Vec<FileChange>),
    Folders {
        added: Vec<FilePath>,
        removed: Vec<FilePath>,
    },
    Settings(Value),
    /// The indexer is done.
    Indexed {
        workspace: Arc<Workspace>,
        run: u64,
        db: Box<RootDatabase>,
        skipped: Vec<Skipped>,
    },
    /// Files were read that changed on disk.
    Read(Vec<disk::ReadFile>),
    /// Much was computed: time to let go of what nobody will ask for soon.
    Forget,
    Stop,
}

/// A file that changed on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileChange {
    pub(crate) path: FilePath,
    pub(crate) is_gone: bool,
}

/// An event with its place on the wire; 0 for one of our own.
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) event: Event,
}

/// Starts the keeper.
pub(crate) fn start(shared: Arc<Shared>, events: Receiver<Numbered>) -> std::io::Result<()> {
    let keeper = std::thread::Builder::new().name("auditline-keeper".to_owned()).stack_size(STACK_SIZE);
    keeper.spawn(move || Keeper::new(shared).run(&events)).map(drop)
}

/// Ends the keeper once it has done what was sent before.
pub(crate) fn stop(shared: &Shared) {
    shared.tell_keeper(Event::Stop);
}

struct Keeper {
    shared: Arc<Shared>,
    documents: BTreeMap<FilePath, Document>,
    /// The folders of the editor.
    folders: Vec<FilePath>,
    settings: Settings,
    /// Whether indexing may start.
    indexing: bool,
    /// The last reading of each file that is being read.
    readings: disk::Readings,
    watcher: Option<OwnWatcher>,
    /// What the client knows of how far the workspaces are.
    status: Option<Status>,
}

/// What a batch of events leaves to be written.
#[derive(Default)]
struct Batch {
    /// Open documents that were opened or edited.
    edited: BTreeSet<FilePath>,
    /// Documents that were closed.
    closed: BTreeSet<FilePath>,
    /// Workspaces that were written to by other events.
    touched: Vec<Arc<Workspace>>,
    /// Workspaces whose documents are to be told anew, edited or not.
    anew: bool,
}

impl Batch {
    fn touch(&mut self, workspace: &Arc<Workspace>) {
        if !self.touched.iter().any(|other| Arc::ptr_eq(other, workspace)) {
            self.touched.push(Arc::clone(workspace));
        }
    }
}

impl Keeper {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            documents: BTreeMap::new(),
            folders: Vec::new(),
            settings: Settings::default(),
            indexing: false,
            readings: disk::Readings::default(),
            watcher: None,
            status: None,
        }
    }

    fn run(mut self, events: &Receiver<Numbered>) {
        while let Ok(first) = events.recv() {
            let mut batch = Batch::default();
            let mut last = 0;
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(Numbered { number, event }) = next {
                if matches!(event, Event::Stop) {
                    return self.end();
                }
                last = last.max(number);
                taken += 1;
                // A fault in one event must not end the session.
                if catch_unwind(AssertUnwindSafe(|| self.apply(event, &mut batch))).is_err() {
                    tracing::error!("an event could not be applied");
                }
                next = (taken < MAX_BATCH).then(|| events.try_recv().ok()).flatten();
            }
            if catch_unwind(AssertUnwindSafe(|| self.commit(batch))).is_err() {
                tracing::error!("a change could not be written");
            }
            self.status = status::tell(&self.shared, self.status.take());
            if last > 0 {
                self.shared.set_applied(last);
            }
        }
    }

    fn end(self) {
        for workspace in self.shared.workspaces().iter() {
            workspace.set_gone();
        }
    }

    fn apply(&mut self, event: Event, batch: &mut Batch) {
        match event {
            Event::Begin { folders, settings } => self.begin(folders, &settings),
            Event::Index => {
                self.indexing = true;
                self.arrange(batch);
            }
            Event::Open { path, uri, version, stamp, text } => {
                self.documents.insert(path, Document::new(path, uri, version, stamp, text));
                self.find_home(path, batch);
                batch.closed.remove(&path);
                batch.edited.insert(path);
            }
            Event::Change { path, version, stamp, changes } => {
                if let Some(document) = self.documents.get_mut(&path) {
                    document.change(version, stamp, &changes, self.shared.encoding());
                    batch.edited.insert(path);
                }
            }
            Event::Close { path } => {
                if self.documents.remove(&path).is_some() {
                    batch.edited.remove(&path);
                    batch.closed.insert(path);
                }
            }
            Event::Files(changes) => self.files_changed(changes, batch),
            Event::Folders { added, removed } => {
                self.folders.retain(|folder| !removed.contains(folder));
                self.folders.extend(added);
                self.arrange(batch);
            }
            Event::Settings(value) => self.set_settings(&value, batch),
            Event::Indexed { workspace, run, db, skipped } => self.indexed(&workspace, run, *db, &skipped, batch),
            Event::Read(files) => self.write_read(files, batch),
            Event::Forget => self.forget(),
            Event::Stop => {}
        }
    }

    fn forget(&self) {
        for workspace in self.shared.workspaces().iter() {
            if let Some(db) = &mut workspace.shelf().db {
                db.forget();
            }
        }
    }

    /// Writes what the batch has gathered, and has it told to the client.
    fn commit(&mut self, mut batch: Batch) {
        // Parsing and lowering come before the lock: readers go on meanwhile.
        let mut contents = Vec::with_capacity(batch.edited.len());
        for path in &batch.edited {
            contents.extend(self.documents.get_mut(path).map(|document| (*path, document.content())));
        }
        let from_disk: Vec<(FilePath, FileContent)> =
            batch.closed.iter().map(|path| (*path, disk::content_of(*path))).collect();
        for workspace in self.shared.workspaces().iter() {
            let concerned = |path: &&(FilePath, FileContent)| workspace.covers(path.0);
            let edited: Vec<_> = contents.iter().filter(concerned).collect();
            let closed: Vec<_> = from_disk.iter().filter(concerned).collect();
            if edited.is_empty() && closed.is_empty() {
                continue;
            }
            let mut shelf = workspace.shelf();
            for (path, content) in edited {
                self.write_open(&mut shelf, *path, content.clone());
            }
            for (path, content) in closed {
                write_closed(&mut shelf, *path, content.clone());
            }
            shelf.generation += 1;
            drop(shelf);
            batch.touch(workspace);
        }
        self.drop_guests(&batch.closed);
        for workspace in &batch.touched {
            diagnostics::after_write(&self.shared, workspace, if batch.anew { None } else { Some(&batch.edited) });
        }
        for path in &batch.closed {
            diagnostics::after_close(&self.shared, *path);
        }
        if !batch.touched.is_empty() || !batch.closed.is_empty() {
            self.shared.note_change();
        }
    }

    /// Writes an open document into a workspace, if it belongs there.
    fn write_open(&self, shelf: &mut Shelf, path: FilePath, content: FileContent) {
        let Some(document) = self.documents.get(&path) else { return };
        let known = shelf.documents.contains_key(&path);
        let Some(db) = &mut shelf.db else { return };
        if !known && !disk::belongs(db, &shelf.judge, path) {
            return;
        }
        db.set_content(path, content);
        let open = OpenDocument {
            uri: Arc::clone(&document.uri),
            version: document.version,
            stamp: document.stamp,
            text: Arc::clone(document.text()),
        };
        Arc::make_mut(&mut shelf.documents).insert(path, open);
    }
}

/// Gives a file back to the disk.
fn write_closed(shelf: &mut Shelf, path: FilePath, content: FileContent) {
    if shelf.documents.contains_key(&path) {
        Arc::make_mut(&mut shelf.documents).remove(&path);
        if let Some(db) = &mut shelf.db {
            db.set_content(path, content);
        }
    }
}
