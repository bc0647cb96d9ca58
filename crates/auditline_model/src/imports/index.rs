//! Where modules and packages of a name stand.

use std::sync::Arc;

use auditline_source::FilePath;
use auditline_syntax::Name;
use rustc_hash::FxHashMap;

use crate::db::{Db, Settings, SourceFile};

/// The directories that hold a module or package of that name, sorted. Directories without any Python file below them are
/// not packages.
#[must_use]
pub fn modules_named(db: &dyn Db, name: Name) -> Arc<[FilePath]> {
    modules_named_query(db, name, ())
}

#[salsa::tracked(returns(clone))]
fn modules_named_query(db: &dyn Db, name: Name, _key: ()) -> Arc<[FilePath]> {
    index(db).get(&name).cloned().unwrap_or_default().into()
}

#[salsa::tracked(returns(clone))]
fn index(db: &dyn Db) -> Arc<FxHashMap<Name, Vec<FilePath>>> {
    let mut found: FxHashMap<Name, Vec<FilePath>> = FxHashMap::default();
    let mut rest: Vec<FilePath> = Settings::get(db).roots(db).clone();
    while let Some(directory) = rest.pop() {
        for entry in db.files().directory(db, directory).entries(db).iter() {
            if let Some(module) = entry.strip_suffix(".py").or_else(|| entry.strip_suffix(".pyi")) {
                found.entry(Name::new(module)).or_default().push(directory);
            } else if !entry.contains('.') {
                let child = directory.join(entry);
                if !db.files().directory(db, child).entries(db).is_empty() {
                    found.entry(Name::new(entry)).or_default().push(directory);
                    rest.push(child);
                }
            }
        }
    }
    for directories in found.values_mut() {
        directories.sort_unstable();
        directories.dedup();
    }
    Arc::new(found)
}

/// The Python modules of the workspace, sorted by path.
#[salsa::tracked(returns(clone))]
pub fn python_files(db: &dyn Db) -> Arc<[SourceFile]> {
    let mut found = Vec::new();
    let mut rest: Vec<FilePath> = Settings::get(db).roots(db).clone();
    while let Some(directory) = rest.pop() {
        for entry in db.files().directory(db, directory).entries(db).iter() {
            let path = directory.join(entry);
            if entry.ends_with(".py") {
                found.extend(db.files().existing(db, path));
            } else if !entry.contains('.') {
                rest.push(path);
            }
        }
    }
    found.sort_by_key(|file| file.path(db));
    found.dedup();
    found.into()
}
