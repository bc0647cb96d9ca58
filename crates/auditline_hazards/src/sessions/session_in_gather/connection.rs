//! Whether a session has its connection already.

use auditline_model::eval::value::{SessionOrigin, SessionValue, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::unit::{EventKind, FrameKind, SessionAction, Unit, Use, same_session, sessions_of_call, unit_of};
use auditline_model::{Db, FunctionRef, entry, function};
use auditline_syntax::python::ir::{Expr, ExprId, Function};

/// The methods of a session that send a statement.
const SENDING: &[&str] = &["execute", "scalar", "scalars", "exec", "get", "get_one", "refresh"];

/// How many callers are gone through.
const DEPTH: u32 = 3;

/// Whether a statement has been sent through the session before that event, by the function itself, by what it awaits, or by
/// all that call it, with the truth whether on every way there; `None` where none has, or where the transaction has been ended
/// since, which gives the connection back.
pub(super) fn is_there(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, session: &SessionValue) -> Option<bool> {
    let here = sent_before(db, of, unit, at, session);
    if here != Some(true) && is_there_before(db, of, session, DEPTH) && !ends_before(unit, None, at, session) {
        return Some(true);
    }
    here
}

fn sent_before(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, session: &SessionValue) -> Option<bool> {
    let body = function(db, of);
    let mut found = None;
    for (ordinal, event) in unit.numbered().take(at as usize) {
        let is_awaited = || {
            unit.events.iter().any(|other| {
                matches!(other.kind, EventKind::Await)
                    && other.range.contains_range(event.range)
                    && other.range.end() == event.range.end()
            })
        };
        let sends = match &event.kind {
            // A statement that is not understood: `await db.execute(builder.build())`.
            EventKind::Await => body.as_deref().is_some_and(|body| sends_unread(body, event.range, session)),
            EventKind::Call { arguments, .. } => {
                is_awaited()
                    && (arguments
                        .iter()
                        .any(|(_, value)| matches!(value, Value::Session(own) if same_session(own, session)))
                        || sessions_of_call(db, unit, ordinal).iter().any(|(own, _)| same_session(own, session)))
            }
            _ => unit.use_of(ordinal, session) == Some(Use::Statement) && is_awaited(),
        };
        if !sends || !unit.can_follow(ordinal, at) || ends_before(unit, Some(ordinal), at, session) {
            continue;
        }
        // What a callee does is told of at the call, whether it does so each time or not.
        let is_inherited = || {
            unit.events[..ordinal as usize]
                .iter()
                .any(|other| other.range == event.range && matches!(other.kind, EventKind::Call { .. }))
        };
        let is_sure = match &event.kind {
            EventKind::Call { .. } => surely_sends(db, &event.kind, session, DEPTH),
            EventKind::Session { .. } => false,
            _ => !is_inherited(),
        };
        if is_sure && is_passed(unit, ordinal, at) {
            return Some(true);
        }
        found = Some(false);
    }
    found
}

/// Whether a coroutine that is called with the session sends a statement through it whenever it runs.
fn surely_sends(db: &dyn Db, call: &EventKind, session: &SessionValue, depth: u32) -> bool {
    let EventKind::Call { callee, receiver, .. } = call else { return false };
    let Some((body, depth)) = function(db, *callee).zip(depth.checked_sub(1)) else { return false };
    let inner = auditline_model::unit::unit(db, *callee, *receiver);
    let handed = (0..u32::try_from(body.params.len()).unwrap_or(0)).filter(|index| {
        matches!(argument_of(db, *callee, call, *index), Some(Value::Session(own)) if same_session(&own, session))
    });
    let handed: Vec<SessionOrigin> = handed.map(SessionOrigin::Param).collect();
    inner.numbered().any(|(ordinal, event)| {
        let is_always_reached = inner.ancestors(event.frame).all(|(_, frame)| {
            !matches!(frame.kind, FrameKind::Branch { .. } | FrameKind::Handler(..) | FrameKind::Loop { .. })
        });
        is_always_reached
            && match &event.kind {
                EventKind::Call { arguments, .. } => arguments.iter().any(|(_, value)| {
                    matches!(value, Value::Session(own) if handed.contains(&own.origin)
                        && surely_sends(db, &event.kind, own, depth))
                }),
                EventKind::Load { query, by: None, .. } => query.session.as_ref().is_some_and(|own| {
                    handed.contains(&own.origin) && inner.use_of(ordinal, own) == Some(Use::Statement)
                }),
                EventKind::Refresh { session: own, .. } => handed.contains(&own.origin),
                _ => false,
            }
    })
}

/// Whether every way to an event comes by another that stands before it.
fn is_passed(unit: &Unit, earlier: u32, at: u32) -> bool {
    let (Some(one), Some(two)) = (unit.events.get(earlier as usize), unit.events.get(at as usize)) else {
        return false;
    };
    unit.ancestors(one.frame)
        .take_while(|(id, _)| unit.ancestors(two.frame).all(|(around, _)| around != *id))
        .all(|(_, frame)| matches!(frame.kind, FrameKind::With | FrameKind::WithSession(_)))
}

/// Whether the transaction may be ended before an event, and behind another where there is one: also in a round before, where the first does not stand in the loop.
fn ends_before(unit: &Unit, from: Option<u32>, at: u32, session: &SessionValue) -> bool {
    let frame = |ordinal: u32| unit.events.get(ordinal as usize).map(|event| event.frame);
    let loops = |ordinal: u32| {
        let around = frame(ordinal).into_iter().flat_map(|frame| unit.ancestors(frame));
        around.filter(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. })).map(|(id, _)| id)
    };
    unit.numbered().any(|(ordinal, event)| {
        let ends = matches!(&event.kind, EventKind::Session { session: own, action, .. }
            if matches!(action, SessionAction::Commit | SessionAction::Rollback | SessionAction::Close)
                && same_session(own, session));
        let is_between = from.is_none_or(|from| ordinal >= from) && ordinal < at && unit.can_follow(ordinal, at);
        let is_of_round = ordinal > at
            && loops(at).any(|around| {
                loops(ordinal).any(|other| other == around)
                    && from.is_none_or(|from| loops(from).all(|other| other != around))
            });
        ends && (is_between || is_of_round)
    })
}

