//! Locks that a function takes with a synchronous session, and what happens while it holds them.

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::value::{Lock, SessionValue};

use super::waiting::is_awaited;
use super::{EventKind, FrameId, FrameKind, SessionAction, Unit, same_session, unit};

/// A place where a function comes to hold a lock of the database, having waited for it on the spot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<'a> {
    /// The ordinal of the event.
    pub ordinal: u32,
    /// The session, where it is this function's to see.
    pub session: Option<&'a SessionValue>,
    /// The function that takes the lock and returns with it.
    pub through: Option<FunctionRef>,
}

/// The locks that a function takes with synchronous sessions, itself or in what it calls, and not in a thread of its own.
#[must_use]
pub fn taken<'a>(db: &dyn Db, unit: &'a Unit) -> Vec<Taken<'a>> {
    unit.numbered()
        .filter(|(_, event)| !unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed))
        .filter_map(|(ordinal, event)| match &event.kind {
            EventKind::Load { query, by, .. } => {
                let session = query.session.as_deref().filter(|session| session.is_async == Some(false))?;
                // What is awaited here is the helper.
                let waits = query.lock == Lock::Yes && query.waits && (by.is_some() || !is_awaited(unit, ordinal));
                waits.then_some(Taken { ordinal, session: Some(session), through: *by })
            }
            EventKind::Execute(query) => {
                let session = query.session.as_deref().filter(|session| session.is_async == Some(false))?;
                let waits = query.lock == Lock::Yes && query.waits && !is_awaited(unit, ordinal);
                waits.then_some(Taken { ordinal, session: Some(session), through: None })
            }
            EventKind::Refresh { session, lock: Lock::Yes, .. } => {
                let waits = session.is_async == Some(false) && !is_awaited(unit, ordinal);
                waits.then_some(Taken { ordinal, session: Some(session), through: None })
            }
            EventKind::Call { callee, receiver, .. } => {
                let body = head(db, *callee)?;
                let runs_now = !body.is_generator && (!body.is_async || is_awaited(unit, ordinal));
                (runs_now && keeps_lock(db, *callee, *receiver)).then_some(Taken {
                    ordinal,
                    session: None,
                    through: Some(*callee),
                })
            }
            _ => None,
        })
        .collect()
}

/// Whether a function returns with a lock that it has taken with a synchronous session of somebody else.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub fn keeps_lock(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let unit = unit(db, of, receiver);
    taken(db, &unit).iter().any(|taken| {
        let ends = unit.numbered().any(|(ordinal, _)| is_end(&unit, taken, ordinal));
        !ends && !is_scoped(&unit, taken)
    })
}

/// Whether a plain function is called by a coroutine, which keeps the event loop waiting as long as it runs: by some caller
/// that hands it to no thread.
#[must_use]
pub fn runs_on_event_loop(db: &dyn Db, of: FunctionRef) -> bool {
    runs_on_event_loop_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn runs_on_event_loop_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    crate::owner::callers(db, of).iter().any(|site| {
        if crate::entry::is_test(db, site.function.file) {
            return false;
        }
        let caller = super::unit_of(db, site.function);
        let handed = caller
            .events
            .get(site.ordinal as usize)
            .is_some_and(|event| caller.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed));
        let Some(body) = head(db, site.function) else { return false };
        !handed && (body.is_async || runs_on_event_loop(db, site.function))
    })
}

/// Whether awaiting a function's coroutine may let the event loop go on with something else.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub fn suspends(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let unit = unit(db, of, receiver);
    unit.numbered().any(|(ordinal, event)| matches!(event.kind, EventKind::Await) && may_suspend(db, &unit, ordinal))
}

/// Whether the `await` at that event may let the event loop go on with something else: a coroutine of the workspace that
/// awaits nothing runs through.
#[must_use]
pub fn may_suspend(db: &dyn Db, unit: &Unit, ordinal: u32) -> bool {
    let Some(event) = unit.events.get(ordinal as usize) else { return false };
    let called = unit.events[..ordinal as usize].iter().rev().find_map(|other| match &other.kind {
        EventKind::Call { callee, receiver, .. }
            if other.range.end() == event.range.end() && event.range.contains_range(other.range) =>
        {
            Some((*callee, *receiver))
        }
        _ => None,
    });
    match called {
        Some((callee, receiver)) if head(db, callee).is_some_and(|body| body.is_async && !body.is_generator) => {
            !classes::decorator_symbols(db, callee).is_empty() || suspends(db, callee, receiver)
        }
        _ => true,
    }
}

