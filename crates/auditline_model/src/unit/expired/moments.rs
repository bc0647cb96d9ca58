//! The moments at which sessions end transactions and are closed, and what can come behind them.

use auditline_syntax::Name;

use crate::classes;
use crate::db::{ClassRef, Db};
use crate::eval::value::{InstanceValue, OnCommit, RowOrigin, RowValue, SessionOrigin, SessionValue, Value};
use crate::owner::{OnFailure, exit_of, on_commit, provider};
use crate::unit::{
    Breadth, Condition, EventKind, FrameId, FrameKind, SessionAction, Unit, Use, When, effect, same_session,
};

use super::rows::{born, is_new};
use super::{Closed, Closing, Expiration, Expiry, Scene};

/// A moment between two events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The ordinal of the first event behind it.
    pub(super) at: u32,
    /// Where it stands.
    pub(super) frame: FrameId,
}

/// How control comes from a moment to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The event stands behind it.
    Straight,
    /// In the next round of that loop.
    NextRound(FrameId),
}

impl Moment {
    fn behind(ordinal: u32, frame: FrameId) -> Self {
        Self { at: ordinal + 1, frame }
    }

    /// When a frame is left at its end.
    fn leaving(unit: &Unit, frame: FrameId) -> Option<Self> {
        let left = unit.frames.get(frame.0 as usize)?;
        Some(Self { at: left.end, frame: left.parent? })
    }

    /// How control comes from here to an event that works with what was made at `born`; `None` where it does not, or
    /// where that cannot be told.
    pub(super) fn reaches(self, unit: &Unit, ordinal: u32, born: Option<u32>) -> Option<Way> {
        let event = unit.events.get(ordinal as usize)?;
        if ordinal >= self.at {
            let excluded = fails_into(unit, self.frame, event.frame)
                || contradict(unit, self.frame, event.frame)
                || (is_conditional(unit, self.frame, event.frame) && is_conditional(unit, event.frame, self.frame));
            return (unit.leads_to(self.frame, event.frame) && !excluded).then_some(Way::Straight);
        }
        let (id, round) = unit.ancestors(self.frame).find(|(id, frame)| {
            matches!(frame.kind, FrameKind::Loop { .. }) && unit.ancestors(event.frame).any(|(other, _)| other == *id)
        })?;
        let reborn = born.is_some_and(|born| (round.first..round.end).contains(&born));
        (!reborn && self.stays_in(unit, id) && !contradict(unit, self.frame, event.frame)).then_some(Way::NextRound(id))
    }

    /// Whether control comes from here to the end of a loop's body.
    fn stays_in(self, unit: &Unit, round: FrameId) -> bool {
        unit.ancestors(self.frame).take_while(|(id, _)| *id != round).all(|(_, frame)| match &frame.kind {
            FrameKind::Branch { exits, .. } => !exits,
            FrameKind::Handler(of, index) => unit
                .tries
                .get(of.0 as usize)
                .and_then(|info| info.handlers.get(*index as usize))
                .is_some_and(|handler| !handler.exits || (handler.repeats && !handler.breaks && !handler.raises)),
            _ => true,
        })
    }

    /// The events between this moment and a later one, on that way.
    pub(super) fn between(self, unit: &Unit, read: u32, way: Way) -> Vec<u32> {
        match way {
            Way::Straight => (self.at..read).collect(),
            Way::NextRound(round) => {
                let (first, end) =
                    unit.frames.get(round.0 as usize).map_or((read, self.at), |round| (round.first, round.end));
                (self.at..end).chain(first..read).collect()
            }
        }
    }

    /// Whether another moment lies between this one and an event, on that way.
    pub(super) fn passes(self, unit: &Unit, other: Self, read: u32, way: Way) -> bool {
        let at = other.at;
        match way {
            Way::Straight => (self.at..=read).contains(&at),
            Way::NextRound(id) => {
                unit.ancestors(other.frame).any(|(around, _)| around == id)
                    && unit.frames.get(id.0 as usize).is_some_and(|round| {
                        (self.at..=round.end).contains(&at) || (round.first + 1..=read).contains(&at)
                    })
            }
        }
    }

