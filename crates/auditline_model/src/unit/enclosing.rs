//! What a context manager does around the block of its `with`, with a session that it has not opened.

use std::sync::Arc;

use crate::eval::value::{SessionValue, TransactionKind};

use super::effects::{session_target, when};
use super::{Event, EventKind, FrameId, FrameKind, SessionAction, Target, Unit, When, same_session};

/// What leaving the block does with a session of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosing {
    /// The session, in terms of the context manager's parameters.
    pub session: Arc<SessionValue>,
    /// When it commits where nothing fails.
    pub commits: Option<When>,
    /// Whether it rolls back, or closes, where something fails.
    pub heals: bool,
    /// When it closes the session, whether something fails or not.
    pub closes: Option<When>,
    /// Whether the block is a savepoint.
    pub is_savepoint: bool,
}

/// What a generator does around its `yield` with sessions that its caller can see.
pub(super) fn enclosing(unit: &Unit) -> Vec<Enclosing> {
    let yields: Vec<u32> = unit
        .numbered()
        .filter(|(_, event)| matches!(event.kind, EventKind::Yield(_)))
        .map(|(ordinal, _)| ordinal)
        .collect();
    // Of several, one is where it hands out in the end: `if nested: yield …; return`.
    let Some(last) = yields.last().and_then(|ordinal| unit.events.get(*ordinal as usize)) else { return Vec::new() };
    let around: Vec<(FrameId, &FrameKind)> = unit.ancestors(last.frame).map(|(id, frame)| (id, &frame.kind)).collect();
    let held = around.iter().filter_map(|(_, kind)| match kind {
        FrameKind::WithSession(held) | FrameKind::WithTransaction(held, _) => Some(held),
        _ => None,
    });
    let ended = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Session { session, .. } => Some(session),
        _ => None,
    });
    let mut sessions: Vec<&Arc<SessionValue>> = Vec::new();
    for session in held.chain(ended) {
        let is_known = sessions.iter().any(|known| same_session(known, session));
        if !is_known && session_target(&session.origin) == Target::Visible {
            sessions.push(session);
        }
    }
    let of = |session: &Arc<SessionValue>| {
        let in_transaction = |wanted: fn(TransactionKind) -> bool| {
            around.iter().any(|(_, kind)| match kind {
                FrameKind::WithTransaction(held, kind) => same_session(held, session) && wanted(*kind),
                _ => false,
            })
        };
        let in_session =
            around.iter().any(|(_, kind)| matches!(kind, FrameKind::WithSession(held) if same_session(held, session)));
        let commit =
            || behind(unit, &yields, session, SessionAction::Commit).find(|(_, event)| !is_in_except(unit, event));
        let close = || {
            behind(unit, &yields, session, SessionAction::Close).find(|(_, event)| is_in_finally(unit, event, &around))
        };
        Enclosing {
            session: Arc::clone(session),
            commits: if in_transaction(TransactionKind::commits) {
                Some(When::Always)
            } else {
                commit().map(|(_, event)| when(unit, event, last.frame))
            },
            heals: yields.iter().all(|ordinal| unit.guard(*ordinal, session).is_some()),
            closes: if in_session {
                Some(When::Always)
            } else {
                close().map(|(_, event)| when(unit, event, last.frame))
            },
            is_savepoint: in_transaction(|kind| kind == TransactionKind::Savepoint),
        }
    };
    sessions.into_iter().map(of).filter(Enclosing::does_something).collect()
}

impl Enclosing {
    fn does_something(&self) -> bool {
        self.commits.is_some() || self.heals || self.closes.is_some() || self.is_savepoint
    }
}

/// The events behind the last `yield` that end a session in that way.
fn behind<'a>(
    unit: &'a Unit,
    yields: &'a [u32],
    session: &'a SessionValue,
    wanted: SessionAction,
) -> impl Iterator<Item = (u32, &'a Event)> {
    let after = yields.last().copied().unwrap_or(u32::MAX);
    unit.numbered().filter(move |(ordinal, event)| match &event.kind {
        EventKind::Session { session: own, action, .. } => {
            *ordinal > after && *action == wanted && same_session(own, session)
        }
        _ => false,
    })
}

fn is_in_except(unit: &Unit, event: &Event) -> bool {
    unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::Handler(..)))
}

/// Whether an event stands in the `finally` of a `try` around the `yield`.
fn is_in_finally(unit: &Unit, event: &Event, around: &[(FrameId, &FrameKind)]) -> bool {
    unit.ancestors(event.frame).any(|(_, frame)| match frame.kind {
        FrameKind::Finally(of) => around.iter().any(|(_, kind)| matches!(kind, FrameKind::Try(id) if *id == of)),
        _ => false,
    })
}
