//! Which files belong to a workspace.

mod evidence;
mod root;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use auditline_source::{FileKind, FilePath};
use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::pattern::PathPatterns;
use crate::skipped::{SkipReason, Skipped, SpecialFile, is_link_loop};

pub use root::{project_root, workspace_root};

/// The files of a workspace.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The files that are worth reading, sorted.
    pub files: Vec<FilePath>,
    /// What would be worth reading and cannot be reached, sorted.
    pub skipped: Vec<Skipped>,
    /// Each directory that was walked, with the names of all that is in it: also of what is not read. Sorted.
    pub directories: Vec<(FilePath, Vec<String>)>,
}

/// Whether a file of that path is read at all.
#[must_use]
pub fn is_relevant(path: FilePath) -> bool {
    FileKind::of(path) != FileKind::Other
}

/// Finds the files of the workspace at `root`.
///
/// `.gitignore`, `.ignore` and `exclude` are obeyed; hidden files, environments, caches and packages of others are left
/// out. What `wanted` names is taken even if a pattern leaves it out: who asks for a path means it. Symbolic links are
/// not followed: what they lead to inside the workspace is found under its own name.
#[must_use]
pub fn discover(root: FilePath, exclude: &PathPatterns, wanted: &[FilePath], threads: usize) -> Discovered {
    let mut found = walk(root, root, exclude, threads, true);
    for path in wanted.iter().copied().filter(|path| path.starts_with(root) && *path != root) {
        let covered = found.files.iter().any(|file| file.starts_with(path))
            || found.skipped.iter().any(|skipped| skipped.is_below(path.as_str()));
        if covered {
            continue;
        }
        if path.as_path().is_dir() {
            let more = walk(root, path, &PathPatterns::default(), threads, false);
            found.files.extend(more.files);
            found.skipped.extend(more.skipped);
            found.directories.extend(more.directories);
        } else {
            found.files.push(path);
        }
    }
    found.files.sort_unstable();
    found.files.dedup();
    found.skipped.sort_unstable();
    found.skipped.dedup();
    // Who knows of a repository around the workspace knows that not all of it was walked.
    if let Some(repository) = repository_around(root) {
        found.directories.push((repository, vec![".git".to_owned()]));
    }
    found.directories.sort_unstable();
    found.directories.dedup();
    found
}

/// Whether [`discover`] finds the file at `path`, or would find it once it is there. Only the directories on the way to
/// it are looked at.
#[must_use]
pub fn is_discovered(root: FilePath, exclude: &PathPatterns, path: FilePath) -> bool {
    if !path.starts_with(root) || !is_relevant(path) {
        return false;
    }
    // Of what is not there yet the nearest directory that is there has to be walked.
    let exists = |path: &FilePath| path.as_path().symlink_metadata().is_ok();
    let Some(target) = std::iter::once(path).chain(path.ancestors()).find(exists) else { return false };
    if !target.starts_with(root) {
        return false;
    }
    let filter_exclude = exclude.clone();
    let mut builder = builder(root, root, true);
    builder.filter_entry(move |entry| {
        let is_on_the_way = FilePath::new(entry.path()).is_some_and(|entry| target.starts_with(entry));
        is_on_the_way && is_walked(entry, &filter_exclude)
    });
    let reached = builder.build().flatten().find(|entry| FilePath::new(entry.path()) == Some(target));
    let hidden = path.file_name().starts_with('.') && FileKind::of(path).is_python();
    !hidden
        && reached.is_some_and(|entry| {
            entry.file_type().is_some_and(|kind| if target == path { kind.is_file() } else { kind.is_dir() })
        })
}

fn walk(root: FilePath, top: FilePath, exclude: &PathPatterns, threads: usize, obey_ignores: bool) -> Discovered {
    let filter_exclude = exclude.clone();
    let mut builder = builder(root, top, obey_ignores);
    builder.threads(threads).filter_entry(move |entry| is_walked(entry, &filter_exclude));
    let canonical_root = root.as_path().canonicalize().unwrap_or_else(|_| root.as_path().to_path_buf());
    let found = Mutex::new(Discovered::default());
    builder.build_parallel().run(|| {
        let mut local = Local { found: Discovered::default(), shared: &found };
        let canonical_root = canonical_root.clone();
        Box::new(move |entry| {
            match entry {
                Ok(entry) => visit(&entry, &canonical_root, &mut local.found),
                Err(error) => local.found.skipped.extend(walk_error(&error, None)),
            }
            WalkState::Continue
        })
    });
    found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A walk below `top` by the rules of the workspace at `root`.
fn builder(root: FilePath, top: FilePath, obey_ignores: bool) -> WalkBuilder {
    let mut builder = WalkBuilder::new(top.as_path());
    builder
        .hidden(false)
        .follow_links(false)
        .ignore(obey_ignores)
        .git_ignore(obey_ignores)
        .git_exclude(obey_ignores)
        .git_global(obey_ignores)
        // An unpacked archive has a `.gitignore` and no `.git`; the patterns mean the same there.
        .require_git(false)
        .parents(obey_ignores && repository_around(root).is_some());
    builder
}

/// What one thread of the walk found; handed over when the thread ends.
struct Local<'a> {
    found: Discovered,
    shared: &'a Mutex<Discovered>,
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.files.append(&mut self.found.files);
        shared.skipped.append(&mut self.found.skipped);
        shared.directories.append(&mut self.found.directories);
    }
}

