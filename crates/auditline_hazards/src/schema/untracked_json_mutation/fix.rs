//! Saying that a column has changed.

use auditline_model::{Db, FunctionRef};
use auditline_syntax::{Name, TextRange};

use super::object_of;
use crate::edit::{self, Document};
use crate::finding::FileEdit;

/// `flag_modified(row, "data")` behind the statement, with its import.
pub(super) fn flag(db: &dyn Db, of: FunctionRef, statement: TextRange, name: Name) -> Option<Vec<FileEdit>> {
    let document = Document::of(db, of.file)?;
    let scope = document.function(of.path)?;
    let object = scope.text(object_of(scope.code, statement, name)?);
    // A name or chain of names can be said twice; a call would run twice.
    if !object.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.')) {
        return None;
    }
    let import = edit::add_import(&document, "sqlalchemy.orm.attributes", "flag_modified")?;
    let call = format!("{}({object}, \"{name}\")", import.name);
    let mut edits = edit::insert_after(scope, statement, &call)?;
    edits.extend(import.edits);
    Some(vec![FileEdit { file: of.file, edits: document.checked(edits)? }])
}
