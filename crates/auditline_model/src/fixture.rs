//! Small workspaces in memory, for tests.

use std::sync::Arc;

use auditline_source::{FilePath, SourceText};
use auditline_syntax::Name;

use crate::db::{ClassRef, FileContent, FunctionRef, ParsedModule, RootDatabase, SourceFile};

/// Where the files of a fixture stand.
pub const ROOT: &str = "/ws";

/// A database over files given as path (below [`ROOT`]) and text.
///
/// # Panics
/// If a path is not a path.
#[must_use]
pub fn fixture(files: &[(&str, &str)]) -> RootDatabase {
    let db = RootDatabase::new(&[root()], &[]);
    add(&db, files);
    db
}

/// The root of all fixtures.
///
/// # Panics
/// Never.
#[must_use]
pub fn root() -> FilePath {
    path("")
}

/// A path below the root.
///
/// # Panics
/// If it is not a path.
#[must_use]
pub fn path(relative: &str) -> FilePath {
    match FilePath::from_str(&format!("{ROOT}/{relative}")) {
        Some(path) => path,
        None => panic!("{relative} is not a path"),
    }
}

/// Adds files to a database that was not asked anything yet.
pub fn add(db: &RootDatabase, files: &[(&str, &str)]) {
    for (relative, text) in files {
        db.add_file(path(relative), Arc::new(SourceText::from(*text)));
    }
}

/// Replaces the text of a file, as an editor does.
pub fn edit(db: &mut RootDatabase, relative: &str, text: &str) {
    let source = Arc::new(SourceText::from(text));
    let tree = auditline_syntax::python::parse(text, None);
    let module = Arc::new(ParsedModule::new(auditline_syntax::python::lower(text, &tree)));
    db.set_content(path(relative), FileContent::Open { text: source, module: Some(module) });
}

/// A file of the fixture.
///
/// # Panics
/// If there is none of that path.
#[must_use]
pub fn file(db: &RootDatabase, relative: &str) -> SourceFile {
    match db.file(path(relative)) {
        Some(file) => file,
        None => panic!("no file {relative}"),
    }
}

/// A class by its file and path in it.
#[must_use]
pub fn class(db: &RootDatabase, relative: &str, class: &str) -> ClassRef {
    ClassRef { file: file(db, relative), path: Name::new(class) }
}

/// A function by its file and path in it.
#[must_use]
pub fn function(db: &RootDatabase, relative: &str, function: &str) -> FunctionRef {
    FunctionRef { file: file(db, relative), path: Name::new(function) }
}
