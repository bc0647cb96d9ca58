//! Rows that are guarded by the lock of another row: who locks the owner first lets nobody else at what it owns.

use auditline_model::eval::value::{Lock, RowOrigin, RowValue, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::tables::AttributeKind;
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, entry, tables};
use auditline_syntax::Name;

/// Whether a row that is tied to this one by a foreign key was locked before this one was loaded: in this function, or by
/// every caller that hands it in.
pub(super) fn locks_owner(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let Some(model) = row.model else { return false };
    let loaded = match row.origin {
        RowOrigin::Loaded { .. } => row.id.min(write),
        _ => write,
    };
    unit.events.iter().take(loaded as usize).any(|event| match &event.kind {
        EventKind::Load { query, .. } => {
            query.lock == Lock::Yes && query.model.is_some_and(|other| tied(db, model, other))
        }
        EventKind::Refresh { row: Some(other), lock: Lock::Yes, .. } => {
            other.model.is_some_and(|other| tied(db, model, other))
        }
        EventKind::Read { row: other, .. } => match (&other.origin, other.model) {
            (RowOrigin::Param(index), Some(other)) => tied(db, model, other) && comes_locked(db, of, *index),
            _ => false,
        },
        _ => false,
    })
}

/// Whether every caller hands in a row that it has locked, and there is one.
fn comes_locked(db: &dyn Db, of: FunctionRef, parameter: u32) -> bool {
    let sites = callers(db, of);
    let mut served = sites.iter().filter(|site| !entry::is_test(db, site.function.file)).peekable();
    served.peek().is_some()
        && served.all(|site| match argument_of(db, of, &site.event, parameter) {
            Some(Value::Row(row)) => matches!(row.origin, RowOrigin::Loaded { lock: Lock::Yes, .. }),
            _ => false,
        })
}

/// Whether a foreign key or relationship leads from one class to the other.
fn tied(db: &dyn Db, one: ClassRef, other: ClassRef) -> bool {
    one != other && (refers(db, one, other) || refers(db, other, one))
}

/// Whether that column of one class is a foreign key to the table of the other.
pub(super) fn points_at(db: &dyn Db, from: ClassRef, column: Name, to: ClassRef) -> bool {
    let (Some(from), Some(table)) = (tables::orm_model(db, from), tables::table_name(db, to)) else { return false };
    from.column(column).and_then(|column| column.foreign_key).is_some_and(|key| {
        let mut parts = key.rsplit('.');
        parts.next();
        parts.next().is_some_and(|named| named == table.as_str())
    })
}

fn refers(db: &dyn Db, from: ClassRef, to: ClassRef) -> bool {
    let Some(from) = tables::orm_model(db, from) else { return false };
    let by_relationship = from
        .attributes
        .iter()
        .any(|attribute| matches!(&attribute.kind, AttributeKind::Relationship(related) if related.target == Some(to)));
    if by_relationship {
        return true;
    }
    let Some(table) = tables::table_name(db, to) else { return false };
    from.columns().any(|(_, column)| {
        column.foreign_key.is_some_and(|key| {
            let mut parts = key.rsplit('.');
            parts.next();
            parts.next().is_some_and(|named| named == table.as_str())
        })
    })
}
