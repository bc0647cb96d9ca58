//! Which workspaces there are, and how they are judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auditline_model::RootDatabase;
use auditline_project::{ConfigErrors, is_discovered, project_root, workspace_root};
use auditline_source::FilePath;
use serde_json::Value;
use tower_lsp::ls_types::MessageType;

use super::{Batch, Keeper};
use crate::settings::Settings;
use crate::uri;
use crate::workspace::{Extent, Workspace};

impl Keeper {
    pub(super) fn begin(&mut self, folders: Vec<FilePath>, settings: &Value) {
        self.folders = folders;
        self.take_settings(settings);
    }

    fn take_settings(&mut self, value: &Value) {
        let (settings, problems) = Settings::read(value);
        for problem in problems {
            self.shared.outbox.show(MessageType::WARNING, &format!("Auditline: {problem}"));
        }
        self.shared.set_shown(settings.shown);
        self.settings = settings;
    }

    pub(super) fn set_settings(&mut self, value: &Value, batch: &mut Batch) {
        let before = self.settings.clone();
        self.take_settings(value);
        if self.settings != before {
            self.reload(batch);
            batch.anew = true;
            if self.settings.shown != before.shown {
                // Nothing else need have changed for what is shown to be another.
                for workspace in self.shared.workspaces().iter() {
                    workspace.shelf().generation += 1;
                    batch.touch(workspace);
                }
            }
        }
    }

    /// Makes the workspaces be those of the folders, and finds a home for documents that have lost theirs.
    pub(super) fn arrange(&mut self, batch: &mut Batch) {
        if !self.indexing {
            return;
        }
        let mut wanted: BTreeMap<FilePath, Vec<FilePath>> = BTreeMap::new();
        for folder in &self.folders {
            let folders = wanted.entry(workspace_root(*folder)).or_default();
            if !folders.contains(folder) {
                folders.push(*folder);
            }
        }
        let old = self.shared.workspaces();
        let mut workspaces = Vec::new();
        let mut to_index = Vec::new();
        for (root, folders) in wanted {
            let extent = Extent::Folders(folders);
            match old.iter().find(|workspace| workspace.root == root && workspace.extent != Extent::Loose) {
                Some(same) if same.extent == extent => workspaces.push(Arc::clone(same)),
                Some(other) => {
                    let workspace = Arc::new(other.replaced(extent));
                    if !workspace.is_ready() {
                        to_index.push(Arc::clone(&workspace));
                    }
                    batch.touch(&workspace);
                    workspaces.push(workspace);
                }
                None => {
                    let workspace = Arc::new(self.make(root, extent));
                    to_index.push(Arc::clone(&workspace));
                    workspaces.push(workspace);
                }
            }
        }
        for workspace in old.iter() {
            let stays = match workspace.extent {
                Extent::Folders(_) => workspaces.iter().any(|other| Arc::ptr_eq(other, workspace)),
                // A folder that covers it takes over its documents.
                _ => !workspaces.iter().any(|other| other.root == workspace.root || other.covers(workspace.root)),
            };
            if stays {
                if !workspaces.iter().any(|other| Arc::ptr_eq(other, workspace)) {
                    workspaces.push(Arc::clone(workspace));
                }
            } else {
                workspace.set_gone();
            }
        }
        self.shared.set_workspaces(workspaces);
        to_index.iter().for_each(|workspace| self.start_index(workspace));
        let documents: Vec<FilePath> = self.documents.keys().copied().collect();
        for path in documents {
            self.find_home(path, batch);
            batch.edited.insert(path);
        }
        batch.anew = true;
        self.shared.note_change();
        self.watch_anew();
    }

    fn make(&self, root: FilePath, extent: Extent) -> Workspace {
        let (judge, errors) = self.settings.judge(root);
        self.tell(errors.as_ref());
        Workspace::new(root, extent, judge, errors.map(|errors| errors.0).unwrap_or_default())
    }

    fn tell(&self, errors: Option<&ConfigErrors>) {
        if let Some(errors) = errors {
            self.shared.outbox.show(MessageType::ERROR, &format!("Auditline: {errors}"));
        }
    }

