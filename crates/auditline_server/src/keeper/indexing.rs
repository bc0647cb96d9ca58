//! Reading a workspace for the first time, or again from the start.

use std::sync::Arc;

use auditline_model::RootDatabase;
use auditline_project::{
    MAX_FILE_SIZE, Options, Progress, Project, Skipped, Workspace as Judge, is_relevant, read_text,
};
use auditline_source::FilePath;
use tower_lsp::ls_types::MessageType;

use super::{Batch, Event, Keeper};
use crate::progress::Work;
use crate::shared::Shared;
use crate::workspace::{Extent, Workspace};

/// So many files are read that stand beside a document in no project.
const MAX_SIBLINGS: usize = 512;

/// So many files that were left out are named.
const MAX_NAMED: usize = 20;

/// So many files are remembered as they were lowered, those that were looked at last: more than have findings in all but
/// the largest workspaces, since whoever is told of closed files looks at those again after each pause.
const REMEMBERED_FILES: usize = 2048;

impl Keeper {
    /// Starts to read all files of a workspace, on threads of their own.
    pub(super) fn start_index(&self, workspace: &Arc<Workspace>) {
        let run = workspace.next_run();
        let shared = Arc::clone(&self.shared);
        let target = Arc::clone(workspace);
        let judge = Arc::clone(&workspace.shelf().judge);
        let thread = std::thread::Builder::new().name("auditline-index".to_owned()).spawn(move || {
            let (db, skipped) = match target.extent {
                Extent::Loose | Extent::Nowhere => beside(target.root),
                Extent::Folders(_) | Extent::Guest => whole(&shared, &judge),
            };
            shared.tell_keeper(Event::Indexed { workspace: target, run, db: Box::new(db), skipped });
        });
        if let Err(error) = thread {
            self.shared.outbox.show(MessageType::ERROR, &format!("Auditline: the index cannot be made: {error}"));
        }
    }

    /// Takes what the indexer has read, with the documents that are open by now.
    pub(super) fn indexed(
        &mut self,
        workspace: &Arc<Workspace>,
        run: u64,
        mut db: RootDatabase,
        skipped: &[Skipped],
        batch: &mut Batch,
    ) {
        let is_served = self.shared.workspaces().iter().any(|served| Arc::ptr_eq(served, workspace));
        if !workspace.is_last_run(run) || !is_served {
            return;
        }
        self.name(skipped);
        let mut contents = Vec::new();
        for (path, document) in &mut self.documents {
            if workspace.covers(*path) {
                contents.push((*path, document.content()));
            }
        }
        db.remember_at_most(REMEMBERED_FILES);
        let mut shelf = workspace.shelf();
        shelf.db = Some(db);
        shelf.documents = Arc::default();
        for (path, content) in contents {
            self.write_open(&mut shelf, path, content);
        }
        shelf.generation += 1;
        let missed = std::mem::take(&mut shelf.missed);
        drop(shelf);
        workspace.set_ready();
        batch.touch(workspace);
        batch.anew = true;
        if !missed.is_empty() {
            let changes = missed.into_iter().map(|path| super::FileChange { path, is_gone: !path.as_path().exists() });
            self.files_changed(changes.collect(), batch);
        }
        self.watch_anew();
    }

    /// Names what was left out.
    fn name(&self, skipped: &[Skipped]) {
        if skipped.is_empty() {
            return;
        }
        let mut message = format!("{} files cannot be read and are left out:", skipped.len());
        for skipped in skipped.iter().take(MAX_NAMED) {
            message.push_str(&format!("\n  {}: {}", skipped.path, skipped.reason));
        }
        if skipped.len() > MAX_NAMED {
            message.push_str("\n  …");
        }
        self.shared.outbox.log(MessageType::WARNING, &message);
    }
}

/// The files of a project.
fn whole(shared: &Arc<Shared>, judge: &Judge) -> (RootDatabase, Vec<Skipped>) {
    let work = Work::begin(shared, &format!("Auditline: reading {}", judge.root.file_name()));
    let on_progress = |progress| {
        if let Progress::Read { done, total } = progress {
            work.report(done, total);
        }
    };
    let project = Project::open(judge.clone(), &Options::default(), &on_progress);
    work.end();
    match project {
        Ok(project) => project.into_parts(),
        Err(error) => {
            shared.outbox.show(MessageType::ERROR, &format!("Auditline: {error}"));
            (RootDatabase::new(&[judge.root], &judge.config.source_roots), Vec::new())
        }
    }
}

/// The files in one directory, and in none below it.
fn beside(directory: FilePath) -> (RootDatabase, Vec<Skipped>) {
    let mut db = RootDatabase::new(&[directory], &[]);
    let entries = std::fs::read_dir(directory.as_path()).into_iter().flatten().flatten();
    let files = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| FilePath::new(&entry.path()))
        .filter(|path| is_relevant(*path));
    for path in files.take(MAX_SIBLINGS) {
        if let Ok(text) = read_text(path.as_path(), MAX_FILE_SIZE) {
            db.add_file(path, text);
        }
    }
    let entries = std::fs::read_dir(directory.as_path()).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    db.set_listing(directory, names.iter().map(String::as_str));
    (db, Vec::new())
}