    /// Whether it comes on every way from a frame before it to an event behind it: no branch or handler stands around it that
    /// does not stand around one of the two.
    pub(super) fn surely(self, unit: &Unit, before: FrameId, after: u32) -> bool {
        let Some(after) = unit.events.get(after as usize).map(|event| event.frame) else { return false };
        unit.ancestors(self.frame).all(|(id, frame)| {
            !matches!(frame.kind, FrameKind::Branch { rest: false, .. } | FrameKind::Handler(..))
                || unit.ancestors(before).chain(unit.ancestors(after)).any(|(other, _)| other == id)
        })
    }
}

/// Whether control comes from a `try`'s body into its handler, or from one handler into another: what stands in the body may
/// be what failed.
fn fails_into(unit: &Unit, from: FrameId, to: FrameId) -> bool {
    unit.ancestors(to).any(|(handler, frame)| match &frame.kind {
        FrameKind::Handler(of, _) => unit.ancestors(from).any(|(id, frame)| match &frame.kind {
            FrameKind::Try(other) | FrameKind::Else(other) => other == of,
            FrameKind::Handler(other, _) => other == of && id != handler,
            _ => false,
        }),
        _ => false,
    })
}

/// Whether a frame runs only on some paths, seen from another. Where that holds of both, one path may exclude the other by a
/// value that is not followed: a handler that rolls back and notes that it did.
fn is_conditional(unit: &Unit, frame: FrameId, from: FrameId) -> bool {
    unit.ancestors(frame).any(|(id, frame)| {
        matches!(frame.kind, FrameKind::Branch { .. } | FrameKind::Handler(..))
            && unit.ancestors(from).all(|(other, _)| other != id)
    })
}

/// Whether two frames stand under conditions of which only one can hold.
fn contradict(unit: &Unit, one: FrameId, two: FrameId) -> bool {
    let conditions = |frame: FrameId| -> Vec<Condition> {
        unit.ancestors(frame)
            .filter_map(|(_, frame)| match &frame.kind {
                // An arm of several conditions holds when all do; its negation does not negate each.
                FrameKind::Branch { conditions, .. } => match conditions.as_slice() {
                    [only] => Some(only.clone()),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    };
    let first = conditions(one);
    conditions(two).iter().any(|two| {
        first.iter().any(|one| {
            one.subject == two.subject && one.test == two.test && one.constant == two.constant && one.holds != two.holds
        })
    })
}

/// When the session's transactions end so that they expire a row, in program order.
pub(super) fn expirations(scene: &Scene<'_>, session: &SessionValue, row: &RowValue) -> Vec<Expiration> {
    let unit = scene.unit;
    let by_commit = on_commit(scene.db, scene.of, session) == OnCommit::Expires;
    let first = born(row).unwrap_or_default();
    let mut found = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Session { session: own, action, maybe: false, .. } = &event.kind else { continue };
        if ordinal < first || !same_session(own, session) {
            continue;
        }
        let moment = Moment::behind(ordinal, event.frame);
        match action {
            SessionAction::Commit if by_commit => found.push(Expiration { moment, expiry: Expiry::Commit(ordinal) }),
            SessionAction::Rollback if rolls_back(scene, ordinal, session, row) => {
                found.push(Expiration { moment, expiry: Expiry::Rollback(ordinal) });
            }
            _ => {}
        }
    }
    if by_commit {
        for (frame, begins, held) in scopes(unit) {
            let commits = match &unit.frames[frame.0 as usize].kind {
                FrameKind::WithTransaction(_, kind) => kind.commits(),
                FrameKind::WithSession(_) => false,
                _ => match &held.origin {
                    SessionOrigin::Context(by) => super::handed::always_commits(scene.db, *by),
                    _ => false,
                },
            };
            let Some(moment) = Moment::leaving(unit, frame) else { continue };
            if commits && moment.at > first && same_session(held, session) {
                found.push(Expiration { moment, expiry: Expiry::Scope(begins) });
            }
        }
    }
    found.retain(|expiration| !is_let_go(unit, session, first, expiration.moment.at));
    found.sort_by_key(|expiration| expiration.moment.at);
    found
}

/// Whether the session may have let the row go: `expunge`.
pub(super) fn is_let_go(unit: &Unit, session: &SessionValue, first: u32, before: u32) -> bool {
    (first..before).filter_map(|ordinal| unit.events.get(ordinal as usize)).any(|event| {
        matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Expire, .. }
            if same_session(own, session))
    })
}

