//! What happens to a session when an event fails.

use crate::eval::libraries::runs_later;
use crate::eval::value::{SessionOrigin, SessionValue, Value};

use super::{Breadth, Event, EventKind, Frame, FrameId, FrameKind, SessionAction, TryId, Unit, Use};

/// What ends the transaction in this function when an event fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A `with` on the session or its transaction.
    With,
    /// A `finally` that rolls back or closes.
    Finally,
    /// A handler that rolls back or closes: what it catches.
    Handler(Breadth),
}

/// Whether a value is the method that closes the session or rolls it back: what is handed it will call it.
fn is_end_of(value: &Value, session: &SessionValue) -> bool {
    match value {
        Value::Method(object, name) => {
            matches!(name.as_str(), "close" | "aclose" | "rollback")
                && object.session().is_some_and(|own| same_session(own, session))
        }
        _ => false,
    }
}

/// Whether two values are one session in one unit.
#[must_use]
pub fn same_session(one: &SessionValue, two: &SessionValue) -> bool {
    match (&one.origin, &two.origin) {
        (SessionOrigin::Opened(_) | SessionOrigin::Scoped(_), SessionOrigin::Opened(_) | SessionOrigin::Scoped(_)) => {
            one.id == two.id
        }
        (SessionOrigin::Registry(_), SessionOrigin::Registry(_)) => true,
        (a, b) => a == b && one.id == two.id,
    }
}

/// Whether what is called leaves with its block what it is handed: a method of an `ExitStack`.
fn is_exit_stack(to: &str) -> bool {
    matches!(to.rsplit('.').next(), Some("enter_context" | "enter_async_context" | "push" | "push_async_exit"))
        && to.contains("ExitStack")
}

impl Unit {
    /// The body that a handler guards, where it catches that a query has found no row.
    fn missed_in(&self, of: TryId, handler: u32) -> Option<FrameId> {
        let handler = self.tries.get(of.0 as usize)?.handlers.get(handler as usize)?;
        let misses = handler.catches.iter().any(|caught| matches!(caught.as_str(), "NoResultFound" | "NoResult"));
        let guarded = self.frames.iter().position(|frame| matches!(&frame.kind, FrameKind::Try(id) if *id == of))?;
        misses.then_some(FrameId(u32::try_from(guarded).ok()?))
    }

    /// The loads that have brought no row where a handler runs.
    #[must_use]
    pub fn missed_loads(&self, of: TryId, handler: u32) -> Vec<u32> {
        let guarded = self.missed_in(of, handler);
        let is_load = |event: &Event| matches!(event.kind, EventKind::Load { .. });
        let loads = guarded.into_iter().flat_map(|guarded| self.events_in(guarded));
        let mut missed: Vec<u32> = loads.filter(|(_, event)| is_load(event)).map(|(ordinal, _)| ordinal).collect();
        let info = self.tries.get(of.0 as usize).and_then(|info| info.handlers.get(handler as usize));
        missed.extend(info.into_iter().flat_map(|info| &info.missed));
        missed
    }

    /// What rolls back or closes the session in this function when the event fails; the nearest one, with handlers that
    /// do not catch every database error left out.
    #[must_use]
    pub fn guard(&self, ordinal: u32, session: &SessionValue) -> Option<Guard> {
        let event = self.events.get(ordinal as usize)?;
        self.guard_of_frame(event.frame, session).or_else(|| self.hands_end_on(ordinal, session).then_some(Guard::With))
    }

    /// Whether somebody else has been told before an event to close the session: `stack.callback(session.close)`,
    /// `stack.enter_context(session)`.
    fn hands_end_on(&self, ordinal: u32, session: &SessionValue) -> bool {
        self.events.iter().take(ordinal as usize).any(|event| match &event.kind {
            EventKind::Given { to, values } => values.iter().any(|(_, value)| {
                // A task behind the answer does not run where the function fails.
                !runs_later(to) && is_end_of(value, session)
                    || is_exit_stack(to) && value.session().is_some_and(|own| same_session(own, session))
            }),
            _ => false,
        })
    }

    /// As [`Unit::guard`], for a failure anywhere in a frame.
    #[must_use]
    pub fn guard_of_frame(&self, frame: FrameId, session: &SessionValue) -> Option<Guard> {
        self.ancestors(frame).find_map(|at| self.guard_at(at, session))
    }

