//! Rows that are guarded by the lock of another row: who locks the owner first lets nobody else at what it owns.

use auditline_model::eval::value::{Lock, RowOrigin, RowValue, Value};
use auditline_model::owner::{argument_of, callers};
pub(super) use auditline_model::tables::points_at;
use auditline_model::tables::tied;
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, entry};

use super::held::{at_every_call, left_by_call};

/// How many callers up a lock on the owner is looked for.
const DEPTH: u32 = 3;

/// Whether a row that is tied to this one by a foreign key was locked before this one was loaded: in this function, or by
/// every caller.
pub(super) fn locks_owner(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let Some(model) = row.model else { return false };
    let loaded = match row.origin {
        RowOrigin::Loaded { .. } => row.id.min(write),
        _ => write,
    };
    unit.events.iter().take(loaded as usize).any(|event| match &event.kind {
        EventKind::Read { row: other, .. } => match (&other.origin, other.model) {
            (RowOrigin::Param(index), Some(other)) => tied(db, model, other) && comes_locked(db, of, *index),
            _ => false,
        },
        kind => locks_tied(db, kind, model),
    }) || is_entered_locked(db, of, model, DEPTH)
}

/// Whether all who call a function have locked a row that is tied to rows of the class before they do.
fn is_entered_locked(db: &dyn Db, of: FunctionRef, model: ClassRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    at_every_call(db, of, |site, unit| {
        let mut earlier = unit.numbered().take(site.ordinal as usize);
        earlier.any(|(at, event)| locks_tied(db, &event.kind, model) && unit.can_follow(at, site.ordinal))
            || is_entered_locked(db, site.function, model, depth)
    })
}

/// Whether an event locks a row that is tied to rows of the class by a foreign key.
fn locks_tied(db: &dyn Db, event: &EventKind, model: ClassRef) -> bool {
    let locked = event.row_lock().filter(|lock| lock.is_sure()).and_then(|lock| lock.model);
    locked.is_some_and(|locked| tied(db, model, locked))
        || left_by_call(db, event).iter().flatten().any(|locked| tied(db, model, *locked))
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
