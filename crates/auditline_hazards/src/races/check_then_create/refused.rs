//! Rows that another lookup has refused already, so that only one request is to succeed.

use auditline_model::unit::{EventKind, FrameKind, Unit};

use super::{Creation, Uniqueness};

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
            condition.missed().is_some_and(asks_for_less)
        }
        _ => false,
    })
}
