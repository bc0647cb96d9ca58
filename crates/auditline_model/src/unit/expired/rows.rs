//! Rows: to which session they belong, and what makes them readable again.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::libraries::reads_attributes;
use crate::eval::own_class;
use crate::eval::value::{RowOrigin, RowValue, SessionOrigin, SessionValue, Value, listed_row};
use crate::unit::{Event, EventKind, SessionAction, Target, Unit, effect, same_session, session_target, unit};

use super::Scene;

/// How many calls deep it is asked whether a function loads rows of a class.
const DEPTH: u32 = 3;

/// Numbers from here on are given to rows that no event of the unit made.
const HANDED_IN: u32 = u32::MAX - 4096;

/// The ordinal of the event that made or loaded a row, 0 for one that was handed in; `None` for rows that are not told apart.
pub(super) fn born(row: &RowValue) -> Option<u32> {
    match row.origin {
        RowOrigin::Param(_) | RowOrigin::Dependency(_) if row.id < u32::MAX - 1 => Some(0),
        RowOrigin::Loaded { .. } | RowOrigin::Created if row.id < HANDED_IN => Some(row.id),
        _ => None,
    }
}

/// Whether the function added the row: what it made, or may have been handed unsaved.
pub(super) fn is_new(unit: &Unit, row: &RowValue) -> bool {
    matches!(row.origin, RowOrigin::Created)
        || unit
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Add { row: Some(added), .. } if added.id == row.id))
}

/// Whether the row was deleted before an event: it keeps its values then.
pub(super) fn is_deleted(unit: &Unit, row: &RowValue, before: u32) -> bool {
    unit.events
        .iter()
        .take(before as usize)
        .any(|event| matches!(&event.kind, EventKind::Delete { row: Some(deleted), .. } if deleted.id == row.id))
}

/// The session to which a row belongs before an event; `None` where that is not proved.
pub(super) fn attached(scene: &Scene<'_>, row: &RowValue, before: u32) -> Option<Arc<SessionValue>> {
    let events = scene.unit.events.get(..before as usize)?;
    if let RowOrigin::Loaded { by, .. } = &row.origin {
        let session = row.session.clone()?;
        // A callee's own session means nothing here, whatever its number.
        let own = by.is_some_and(|by| !hands_on(scene.db, by));
        return (!own && is_told_apart(&session)).then_some(session);
    }
    let by_event = events.iter().find_map(|event| match &event.kind {
        EventKind::Add { session, row: Some(own), .. } | EventKind::Refresh { session, row: Some(own), .. }
            if own.id == row.id =>
        {
            Some(Arc::clone(session))
        }
        _ => None,
    });
    if let Some(session) = by_event {
        return is_told_apart(&session).then_some(session);
    }
    if matches!(row.origin, RowOrigin::Created) {
        return None;
    }
    // What is written and then committed belongs to the one session that is there.
    let writes =
        events.iter().any(|event| matches!(&event.kind, EventKind::Write { row: own, .. } if own.id == row.id));
    if !writes {
        return None;
    }
    let mut sessions = (0u32..).zip(&scene.unit.events).filter_map(|(ordinal, _)| scene.unit.session_at(ordinal));
    let first = sessions.next()?;
    let only = sessions.all(|other| same_session(first, other));
    (only && is_told_apart(first)).then(|| Arc::new(first.clone()))
}

/// Whether a function loads the row that it returns with a session that its caller can see.
fn hands_on(db: &dyn Db, of: FunctionRef) -> bool {
    let effect = effect(db, of, own_class(db, of));
    let session = listed_row(&effect.returns).and_then(|row| row.session.as_ref());
    session.is_some_and(|session| session_target(&session.origin) == Target::Visible)
}

/// Whether a session is one, and not that of whatever thread or task asks.
fn is_told_apart(session: &SessionValue) -> bool {
    !matches!(session.origin, SessionOrigin::Registry(_) | SessionOrigin::Unknown)
}

/// The first of those events that makes the row readable, or may do so; `closed` is the moment from which on its session
/// cannot.
pub(super) fn refreshed(
    scene: &Scene<'_>,
    row: &RowValue,
    column: Option<Name>,
    events: Vec<u32>,
    closed: Option<u32>,
) -> Option<u32> {
    events.into_iter().find(|ordinal| {
        let Some(event) = scene.unit.events.get(*ordinal as usize) else { return false };
        refreshes(scene, row, column, event, closed.is_none_or(|closed| *ordinal < closed))
    })
}

fn refreshes(scene: &Scene<'_>, row: &RowValue, column: Option<Name>, event: &Event, open: bool) -> bool {
    match &event.kind {
        EventKind::Refresh { row: own, .. } => {
            own.as_ref().is_none_or(|own| own.id == row.id || own.model != row.model)
        }
        EventKind::Add { row: own, .. } if !open => own.as_ref().is_none_or(|own| own.id == row.id),
        EventKind::Delete { row: own, .. } => own.as_ref().is_none_or(|own| own.id == row.id),
        EventKind::Load { query, .. } => open && (query.model.is_none() || query.model == row.model),
        // What was written can be read.
        EventKind::Write { row: own, column: written, .. } => own.id == row.id && column == Some(*written),
        EventKind::Read { row: own, column } => own.id == row.id && *column == "awaitable_attrs",
        EventKind::Session { action: SessionAction::Expire, .. } => true,
        // Whatever is handed the session, or the row, may load it.
        EventKind::Given { to, values } => {
            !reads_attributes(to) && values.iter().any(|(_, value)| holds(value, row) || (open && holds_session(value)))
        }
        EventKind::Call { callee, receiver, arguments, object, .. } => {
            let given = std::iter::once(object).chain(arguments.iter().map(|(_, value)| value));
            let session = given.into_iter().any(|value| holds_session(value) || matches!(value, Value::SelfObject));
            open && session && loads(scene.db, *callee, *receiver, row.model, DEPTH)
        }
        _ => false,
    }
}

fn holds(value: &Value, row: &RowValue) -> bool {
    listed_row(value).is_some_and(|own| own.id == row.id)
}

fn holds_session(value: &Value) -> bool {
    match value {
        Value::Session(_) | Value::BegunSession(_) => true,
        Value::Instance(_) => true,
        Value::Tuple(values) => values.iter().any(holds_session),
        _ => false,
    }
}

/// Whether a function, or one that it calls, loads rows of that class or refreshes any.
fn loads(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>, model: Option<ClassRef>, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    unit(db, of, receiver).events.iter().any(|event| match &event.kind {
        EventKind::Load { query, .. } => query.model.is_none() || query.model == model,
        EventKind::Refresh { .. } => true,
        EventKind::Given { values, .. } => values.iter().any(|(_, value)| holds_session(value)),
        EventKind::Call { callee, receiver, .. } => loads(db, *callee, *receiver, model, depth),
        _ => false,
    })
}
