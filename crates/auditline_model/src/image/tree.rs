//! The files of the workspace as a build context sees them: also those that are not read.

use auditline_source::FilePath;

use crate::db::{Db, Settings, SourceFile};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A file that is read.
    File,
    /// A directory whose entries are known.
    Directory,
    /// A file that is not read, or a directory that nobody looked into.
    Unread,
    /// Nothing.
    Missing,
    /// It cannot be told: outside of the workspace, or below a directory that nobody looked into.
    Unknown,
}

impl Entry {
    /// Whether something is there.
    #[must_use]
    pub fn exists(self) -> bool {
        matches!(self, Self::File | Self::Directory | Self::Unread)
    }
}

/// What stands at a path of the workspace.
#[must_use]
pub fn entry(db: &dyn Db, path: FilePath) -> Entry {
    let roots = Settings::get(db).roots(db);
    let Some(root) = roots.iter().copied().filter(|root| path.starts_with(*root)).min() else { return Entry::Unknown };
    let mut at = root;
    let mut found = Entry::Directory;
    for part in path.relative_to(root).unwrap_or_default().split('/').filter(|part| !part.is_empty()) {
        match found {
            Entry::Directory => {}
            Entry::File => return Entry::Missing,
            Entry::Unread | Entry::Unknown => return Entry::Unknown,
            Entry::Missing => return Entry::Missing,
        }
        found = child(db, at, part);
        at = at.join(part);
    }
    found
}

/// What stands in a directory under that name.
fn child(db: &dyn Db, directory: FilePath, name: &str) -> Entry {
    let files = db.files();
    let path = directory.join(name);
    let listed = files.directory(db, directory);
    if listed.contains(db, name) {
        let is_file = files.get(path).is_some_and(|file| is_text(db, file));
        return if is_file { Entry::File } else { Entry::Directory };
    }
    // A directory may hold nothing that is read, and still be known.
    if !files.directory(db, path).unread(db).is_empty() {
        return Entry::Directory;
    }
    if listed.unread(db).binary_search_by(|entry| (*entry).cmp(name)).is_ok() { Entry::Unread } else { Entry::Missing }
}

/// Whether there is a file; what it holds does not matter, and must not wake who asks.
#[salsa::tracked(returns(copy))]
fn is_text(db: &dyn Db, file: SourceFile) -> bool {
    file.content(db).text().is_some()
}

/// What is directly in a directory, with its names, sorted.
#[must_use]
pub fn children(db: &dyn Db, directory: FilePath) -> Vec<(&'static str, Entry)> {
    let listed = db.files().directory(db, directory);
    let mut names: Vec<&'static str> = listed.entries(db).iter().chain(listed.unread(db).iter()).copied().collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| (name, child(db, directory, name))).collect()
}

/// The paths below a directory, without hidden ones, the shallow ones first; at most `limit`. The flag says whether
/// these are all, with every directory looked into.
#[must_use]
pub fn files_below(db: &dyn Db, directory: FilePath, limit: usize) -> (Vec<(FilePath, Entry)>, bool) {
    let mut found = Vec::new();
    let mut complete = true;
    let mut queue = std::collections::VecDeque::from([directory]);
    while let Some(directory) = queue.pop_front() {
        for (name, entry) in children(db, directory) {
            if found.len() >= limit {
                return (found, false);
            }
            let path = directory.join(name);
            match entry {
                Entry::Directory if !name.starts_with('.') => queue.push_back(path),
                Entry::Directory | Entry::Unread => complete = false,
                _ => {}
            }
            found.push((path, entry));
        }
    }
    (found, complete)
}

/// A path of a Dockerfile made clean: without `.`, `..` and slashes at its ends. `..` does not lead out of the context.
#[must_use]
pub fn relative(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
