//! What is installed together: requirement files, what they take in, and the files beside them that speak of the same
//! program.
//!
//! Files that no include, name or place ties together are for different images, and say nothing about each other.

use std::sync::Arc;

use auditline_source::{FileKind, FilePath};
use auditline_syntax::packages::{self, GroupKind, Include, PyProject, Requirement, RequirementFile, Versions};
use auditline_syntax::{Name, TextRange};
use rustc_hash::FxHashSet;

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

/// The packages that some requirement of the workspace asks for, in the normal form of names.
#[salsa::tracked(returns(ref))]
fn required(db: &dyn Db) -> FxHashSet<Name> {
    let of_kind = |kind: FileKind| db.files().of_kind(db, kind).files(db).clone();
    let mut found = FxHashSet::default();
    for file in of_kind(FileKind::Requirements).iter() {
        found.extend(requirement_file(db, *file).requirements.iter().map(|requirement| requirement.package));
    }
    for file in of_kind(FileKind::PyProject).iter() {
        let project = project_file(db, *file);
        found
            .extend(project.groups.iter().flat_map(|group| &group.requirements).map(|requirement| requirement.package));
    }
    found
}

/// Whether some requirement of the workspace asks for the package that has a module of that name, as most have.
#[must_use]
pub fn is_required(db: &dyn Db, module: &str) -> bool {
    required(db).contains(&Name::new(&module.to_ascii_lowercase().replace('_', "-")))
}

/// Whether some requirement of the workspace keeps a package out of a range of versions: `>=2.1` where `sqlalchemy<2.1` is
/// asked for. The package in the normal form of names.
#[salsa::tracked(returns(copy))]
pub fn is_kept_from(db: &dyn Db, package: Name, versions: Name) -> bool {
    let Some(versions) = Versions::parse(&versions) else { return false };
    let keeps = |requirement: &Requirement| requirement.package == package && requirement.versions.exclude(&versions);
    let of_kind = |kind: FileKind| db.files().of_kind(db, kind).files(db).clone();
    of_kind(FileKind::Requirements).iter().any(|file| requirement_file(db, *file).requirements.iter().any(keeps))
        || of_kind(FileKind::PyProject)
            .iter()
            .any(|file| project_file(db, *file).groups.iter().any(|group| group.requirements.iter().any(keeps)))
}

/// The commands of a file that install several requirement files at once: those that are found, with their places.
#[salsa::tracked(returns(clone))]
pub fn installed_together(db: &dyn Db, file: SourceFile) -> Arc<Vec<Vec<(SourceFile, TextRange)>>> {
    const KINDS: &[FileKind] = &[FileKind::Dockerfile, FileKind::Ci, FileKind::Makefile, FileKind::Shell];
    let Some(text) = file.content(db).text().filter(|_| KINDS.contains(&file.kind(db))) else { return Arc::default() };
    let commands = packages::installs(text.text());
    let found = commands.iter().map(|command| {
        command.iter().filter_map(|include| Some((installed(db, file, &include.path)?, include.range))).collect()
    });
    Arc::new(found.filter(|files: &Vec<_>| files.len() > 1).collect())
}

/// The requirement file that a command means. In which directory it runs is not known: the file's own and those above are
/// tried, and then, for a file that an image holds elsewhere, the only one of that name.
fn installed(db: &dyn Db, file: SourceFile, path: &str) -> Option<SourceFile> {
    let is_one = |file: &SourceFile| file.kind(db) == FileKind::Requirements;
    let mut directory = file.path(db).parent();
    while let Some(current) = directory.filter(|_| !path.starts_with('/')) {
        if let Some(found) = db.files().existing(db, current.join(path)).filter(is_one) {
            return Some(found);
        }
        directory = current.parent();
    }
    let name = path.rsplit('/').next()?;
    let files = db.files().of_kind(db, FileKind::Requirements).files(db).clone();
    let mut named = files.iter().filter(|other| other.path(db).file_name() == name);
    named.next().filter(|_| named.next().is_none()).copied()
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
