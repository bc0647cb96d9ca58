//! Waiting for the database: what keeps the thread, and with it an event loop, until a statement is answered.

use auditline_syntax::python::ir::Expr;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::key_of_argument;
use crate::eval::value::{InstanceOrigin, Key, SessionValue, Value};
use crate::owner::argument_of;

use super::effects::flag_of;
use super::{EventKind, FrameKind, SessionAction, Unit, When, runs_aside, unit};

/// The first place where a function waits for the database with a synchronous session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocking {
    /// The ordinal of the event.
    pub ordinal: u32,
    /// The synchronous function that is called there and waits; `None` where the function waits itself.
    pub through: Option<(FunctionRef, Option<ClassRef>)>,
    /// Under which flag of the function; [`When::Maybe`] where more than one decides.
    pub when: When,
}

/// Where a function waits for the database with a synchronous session, itself or in synchronous functions that it calls,
/// and not in a thread of its own; `None` where it does not, or where that cannot be told.
///
/// In a synchronous function a place that every call comes to goes before one that a flag decides on: its callers say which
/// flags they hand in.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub fn blocking(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Option<Blocking> {
    let unit = unit(db, of, receiver);
    let is_async = head(db, of)?.is_async;
    let mut places = unit.numbered().filter_map(|(ordinal, _)| blocking_at(db, &unit, ordinal, is_async));
    let first = places.next()?;
    if first.when == When::Always || is_async {
        return Some(first);
    }
    Some(places.find(|place| place.when == When::Always).unwrap_or(first))
}

/// The places of which [`blocking`] is the first.
pub(super) fn blocking_places(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Vec<Blocking> {
    let unit = unit(db, of, receiver);
    let is_async = head(db, of).is_some_and(|body| body.is_async);
    unit.numbered().filter_map(|(ordinal, _)| blocking_at(db, &unit, ordinal, is_async)).collect()
}

/// The same for one event; a coroutine, which nobody calls with flags that are looked at, has to say itself what it hands on.
fn blocking_at(db: &dyn Db, unit: &Unit, ordinal: u32, in_coroutine: bool) -> Option<Blocking> {
    let event = unit.events.get(ordinal as usize)?;
    if unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed) {
        return None;
    }
    let when = when(unit, ordinal);
    if let EventKind::Call { callee, receiver, arguments, .. } = &event.kind {
        let body = head(db, *callee)?;
        // A coroutine is judged by itself; a generator runs where it is iterated.
        if body.is_async || (body.is_generator && !classes::is_context_manager(db, *callee)) {
            return None;
        }
        // What a decorator hands to a thread keeps no loop waiting.
        if runs_aside(db, *callee) || is_awaited(unit, ordinal) && classes::has_foreign_decorator(db, *callee) {
            return None;
        }
        // A function that is handed an asynchronous session sends nothing by it, whatever its annotation says.
        let is_async = |value: &Value| value.session().is_some_and(|session| session.is_async == Some(true));
        if arguments.iter().any(|(_, value)| is_async(value)) {
            return None;
        }
        let inside = blocking(db, *callee, *receiver)?;
        let handed = handed_on(db, *callee, &event.kind, inside.when)?;
        if in_coroutine && handed != When::Always {
            return None;
        }
        let when = both(when, handed);
        return Some(Blocking { ordinal, through: Some((*callee, *receiver)), when });
    }
    let session = statement_session(unit, ordinal)?;
    (session.is_async == Some(false) && !is_awaited(unit, ordinal)).then_some(Blocking { ordinal, through: None, when })
}

/// Under which flag of the function an event happens. Other conditions are left out: they may hold. So is a guard that leaves
/// the function: behind it is the normal path.
fn when(unit: &Unit, ordinal: u32) -> When {
    let Some(event) = unit.events.get(ordinal as usize) else { return When::Always };
    unit.ancestors(event.frame)
        .filter(|(_, frame)| !matches!(frame.kind, FrameKind::Branch { rest: true, .. }))
        .filter_map(|(_, frame)| flag_of(&frame.kind))
        .fold(When::Always, |when, (index, holds)| both(when, When::IfParam(index, holds)))
}

fn both(one: When, two: When) -> When {
    match (one, two) {
        (When::Always, other) | (other, When::Always) => other,
        (one, two) if one == two => one,
        _ => When::Maybe,
    }
}

/// What a callee's flag is in a call: a flag of the caller's own; `None` where the call does not say that it is as wanted.
fn handed_on(db: &dyn Db, callee: FunctionRef, call: &EventKind, when: When) -> Option<When> {
    let (index, wanted) = match when {
        When::Always | When::UnlessParam(..) => return Some(When::Always),
        When::IfParam(index, wanted) => (index, wanted),
        When::Maybe => return None,
    };
    match flag_in(db, callee, call, index) {
        Flag::Is(truth) => (truth == wanted).then_some(When::Always),
        Flag::Param(own) => Some(When::IfParam(own, wanted)),
        Flag::Unknown => None,
    }
}

/// What a flag parameter is in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// It has that truth.
    Is(bool),
    /// What that parameter of the caller is.
    Param(u32),
    /// It cannot be told.
    Unknown,
}

/// What a flag parameter of a function is in a call of it, by what it is given or by its default.
pub(super) fn flag_in(db: &dyn Db, callee: FunctionRef, call: &EventKind, index: u32) -> Flag {
    match argument_of(db, callee, call, index) {
        Some(Value::Bool(value)) => Flag::Is(value),
        Some(Value::None) => Flag::Is(false),
        Some(Value::Instance(instance)) => match instance.origin {
            // It may be `None` there, too.
            InstanceOrigin::Param(own) => Flag::Param(own),
            _ => Flag::Is(true),
        },
        Some(Value::Session(_) | Value::Factory(_) | Value::Dict(_)) => Flag::Is(true),
        Some(Value::Param(own)) => Flag::Param(own),
        Some(_) => own_param(db, callee, call, index).map_or(Flag::Unknown, Flag::Param),
        None => {
            let default = head(db, callee).and_then(|body| {
                let default = body.params.get(index as usize)?.default?;
                match &body.code[default] {
                    Expr::Bool(value) => Some(*value),
                    Expr::None => Some(false),
                    _ => None,
                }
            });
            default.map_or(Flag::Unknown, Flag::Is)
        }
    }
}

/// The caller's own parameter that a call hands on for that of the callee.
fn own_param(db: &dyn Db, callee: FunctionRef, call: &EventKind, index: u32) -> Option<u32> {
    let EventKind::Call { keys, object, .. } = call else { return None };
    match key_of_argument(db, callee, keys, object, index)? {
        Key::Given(Value::Param(own)) => Some(*own),
        _ => None,
    }
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
