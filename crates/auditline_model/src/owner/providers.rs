//! Providers: generator dependencies and context managers that hand out a session.

use std::sync::Arc;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function};
use crate::eval::value::{InstanceOrigin, SessionOrigin, SessionValue, Value};
use crate::unit::{Breadth, EventKind, FrameKind, Guard, SessionAction, same_session, unit_of};

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
    let commits =
        unit.numbered().any(|(later, event)| {
            later > ordinal
                && matches!(&event.kind, EventKind::Session { session: other, action: SessionAction::Commit, .. }
                    if same_session(other, session))
        }) || unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::WithTransaction(..)))
            || is_committed_by_origin(db, of, session);
    let on_failure = match unit.guard(ordinal, session) {
        Some(Guard::With | Guard::Finally) => OnFailure::Closes,
        Some(Guard::Handler(breadth)) => {
            if closes_in_outer_finally(unit, event.frame, session) {
                OnFailure::Closes
            } else {
                OnFailure::RollsBack { everything: breadth == Breadth::Everything }
            }
        }
        None => by_origin(db, of, session),
    };
    (on_failure, commits)
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
        SessionOrigin::Context(inner) | SessionOrigin::Dependency(crate::symbols::Symbol::Function(inner)) => {
            *inner != of && provider(db, *inner).is_some_and(|provider| provider.commits)
        }
        SessionOrigin::ContextClass(class) => {
            matches!(super::context_class(db, *class), super::Ownership::Managed { commits: true })
        }
        _ => false,
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