    /// Makes sure that a workspace speaks for a document.
    pub(super) fn find_home(&mut self, path: FilePath, batch: &mut Batch) {
        if !self.indexing || self.shared.workspace_of(path).is_some() {
            return;
        }
        let Some(directory) = path.parent() else { return };
        let (root, extent) = if uri::is_nowhere(path) {
            (directory, Extent::Nowhere)
        } else {
            let home = std::env::home_dir().and_then(|home| FilePath::new(&home));
            match project_root(path).filter(|root| Some(*root) != home && root.parent().is_some()) {
                Some(root) => (root, Extent::Guest),
                None => (directory, Extent::Loose),
            }
        };
        let workspace = Arc::new(self.make(root, extent.clone()));
        // A file of an environment is none of the project around it, and nothing to report on.
        if extent == Extent::Guest {
            let judge = Arc::clone(&workspace.shelf().judge);
            if !is_discovered(root, &judge.config.exclude, path) {
                return;
            }
        }
        let mut workspaces = self.shared.workspaces().to_vec();
        workspaces.push(Arc::clone(&workspace));
        self.shared.set_workspaces(workspaces);
        if extent == Extent::Nowhere {
            workspace.shelf().db = Some(RootDatabase::new(&[root], &[]));
            workspace.set_ready();
            batch.touch(&workspace);
        } else {
            self.start_index(&workspace);
        }
        self.watch_anew();
    }

    /// Lets go of workspaces that were there for a document that is closed.
    pub(super) fn drop_guests(&self, closed: &BTreeSet<FilePath>) {
        let workspaces = self.shared.workspaces();
        let is_needed = |workspace: &Workspace| {
            matches!(workspace.extent, Extent::Folders(_))
                || !closed.iter().any(|path| workspace.covers(*path))
                || self.documents.keys().any(|path| workspace.covers(*path))
        };
        let (kept, dropped): (Vec<_>, Vec<_>) =
            workspaces.iter().map(Arc::clone).partition(|workspace| is_needed(workspace));
        if !dropped.is_empty() {
            self.shared.set_workspaces(kept);
            dropped.iter().for_each(|workspace| workspace.set_gone());
        }
    }

    /// Reads the configuration of every workspace again, and does what follows from it.
    pub(super) fn reload(&mut self, batch: &mut Batch) {
        let roots: BTreeSet<FilePath> = self.folders.iter().map(|folder| workspace_root(*folder)).collect();
        let workspaces = self.shared.workspaces();
        let present = workspaces.iter().filter(|workspace| matches!(workspace.extent, Extent::Folders(_)));
        if self.indexing && present.map(|workspace| workspace.root).collect::<BTreeSet<_>>() != roots {
            self.arrange(batch);
        }
        for workspace in self.shared.workspaces().iter() {
            let (judge, errors) = self.settings.judge(workspace.root);
            let mut shelf = workspace.shelf();
            let errors_now = errors.as_ref().map(|errors| errors.0.clone()).unwrap_or_default();
            if *shelf.judge == judge && *shelf.config_errors == errors_now {
                continue;
            }
            // A mistake in the configuration must not change what is found until it is mended.
            let judge = match &errors {
                Some(_) => self.settings.judge_with(workspace.root, shelf.judge.config.clone()),
                None => judge,
            };
            let reindex = shelf.judge.config.exclude != judge.config.exclude;
            if shelf.judge.config.source_roots != judge.config.source_roots
                && let Some(db) = &mut shelf.db
            {
                db.set_roots(&[workspace.root], &judge.config.source_roots);
            }
            if *shelf.config_errors != errors_now {
                self.tell(errors.as_ref());
            }
            if shelf.judge.config.include_tests != judge.config.include_tests
                && let Some(db) = &mut shelf.db
            {
                db.set_include_tests(judge.config.include_tests);
            }
            shelf.judge = Arc::new(judge);
            shelf.config_errors = Arc::new(errors_now);
            shelf.generation += 1;
            drop(shelf);
            batch.touch(workspace);
            batch.anew = true;
            if reindex {
                self.start_index(workspace);
            }
        }
    }
}
