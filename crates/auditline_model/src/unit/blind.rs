//! Rows that a function finds by what it is handed, and changes without a look at what they hold: `mark_paid(session, order_id)`.
//!
//! To its callers that is what `UPDATE … WHERE id = :id` is: whoever has looked at the row has decided what it holds.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::eval::value::{Entry, Key, Part, QueryKind, QueryValue, RowOrigin, RowValue, Sources, Value};

use super::{EventKind, Subject, Unit};

/// The changes of a row, as a statement that finds it; told of once, where the first of them stands.
pub(super) fn blind_update(unit: &Unit, write: u32) -> Option<QueryValue> {
    let EventKind::Write { row, .. } = &unit.events.get(write as usize)?.kind else { return None };
    let load = found_by_given(unit, row)?;
    let writes = unit.numbered().filter_map(|(ordinal, event)| match &event.kind {
        EventKind::Write { row: own, .. } if own.id == row.id => Some((ordinal, change(unit, ordinal, row))),
        _ => None,
    });
    let writes: Vec<(u32, Option<Entry>)> = writes.collect();
    if writes.first().map(|(first, _)| *first) != Some(write) {
        return None;
    }
    // One that looks at the row, or makes the new value from the old one, is told of itself.
    let changes: Option<Vec<Entry>> = writes.into_iter().map(|(_, change)| change).collect();
    Some(QueryValue {
        kind: QueryKind::Update,
        session: row.session.clone(),
        filters: load.filters.clone(),
        keys: load.keys.clone(),
        changes: changes?.into(),
        ..QueryValue::select(row.model)
    })
}

/// The statement that has loaded one row by what the function is handed, and by nothing else.
fn found_by_given<'a>(unit: &'a Unit, row: &RowValue) -> Option<&'a QueryValue> {
    if !matches!(row.origin, RowOrigin::Loaded { single: true, .. }) {
        return None;
    }
    let EventKind::Load { query, many: false, .. } = &unit.events.get(row.id as usize)?.kind else { return None };
    let is_given = |(_, key): &(Name, Key)| matches!(key, Key::Given(Value::Param(_) | Value::Attribute(..)));
    let by_keys = !query.keys.is_empty()
        && query.keys.iter().all(is_given)
        && query.filters.iter().all(|column| query.keys.iter().any(|(key, _)| key == column));
    (by_keys && !query.sought.open && query.kind == QueryKind::Select).then_some(query)
}

/// What a write sets, if nothing that the row holds decides about it or goes into it.
fn change(unit: &Unit, write: u32, row: &RowValue) -> Option<Entry> {
    let event = unit.events.get(write as usize)?;
    let EventKind::Write { column, from, in_sql: false, in_place: false, constant, .. } = &event.kind else {
        return None;
    };
    let decides = unit
        .conditions_around(event.frame)
        .any(|condition| matches!(condition.subject, Subject::Field { row: own, .. } if own == row.id));
    if decides || from.fields.iter().any(|field| field.row == row.id) {
        return None;
    }
    let value = match from.parts[..] {
        [Part::Param(index)] => Value::Param(index),
        _ => Value::Unknown,
    };
    let from = Sources { other: from.other, ..Sources::default() };
    Some(Entry { name: *column, value, from, in_sql: false, constant: *constant })
}

/// As an event that callers hear of.
pub(super) fn told(unit: &Unit, write: u32) -> Option<EventKind> {
    blind_update(unit, write).map(|query| EventKind::Updates { query: Arc::new(query), by: None })
}
