//! The cures: a savepoint around the insert, and the row of whoever was first where it fails; an insert that passes over that
//! row.

use auditline_model::names::files_mentioning;
use auditline_model::tables::{OrmModel, orm_model};
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{Db, FunctionRef};
use auditline_syntax::Name;

use crate::databases::Database;
use crate::edit::{self, Reload};
use crate::finding::{FileEdit, Fix, Safety};

use super::Creation;

/// The fix, where the row is looked for and created in plain statements of one function.
/// `unique` are the columns of the constraint.
pub(super) fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation, unique: &[Name]) -> Vec<Fix> {
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
    let Some(is_async) = creation.session.as_ref().and_then(|session| session.is_async) else { return Vec::new() };
    let is_row = matches!(&lookup.kind, EventKind::Load { query, row: Some(_), many: false, .. } if query.entities);
    if creation.refuses || !here || set_later || !is_row {
        return Vec::new();
    }
    let reload =
        Reload { lookup: lookup.statement, create: create.statement, add: add.statement, call: add.range, is_async };
    let mut fixes = vec![Fix::new(
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
    )];
    fixes.extend(upsert(db, of, creation, reload, unique));
    fixes
}

/// PostgreSQL's `INSERT … ON CONFLICT DO NOTHING`, where the row is made from values of its columns.
fn upsert(db: &dyn Db, of: FunctionRef, creation: &Creation, reload: Reload, unique: &[Name]) -> Option<Fix> {
    let class = creation.model;
    let model = orm_model(db, class)?;
    let named = unique.iter().all(|column| is_plain(&model, *column));
    if !named || unique.is_empty() || model.custom_init || !Database::PostgreSql.is_spoken(db) || !is_second(db) {
        return None;
    }
    let unique = unique.to_vec();
    let title = "Insert with `ON CONFLICT DO NOTHING`, and load the row where another request was first";
    Some(Fix::new(title, Safety::Unsafe, move |db| {
        let model = orm_model(db, class)?;
        let document = edit::Document::of(db, of.file)?;
        let import = edit::add_import(&document, "sqlalchemy.dialects.postgresql", "insert")?;
        let scope = document.function(of.path)?;
        let mut edits = edit::insert_or_nothing(scope, reload, &import.name, &unique, &|name| is_plain(&model, name))?;
        edits.extend(import.edits);
        Some(vec![FileEdit { file: of.file, edits: document.checked(edits)? }])
    }))
}

/// Whether a name is a column, and the column is called so.
fn is_plain(model: &OrmModel, name: Name) -> bool {
    model.column(name).is_some_and(|column| column.column_name.is_none_or(|own| own == name))
}

/// Whether the code is written for SQLAlchemy 2, where an `INSERT` returns rows of a class.
fn is_second(db: &dyn Db) -> bool {
    ["mapped_column", "DeclarativeBase", "SQLModel", "async_sessionmaker"].iter().any(|word| mentions(db, word))
}

fn mentions(db: &dyn Db, word: &str) -> bool {
    !files_mentioning(db, word).is_empty()
}
