//! What a session whose transaction has failed does to the code that goes on with it.

use std::sync::Arc;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::value::{SessionValue, Value};

use super::escapes::{is_handed, is_rolled_back_around};
use super::kept::{kept_by, statement_at};
use super::{Breadth, EventKind, Frame, FrameId, FrameKind, HandlerInfo, Unit, Use, same_session, unit};

/// What becomes of a failure in the function where it happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate<'a> {
    /// The session is rolled back or closed.
    Healed,
    /// A handler catches it, and leaves the session as it is; `None`: a `with` swallows it.
    Caught(Option<&'a HandlerInfo>, FrameId),
    /// The error leaves the function, and the session is still broken.
    Leaves,
}

impl Unit {
    /// What may become of a failure in a frame that breaks the session: more than one where handlers catch only some errors.
    pub(super) fn fates(&self, frame: FrameId, session: &SessionValue) -> Vec<Fate<'_>> {
        let mut fates = Vec::new();
        for (at, frame) in self.ancestors(frame) {
            if self.guard_at((at, frame), session).is_some()
                || matches!(&frame.kind, FrameKind::WithTransaction(held, kind) if kind.heals() && same_session(held, session))
            {
                fates.push(Fate::Healed);
                return fates;
            }
            match &frame.kind {
                FrameKind::WithSuppress => {
                    fates.push(Fate::Caught(None, at));
                    return fates;
                }
                FrameKind::Try(id) => {
                    let Some(info) = self.tries.get(id.0 as usize) else { continue };
                    for handler in info.handlers.iter().filter(|handler| handler.breadth != Breadth::Narrow) {
                        let raises = handler.raises
                            || self.events_in(handler.frame).any(|(_, event)| matches!(event.kind, EventKind::Raise));
                        if !raises && !self.ends_in(handler.frame, session) {
                            fates.push(Fate::Caught(Some(handler), at));
                        }
                        // The first handler that catches what a failed statement raises is the one that runs.
                        if handler.breadth >= Breadth::AllDatabase {
                            if raises {
                                break;
                            }
                            return fates;
                        }
                    }
                }
                _ => {}
            }
        }
        fates.push(Fate::Leaves);
        fates
    }
}

/// How a function ends that goes on with a broken session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The session was rolled back or closed on the way.
    Healed,
    /// Something that the session refused fails, and the error leaves the function.
    Refused,
    /// It raises an error of its own, with the session still broken.
    Raised,
    /// It ends as if nothing had happened, with the session still broken.
    Stayed,
}

/// The events of a function that fail because the callee of an event has left the session broken without a word, in the order
/// in which they run, up to the one whose error leaves the function.
#[must_use]
pub fn refused_behind(db: &dyn Db, unit: &Unit, ordinal: u32, session: &SessionValue) -> Vec<u32> {
    let mut walk = Walk::new(db, unit, session);
    walk.behind(ordinal);
    walk.refused
}

/// Whether a function that is handed a broken session fails with an error that leaves it, the session being broken still.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub(super) fn refuses(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    if is_rolled_back_around(db, of) {
        return false;
    }
    let unit = unit(db, of, receiver);
    handed(db, &unit).iter().any(|session| {
        let mut walk = Walk::new(db, &unit, session);
        walk.along(FrameId(0), 0..u32::MAX) == Some(Ending::Refused)
    })
}

/// The sessions of a caller with which a function works.
fn handed(db: &dyn Db, unit: &Unit) -> Vec<Arc<SessionValue>> {
    let mut found: Vec<Arc<SessionValue>> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let used = match &event.kind {
            kind @ EventKind::Call { .. } => given(db, unit, kind),
            _ => statement_at(unit, ordinal).into_iter().collect(),
        };
        for session in used {
            if is_handed(&session) && !found.iter().any(|known| same_session(known, &session)) {
                found.push(session);
            }
        }
    }
    found
}

/// The sessions that a call hands to its callee, or that the callee's object keeps.
fn given(db: &dyn Db, unit: &Unit, call: &EventKind) -> Vec<Arc<SessionValue>> {
    let EventKind::Call { callee, receiver, arguments, object, .. } = call else { return Vec::new() };
    let given = arguments.iter().filter_map(|(_, value)| match value {
        Value::Session(session) => Some(Arc::clone(session)),
        _ => None,
    });
    let kept = kept_by(db, unit, *callee, *receiver, object).into_iter().map(|(session, _)| session);
    given.chain(kept).collect()
}

/// What an event does with a broken session.
enum Meeting {
    Refused,
    Healed,
    Nothing,
}