/// The first `await` at which the event loop may go on with something else while the lock is held.
#[must_use]
pub fn awaits_while(db: &dyn Db, unit: &Unit, taken: &Taken<'_>) -> Option<u32> {
    let lock = unit.events.get(taken.ordinal as usize)?;
    unit.numbered().skip(taken.ordinal as usize + 1).find_map(|(ordinal, event)| {
        let held = matches!(event.kind, EventKind::Await)
            // What awaits the call that takes the lock.
            && !event.range.contains_range(lock.range)
            && unit.can_follow(taken.ordinal, ordinal)
            && !is_absent(unit, taken.ordinal, event.frame)
            && !is_released(unit, taken, ordinal)
            && may_suspend(db, unit, ordinal);
        held.then_some(ordinal)
    })
}

/// A `return` or `raise` with which the function leaves while the lock is held; `Err` where it is held when control comes to
/// the end of the function.
#[must_use]
pub fn leaves_with(unit: &Unit, taken: &Taken<'_>) -> Option<Result<u32, ()>> {
    if is_scoped(unit, taken) {
        return None;
    }
    let leaves = |ordinal: u32, frame: FrameId| {
        unit.can_follow(taken.ordinal, ordinal)
            && !is_absent(unit, taken.ordinal, frame)
            && !is_released(unit, taken, ordinal)
            && taken.session.is_none_or(|session| unit.guard_of_frame(frame, session).is_none())
    };
    let exit = unit.numbered().skip(taken.ordinal as usize + 1).find_map(|(ordinal, event)| {
        (matches!(event.kind, EventKind::Return(_) | EventKind::Raise) && leaves(ordinal, event.frame))
            .then_some(ordinal)
    });
    if let Some(exit) = exit {
        return Some(Ok(exit));
    }
    let exits = unit.numbered().skip(taken.ordinal as usize + 1).any(|(ordinal, event)| {
        matches!(event.kind, EventKind::Return(_) | EventKind::Raise) && unit.can_follow(taken.ordinal, ordinal)
    });
    let ends = unit.numbered().any(|(ordinal, _)| is_end(unit, taken, ordinal));
    (!exits && !ends).then_some(Err(()))
}

/// Whether what was to be locked was not there in that frame: nothing is locked then.
fn is_absent(unit: &Unit, row: u32, frame: FrameId) -> bool {
    unit.conditions_around(frame).any(|condition| condition.missed_row() == Some(row))
}

/// Whether the event ends the transaction that holds the lock, on a path from it.
fn is_end(unit: &Unit, taken: &Taken<'_>, ordinal: u32) -> bool {
    let Some(event) = unit.events.get(ordinal as usize) else { return false };
    ordinal > taken.ordinal
        && unit.can_follow(taken.ordinal, ordinal)
        && match &event.kind {
            EventKind::Session { session, action, .. } => {
                matches!(action, SessionAction::Commit | SessionAction::Rollback | SessionAction::Close)
                    && taken.session.is_none_or(|own| same_session(own, session))
            }
            _ => false,
        }
}

/// Whether the transaction has ended on every path from the lock to that event.
fn is_released(unit: &Unit, taken: &Taken<'_>, to: u32) -> bool {
    let (Some(lock), Some(event)) = (unit.events.get(taken.ordinal as usize), unit.events.get(to as usize)) else {
        return true;
    };
    let left = unit.ancestors(lock.frame).any(|(id, frame)| {
        ends_transaction(&frame.kind, taken) && !unit.ancestors(event.frame).any(|(other, _)| other == id)
    });
    left || unit.numbered().take(to as usize).any(|(ordinal, end)| {
        is_end(unit, taken, ordinal)
            && unit.can_follow(ordinal, to)
            && (unit.ancestors(event.frame).any(|(id, _)| id == end.frame)
                || unit.ancestors(lock.frame).any(|(id, _)| id == end.frame)
                || in_finally(unit, end.frame))
    })
}

fn in_finally(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| matches!(frame.kind, FrameKind::Finally(_) | FrameKind::Try(_)))
}

/// Whether a `with` around the lock ends the transaction when it is left.
fn is_scoped(unit: &Unit, taken: &Taken<'_>) -> bool {
    unit.events
        .get(taken.ordinal as usize)
        .is_some_and(|lock| unit.ancestors(lock.frame).any(|(_, frame)| ends_transaction(&frame.kind, taken)))
}

fn ends_transaction(kind: &FrameKind, taken: &Taken<'_>) -> bool {
    match kind {
        FrameKind::WithSession(session) => taken.session.is_none_or(|own| same_session(own, session)),
        FrameKind::WithTransaction(session, kind) if kind.commits() => {
            taken.session.is_none_or(|own| same_session(own, session))
        }
        _ => false,
    }
}
