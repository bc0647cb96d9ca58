//! The cure: a savepoint around the insert, and the row of whoever was first where it fails.

use auditline_model::FunctionRef;
use auditline_model::unit::{EventKind, Unit};

use crate::edit::{self, Reload};
use crate::finding::{FileEdit, Fix, Safety};

use super::Creation;

/// The fix, where the row is looked for and created in plain statements of one function.
pub(super) fn fixes(of: FunctionRef, unit: &Unit, creation: &Creation) -> Vec<Fix> {
    let (Some(lookup), Some(create), Some(add)) = (
        unit.events.get(creation.lookup as usize),
        unit.events.get(creation.create as usize),
        unit.events.get(creation.add as usize),
    ) else {
        return Vec::new();
    };
    let here = matches!(&add.kind, EventKind::Add { by: None, .. });
    // What is set later is not there yet when the savepoint writes the row.
    let set_later = unit.numbered().any(|(ordinal, event)| match &event.kind {
        EventKind::Write { row, .. } => {
            ordinal > creation.add && (row.id == creation.create || row.id == creation.lookup)
        }
        _ => false,
    });
    let Some(is_async) = creation.session.is_async else { return Vec::new() };
    if creation.refuses || !here || set_later {
        return Vec::new();
    }
    let reload =
        Reload { lookup: lookup.statement, create: create.statement, add: add.statement, call: add.range, is_async };
    vec![Fix::new(
        "Insert under a savepoint, and load the row again where another request was first",
        Safety::Safe,
        move |db| {
            let document = edit::Document::of(db, of.file)?;
            let scope = document.function(of.path)?;
            let import = edit::add_import(&document, "sqlalchemy.exc", "IntegrityError")?;
            let mut edits = edit::insert_or_reload(scope, reload, &import.name)?;
            edits.extend(import.edits);
            Some(vec![FileEdit { file: of.file, edits: document.checked(edits)? }])
        },
    )]
}
