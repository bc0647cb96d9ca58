//! Whether the database may compute a column of a row in place of Python.

use auditline_model::eval::value::{OnCommit, RowOrigin, RowValue, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::tables::{called_for, told};
use auditline_model::unit::{EventKind, FrameId, FrameKind, SessionAction, Unit, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, entry};
use auditline_syntax::python::dotted;
use auditline_syntax::python::ir::Expr;
use auditline_syntax::{Name, TextRange};

use crate::races::identity::session_of;

/// Whether the column that is written at an event may hold an expression until the session sends it: the row is there already,
/// for an INSERT knows no old value, and nobody looks at the column before it is read again.
pub(super) fn may_be(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, write: u32) -> bool {
    let (Some(class), Some(event)) = (row.model, unit.events.get(write as usize)) else { return false };
    let EventKind::Write { column, .. } = &event.kind else { return false };
    !may_be_new(db, of, unit, row, class, write) && !is_looked_at(db, of, unit, row, class, (write, *column))
}

/// Whether the variable may hold a row that was made and not sent yet: here, in an arm that found none, or by the helper that
/// gives one in any case.
fn may_be_new(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, class: ClassRef, write: u32) -> bool {
    let own = unit.numbered().take(write as usize).any(|(made, event)| {
        matches!(&event.kind, EventKind::Create(created) if created.model == Some(class))
            && unit.can_follow(made, write)
            && !is_sent(unit, made, write)
    });
    own || match row.origin {
        RowOrigin::Loaded { by: Some(by), .. } if by != of => makes_new(db, by, class) && !is_sent(unit, row.id, write),
        _ => false,
    }
}

/// Whether a function makes a row of the class, and returns before it is sent.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = makes_none)]
fn makes_new(db: &dyn Db, of: FunctionRef, class: ClassRef) -> bool {
    let unit = unit_of(db, of);
    let end = u32::try_from(unit.events.len()).unwrap_or(u32::MAX);
    unit.numbered().any(|(made, event)| match &event.kind {
        EventKind::Create(created) => created.model == Some(class) && !is_sent(&unit, made, end),
        EventKind::Load { query, by: Some(by), .. } => {
            query.model == Some(class) && *by != of && makes_new(db, *by, class) && !is_sent(&unit, made, end)
        }
        _ => false,
    })
}

fn makes_none(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _class: ClassRef) -> bool {
    false
}

/// Whether a flush or commit always stands between two events.
fn is_sent(unit: &Unit, from: u32, to: u32) -> bool {
    unit.numbered().take(to as usize).skip(from as usize + 1).any(|(ordinal, event)| {
        matches!(
            event.kind,
            EventKind::Session { action: SessionAction::Flush | SessionAction::Commit, maybe: false, .. }
        ) && is_between(unit, from, ordinal, event.frame, to)
    })
}

/// Whether an event that stands in a frame always happens between two others.
fn is_between(unit: &Unit, from: u32, at: u32, frame: FrameId, to: u32) -> bool {
    let around = |other: u32| {
        unit.events
            .get(other as usize)
            .is_some_and(|event| unit.ancestors(event.frame).any(|(around, _)| around == frame))
    };
    unit.can_follow(from, at) && (around(from) || around(to))
}

/// Whether the column is looked at behind a write of it, here or by a caller, before it is read again.
fn is_looked_at(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    row: &RowValue,
    class: ClassRef,
    (write, column): (u32, Name),
) -> bool {
    // Each round of a loop over rows has another one.
    let many = matches!(row.origin, RowOrigin::Loaded { single: false, .. }) || unit.can_follow(write, row.id);
    let read = unit.numbered().any(|(ordinal, event)| {
        matches!(&event.kind, EventKind::Read { row: read, column: own } if read.id == row.id && *own == column)
            && (ordinal > write || !many)
            && unit.can_follow(write, ordinal)
            && !is_settled(db, unit, row, write, ordinal)
    });
    if read {
        return true;
    }
    let Some(event) = unit.events.get(write as usize) else { return true };
    let settled = settling(db, unit, row, write).find(|at| is_sure(unit, write, *at, write));
    let until = settled.and_then(|at| unit.events.get(at as usize)).map(|settled| settled.range.start());
    let behind = |at: TextRange| event.statement.end() <= at.start() && until.is_none_or(|until| at.start() < until);
    let named = object_of(db, of, event.range);
    if named.is_some_and(|name| told(db, of, name, class, behind).may_read(&[column])) {
        return true;
    }
    let RowOrigin::Param(index) = row.origin else { return false };
    settled.is_none()
        && callers(db, of).iter().filter(|site| !entry::is_test(db, site.function.file)).any(|site| {
            let caller = site.function;
            let Some(Value::Row(_)) = argument_of(db, of, &site.event, index) else { return false };
            let call = unit_of(db, caller).events.get(site.ordinal as usize).map(|event| event.range);
            let name = call.and_then(|call| called_for(db, caller, call, of, index));
            match (call, name) {
                (Some(call), Some(name)) => {
                    told(db, caller, name, class, |at| call.end() <= at.start()).may_read(&[column])
                }
                _ => true,
            }
        })
}

/// How the row is called of which an attribute stands at a place.
fn object_of(db: &dyn Db, of: FunctionRef, at: TextRange) -> Option<Name> {
    let body = auditline_model::function(db, of)?;
    body.code.exprs.iter().zip(&body.code.ranges).find_map(|(expr, range)| match expr {
        Expr::Attribute { value, .. } if *range == at || at.contains_range(*range) && range.start() == at.start() => {
            dotted(&body.code, *value)
        }
        _ => None,
    })
}

/// Whether the column is always read again between a write of it and another event.
fn is_settled(db: &dyn Db, unit: &Unit, row: &RowValue, write: u32, until: u32) -> bool {
    settling(db, unit, row, write).any(|at| at < until && is_sure(unit, write, at, until))
        || is_left(db, unit, row, write, until)
}

/// Whether an event always happens between two others.
fn is_sure(unit: &Unit, from: u32, at: u32, to: u32) -> bool {
    unit.events.get(at as usize).is_some_and(|event| is_between(unit, from, at, event.frame, to))
}

/// Whether the block of a transaction that commits is left between a write and another event.
fn is_left(db: &dyn Db, unit: &Unit, row: &RowValue, write: u32, until: u32) -> bool {
    let (Some(event), Some(later)) = (unit.events.get(write as usize), unit.events.get(until as usize)) else {
        return false;
    };
    unit.ancestors(event.frame).any(|(id, frame)| match &frame.kind {
        FrameKind::WithTransaction(session, kind) if kind.commits() => {
            reads_again(session_of(db, row).as_deref().unwrap_or(session), SessionAction::Commit)
                && !unit.ancestors(later.frame).any(|(other, _)| other == id)
        }
        _ => false,
    })
}

/// The events behind a write after which the column is read again when it is looked at.
fn settling<'a>(db: &'a dyn Db, unit: &'a Unit, row: &'a RowValue, write: u32) -> impl Iterator<Item = u32> + 'a {
    let own = session_of(db, row);
    unit.numbered().skip(write as usize + 1).filter_map(move |(ordinal, event)| {
        let settles = match &event.kind {
            EventKind::Session { session, action, maybe: false, .. } => {
                own.as_ref().is_none_or(|own| same_session(own, session)) && reads_again(session, *action)
            }
            EventKind::Refresh { row: Some(again), .. } => again.id == row.id,
            _ => false,
        };
        (settles && unit.can_follow(write, ordinal)).then_some(ordinal)
    })
}

/// Whether a row of a session is read anew after that. What the database has computed, a plain session reads when it is looked
/// at, once it has been sent; an asynchronous one cannot, and what it had expired anyway is no different.
fn reads_again(session: &auditline_model::eval::value::SessionValue, action: SessionAction) -> bool {
    let is_plain = session.is_async == Some(false);
    match action {
        SessionAction::Commit => is_plain || session.on_commit == OnCommit::Expires,
        SessionAction::Flush => is_plain,
        SessionAction::Rollback | SessionAction::Expire | SessionAction::Close => true,
        SessionAction::Restore | SessionAction::Savepoint | SessionAction::Begin => false,
    }
}
