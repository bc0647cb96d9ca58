//! Edits of a function of the database.

use auditline_model::{Db, FunctionRef};
use auditline_source::TextEdit;

use super::{Document, Scope};
use crate::finding::FileEdit;

/// The edits that `build` makes of a function's text, as those of its file.
pub(crate) fn in_function(
    db: &dyn Db,
    of: FunctionRef,
    build: impl FnOnce(Scope<'_>) -> Option<Vec<TextEdit>>,
) -> Option<Vec<FileEdit>> {
    let document = Document::of(db, of.file)?;
    let edits = build(document.function(of.path)?)?;
    Some(vec![FileEdit { file: of.file, edits }])
}