/// The repository of which the workspace is only a part.
fn repository_around(root: FilePath) -> Option<FilePath> {
    let holds_repository = |directory: &FilePath| directory.as_path().join(".git").exists();
    if holds_repository(&root) { None } else { root.ancestors().find(holds_repository) }
}

fn is_walked(entry: &DirEntry, exclude: &PathPatterns) -> bool {
    if entry.depth() == 0 {
        return true;
    }
    let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
    if exclude.matches_path(entry.path(), is_dir) {
        return false;
    }
    let Some(name) = entry.file_name().to_str() else { return true };
    if is_dir {
        let hidden = name.starts_with('.') && !evidence::is_kept_hidden(name);
        return !hidden && !evidence::is_foreign(entry.path(), name);
    }
    true
}

fn visit(entry: &DirEntry, canonical_root: &Path, found: &mut Discovered) {
    if let Some(error) = entry.error() {
        tracing::debug!(path = %entry.path().display(), %error, "an ignore file could not be read in full");
    }
    let Some(kind) = entry.file_type() else { return };
    let path = entry.path();
    if kind.is_dir() {
        found.directories.extend(FilePath::new(path).and_then(|directory| Some((directory, names_in(path)?))));
        return;
    }
    let Some(file) = FilePath::new(path) else {
        if is_relevant_by_lossy_name(path) && !kind.is_symlink() {
            found.skipped.push(Skipped::new(path, SkipReason::NameNotUtf8));
        }
        return;
    };
    if kind.is_symlink() {
        found.skipped.extend(judge_link(path, file, canonical_root).map(|reason| Skipped::new(path, reason)));
        return;
    }
    let hidden = file.file_name().starts_with('.');
    if !is_relevant(file) || (hidden && FileKind::of(file).is_python()) {
        return;
    }
    match SpecialFile::of(kind) {
        Some(special) => found.skipped.push(Skipped::new(path, SkipReason::Special(special))),
        None => found.files.push(file),
    }
}

/// The names in a directory that are UTF-8; `None` if it cannot be listed.
fn names_in(directory: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(directory).ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn is_relevant_by_lossy_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    FilePath::from_str(&format!("/{name}")).is_some_and(is_relevant)
}

/// Why a symbolic link is named; `None` for one that leads to something inside, or to something that is not read.
fn judge_link(path: &Path, file: FilePath, canonical_root: &Path) -> Option<SkipReason> {
    match path.canonicalize() {
        Ok(target) => {
            let is_dir = target.is_dir();
            let place = path.parent().and_then(|parent| parent.canonicalize().ok());
            if is_dir && place.is_some_and(|place| place.starts_with(&target)) {
                return Some(SkipReason::LinkLoop);
            }
            let matters = is_dir || is_relevant(file);
            (matters && !target.starts_with(canonical_root)).then_some(SkipReason::LinkLeadsOut)
        }
        Err(error) => match error.kind() {
            _ if is_link_loop(&error) => Some(SkipReason::LinkLoop),
            std::io::ErrorKind::NotFound => is_relevant(file).then_some(SkipReason::LinkDangling),
            _ => is_relevant(file).then(|| SkipReason::from(&error)),
        },
    }
}

fn walk_error(error: &ignore::Error, path: Option<PathBuf>) -> Option<Skipped> {
    match error {
        ignore::Error::WithPath { path, err } => walk_error(err, Some(path.clone())),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => walk_error(err, path),
        ignore::Error::Partial(errors) => errors.iter().find_map(|error| walk_error(error, path.clone())),
        ignore::Error::Loop { child, .. } => Some(Skipped::new(child, SkipReason::LinkLoop)),
        ignore::Error::Io(error) => Some(Skipped::new(&path?, SkipReason::from(error))),
        other => Some(Skipped::new(&path?, SkipReason::Io(other.to_string()))),
    }
}