/// When the session is closed.
pub(super) fn closings(scene: &Scene<'_>, session: &SessionValue) -> Vec<Closed> {
    let unit = scene.unit;
    let mut found = Vec::new();
    for (ordinal, event) in unit.numbered() {
        if let EventKind::Session { session: own, action: SessionAction::Close, .. } = &event.kind
            && same_session(own, session)
        {
            found.push(Closed { moment: Moment::behind(ordinal, event.frame), closing: Closing::Event(ordinal) });
        }
    }
    for (frame, begins, held) in scopes(unit) {
        if same_session(held, session)
            && closes(scene, frame, held)
            && let Some(moment) = Moment::leaving(unit, frame)
        {
            found.push(Closed { moment, closing: Closing::Scope(begins) });
        }
    }
    // `with UnitOfWork() as uow`, which closes its session when it is left.
    for (frame, instance) in &unit.entered {
        let begins = unit.frames.get(frame.0 as usize).map_or(0, |frame| frame.first.saturating_sub(1));
        if is_session_of(session, instance)
            && let SessionOrigin::ObjectAttribute(_, name) = &session.origin
            && closes_when_left(scene.db, instance.class, *name)
            && let Some(moment) = Moment::leaving(unit, *frame)
        {
            found.push(Closed { moment, closing: Closing::Scope(begins) });
        }
    }
    found
}

/// Whether a session is held in an attribute of an object.
fn is_session_of(session: &SessionValue, instance: &InstanceValue) -> bool {
    matches!(&session.origin, SessionOrigin::ObjectAttribute(object, _)
        if matches!(&**object, Value::Instance(own) if **own == *instance))
}

/// Whether leaving a `with` on an object of a class surely closes the session in its attribute.
fn closes_when_left(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    exit_of(db, class).is_some_and(|exit| {
        effect(db, exit, Some(class)).operations.iter().any(|operation| {
            operation.when == When::Always
                && matches!(&operation.kind, EventKind::Session { session, action: SessionAction::Close, .. }
                    if matches!(session.origin, SessionOrigin::SelfAttribute(_, own) if own == name))
        })
    })
}

