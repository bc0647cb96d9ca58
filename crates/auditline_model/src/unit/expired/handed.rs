//! Rows that a function hands out when it has expired them.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::value::{RowOrigin, RowValue, SessionValue, Value, listed_row};
use crate::unit::waiting::{Flag, flag_in};
use crate::unit::{EventKind, FrameId, FrameKind, SessionAction, Subject, Test, Unit, same_session, unit, unit_of};

use super::moments::{Way, closes, closings, expirations, is_let_go, scopes};
use super::rows::{attached, born, is_deleted, refreshed};
use super::{Expiry, Scene, attribute_read};

/// What was done to a row when a function hands it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handed {
    /// The function that expired it.
    pub by: FunctionRef,
    /// The ordinal of the event in it: a commit, a rollback, or where the scope begins that commits when it is left.
    pub at: u32,
    /// What that is.
    pub how: How,
    /// Whether the session was closed behind it.
    pub closed: bool,
    /// Whether it was an `AsyncSession`.
    pub is_async: bool,
    /// The parameter of the function that hands it out, and the truth it must have, where that decides whether it is expired.
    pub flag: Option<(u32, bool)>,
}

/// How a row was expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// By a commit.
    Commit,
    /// By a rollback.
    Rollback,
    /// By the commit of a scope that was left.
    Scope,
}

/// What a function did to the row that it returns, or to the rows; `None` where it hands out readable ones on a path, or where
/// that cannot be told.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub(super) fn handed_out(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Option<Handed> {
    let unit = unit(db, of, receiver);
    if rows_in(&unit.returns).is_empty() {
        return None;
    }
    let scene = Scene { db, of, unit: &unit };
    let mut result = None;
    for (ordinal, event) in unit.numbered() {
        let EventKind::Return(value) = &event.kind else { continue };
        let rows = rows_in(value);
        if rows.is_empty() && !is_nothing(value) {
            return None;
        }
        for row in rows {
            result = Some(at_return(&scene, ordinal, row)?);
        }
    }
    result
}

/// The rows that a value is, lists or stand in a tuple: `return order, True`.
fn rows_in(value: &Value) -> Vec<&Arc<RowValue>> {
    match value {
        Value::Tuple(parts) => parts.iter().filter_map(listed_row).collect(),
        value => listed_row(value).into_iter().collect(),
    }
}

/// Whether a value says that there is no row: `None`, `(None, False)`.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Tuple(parts) => parts.contains(&Value::None),
        value => *value == Value::None,
    }
}

