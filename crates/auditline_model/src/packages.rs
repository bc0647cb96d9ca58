//! What is installed together: requirement files, what they take in, and the files beside them that speak of the same
//! program.
//!
//! Files that no include, name or place ties together are for different images, and say nothing about each other.

use std::sync::Arc;

use auditline_source::{FileKind, FilePath};
use auditline_syntax::packages::{self, GroupKind, Include, PyProject, RequirementFile};

use crate::db::{Db, SourceFile};

/// The lowered requirement file; empty for other files.
#[salsa::tracked(returns(clone))]
pub fn requirement_file(db: &dyn Db, file: SourceFile) -> Arc<RequirementFile> {
    match file.content(db).text() {
        Some(text) if file.kind(db) == FileKind::Requirements => Arc::new(packages::requirements(text.text())),
        _ => Arc::default(),
    }
}

/// The lowered `pyproject.toml`; empty for other files. A lock file beside it holds all groups at once.
#[salsa::tracked(returns(clone))]
pub fn project_file(db: &dyn Db, file: SourceFile) -> Arc<PyProject> {
    const LOCKS: &[&str] = &["uv.lock", "poetry.lock", "pdm.lock"];
    match file.content(db).text() {
        Some(text) if file.kind(db) == FileKind::PyProject => {
            let mut project = packages::pyproject(text.text());
            if let Some(directory) = file.path(db).parent() {
                let listed = db.files().directory(db, directory);
                let holds = |name: &&str| {
                    listed.contains(db, name) || listed.unread(db).binary_search_by(|entry| (*entry).cmp(name)).is_ok()
                };
                project.is_locked_as_one |= LOCKS.iter().any(holds);
            }
            Arc::new(project)
        }
        _ => Arc::default(),
    }
}

/// The requirement file that an include means, if it is one of the workspace.
#[must_use]
pub fn included(db: &dyn Db, file: SourceFile, include: &Include) -> Option<SourceFile> {
    let path = file.path(db).parent()?.join(&include.path);
    db.files().existing(db, path).filter(|found| found.kind(db) == FileKind::Requirements && *found != file)
}

/// A requirement file and all that it takes in, itself first.
#[salsa::tracked(returns(clone))]
pub fn taken_in(db: &dyn Db, file: SourceFile) -> Arc<[SourceFile]> {
    const MAX_FILES: usize = 100;
    let mut found = vec![file];
    let mut at = 0;
    while let Some(current) = found.get(at).copied() {
        for include in &requirement_file(db, current).includes {
            if let Some(other) = included(db, current, include)
                && !found.contains(&other)
                && found.len() < MAX_FILES
            {
                found.push(other);
            }
        }
        at += 1;
    }
    found.into()
}

/// Why a file speaks of the same program as a requirement file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tie {
    /// The file was compiled from it: `requirements.in` for `requirements.txt`.
    Source,
    /// What the program needs, where the file is for a stage of its life: `requirements.txt` for `requirements-dev.txt`.
    Main,
    /// The `pyproject.toml` of the program.
    Project,
}

/// The files that speak of the same program as a requirement file, by their names and places.
#[must_use]
pub fn tied(db: &dyn Db, file: SourceFile) -> Vec<(SourceFile, Tie)> {
    let path = file.path(db);
    let Some(directory) = path.parent() else { return Vec::new() };
    let files = db.files();
    let mut found = Vec::new();
    let mut add = |path: FilePath, tie: Tie| {
        if let Some(other) = files.existing(db, path).filter(|other| *other != file) {
            found.push((other, tie));
        }
    };
    if path.extension() == Some("txt") {
        add(directory.join(&format!("{}.in", path.stem())), Tie::Source);
    }
    let Some(role) = role(path) else { return found };
    let extension = path.extension().unwrap_or_default();
    let is_folder = is_requirements(directory.file_name());
    if role == Role::Stage {
        let names: &[&str] = if is_folder { MAIN_IN_FOLDER } else { &["requirements"] };
        for name in names {
            add(directory.join(&format!("{name}.{extension}")), Tie::Main);
        }
    }
    let root = if is_folder { directory.parent().unwrap_or(directory) } else { directory };
    let project = root.join("pyproject.toml");
    let asks =
        |project: SourceFile| project_file(db, project).groups.iter().any(|group| group.kind == GroupKind::Project);
    if files.existing(db, project).is_some_and(asks) {
        add(project, Tie::Project);
    }
    found
}

/// What a folder of requirement files calls the main one.
const MAIN_IN_FOLDER: &[&str] = &["requirements", "base", "main", "common", "core", "default"];
/// The stages of a program's life in which it runs with all that it needs. Documentation, linters and the like are
/// installed alone.
const STAGES: &[&str] = &[
    "dev",
    "develop",
    "development",
    "local",
    "test",
    "tests",
    "testing",
    "ci",
    "stage",
    "staging",
    "prod",
    "production",
    "debug",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Main,
    Stage,
}

fn role(path: FilePath) -> Option<Role> {
    let stem = path.stem().to_ascii_lowercase();
    let is_folder = path.parent().is_some_and(|directory| is_requirements(directory.file_name()));
    let words: Vec<&str> = stem.split(['-', '_', '.']).filter(|word| !is_requirements(word)).collect();
    match words.as_slice() {
        [] => Some(Role::Main),
        [word] if STAGES.contains(word) => Some(Role::Stage),
        [word] if is_folder && MAIN_IN_FOLDER.contains(word) => Some(Role::Main),
        _ => None,
    }
}

fn is_requirements(word: &str) -> bool {
    matches!(word, "requirements" | "requirement" | "reqs")
}