/// The attribute that a class's `__enter__` hands out, where that is a session that it keeps.
fn entered_attribute(db: &dyn Db, class: ClassRef) -> Option<Name> {
    let enter =
        ["__enter__", "__aenter__"].into_iter().find_map(|enter| classes::method(db, class, Name::new(enter)))?;
    match &effect(db, enter, Some(class)).returns {
        Value::Session(session) => match session.origin {
            SessionOrigin::SelfAttribute(_, name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// Whether leaving a scope closes its session.
pub(super) fn closes(scene: &Scene<'_>, frame: FrameId, held: &SessionValue) -> bool {
    match &scene.unit.frames[frame.0 as usize].kind {
        FrameKind::WithSession(_) => true,
        FrameKind::WithTransaction(..) => matches!(held.origin, SessionOrigin::Begun(_)),
        _ => match &held.origin {
            SessionOrigin::Context(by) => {
                provider(scene.db, *by).is_some_and(|provider| provider.on_failure == OnFailure::Closes)
                    && super::handed::always_closes(scene.db, *by)
            }
            SessionOrigin::ContextClass(class) => {
                entered_attribute(scene.db, *class).is_some_and(|name| closes_when_left(scene.db, *class, name))
            }
            _ => false,
        },
    }
}

/// The `with` statements on sessions: the frame, the ordinal of the event with which it begins, and the session.
pub(super) fn scopes(unit: &Unit) -> Vec<(FrameId, u32, &SessionValue)> {
    let mut found = Vec::new();
    for (frame, id) in unit.frames.iter().zip(0u32..) {
        let begins = frame.first.saturating_sub(1);
        match &frame.kind {
            FrameKind::WithSession(held) | FrameKind::WithTransaction(held, _) => {
                found.push((FrameId(id), begins, &**held));
            }
            // A context manager of the workspace hands out its session where its `with` begins.
            FrameKind::With => {
                if let Some(event) = unit.events.get(begins as usize)
                    && let EventKind::Open(held) = &event.kind
                    && matches!(held.origin, SessionOrigin::Context(_) | SessionOrigin::ContextClass(_))
                    && frame.parent == Some(event.frame)
                {
                    found.push((FrameId(id), begins, &**held));
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether a rollback ends a transaction in which the row was loaded: one behind a commit has nothing to end, and rows that
/// the transaction made are none any more.
fn rolls_back(scene: &Scene<'_>, rollback: u32, session: &SessionValue, row: &RowValue) -> bool {
    let unit = scene.unit;
    if !matches!(row.origin, RowOrigin::Loaded { .. } | RowOrigin::Param(_) | RowOrigin::Dependency(_))
        || is_new(unit, row)
    {
        return false;
    }
    let first = born(row).unwrap_or_default();
    let sends = |ordinal: u32| matches!(unit.use_of(ordinal, session), Some(Use::Statement | Use::Pending));
    let is_commit = |ordinal: u32| {
        matches!(unit.events.get(ordinal as usize).map(|event| &event.kind),
            Some(EventKind::Session { session: own, action: SessionAction::Commit, .. }) if same_session(own, session))
    };
    let commits: Vec<u32> = (first..rollback).filter(|ordinal| is_commit(*ordinal)).collect();
    let Some(last) = commits.last().copied() else {
        // A row that was handed in was loaded in a transaction that may be over.
        return matches!(row.origin, RowOrigin::Loaded { .. })
            || (first..rollback).any(|ordinal| sends(ordinal) && !is_commit(ordinal));
    };
    if failed_in(unit, last, rollback) {
        let before = commits.len().checked_sub(2).map_or(first, |index| commits[index] + 1);
        let loaded = matches!(row.origin, RowOrigin::Loaded { .. }) && commits.len() == 1;
        return loaded || (before..last).any(sends) || wrote(unit, row, before, last);
    }
    (last + 1..rollback).any(sends)
}

fn wrote(unit: &Unit, row: &RowValue, from: u32, to: u32) -> bool {
    (from..to).any(|ordinal| {
        matches!(unit.events.get(ordinal as usize).map(|event| &event.kind),
            Some(EventKind::Write { row: own, .. }) if own.id == row.id)
    })
}

/// Whether the rollback stands in a handler that catches what the event raises.
fn failed_in(unit: &Unit, failing: u32, rollback: u32) -> bool {
    let (Some(failing), Some(rollback)) = (unit.events.get(failing as usize), unit.events.get(rollback as usize))
    else {
        return false;
    };
    unit.ancestors(rollback.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Handler(of, index) => {
            let catches = unit
                .tries
                .get(of.0 as usize)
                .and_then(|info| info.handlers.get(*index as usize))
                .is_some_and(|handler| handler.breadth >= Breadth::Database);
            catches && unit.ancestors(failing.frame).any(|(_, frame)| frame.kind == FrameKind::Try(*of))
        }
        _ => false,
    })
}
