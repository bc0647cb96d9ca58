//! Waiting for the database: what keeps the thread, and with it an event loop, until a statement is answered.

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::value::{SessionValue, Value};

use super::{EventKind, FrameKind, SessionAction, Unit, unit};

/// The first place where a function waits for the database with a synchronous session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocking {
    /// The ordinal of the event.
    pub ordinal: u32,
    /// The synchronous function that is called there and waits; `None` where the function waits itself.
    pub through: Option<(FunctionRef, Option<ClassRef>)>,
}

/// Where a function waits for the database with a synchronous session, itself or in synchronous functions that it calls,
/// and not in a thread of its own; `None` where it does not, or where that cannot be told.
#[salsa::tracked(returns(copy), cycle_result = not_blocking)]
pub fn blocking(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Option<Blocking> {
    let unit = unit(db, of, receiver);
    unit.numbered().find_map(|(ordinal, event)| {
        let handed = unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed);
        if handed {
            return None;
        }
        if let EventKind::Call { callee, receiver, arguments, .. } = &event.kind {
            let body = head(db, *callee)?;
            // A coroutine is judged by itself; a generator runs where it is iterated.
            if body.is_async || (body.is_generator && !classes::is_context_manager(db, *callee)) {
                return None;
            }
            // A function that is handed an asynchronous session sends nothing by it, whatever its annotation says.
            let is_async = |value: &Value| value.session().is_some_and(|session| session.is_async == Some(true));
            if arguments.iter().any(|(_, value)| is_async(value)) {
                return None;
            }
            blocking(db, *callee, *receiver)?;
            return Some(Blocking { ordinal, through: Some((*callee, *receiver)) });
        }
        let session = statement_session(&unit, ordinal)?;
        (session.is_async == Some(false) && !is_awaited(&unit, ordinal)).then_some(Blocking { ordinal, through: None })
    })
}

fn not_blocking(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _receiver: Option<ClassRef>) -> Option<Blocking> {
    None
}

/// The session to which the function itself sends a statement in an event.
fn statement_session(unit: &Unit, ordinal: u32) -> Option<&SessionValue> {
    let event = unit.events.get(ordinal as usize)?;
    let session = match &event.kind {
        EventKind::Load { query, by: None, .. } | EventKind::Execute(query) => query.session.as_deref()?,
        EventKind::Refresh { session, .. } => session,
        EventKind::Session {
            session,
            action: SessionAction::Flush | SessionAction::Commit | SessionAction::Savepoint,
            by: None,
            ..
        } => session,
        _ => return None,
    };
    // What a callee does is told at the call.
    let inherited = unit.events[..ordinal as usize]
        .iter()
        .any(|other| other.range == event.range && matches!(other.kind, EventKind::Call { .. }));
    (!inherited).then_some(session)
}

/// Whether the event is awaited: then its session is no synchronous one, whatever its annotation says.
pub(super) fn is_awaited(unit: &Unit, ordinal: u32) -> bool {
    let Some(event) = unit.events.get(ordinal as usize) else { return false };
    unit.events[ordinal as usize..].iter().any(|other| {
        matches!(other.kind, EventKind::Await)
            && other.range.end() == event.range.end()
            && other.range.contains_range(event.range)
    })
}
