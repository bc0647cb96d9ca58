//! Modules that no import can reach, because a package of the same name stands beside them.

use auditline_source::{FileKind, FilePath};

use crate::db::{Db, SourceFile};

/// The `__init__.py` of the package that hides a module: `models/__init__.py` for `models.py`.
#[must_use]
pub fn hiding_package(db: &dyn Db, module: SourceFile) -> Option<SourceFile> {
    let path = module.path(db);
    if module.kind(db) != FileKind::Python || path.stem() == "__init__" {
        return None;
    }
    init(db, path.parent()?.join(path.stem()))
}

/// The module that a package hides: `models.py` for `models/__init__.py`.
#[must_use]
pub fn hidden_module(db: &dyn Db, package: SourceFile) -> Option<SourceFile> {
    let path = package.path(db);
    if path.file_name() != "__init__.py" {
        return None;
    }
    let directory = path.parent()?;
    db.files().existing(db, directory.parent()?.join(&format!("{}.py", directory.file_name())))
}

fn init(db: &dyn Db, directory: FilePath) -> Option<SourceFile> {
    db.files().existing(db, directory.join("__init__.py"))
}
