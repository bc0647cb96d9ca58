//! Files that change on disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use auditline_model::{FileContent, RootDatabase};
use auditline_project::{Config, MAX_FILE_SIZE, Workspace as Judge, discover, is_discovered, is_relevant, read_text};
use auditline_source::{FileKind, FilePath};

use super::{Batch, Event, FileChange, Keeper};
use crate::pool::Lane;
use crate::uri;
use crate::watch::OwnWatcher;
use crate::workspace::{Extent, Workspace};

/// So many files are read at once, before the next request is answered; more are read while it goes on.
const AT_ONCE: usize = 32;

/// So many files are written at a time, so that an edit does not wait for all of them.
const CHUNK: usize = 64;

/// More new files than these are looked for all together.
const MAX_LOOKUPS: usize = 64;

/// Files that are being read, with the number of their last reading: an older one is not taken.
#[derive(Default)]
pub(super) struct Readings {
    next: u64,
    last: HashMap<FilePath, u64>,
}

/// A file that was read.
pub(crate) struct ReadFile {
    path: FilePath,
    reading: u64,
    content: FileContent,
}

/// What a file on disk holds; one that cannot be read counts as absent.
pub(super) fn content_of(path: FilePath) -> FileContent {
    if uri::is_nowhere(path) {
        return FileContent::Absent;
    }
    read_text(path.as_path(), MAX_FILE_SIZE).map_or(FileContent::Absent, FileContent::Closed)
}

/// Whether a file is one of those that the workspace is made of: what discovery would find.
pub(super) fn belongs(db: &RootDatabase, judge: &Judge, path: FilePath) -> bool {
    let known = db.file(path).is_some_and(|file| file.content(db).text().is_some());
    known || uri::is_nowhere(path) || is_discovered(judge.root, &judge.config.exclude, path)
}

impl Keeper {
    pub(super) fn files_changed(&mut self, mut changes: Vec<FileChange>, batch: &mut Batch) {
        changes.sort_unstable();
        changes.dedup();
        if changes.iter().any(|change| Config::is_config_file(change.path)) {
            self.reload(batch);
        }
        let workspaces = self.shared.workspaces();
        if let Some(ignored) = changes.iter().find(|change| matches!(change.path.file_name(), ".gitignore" | ".ignore"))
        {
            for workspace in workspaces.iter().filter(|workspace| workspace.covers(ignored.path)) {
                self.start_index(workspace);
            }
        }
        for workspace in workspaces.iter() {
            if workspace.extent == Extent::Nowhere {
                continue;
            }
            let paths: Vec<FileChange> =
                changes.iter().copied().filter(|change| workspace.covers(change.path)).collect();
            if !paths.is_empty() {
                self.changed_in(workspace, &paths, batch);
            }
        }
    }

    fn changed_in(&mut self, workspace: &Arc<Workspace>, changes: &[FileChange], batch: &mut Batch) {
        let mut shelf = workspace.shelf();
        if shelf.db.is_none() {
            shelf.missed.extend(changes.iter().map(|change| change.path));
            return;
        }
        let Some(db) = &shelf.db else { return };
        let (mut wanted, mut new, mut unread) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for change in changes {
            let known = db.file(change.path).is_some_and(|file| file.content(db).text().is_some());
            if known {
                wanted.insert(change.path);
            } else if change.is_gone {
                // A directory went, perhaps, and took its files with it.
                let below = db.all_files().into_iter().map(|file| file.path(db));
                wanted.extend(below.filter(|path| path.starts_with(change.path)));
                unread.push((change.path, false));
            } else if !is_relevant(change.path) && !change.path.as_path().is_dir() {
                unread.push((change.path, true));
            } else {
                new.insert(change.path);
            }
        }
        let judge = Arc::clone(&shelf.judge);
        drop(shelf);
        self.list(workspace, &judge, unread, batch);
        let directories = new.iter().any(|path| path.as_path().is_dir());
        if directories && let Some(watcher) = &mut self.watcher {
            // Watched before it is looked into: what comes later is heard of.
            let walked = |path: &&FilePath| {
                path.as_path().is_dir() && is_discovered(judge.root, &judge.config.exclude, path.join("any.py"))
            };
            new.iter().filter(walked).for_each(|directory| watcher.add(*directory));
        }
        if new.len() > MAX_LOOKUPS || directories {
            let found = discover(judge.root, &judge.config.exclude, &[], 1);
            if let Some(db) = &mut workspace.shelf().db {
                for (directory, names) in &found.directories {
                    db.set_listing(*directory, names.iter().map(String::as_str));
                }
            }
            batch.touch(workspace);
            wanted.extend(found.files.into_iter().filter(|path| {
                new.contains(path) || (directories && path.ancestors().any(|above| new.contains(&above)))
            }));
        } else {
            wanted.extend(new.into_iter().filter(|path| is_discovered(judge.root, &judge.config.exclude, *path)));
        }
        // An open document is the editor's; its file is read when it is closed.
        wanted.retain(|path| !self.documents.contains_key(path));
        self.read_anew(wanted.into_iter().collect(), batch);
        if directories {
            self.watch_anew();
        }
    }

