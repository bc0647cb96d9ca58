//! What an event asks of a session.

use crate::eval::value::SessionValue;

use super::{EventKind, FrameId, FrameKind, SessionAction, Unit, same_session};

/// What an event asks of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A statement is sent: a load, a bulk statement, a flush or commit, a savepoint.
    Statement,
    /// An object is added or marked for deletion; nothing is sent yet.
    Pending,
    /// The transaction is rolled back, at least to a savepoint, or the session closed.
    End,
}

impl Unit {
    /// What an event asks of that session; `None` where it does not touch it.
    #[must_use]
    pub fn use_of(&self, ordinal: u32, session: &SessionValue) -> Option<Use> {
        match &self.events.get(ordinal as usize)?.kind {
            EventKind::Load { query, .. } | EventKind::Execute(query) => {
                query.session.as_ref().is_some_and(|own| same_session(own, session)).then_some(Use::Statement)
            }
            EventKind::Refresh { session: own, .. } => same_session(own, session).then_some(Use::Statement),
            EventKind::Add { session: own, .. } | EventKind::Delete { session: own, .. } => {
                same_session(own, session).then_some(Use::Pending)
            }
            EventKind::Session { session: own, action, .. } if same_session(own, session) => match action {
                SessionAction::Flush | SessionAction::Commit | SessionAction::Savepoint | SessionAction::Begin => {
                    Some(Use::Statement)
                }
                SessionAction::Rollback | SessionAction::Restore | SessionAction::Close => Some(Use::End),
                SessionAction::Expire => None,
            },
            _ => None,
        }
    }

    /// The first flush or commit that can follow an event: it sends what was pending then.
    #[must_use]
    pub fn flush_behind(&self, ordinal: u32) -> Option<u32> {
        let found = self.numbered().find(|(later, event)| {
            matches!(&event.kind, EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. })
                && *later > ordinal
                && self.can_follow(ordinal, *later)
        });
        found.map(|(later, _)| later)
    }

    /// Whether a loop stands around a frame, inside of another frame.
    #[must_use]
    pub fn in_loop_within(&self, frame: FrameId, within: FrameId) -> bool {
        self.ancestors(frame)
            .take_while(|(id, _)| *id != within)
            .any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }))
    }
}
