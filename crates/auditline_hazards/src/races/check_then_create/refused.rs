//! Rows that are there and are refused, so that only one request is to succeed.

use auditline_model::Db;
use auditline_model::eval::value::Value;
use auditline_model::tables::orm_model;
use auditline_model::unit::{EventKind, FrameId, FrameKind, Subject, Test, Unit};
use auditline_syntax::Name;

use super::{Creation, Uniqueness};

/// Whether the arm of an `if` that is taken where a row is found does nothing but answer that it was for nothing: it returns
/// `False`, or what says `False` (`Answer(success=False)`), and not which row it is.
pub(super) fn says_no(db: &dyn Db, unit: &Unit, split: u32, found: u32) -> bool {
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
            EventKind::Return(value) if is_no(value) => answers = true,
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

/// `False`, or an object or dictionary with a `False` in it and no `True`.
fn is_no(value: &Value) -> bool {
    let any = |values: &mut dyn Iterator<Item = &Value>| {
        let mut no = false;
        for value in values {
            match value {
                Value::Bool(true) | Value::Row(_) => return false,
                Value::Bool(false) => no = true,
                _ => {}
            }
        }
        no
    };
    match value {
        Value::Bool(says) => !says,
        Value::Instance(instance) => any(&mut instance.arguments.iter().map(|(_, value)| value)),
        Value::Dict(entries) => any(&mut entries.iter().map(|entry| &entry.value)),
        Value::Tuple(values) => any(&mut values.iter()),
        _ => false,
    }
}

/// Whether a row that the constraint forbids would have been refused by another lookup already: one of the same class that
/// asks for no more than the columns that are unique.
pub(super) fn is_turned_away(unit: &Unit, creation: &Creation, uniqueness: &Uniqueness) -> bool {
    let Uniqueness::Unique { columns, .. } = uniqueness else { return false };
    let Some(event) = unit.events.get(creation.create as usize) else { return false };
    let asks_for_less = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => {
            query.model == Some(creation.model)
                && !query.filters.is_empty()
                && query.filters.iter().all(|column| columns.contains(column))
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