/// A run of a function with a broken session.
pub(super) struct Walk<'a> {
    db: &'a dyn Db,
    unit: &'a Unit,
    session: &'a SessionValue,
    /// What the session has refused, in order.
    refused: Vec<u32>,
    seen: Vec<bool>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(db: &'a dyn Db, unit: &'a Unit, session: &'a SessionValue) -> Self {
        Self { db, unit, session, refused: Vec::new(), seen: vec![false; unit.events.len()] }
    }

    /// Goes on behind an event whose callee has said nothing.
    pub(super) fn behind(&mut self, ordinal: u32) -> Ending {
        let Some(event) = self.unit.events.get(ordinal as usize) else { return Ending::Stayed };
        let rest = self.unit.events[ordinal as usize..].iter().take_while(|other| other.range == event.range).count();
        let next = ordinal.saturating_add(u32::try_from(rest).unwrap_or(u32::MAX));
        self.from(event.frame, next)
    }

    /// Goes on where a failure in that frame was caught.
    pub(super) fn caught(&mut self, handler: Option<&HandlerInfo>, at: FrameId) -> Ending {
        let end = |frame: FrameId| self.unit.frames.get(frame.0 as usize).map_or(u32::MAX, |frame| frame.end);
        let Some(handler) = handler else {
            let end = end(at);
            return self.from(at, end);
        };
        let Some(inside) = self.unit.frames.get(handler.frame.0 as usize) else { return Ending::Stayed };
        let (first, behind) = (inside.first, inside.end);
        if let Some(ending) = self.along(handler.frame, first..behind) {
            return ending;
        }
        if !handler.exits {
            return self.from(handler.frame, behind);
        }
        if !handler.repeats && !handler.breaks {
            return Ending::Stayed;
        }
        let looped = self.unit.ancestors(handler.frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }));
        match looped {
            Some((_, Frame { parent: Some(around), end, .. })) if !handler.repeats => self.from(*around, *end),
            Some((id, frame)) => self.from(id, frame.end),
            None => Ending::Stayed,
        }
    }

    /// Goes on at an event: to the end of the loops around it, through their next rounds, and to the end of the function.
    fn from(&mut self, frame: FrameId, ordinal: u32) -> Ending {
        let unit = self.unit;
        let mut at = ordinal;
        for (id, looped) in unit.ancestors(frame).filter(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. })) {
            for (from, part) in [(frame, at..looped.end), (id, looped.first..at.min(looped.end))] {
                if let Some(ending) = self.along(from, part) {
                    return ending;
                }
            }
            at = looped.end;
        }
        self.along(frame, at..u32::MAX).unwrap_or(Ending::Stayed)
    }

    /// Goes through events, as far as control comes to them from a frame; `None` where it comes to the end of them.
    fn along(&mut self, from: FrameId, part: std::ops::Range<u32>) -> Option<Ending> {
        let end = part.end.min(u32::try_from(self.unit.events.len()).unwrap_or(u32::MAX));
        for ordinal in part.start..end {
            let Some(event) = self.unit.events.get(ordinal as usize) else { break };
            if self.seen[ordinal as usize] || !self.comes_to(from, event.frame) {
                continue;
            }
            self.seen[ordinal as usize] = true;
            let surely = self.unit.ancestors(from).any(|(id, _)| id == event.frame);
            match (&event.kind, surely) {
                (EventKind::Return(_), true) => return Some(Ending::Stayed),
                (EventKind::Raise, true) => return Some(Ending::Raised),
                _ => {}
            }
            match self.meets(ordinal) {
                Meeting::Nothing => {}
                Meeting::Healed => return Some(Ending::Healed),
                Meeting::Refused => {
                    self.refused.push(ordinal);
                    let fates = self.unit.fates(event.frame, self.session);
                    if fates.iter().any(|fate| matches!(fate, Fate::Leaves)) {
                        return Some(Ending::Refused);
                    }
                    let caught = fates.into_iter().find_map(|fate| match fate {
                        Fate::Caught(handler, at) => Some((handler, at)),
                        _ => None,
                    });
                    return Some(match caught {
                        Some((handler, at)) => self.caught(handler, at),
                        None => Ending::Healed,
                    });
                }
            }
        }
        None
    }

    /// Whether control comes from a frame to another one without an error on the way.
    fn comes_to(&self, from: FrameId, to: FrameId) -> bool {
        let around = |id: FrameId| self.unit.ancestors(from).any(|(other, _)| other == id);
        let shut = self.unit.ancestors(to).any(|(id, frame)| match &frame.kind {
            FrameKind::Handler(..) => !around(id),
            // Behind a handler, the `else` of its `try` has been left out.
            FrameKind::Else(of) => self
                .unit
                .ancestors(from)
                .any(|(_, other)| matches!(&other.kind, FrameKind::Handler(failed, _) if failed == of)),
            _ => false,
        });
        !shut && self.unit.leads_to(from, to)
    }

    fn meets(&self, ordinal: u32) -> Meeting {
        let Some(event) = self.unit.events.get(ordinal as usize) else { return Meeting::Nothing };
        if let EventKind::Call { callee, receiver, .. } = &event.kind {
            let is_used =
                given(self.db, self.unit, &event.kind).iter().any(|session| same_session(session, self.session));
            return if is_used && refuses(self.db, *callee, *receiver) { Meeting::Refused } else { Meeting::Nothing };
        }
        // A session that is opened anew is another one.
        if matches!(&event.kind, EventKind::Open(opened) if same_session(opened, self.session)) {
            return Meeting::Healed;
        }
        let by_callee = || {
            self.unit.events[..ordinal as usize]
                .iter()
                .rev()
                .any(|other| other.range == event.range && matches!(other.kind, EventKind::Call { .. }))
        };
        match self.unit.use_of(ordinal, self.session) {
            Some(Use::End) => Meeting::Healed,
            // A call has been asked as a whole.
            Some(Use::Statement) if !by_callee() => Meeting::Refused,
            _ => Meeting::Nothing,
        }
    }
}
