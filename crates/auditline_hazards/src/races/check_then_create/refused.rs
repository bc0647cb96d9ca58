//! Rows that are there and are refused, so that only one request is to succeed.

use auditline_model::eval::value::{ArgName, Value};
use auditline_model::tables::orm_model;
use auditline_model::unit::{Condition, EventKind, FrameId, FrameKind, Subject, Test, Unit};
use auditline_model::{Db, FunctionRef, entry};
use auditline_syntax::Name;

use super::{Creation, Uniqueness};

/// Whether what happens where the row is found does nothing but answer a request that it was for nothing: it
/// returns `False` where others return `True`, or what says so in the same place (`Answer(success=False)`), and not which
/// row it is. What a helper answers its caller may leave alone.
pub(super) fn says_no(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> bool {
    let Some(event) = unit.events.get(creation.create as usize) else { return false };
    let is_missed = |condition: &Condition| {
        condition.test == Test::Present
            && !condition.holds
            && matches!(condition.subject, Subject::Row { row } | Subject::Count { load: row } if row == creation.lookup)
    };
    let mut splits = unit.ancestors(event.frame).filter_map(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, split, rest: true, .. } if conditions.iter().any(is_missed) => Some(*split),
        _ => None,
    });
    entry::is_endpoint(db, of) && splits.any(|split| arm_says_no(db, unit, split, creation.lookup))
}

/// Whether the arm of an `if` that is taken where a row is found answers so.
fn arm_says_no(db: &dyn Db, unit: &Unit, split: u32, found: u32) -> bool {
    let numbered = (0u32..).map(FrameId).zip(&unit.frames);
    let arm = numbered.into_iter().find_map(|(id, frame)| match &frame.kind {
        FrameKind::Branch { split: other, rest: false, exits: true, conditions, .. } if *other == split => {
            // Of one that is there and something besides, others are let through.
            let [condition] = conditions.as_slice() else { return None };
            let is_found =
                matches!(condition.subject, Subject::Row { row } | Subject::Count { load: row } if row == found);
            (is_found && condition.test == Test::Present && condition.holds).then_some(id)
        }
        _ => None,
    });
    let Some(arm) = arm else { return false };
    let model = match unit.events.get(found as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => query.model.and_then(|class| orm_model(db, class)),
        _ => None,
    };
    let is_key = |column: Name| model.as_ref().is_some_and(|model| model.key() == Some(column));
    let mut answers = false;
    for (_, event) in unit.events_in(arm) {
        match &event.kind {
            EventKind::Return(value) if is_no(unit, value) => answers = true,
            EventKind::Read { row, column } if row.id == found && is_key(*column) => return false,
            EventKind::Return(_)
            | EventKind::Write { .. }
            | EventKind::SetEach { .. }
            | EventKind::Create(_)
            | EventKind::Add { .. }
            | EventKind::Delete { .. }
            | EventKind::Execute(_)
            | EventKind::External { .. } => return false,
            _ => {}
        }
    }
    answers
}

/// Whether a value says `False` where another answer of the function says `True`.
fn is_no(unit: &Unit, value: &Value) -> bool {
    let mut answers = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Return(value) => Some(value),
        _ => None,
    });
    match value {
        Value::Bool(false) => answers.any(|other| *other == Value::Bool(true)),
        Value::Instance(no) => answers.any(|other| match other {
            Value::Instance(yes) => {
                let differs = |(name, value): &(ArgName, Value)| {
                    *value == Value::Bool(false) && yes.arguments.contains(&(*name, Value::Bool(true)))
                };
                no.class == yes.class && no.arguments.iter().any(differs)
            }
            _ => false,
        }),
        _ => false,
    }
}

/// Whether a row that the constraint forbids would have been refused by another lookup already: one of the same class that
/// asks for no more than the unique columns, by the same keys.
pub(super) fn is_turned_away(unit: &Unit, creation: &Creation, uniqueness: &Uniqueness) -> bool {
    let Uniqueness::Unique { columns, .. } = uniqueness else { return false };
    let Some(event) = unit.events.get(creation.create as usize) else { return false };
    let Some(EventKind::Load { query: sought, .. }) =
        unit.events.get(creation.lookup as usize).map(|event| &event.kind)
    else {
        return false;
    };
    let asks_for_less = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => {
            query.model == Some(creation.model)
                && !query.filters.is_empty()
                && query.filters.iter().all(|column| columns.contains(column))
                && query.keys.len() >= query.filters.len()
                && query.keys.iter().all(|key| sought.keys.contains(key))
        }
        _ => false,
    };
    unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, split, rest: true, .. } if unit.is_refused(*split) => {
            let [condition] = conditions.as_slice() else { return false };
            condition.test == Test::Present
                && !condition.holds
                && matches!(condition.subject, Subject::Row { row } | Subject::Count { load: row } if asks_for_less(row))
        }
        _ => false,
    })
}
