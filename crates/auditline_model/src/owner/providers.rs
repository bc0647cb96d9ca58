//! Providers: generator dependencies and context managers that hand out a session.

use std::sync::Arc;

use auditline_syntax::python::ir::{ArgKind, Expr};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::value::{InstanceOrigin, SessionOrigin, SessionValue, Value};
use crate::unit::{
    Breadth, Condition, Event, EventKind, FrameKind, Guard, SessionAction, Subject, Test, same_session, unit_of,
};

use super::argument_of;

/// What a generator that yields a session does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// What happens when its user fails.
    pub on_failure: OnFailure,
    /// Whether it commits when its user succeeds.
    pub commits: bool,
    /// The ordinal of the `yield`.
    pub yields_at: u32,
}

/// What a provider does when its user fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It closes the session, which rolls back.
    Closes,
    /// It only rolls back; whether also when the user is cancelled.
    RollsBack {
        /// Whether cancellation and other exceptions that are no `Exception` are covered.
        everything: bool,
    },
    /// It does nothing.
    Nothing,
    /// It cannot be told.
    Unknown,
}

/// What a generator function does with the session that it yields; `None` for a function that yields none.
pub fn provider(db: &dyn Db, of: FunctionRef) -> Option<Provider> {
    provider_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn provider_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<Provider> {
    let body = function(db, of)?;
    if !body.is_generator {
        return None;
    }
    let unit = unit_of(db, of);
    let mut result: Option<Provider> = None;
    for (ordinal, event) in unit.numbered() {
        let EventKind::Yield(value) = &event.kind else { continue };
        let Some(session) = handed_out(db, value) else { continue };
        let (on_failure, commits) = at_moment(db, of, &unit, ordinal, session);
        let one = Provider { on_failure, commits, yields_at: ordinal };
        // Of several `yield`s the weakest decides; `Unknown` silences all.
        result = Some(match result {
            None => one,
            Some(before) if before.on_failure == OnFailure::Unknown => before,
            Some(before) if one.on_failure == OnFailure::Nothing || one.on_failure == OnFailure::Unknown => {
                Provider { commits: before.commits && one.commits, ..one }
            }
            Some(before) => Provider { commits: before.commits && one.commits, ..before },
        });
    }
    result
}

/// The session that a dependency hands out in a value: the value itself, or what an object of the workspace was given that
/// ends no session of its own.
#[must_use]
pub fn handed_out<'a>(db: &dyn Db, value: &'a Value) -> Option<&'a Arc<SessionValue>> {
    match value {
        Value::Session(session) => Some(session),
        Value::Instance(instance) if instance.origin == InstanceOrigin::Constructed => {
            let given = instance.arguments.iter().find_map(|(_, value)| match value {
                Value::Session(session) => Some(session),
                _ => None,
            });
            given.filter(|_| !ends_its_session(db, instance.class))
        }
        _ => None,
    }
}

/// Whether a method of a class closes a session that its objects keep, or uses it in a `with`.
#[must_use]
pub fn ends_its_session(db: &dyn Db, class: ClassRef) -> bool {
    let is_kept = |session: &SessionValue| matches!(session.origin, SessionOrigin::SelfAttribute(..));
    classes::all_methods(db, class).into_iter().any(|method| {
        let unit = crate::unit::unit(db, method, Some(class));
        unit.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Session { session, action: SessionAction::Close, .. } if is_kept(session))
        }) || unit.frames.iter().any(|frame| {
            matches!(&frame.kind, FrameKind::WithSession(session) if is_kept(session))
        })
    })
}

/// What a function does with its session when what it waits for at an event fails, and whether it commits behind that.
pub(super) fn at_moment(
    db: &dyn Db,
    of: FunctionRef,
    unit: &crate::unit::Unit,
    ordinal: u32,
    session: &SessionValue,
) -> (OnFailure, bool) {
    let Some(event) = unit.events.get(ordinal as usize) else { return (OnFailure::Unknown, false) };
    let scopes = scopes_around(db, unit, event.frame, session);
    let commits =
        unit.numbered().any(|(later, event)| {
            later > ordinal
                && matches!(&event.kind, EventKind::Session { session: other, action: SessionAction::Commit, .. }
                    if same_session(other, session))
        }) || unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::WithTransaction(..)))
            || is_committed_by_origin(db, of, session)
            || commit_one(&scopes);
    let on_failure = match unit.guard(ordinal, session) {
        Some(Guard::With | Guard::Finally) => OnFailure::Closes,
        Some(Guard::Handler(breadth)) => {
            if closes_in_outer_finally(unit, event.frame, session) {
                OnFailure::Closes
            } else {
                OnFailure::RollsBack { everything: breadth == Breadth::Everything }
            }
        }
        None if !scopes.is_empty() => match by_origin(db, of, session) {
            OnFailure::Closes => OnFailure::Closes,
            _ => OnFailure::RollsBack { everything: true },
        },
        None => by_origin(db, of, session),
    };
    (on_failure, commits)
}

/// Whether an object around an event, which was made with the session, commits it when it is left:
/// `async with UnitOfWork(session) as work:`.
#[must_use]
pub fn is_committed_around(
    db: &dyn Db,
    unit: &crate::unit::Unit,
    frame: crate::unit::FrameId,
    session: &SessionValue,
) -> bool {
    commit_one(&scopes_around(db, unit, frame, session))
}

fn commit_one(scopes: &[super::Ownership]) -> bool {
    scopes.iter().any(|scope| matches!(scope, super::Ownership::Managed { commits: true }))
}