/// The attributes that a function surely reads of rows that it is handed, before anything in it can load them again: the
/// parameter and the attribute, the first of each.
#[salsa::tracked(returns(clone))]
pub(super) fn read_parameters(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Arc<[(u32, Name)]> {
    let unit = unit(db, of, receiver);
    let mut found: Vec<(u32, Name)> = Vec::new();
    for (_, event) in unit.numbered() {
        let loads = matches!(
            event.kind,
            EventKind::Load { .. }
                | EventKind::Refresh { .. }
                | EventKind::Session { .. }
                | EventKind::Execute(_)
                | EventKind::Given { .. }
                | EventKind::Call { .. }
                | EventKind::Write { .. }
        );
        // What stands in a branch is not always read, and behind an exit nothing is sure.
        if loads || matches!(event.kind, EventKind::Return(_) | EventKind::Raise) {
            break;
        }
        let Some((row, column)) = attribute_read(db, event) else { continue };
        let index = match row.origin {
            RowOrigin::Param(index) => index,
            RowOrigin::SelfRow => 0,
            _ => continue,
        };
        if unconditional(&unit, event.frame) && !found.iter().any(|(known, _)| *known == index) {
            found.push((index, column));
        }
    }
    found.into()
}

/// Where the row of a unit was handed out by a function that had expired it: the ordinal of the call, and what it did.
pub(super) fn source(db: &dyn Db, unit: &Unit, row: &RowValue) -> Option<(u32, Handed)> {
    if !matches!(row.origin, RowOrigin::Loaded { by: Some(_), .. } | RowOrigin::Created) {
        return None;
    }
    let made = unit.events.get(row.id as usize)?;
    if matches!(made.kind, EventKind::Create(_)) && matches!(row.origin, RowOrigin::Loaded { .. }) {
        return None;
    }
    let (ordinal, callee, receiver) =
        unit.numbered().take(row.id as usize).filter(|(_, event)| event.range == made.range).find_map(
            |(ordinal, event)| match &event.kind {
                EventKind::Call { callee, receiver, .. } => Some((ordinal, *callee, *receiver)),
                _ => None,
            },
        )?;
    let handed = handed_out(db, callee, receiver)?;
    let flag = match handed.flag {
        Some((index, wanted)) => match flag_in(db, callee, &unit.events.get(ordinal as usize)?.kind, index) {
            Flag::Is(truth) if truth != wanted => return None,
            Flag::Is(_) | Flag::Unknown => None,
            Flag::Param(own) => Some((own, wanted)),
        },
        None => None,
    };
    Some((ordinal, Handed { flag, ..handed }))
}

fn at_return(scene: &Scene<'_>, ordinal: u32, row: &RowValue) -> Option<Handed> {
    if let Some((_, handed)) = source(scene.db, scene.unit, row) {
        return refreshed(scene, row, None, (row.id + 1..ordinal).collect(), None).is_none().then_some(handed);
    }
    born(row)?;
    let unit = scene.unit;
    if is_deleted(unit, row, ordinal) {
        return None;
    }
    let frame = unit.events.get(ordinal as usize)?.frame;
    let session = attached(scene, row, ordinal)?;
    let before = expirations(scene, &session, row).into_iter().rev().find(|expiration| {
        expiration.moment.reaches(unit, ordinal, born(row)) == Some(Way::Straight)
            && refreshed(scene, row, None, (expiration.moment.at..ordinal).collect(), None).is_none()
    });
    // Expired before the `return`, or by leaving a scope through it.
    let (at, how, from) = match &before {
        Some(found) => match found.expiry {
            Expiry::Commit(at) => (at, How::Commit, found.moment.at),
            Expiry::Rollback(at) => (at, How::Rollback, found.moment.at),
            Expiry::Scope(at) => (at, How::Scope, found.moment.at),
            Expiry::Handed(..) => return None,
        },
        None if is_let_go(unit, &session, born(row)?, ordinal) => return None,
        None => (committing_scope(scene, frame, &session)?, How::Scope, ordinal),
    };
    let closed_before = closings(scene, &session).into_iter().any(|closing| {
        closing.moment.at >= from
            && closing.moment.reaches(unit, ordinal, None) == Some(Way::Straight)
            && closing.moment.surely(unit, frame, ordinal)
    });
    let closed = closed_before || closed_on_leaving(scene, frame, &session);
    let flag = before.and_then(|found| flag_of_frame(unit, found.moment.frame));
    Some(Handed { by: scene.of, at, how, closed, is_async: session.is_async == Some(true), flag })
}

/// The flag without which a frame does not run.
fn flag_of_frame(unit: &Unit, frame: FrameId) -> Option<(u32, bool)> {
    unit.ancestors(frame).find_map(|(_, frame)| {
        let FrameKind::Branch { conditions, .. } = &frame.kind else { return None };
        conditions.iter().find_map(|condition| match (&condition.subject, &condition.test) {
            (Subject::Param(index), Test::Present) if condition.holds || conditions.len() == 1 => {
                Some((*index, condition.holds))
            }
            _ => None,
        })
    })
}

/// The scope around a frame whose leaving commits the session.
fn committing_scope(scene: &Scene<'_>, frame: FrameId, session: &SessionValue) -> Option<u32> {
    use crate::eval::value::{OnCommit, SessionOrigin};
    if crate::owner::on_commit(scene.db, scene.of, session) != OnCommit::Expires {
        return None;
    }
    scopes(scene.unit).into_iter().find_map(|(scope, begins, held)| {
        let around = scene.unit.ancestors(frame).any(|(id, _)| id == scope) && same_session(held, session);
        let commits = match &scene.unit.frames[scope.0 as usize].kind {
            FrameKind::WithTransaction(_, kind) => kind.commits(),
            FrameKind::WithSession(_) => false,
            _ => matches!(&held.origin, SessionOrigin::Context(by) if always_commits(scene.db, *by)),
        };
        (around && commits).then_some(begins)
    })
}

/// Whether leaving the function from a frame closes the session: a scope around it, a `finally`.
fn closed_on_leaving(scene: &Scene<'_>, frame: FrameId, session: &SessionValue) -> bool {
    let unit = scene.unit;
    let by_scope = scopes(unit).into_iter().any(|(scope, _, held)| {
        unit.ancestors(frame).any(|(id, _)| id == scope) && same_session(held, session) && closes(scene, scope, held)
    });
    by_scope
        || unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Try(id) | FrameKind::Else(id) | FrameKind::Handler(id, _) => {
                unit.tries.get(id.0 as usize).and_then(|info| info.finally).is_some_and(|finally| {
                    unit.events_in(finally).any(|(_, event)| {
                    event.frame == finally
                        && matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Close, .. }
                                if same_session(own, session))
                })
                })
            }
            _ => false,
        })
}

/// Whether a generator commits the session that it yielded whenever its user succeeds, and does nothing else with its rows.
pub(super) fn always_commits(db: &dyn Db, of: FunctionRef) -> bool {
    always_commits_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn always_commits_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let unit = unit_of(db, of);
    let mut yields = unit.numbered().filter_map(|(ordinal, event)| match &event.kind {
        EventKind::Yield(Value::Session(session)) => Some((ordinal, event.frame, session)),
        _ => None,
    });
    let (Some((at, frame, session)), None) = (yields.next(), yields.next()) else { return false };
    let keeps = unit.numbered().any(|(ordinal, event)| {
        ordinal > at && matches!(event.kind, EventKind::Session { action: SessionAction::Expire, .. })
    });
    let by_event = unit.numbered().any(|(ordinal, event)| {
        ordinal > at
            && matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit, maybe: false, .. }
                if same_session(own, session))
            && unconditional(&unit, event.frame)
    });
    let by_scope = unit.ancestors(frame).any(|(_, frame)| {
        matches!(&frame.kind, FrameKind::WithTransaction(held, kind) if kind.commits() && same_session(held, session))
    });
    !keeps && (by_event || by_scope) && unconditional(&unit, frame)
}

/// Whether a generator closes the session that it yielded whenever its user succeeds.
pub(super) fn always_closes(db: &dyn Db, of: FunctionRef) -> bool {
    always_closes_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn always_closes_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let unit = unit_of(db, of);
    unit.numbered().any(|(_, event)| match &event.kind {
        EventKind::Yield(Value::Session(session)) => {
            let scene = Scene { db, of, unit: &unit };
            unconditional(&unit, event.frame) && closed_on_leaving(&scene, event.frame, session)
        }
        _ => false,
    })
}

fn unconditional(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).all(|(_, frame)| {
        !matches!(frame.kind, FrameKind::Branch { rest: false, .. } | FrameKind::Handler(..) | FrameKind::Loop { .. })
    })
}