    /// Notes files that are not read, but whose presence may be asked for.
    fn list(&self, workspace: &Arc<Workspace>, judge: &Judge, mut unread: Vec<(FilePath, bool)>, batch: &mut Batch) {
        unread.retain(|(path, is_there)| {
            let beside = path.parent().map(|directory| directory.join("any.py"));
            !is_there || beside.is_some_and(|beside| is_discovered(judge.root, &judge.config.exclude, beside))
        });
        if unread.is_empty() {
            return;
        }
        let mut shelf = workspace.shelf();
        let Some(db) = &mut shelf.db else { return };
        for (path, is_there) in unread {
            db.set_unread(path, is_there);
        }
        shelf.generation += 1;
        drop(shelf);
        batch.touch(workspace);
    }

    /// Reads files and writes what they hold: few at once, many in the background.
    pub(super) fn read_anew(&mut self, paths: Vec<FilePath>, batch: &mut Batch) {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            self.readings.next += 1;
            self.readings.last.insert(path, self.readings.next);
            files.push((path, self.readings.next));
        }
        let read = |(path, reading): (FilePath, u64)| ReadFile { path, reading, content: content_of(path) };
        if files.len() <= AT_ONCE {
            return self.write_read(files.into_iter().map(read).collect(), batch);
        }
        let shared = Arc::clone(&self.shared);
        self.shared.pool.spawn(Lane::Soon, move || {
            for chunk in files.chunks(CHUNK) {
                shared.tell_keeper(Event::Read(chunk.iter().copied().map(read).collect()));
            }
        });
    }

    pub(super) fn write_read(&mut self, files: Vec<ReadFile>, batch: &mut Batch) {
        let readings = &mut self.readings.last;
        let files: Vec<ReadFile> = files
            .into_iter()
            .filter(|file| {
                let is_last = readings.get(&file.path) == Some(&file.reading);
                if is_last {
                    readings.remove(&file.path);
                }
                is_last && !self.documents.contains_key(&file.path)
            })
            .collect();
        for workspace in self.shared.workspaces().iter() {
            let mut shelf = workspace.shelf();
            let Some(db) = &mut shelf.db else { continue };
            let mut changed = false;
            for file in files.iter().filter(|file| workspace.covers(file.path)) {
                let old = db.file(file.path).and_then(|known| known.content(db).text().cloned());
                if old.as_ref() != file.content.text() && FileKind::of(file.path) != FileKind::Other {
                    db.set_content(file.path, file.content.clone());
                    // What is there and cannot be read is there all the same.
                    db.set_unread(file.path, file.content.text().is_none() && file.path.as_path().exists());
                    changed = true;
                }
            }
            if changed {
                shelf.generation += 1;
                drop(shelf);
                batch.touch(workspace);
            }
        }
    }
}

impl Keeper {
    /// Watches the directories of all workspaces by ourselves, where the client does not.
    pub(super) fn watch_anew(&mut self) {
        if self.shared.features().watches_files {
            return;
        }
        let mut directories = BTreeSet::new();
        for workspace in self.shared.workspaces().iter() {
            if workspace.extent == Extent::Nowhere {
                continue;
            }
            directories.insert(workspace.root);
            let shelf = workspace.shelf();
            let Some(db) = &shelf.db else { continue };
            for file in db.all_files() {
                let above = file.path(db).ancestors().take_while(|directory| directory.starts_with(workspace.root));
                for directory in above {
                    if !directories.insert(directory) {
                        break;
                    }
                }
            }
        }
        if self.watcher.is_none() {
            self.watcher = OwnWatcher::new(&self.shared);
        }
        if let Some(watcher) = &mut self.watcher {
            watcher.set(&directories);
        }
    }
}