/// What the objects around an event do with the session, which they were made with, when they are left.
fn scopes_around(
    db: &dyn Db,
    unit: &crate::unit::Unit,
    frame: crate::unit::FrameId,
    session: &SessionValue,
) -> Vec<super::Ownership> {
    let holds = |value: &Value| matches!(value, Value::Session(held) if same_session(held, session));
    unit.entered
        .iter()
        .filter(|(entered, _)| unit.ancestors(frame).any(|(around, _)| around == *entered))
        .filter(|(_, instance)| instance.arguments.iter().any(|(_, value)| holds(value)))
        .map(|(_, instance)| super::context_class(db, instance.class))
        .filter(|scope| matches!(scope, super::Ownership::Managed { .. }))
        .collect()
}

fn closes_in_outer_finally(unit: &crate::unit::Unit, frame: crate::unit::FrameId, session: &SessionValue) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit
            .tries
            .get(id.0 as usize)
            .and_then(|info| info.finally)
            .is_some_and(|finally| unit.ends_in(finally, session)),
        FrameKind::WithSession(held) => same_session(held, session),
        _ => false,
    })
}

/// Whether what hands the session to the function commits when the function is done: `async with scope() as session`.
fn is_committed_by_origin(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> bool {
    match &session.origin {
        SessionOrigin::Begun(_) => true,
        SessionOrigin::Context(inner) => *inner != of && context_commits(db, of, *inner),
        SessionOrigin::Dependency(crate::symbols::Symbol::Function(inner)) => {
            *inner != of && provider(db, *inner).is_some_and(|provider| provider.commits)
        }
        SessionOrigin::ContextClass(class) => {
            matches!(super::context_class(db, *class), super::Ownership::Managed { commits: true })
        }
        _ => false,
    }
}

/// Whether a scope of the workspace commits when a function that enters it succeeds: its commit may hang on a flag
/// (`with scope(commit=True) as db`).
pub(super) fn context_commits(db: &dyn Db, of: FunctionRef, scope: FunctionRef) -> bool {
    let Some(provider) = provider(db, scope).filter(|provider| provider.commits) else { return false };
    let Some((flag, wanted)) = commits_if(db, scope, provider.yields_at) else { return true };
    let unit = unit_of(db, of);
    let mut entered =
        unit.events.iter().filter(|event| matches!(event.kind, EventKind::Call { callee, .. } if callee == scope));
    // What is not told may be so.
    entered.clone().next().is_none() || entered.any(|event| flag_in(db, of, scope, event, flag) != Some(!wanted))
}

/// The flag that alone decides whether a generator commits behind its `yield`, with the truth that it must have.
fn commits_if(db: &dyn Db, of: FunctionRef, yields_at: u32) -> Option<(u32, bool)> {
    let unit = unit_of(db, of);
    let in_transaction = unit.events.get(yields_at as usize).is_some_and(|event| {
        unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::WithTransaction(..)))
    });
    if in_transaction {
        return None;
    }
    let commits = unit.numbered().filter(|(at, event)| {
        *at > yields_at && matches!(event.kind, EventKind::Session { action: SessionAction::Commit, .. })
    });
    let mut flags = commits.map(|(_, event)| {
        unit.ancestors(event.frame).find_map(|(_, frame)| match &frame.kind {
            FrameKind::Branch { conditions, .. } => match conditions.as_slice() {
                [Condition { subject: Subject::Param(index), test: Test::Present, holds, .. }] => {
                    Some((*index, *holds))
                }
                _ => None,
            },
            _ => None,
        })
    });
    let first = flags.next()??;
    flags.all(|flag| flag == Some(first)).then_some(first)
}

/// The truth of a flag in a call, by what is handed in or by the default.
fn flag_in(db: &dyn Db, of: FunctionRef, callee: FunctionRef, call: &Event, flag: u32) -> Option<bool> {
    match argument_of(db, callee, &call.kind, flag) {
        Some(Value::Bool(value)) => Some(value),
        Some(Value::None) => Some(false),
        Some(_) => None,
        None => {
            let is_open = function(db, of).is_none_or(|body| {
                body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, range)| match expr {
                    Expr::Call { args, .. } if *range == call.range => {
                        args.iter().any(|arg| matches!(arg.kind, ArgKind::Starred | ArgKind::DoubleStarred))
                    }
                    _ => false,
                })
            });
            let body = head(db, callee).filter(|_| !is_open)?;
            match body.params.get(flag as usize)?.default.map(|default| &body.code[default]) {
                Some(Expr::Bool(value)) => Some(*value),
                Some(Expr::None) => Some(false),
                _ => None,
            }
        }
    }
}

fn by_origin(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> OnFailure {
    match &session.origin {
        SessionOrigin::Opened(_) => OnFailure::Nothing,
        SessionOrigin::Returned(_, inner) if matches!(**inner, SessionOrigin::Opened(_)) => OnFailure::Nothing,
        SessionOrigin::Scoped(_) | SessionOrigin::Begun(_) | SessionOrigin::Registry(_) => OnFailure::Closes,
        SessionOrigin::Context(inner) if *inner != of => {
            provider(db, *inner).map_or(OnFailure::Unknown, |provider| provider.on_failure)
        }
        SessionOrigin::Dependency(crate::symbols::Symbol::Function(inner)) if *inner != of => {
            provider(db, *inner).map_or(OnFailure::Unknown, |provider| provider.on_failure)
        }
        _ => OnFailure::Unknown,
    }
}
