//! What can go wrong in a part of a function, other than that the connection or the process goes.

use auditline_model::unit::{EventKind, FrameKind, SessionAction, Unit, unit_of};
use auditline_model::{Db, FunctionRef};

use super::refusable;

/// How many calls deep it is looked for an error that is raised.
const DEPTH: u32 = 3;

/// Whether one of these events may fail, or leads to one that does: an error is raised, another system is asked, data can make
/// a write fail.
pub(crate) fn may_fail(db: &dyn Db, of: FunctionRef, unit: &Unit, mut events: impl Iterator<Item = u32>) -> bool {
    events.any(|ordinal| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Raise | EventKind::External { .. }) => true,
        Some(EventKind::Call { callee, .. }) => raises(db, *callee, DEPTH),
        Some(
            EventKind::Execute(_) | EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. },
        ) => refusable::refused(db, of, ordinal).is_for_data(),
        _ => false,
    })
}

/// Whether a function raises an error that none of its handlers catches.
fn raises(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let unit = unit_of(db, of);
    unit.events.iter().any(|event| {
        let is_error = match &event.kind {
            EventKind::Raise => true,
            EventKind::Call { callee, .. } => depth > 0 && raises(db, *callee, depth - 1),
            _ => false,
        };
        let is_caught = || {
            unit.ancestors(event.frame).any(|(_, frame)| match frame.kind {
                FrameKind::WithSuppress => true,
                FrameKind::Try(id) => unit
                    .tries
                    .get(id.0 as usize)
                    .is_some_and(|guarded| guarded.handlers.iter().any(|handler| !handler.raises)),
                _ => false,
            })
        };
        is_error && !is_caught()
    })
}