    /// As [`Unit::guard_of_frame`], for one of the frames around the failure.
    pub(super) fn guard_at(&self, (at, frame): (FrameId, &Frame), session: &SessionValue) -> Option<Guard> {
        match &frame.kind {
            FrameKind::WithSession(held) if same_session(held, session) => Some(Guard::With),
            FrameKind::WithTransaction(held, kind) if kind.rolls_back() && same_session(held, session) => {
                Some(Guard::With)
            }
            FrameKind::Try(id) => {
                let info = self.tries.get(id.0 as usize)?;
                let handler = info
                    .handlers
                    .iter()
                    .find(|handler| handler.breadth >= Breadth::AllDatabase)
                    .filter(|handler| {
                        self.ends_in(handler.frame, session) || !handler.exits && self.ends_behind((*id, at), session)
                    })
                    .map(|handler| Guard::Handler(handler.breadth));
                handler
                    .or_else(|| info.finally.filter(|finally| self.ends_in(*finally, session)).map(|_| Guard::Finally))
            }
            FrameKind::Handler(id, _) | FrameKind::Else(id) => {
                let info = self.tries.get(id.0 as usize)?;
                info.finally.filter(|finally| self.ends_in(*finally, session)).map(|_| Guard::Finally)
            }
            _ => None,
        }
    }

    /// Whether a frame rolls the session back or closes it.
    #[must_use]
    pub fn ends_in(&self, frame: FrameId, session: &SessionValue) -> bool {
        self.events_in(frame).any(|(_, event)| match &event.kind {
            EventKind::Session { session: other, action, .. } => {
                matches!(action, SessionAction::Rollback | SessionAction::Restore | SessionAction::Close)
                    && same_session(other, session)
            }
            _ => false,
        })
    }

    /// Whether the session is rolled back or closed behind a `try` in any case, before anything else is done with it.
    fn ends_behind(&self, (id, frame): (TryId, FrameId), session: &SessionValue) -> bool {
        let parts = self.frames.iter().filter(|frame| match &frame.kind {
            FrameKind::Try(of) | FrameKind::Handler(of, _) | FrameKind::Else(of) | FrameKind::Finally(of) => *of == id,
            _ => false,
        });
        let Some(end) = parts.map(|frame| frame.end).max() else { return false };
        let next =
            self.numbered().skip(end as usize).find_map(|(ordinal, event)| match self.use_of(ordinal, session)? {
                Use::End => Some((ordinal, event)),
                _ => None,
            });
        let Some((last, event)) = next else { return false };
        let before = || {
            (end..last).all(|ordinal| {
                self.use_of(ordinal, session).is_none()
                    && self.events.get(ordinal as usize).is_some_and(|other| match other.kind {
                        EventKind::Return(_) | EventKind::Raise => false,
                        EventKind::Call { .. } => other.range == event.range,
                        _ => true,
                    })
            })
        };
        let sure = matches!(event.kind, EventKind::Session { maybe: false, .. });
        let always = self
            .ancestors(event.frame)
            .take_while(|(id, _)| !self.ancestors(frame).any(|(around, _)| around == *id))
            .all(|(_, frame)| match frame.kind {
                FrameKind::With | FrameKind::WithSuppress | FrameKind::WithApart => true,
                FrameKind::Try(_) => frame
                    .parent
                    .and_then(|around| self.frames.get(around.0 as usize))
                    .is_some_and(|around| around.kind == FrameKind::WithSuppress),
                _ => false,
            });
        let shares = self
            .frames
            .get(frame.0 as usize)
            .and_then(|frame| frame.parent)
            .is_some_and(|parent| self.ancestors(event.frame).any(|(around, _)| around == parent));
        sure && always && shares && before()
    }

    /// Whether the event runs in a handler or `finally`.
    #[must_use]
    pub fn in_handler(&self, ordinal: u32) -> bool {
        self.events.get(ordinal as usize).is_some_and(|event| {
            self.ancestors(event.frame)
                .any(|(_, frame)| matches!(frame.kind, FrameKind::Handler(..) | FrameKind::Finally(_)))
        })
    }

    /// Whether an event stands in an `except` clause: it happens only when something fails.
    #[must_use]
    pub fn in_except(&self, ordinal: u32) -> bool {
        self.events.get(ordinal as usize).is_some_and(|event| {
            self.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::Handler(..)))
        })
    }
}
