//! Rows whose key was locked by another statement before they were loaded, or compared with what was read under the lock.

use std::sync::Arc;

use auditline_model::eval::value::{Key, Lock, QueryValue, RowOrigin, RowValue};
use auditline_model::unit::{EventKind, FrameKind, SessionAction, Subject, Test, Unit, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef};
use auditline_syntax::Name;

use super::identity;
use super::written::written;

/// Whether another statement has locked the row before it was loaded, for the first time with that session, and the lock is
/// held until an event.
pub(super) fn is_locked_first(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let (RowOrigin::Loaded { .. }, Some(model)) = (&row.origin, row.model) else { return false };
    let Some(EventKind::Load { query: wanted, .. }) = unit.events.get(row.id as usize).map(|event| &event.kind) else {
        return false;
    };
    let locked = unit.numbered().take(row.id as usize).any(|(at, event)| match &event.kind {
        EventKind::Load { query, .. } => {
            is_lock_on(query, model)
                && has_key_of(db, unit, model, query, wanted)
                && unit.can_follow(at, row.id)
                && !is_ended(unit, query, at, write)
        }
        _ => false,
    });
    locked && identity::held_before(db, of, unit, row.id).is_none()
}

/// Whether the event happens only where the column that it writes still is what another statement has read under a lock; for
/// a call that is handed the row, some column of it.
pub(super) fn is_compared(db: &dyn Db, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let (Some(event), Some(model)) = (unit.events.get(write as usize), row.model) else { return false };
    let column = match written(&event.kind) {
        Some(written) if written.by.is_some_and(|by| compares(db, by, ()).contains(&written.column)) => return true,
        Some(written) => Some(written.column),
        None if matches!(event.kind, EventKind::Call { .. }) => None,
        None => return false,
    };
    let by_itself = |query: &QueryValue| {
        query.keys.iter().any(|(column, key)| {
            matches!(key, Key::Field { row: own, column: named } if *own == row.id && named == column)
                && identity::is_unique(db, model, *column)
        })
    };
    unit.ancestors(event.frame).any(|(_, frame)| {
        let FrameKind::Branch { conditions, .. } = &frame.kind else { return false };
        conditions.iter().any(|condition| {
            let same = matches!(condition.subject, Subject::Field { row: own, column: tested }
                if own == row.id && column.is_none_or(|column| column == tested));
            same && condition.test == Test::EqualsOther
                && condition.against.iter().any(|(load, _)| {
                    match unit.events.get(*load as usize).map(|load| &load.kind) {
                        Some(EventKind::Load { query, row: None, .. }) => {
                            is_lock_on(query, model) && by_itself(query) && !is_ended(unit, query, *load, write)
                        }
                        _ => false,
                    }
                })
        })
    })
}

/// The columns of rows that callers hand in which a function writes only under such a comparison.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = compares_nothing)]
fn compares(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[Name]> {
    let unit = unit_of(db, of);
    let (mut compared, mut plain) = (Vec::new(), Vec::new());
    for (ordinal, event) in unit.numbered() {
        let Some(written) = written(&event.kind) else { continue };
        if matches!(written.row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow) {
            let list = if is_compared(db, &unit, ordinal, written.row) { &mut compared } else { &mut plain };
            list.push(written.column);
        }
    }
    compared.into_iter().filter(|column| !plain.contains(column)).collect()
}

fn compares_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<[Name]> {
    Arc::default()
}

fn is_lock_on(query: &QueryValue, model: ClassRef) -> bool {
    query.lock == Lock::Yes && query.model == Some(model)
}

/// Whether a statement looks for the row of another by a key that only one row has, or locks all of several keys of which that is
/// one.
fn has_key_of(db: &dyn Db, unit: &Unit, model: ClassRef, query: &QueryValue, wanted: &QueryValue) -> bool {
    let names = |(column, key): &(Name, Key), (own, asked): &(Name, Key)| {
        let one_of = |members: &(Key, Vec<Key>)| members.0 == *key && members.1.contains(asked);
        column == own && (key == asked || unit.members.iter().any(one_of))
    };
    wanted
        .keys
        .iter()
        .any(|asked| identity::is_unique(db, model, asked.0) && query.keys.iter().any(|locked| names(locked, asked)))
}

/// Whether the transaction of a statement may have ended before an event.
fn is_ended(unit: &Unit, query: &QueryValue, from: u32, to: u32) -> bool {
    let Some(own) = query.session.as_deref() else { return true };
    unit.numbered().take(to as usize).skip(from as usize + 1).any(|(ordinal, event)| match &event.kind {
        EventKind::Session { session, action: SessionAction::Commit | SessionAction::Rollback, .. } => {
            same_session(own, session) && unit.can_follow(from, ordinal) && unit.can_follow(ordinal, to)
        }
        _ => false,
    })
}