/// Whether what is awaited in that place is a statement, whatever it says, through the parameter that the session is.
fn sends_unread(body: &Function, awaited: auditline_syntax::TextRange, session: &SessionValue) -> bool {
    let SessionOrigin::Param(index) = session.origin else { return false };
    let Some(param) = body.params.get(index as usize) else { return false };
    let is_it = |object: ExprId| matches!(&body.code[object], Expr::Name(name) if *name == param.name);
    body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, range)| {
        let Expr::Await(inner) = expr else { return false };
        let Expr::Call { func, .. } = &body.code[*inner] else { return false };
        *range == awaited
            && matches!(&body.code[*func], Expr::Attribute { value, attr } if SENDING.contains(&attr.as_str()) && is_it(*value))
    })
}

/// Whether all that call the function have sent a statement through the session that they hand in.
fn is_there_before(db: &dyn Db, of: FunctionRef, session: &SessionValue, depth: u32) -> bool {
    let (SessionOrigin::Param(index), Some(depth)) = (&session.origin, depth.checked_sub(1)) else { return false };
    if entry::entry_point(db, of).is_some() {
        return false;
    }
    let sites = callers(db, of);
    let mut serving = sites.iter().filter(|site| !entry::is_by_hand(db, site.function.file)).peekable();
    serving.peek().is_some()
        && serving.all(|site| {
            let Some(Value::Session(handed)) = argument_of(db, of, &site.event, *index) else { return false };
            let unit = unit_of(db, site.function);
            sent_before(db, site.function, &unit, site.ordinal, &handed) == Some(true)
                || is_there_before(db, site.function, &handed, depth)
                    && !ends_before(&unit, None, site.ordinal, &handed)
        })
}
