//! Guards that only keep something from happening too often.

use auditline_model::tables::TypeFamily;
use auditline_model::unit::{Condition, EventKind, FrameId, FrameKind, Subject, Test, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, tables};
use auditline_syntax::Name;

use super::check_then_create::makes;
use super::dependence::{Overwrite, decisive, is_effect, is_time};
use super::written::written;

/// Whether a guard only keeps something from happening too often: it asks how long ago it was, and the write sets that to now.
/// What is entered besides, a bonus in a ledger, is entered twice, and what is made elsewhere is made twice.
pub(super) fn only_throttles(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> bool {
    let Some(event) = unit.events.get(write as usize) else { return false };
    let Some(own) = written(&event.kind) else { return false };
    let overwrite = Overwrite::of(db, &own, write, own.row.model);
    let Some((guarded, condition)) = decisive(db, of, unit, &overwrite) else { return false };
    overwrite.is_now()
        && match condition.test {
            Test::Order => true,
            Test::Present => is_time(overwrite.family) && asks_how_long(unit, guarded, &condition.subject),
            Test::EqualsConstant | Test::EqualsOther | Test::Class => false,
        }
        && !enters(db, of, unit, guarded, overwrite.row)
}

/// Whether a guard asks how long something is ago as well: `if row.sent_at and now < row.sent_at + DAY: return`, and the same
/// with seconds since the epoch.
fn asks_how_long(unit: &Unit, guarded: FrameId, subject: &Subject) -> bool {
    match unit.frames.get(guarded.0 as usize).map(|frame| &frame.kind) {
        Some(FrameKind::Branch { conditions, .. }) => {
            conditions.iter().any(|other| other.test == Test::Order && other.subject == *subject)
        }
        _ => false,
    }
}

/// Whether such a guard lets something be entered or made, which is there twice where two come by it.
pub(super) fn enters_twice(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    guarded: FrameId,
    condition: &Condition,
    write: &Overwrite<'_>,
) -> bool {
    is_time(write.family)
        && asks_how_long(unit, guarded, &condition.subject)
        && enters(db, of, unit, guarded, write.row)
}

/// Whether something is entered or made in a frame that is there twice where two come to it.
fn enters(db: &dyn Db, of: FunctionRef, unit: &Unit, guarded: FrameId, row: u32) -> bool {
    unit.events_in(guarded).any(|(_, event)| match &event.kind {
        // A request of HTTP may be a message or a report.
        EventKind::External { creates, path, .. } => {
            *creates && !matches!(path.rsplit('.').next(), Some("post" | "put"))
        }
        // What the database adds up is entered once more, in this row as in another.
        EventKind::Write { row, column, in_sql: true, .. } => is_sum(db, row.model, *column),
        EventKind::Call { callee, .. } if *callee != of => makes(db, *callee),
        kind => is_effect(kind, row),
    })
}

/// Whether a column holds a number.
fn is_sum(db: &dyn Db, class: Option<ClassRef>, column: Name) -> bool {
    let model = class.and_then(|class| tables::orm_model(db, class));
    let family = model.and_then(|model| model.column(column).map(|column| column.family));
    matches!(family, Some(TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Numeric | TypeFamily::Float))
}
