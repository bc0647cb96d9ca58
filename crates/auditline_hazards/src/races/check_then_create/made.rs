//! Rows that a callee creates, whatever it hands back: an object made from the row, its key, nothing.

use std::sync::Arc;

use auditline_model::eval::value::{Lock, Passes, QueryKind, QueryValue, RowOrigin, RowValue};
use auditline_model::tables::orm_model;
use auditline_model::unit::{EventKind, FrameId, FrameKind, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef};
use auditline_syntax::Name;

use super::conflict::recovers;
use super::{Creation, lookup, missed, rows};

/// The creation by the callee of that call, if it happens only because a lookup of the same model found nothing.
pub(super) fn creation(db: &dyn Db, of: FunctionRef, unit: &Unit, call: u32, callee: FunctionRef) -> Option<Creation> {
    let event = unit.events.get(call as usize)?;
    if !unit.ancestors(event.frame).any(|(_, frame)| tests_presence(&frame.kind)) {
        return None;
    }
    let (model, (lookup, refuses)) =
        makes(db, callee, ()).iter().find_map(|model| Some((*model, missed(db, of, unit, call, *model, Lock::No)?)))?;
    // The callee that looks is not the one that makes.
    let looked = unit.events.get(lookup as usize)?;
    if looked.range == event.range {
        return None;
    }
    let row = Arc::new(RowValue { id: call, model: Some(model), origin: RowOrigin::Created, session: None });
    Some(Creation { lookup, create: call, add: call, row, model, session: None, by: Some(callee), refuses })
}

fn tests_presence(frame: &FrameKind) -> bool {
    match frame {
        FrameKind::Branch { conditions, .. } => conditions.iter().any(|condition| condition.missed().is_some()),
        FrameKind::Handler(..) => true,
        _ => false,
    }
}

/// The classes of which a function always creates a row and makes it durable.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = makes_nothing)]
fn makes(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[ClassRef]> {
    if recovers(db, of, ()) {
        return Arc::default();
    }
    let unit = unit_of(db, of);
    let mut made: Vec<ClassRef> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        if !is_always(&unit, event.frame) {
            continue;
        }
        match &event.kind {
            EventKind::Create(row) => {
                // Of a base, only callers know which subclass they mean.
                let is_table = |class: &ClassRef| orm_model(db, *class).is_some_and(|model| model.is_table());
                let Some(model) = row.model.filter(is_table) else { continue };
                let Some((add, session)) = rows::added(&unit, ordinal, |added| added.id == ordinal) else { continue };
                let added = RowValue { session: Some(session), ..(**row).clone() };
                let by = match &unit.events[add as usize].kind {
                    EventKind::Add { by, .. } => *by,
                    _ => None,
                };
                if by.is_some_and(|by| recovers(db, by, ())) {
                    continue;
                }
                if is_always(&unit, unit.events[add as usize].frame)
                    && rows::durable(db, of, &unit, add, &added).is_some()
                {
                    made.push(model);
                }
            }
            EventKind::Execute(statement) => {
                let Some(model) = inserted(statement) else { continue };
                let session = statement.session.clone();
                let row = RowValue { id: ordinal, model: Some(model), origin: RowOrigin::Created, session };
                if rows::durable(db, of, &unit, ordinal, &row).is_some() {
                    made.push(model);
                }
            }
            EventKind::Call { callee, .. } if *callee != of => made.extend(makes(db, *callee, ()).iter()),
            _ => {}
        }
    }
    made.dedup();
    made.into()
}

/// Whether the callee that makes the row looks for one by the same columns itself: the race is there.
pub(super) fn looks_again(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> bool {
    let Some(create) = unit.events.get(creation.create as usize) else { return false };
    let sought = || {
        let mut sought = lookup::filters(db, of, unit, creation.lookup).columns;
        sought.sort_unstable();
        sought
    };
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Call { callee, .. } if event.range == create.range && *callee != of => {
            let own = looked_for(db, *callee, creation.model);
            !own.is_empty() && *own == *sought()
        }
        _ => false,
    })
}

/// The columns, sorted, by which a function looks for a row of that class before it makes one where there is none.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = looks_for_nothing)]
fn looked_for(db: &dyn Db, of: FunctionRef, model: ClassRef) -> Arc<[Name]> {
    let unit = unit_of(db, of);
    let lookup = unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Create(row) if row.model == Some(model) => missed(db, of, &unit, ordinal, model, Lock::No),
        _ => None,
    });
    let Some((lookup, _)) = lookup else { return Arc::default() };
    let mut columns = lookup::filters(db, of, &unit, lookup).columns;
    columns.sort_unstable();
    columns.into()
}

fn looks_for_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _model: ClassRef) -> Arc<[Name]> {
    Arc::default()
}

/// The class of which an INSERT makes rows, where a conflict is an error.
pub(super) fn inserted(statement: &QueryValue) -> Option<ClassRef> {
    let fails = statement.insertion.as_ref().is_none_or(|insertion| insertion.passes == Passes::None);
    statement.model.filter(|_| statement.kind == QueryKind::Insert && fails)
}

fn makes_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<[ClassRef]> {
    Arc::default()
}

/// Whether what stands in a frame happens in every run that comes to its end: the rest behind a guard that refuses does,
/// but for one that asks whether there is a row already.
fn is_always(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).all(|(_, frame)| match &frame.kind {
        FrameKind::Branch { rest, split, .. } => *rest && unit.is_refused(*split) && !tests_presence(&frame.kind),
        FrameKind::Loop { .. } | FrameKind::Handler(..) => false,
        _ => true,
    })
}

/// Whether another arm does it with a statement that passes over conflicts: this one is for a database that knows none.
pub(super) fn is_fallback(db: &dyn Db, unit: &Unit, creation: &Creation) -> bool {
    unit.numbered().take(creation.lookup as usize).any(|(ordinal, event)| {
        !unit.can_follow(ordinal, creation.lookup)
            && match &event.kind {
                EventKind::Call { callee, .. } => upserts(db, *callee, ()),
                kind => passes(kind),
            }
    })
}

/// Whether a function executes an INSERT that passes over conflicts.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy))]
fn upserts(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    unit_of(db, of).events.iter().any(|event| passes(&event.kind))
}

fn passes(event: &EventKind) -> bool {
    let EventKind::Execute(query) = event else { return false };
    query.insertion.as_ref().is_some_and(|insertion| !matches!(insertion.passes, Passes::None | Passes::Unknown))
}
