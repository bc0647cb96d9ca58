//! What a build context leaves out, and what a repository does not hold.

use std::sync::Arc;

use auditline_source::{FileKind, FilePath};
use auditline_syntax::TextRange;
use auditline_syntax::docker::{DockerIgnore, GitIgnore};

use super::tree::{Entry, files_below};
use crate::db::{Db, SourceFile};

/// How many paths below an excluded directory are looked at for one that an exception keeps.
const MAX_PATHS: usize = 5_000;

#[salsa::tracked(returns(clone))]
fn docker_ignore(db: &dyn Db, file: SourceFile) -> Arc<DockerIgnore> {
    Arc::new(file.content(db).text().map(|text| DockerIgnore::new(text.text())).unwrap_or_default())
}

#[salsa::tracked(returns(clone))]
fn git_ignore(db: &dyn Db, file: SourceFile) -> Arc<GitIgnore> {
    Arc::new(file.content(db).text().map(|text| GitIgnore::new(text.text())).unwrap_or_default())
}

/// The file that says what a build with this Dockerfile leaves out of this context: the Dockerfile's own, or that of
/// the context.
#[must_use]
pub fn left_out_by(db: &dyn Db, dockerfile: SourceFile, context: FilePath) -> Option<SourceFile> {
    let path = dockerfile.path(db);
    let own = path.parent()?.join(&format!("{}.dockerignore", path.file_name()));
    let names = [own, context.join(".dockerignore"), context.join(".containerignore")];
    names.into_iter().find_map(|path| db.files().existing(db, path))
}

/// The pattern that leaves `path` out of the context, if nothing of it is kept. The path is relative to the context.
#[must_use]
pub fn left_out(db: &dyn Db, ignore: SourceFile, context: FilePath, path: &str) -> Option<TextRange> {
    if path.is_empty() {
        return None;
    }
    let rules = docker_ignore(db, ignore);
    let pattern = rules.verdict(path).excluded()?;
    if !rules.has_exceptions() {
        return Some(pattern);
    }
    // Something below an excluded directory may be kept, and then the directory is there.
    if rules.names_below(path) {
        return None;
    }
    let (below, complete) = files_below(db, context.join(path), MAX_PATHS);
    let is_kept =
        |path: FilePath| path.relative_to(context).is_some_and(|relative| rules.verdict(relative).excluded().is_none());
    let keeps = below.iter().any(|(path, entry)| *entry != Entry::Directory && is_kept(*path));
    (complete && !keeps).then_some(pattern)
}

/// Whether git leaves the path out of the repository: then it is made, not written.
#[must_use]
pub fn is_git_ignored(db: &dyn Db, path: FilePath) -> bool {
    let files = db.files().of_kind(db, FileKind::GitIgnore).files(db);
    files.iter().any(|file| {
        let directory = file.path(db).parent();
        let relative = directory.and_then(|directory| path.relative_to(directory)).filter(|path| !path.is_empty());
        relative.is_some_and(|relative| git_ignore(db, *file).verdict(relative, true).excluded().is_some())
    })
}
