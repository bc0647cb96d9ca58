//! Calls that surely reach another system: what a callee calls it may call at times only.

use crate::db::{ClassRef, Db, FunctionRef, head};

use super::waiting::is_awaited;
use super::{EventKind, FrameId, FrameKind, Reach, Unit, unit};

/// Whether the function that is called at the range of an event runs there, and asks another system each time: itself, or in
/// what it calls.
#[must_use]
pub fn surely_asks(db: &dyn Db, unit: &Unit, ordinal: u32) -> bool {
    let Some(event) = unit.events.get(ordinal as usize) else { return false };
    unit.numbered().take(ordinal as usize).any(|(call, other)| match &other.kind {
        EventKind::Call { callee, receiver, .. } => {
            other.range == event.range && runs_here(db, unit, call, *callee) && asks(db, *callee, *receiver)
        }
        _ => false,
    })
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn asks(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let unit = unit(db, of, receiver);
    unit.numbered().any(|(ordinal, event)| {
        is_always_reached(&unit, event.frame)
            && match &event.kind {
                EventKind::External { reach: Reach::Call, by: None, .. } => true,
                EventKind::Call { callee, receiver, .. } => {
                    runs_here(db, &unit, ordinal, *callee) && asks(db, *callee, *receiver)
                }
                _ => false,
            }
    })
}

/// Whether what stands in a frame happens each time that the function runs, unless something raises.
pub(super) fn is_always_reached(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).all(|(_, frame)| {
        !matches!(frame.kind, FrameKind::Branch { .. } | FrameKind::Handler(..) | FrameKind::Loop { .. })
    })
}

/// Whether what is called at an event runs to its end there: a coroutine does where it is awaited.
pub(super) fn runs_here(db: &dyn Db, unit: &Unit, ordinal: u32, callee: FunctionRef) -> bool {
    head(db, callee).is_some_and(|body| !body.is_generator && (!body.is_async || is_awaited(unit, ordinal)))
}
