//! What is written in a transaction, and what ties two writes together.

use std::sync::Arc;

use auditline_model::eval::value::{Derivation, FieldSource, QueryKind, RowOrigin, RowValue, SessionValue};
use auditline_model::tables::{AttributeKind, orm_model, tied};
use auditline_model::unit::{EventKind, SessionAction, Unit, same_session};
use auditline_model::{ClassRef, Db};
use auditline_syntax::Name;

/// A write in a transaction.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) ordinal: u32,
    pub(super) model: Option<ClassRef>,
    pub(super) what: What,
    row: Option<Arc<RowValue>>,
}

/// What is done to the row.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// It is added.
    Added,
    /// That column of it is changed.
    Changed(Name),
    /// It is deleted, or all that a statement finds.
    Removed,
    /// What a statement finds is changed.
    Bulk,
}

/// The writes of the transaction that a commit ends.
pub(super) fn before(unit: &Unit, commit: u32, session: &SessionValue) -> Vec<Written> {
    let mut found = Vec::new();
    let call = unit.events.get(commit as usize).map(|event| event.range);
    for ordinal in (0..commit).rev() {
        if !unit.can_follow(ordinal, commit) {
            continue;
        }
        if ends(unit, ordinal, session) {
            break;
        }
        found.extend(written(unit, ordinal, session));
    }
    found.reverse();
    // What a helper has made, saved and returned.
    for (ordinal, event) in unit.numbered().skip(commit as usize) {
        if Some(event.range) == call
            && let EventKind::Create(row) = &event.kind
        {
            found.push(Written { ordinal, model: row.model, what: What::Added, row: Some(Arc::clone(row)) });
        }
    }
    found
}

/// The writes between two commits.
pub(super) fn between(unit: &Unit, first: u32, next: u32, session: &SessionValue) -> Vec<Written> {
    (first + 1..next)
        .filter(|ordinal| {
            unit.can_follow(first, *ordinal) && unit.can_follow(*ordinal, next) && !unit.in_handler(*ordinal)
        })
        .filter_map(|ordinal| written(unit, ordinal, session))
        .collect()
}

fn ends(unit: &Unit, ordinal: u32, session: &SessionValue) -> bool {
    unit.events.get(ordinal as usize).is_some_and(|event| match &event.kind {
        EventKind::Session { session: own, action, .. } => {
            matches!(action, SessionAction::Commit | SessionAction::Rollback | SessionAction::Close)
                && same_session(own, session)
        }
        _ => false,
    })
}

/// The write of that session that an event is.
pub(super) fn written(unit: &Unit, ordinal: u32, session: &SessionValue) -> Option<Written> {
    let event = unit.events.get(ordinal as usize)?;
    let (row, what) = match &event.kind {
        EventKind::Add { session: own, row, .. } if same_session(own, session) => (row.clone(), What::Added),
        EventKind::Delete { session: own, row, .. } if same_session(own, session) => (row.clone(), What::Removed),
        EventKind::Write { row, column, .. } if is_in(unit, ordinal, row, session) => {
            (Some(Arc::clone(row)), What::Changed(*column))
        }
        EventKind::Execute(query) if query.session.as_ref().is_some_and(|own| same_session(own, session)) => {
            let what = match query.kind {
                QueryKind::Delete => What::Removed,
                QueryKind::Update | QueryKind::Insert => What::Bulk,
                QueryKind::Select | QueryKind::Text => return None,
            };
            return Some(Written { ordinal, row: None, model: query.model, what });
        }
        _ => return None,
    };
    let model = row.as_ref().and_then(|row| row.model);
    Some(Written { ordinal, row, model, what })
}

/// Whether a row was loaded by the session, or added to it before.
fn is_in(unit: &Unit, ordinal: u32, row: &RowValue, session: &SessionValue) -> bool {
    row.session.as_ref().is_some_and(|own| same_session(own, session))
        || unit.events[..ordinal as usize].iter().any(|before| match &before.kind {
            EventKind::Add { row: Some(added), session: own, .. } => added.id == row.id && same_session(own, session),
            _ => false,
        })
}

/// Whether the second of two transactions says how far the work has come of which the first tells: a row that the first has
/// added or changed gets another constant.
pub(super) fn is_progress(unit: &Unit, before: &[Written], behind: &[Written]) -> bool {
    behind.iter().any(|two| {
        let constant = matches!(
            unit.events.get(two.ordinal as usize).map(|event| &event.kind),
            Some(EventKind::Write { constant: Some(_), .. })
        );
        constant && before.iter().any(|one| same_row(one, two))
    })
}

fn same_row(one: &Written, two: &Written) -> bool {
    match (&one.row, &two.row) {
        (Some(one), Some(two)) => one.id == two.id && one.id < u32::MAX - 1,
        _ => false,
    }
}

/// Whether two writes belong together: one row refers to the other, both refer to a third, or the second completes the first
/// with a key that only the database could give.
pub(super) fn are_tied(db: &dyn Db, unit: &Unit, one: &Written, two: &Written) -> bool {
    if matches!((&one.what, &two.what), (What::Removed, What::Removed)) && (one.row.is_none() || two.row.is_none()) {
        return matches!((one.model, two.model), (Some(one), Some(two)) if tied(db, one, two));
    }
    let (Some(a), Some(b)) = (&one.row, &two.row) else { return false };
    // Rows that were not made or loaded here cannot be told apart.
    if a.id >= u32::MAX - 1 || b.id >= u32::MAX - 1 {
        return false;
    }
    let fields = fields(unit, two.ordinal);
    if a.id == b.id {
        return matches!(one.what, What::Added)
            && a.origin == RowOrigin::Created
            && fields.iter().any(|field| field.row == a.id && is_generated(db, a.model, field.column));
    }
    let changed_to_it = matches!(two.what, What::Changed(column) if is_reference(db, b.model, column))
        && fields.iter().any(|field| field.row == a.id && field.how == Derivation::Same);
    changed_to_it
        || is_made_of(db, unit, b, a)
        || is_made_of(db, unit, a, b)
        || is_loaded_by(db, unit, b, a)
        || share_parent(db, unit, a, b)
}

/// The columns that went into the value that a write sets.
fn fields(unit: &Unit, ordinal: u32) -> &[FieldSource] {
    match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Write { from, .. }) => &from.fields,
        _ => &[],
    }
}

/// Whether a row was made with a reference to another row, or with what identifies it.
fn is_made_of(db: &dyn Db, unit: &Unit, created: &RowValue, other: &RowValue) -> bool {
    created.origin == RowOrigin::Created
        && unit.ingredients.iter().filter(|part| part.created == created.id && part.row == other.id).any(|part| {
            match part.column {
                None => is_reference(db, created.model, part.attribute),
                Some(column) => identifies(db, other.model, column),
            }
        })
}

/// Whether two rows were made with the key of one third row.
fn share_parent(db: &dyn Db, unit: &Unit, one: &RowValue, two: &RowValue) -> bool {
    let parents = |of: &RowValue| {
        let id = of.id;
        let model = of.model;
        unit.ingredients
            .iter()
            .filter(move |part| part.created == id && is_reference(db, model, part.attribute))
            .map(|part| part.row)
    };
    one.origin == RowOrigin::Created
        && two.origin == RowOrigin::Created
        && parents(one).any(|parent| parents(two).any(|other| other == parent))
}

/// Whether a row was looked up by a reference of another, or by its key.
fn is_loaded_by(db: &dyn Db, unit: &Unit, row: &RowValue, other: &RowValue) -> bool {
    let Some(load) = unit.events.get(row.id as usize) else { return false };
    matches!(load.kind, EventKind::Load { .. })
        && unit.events[..row.id as usize].iter().any(|event| match &event.kind {
            EventKind::Read { row: read, column } => {
                read.id == other.id
                    && load.range.contains_range(event.range)
                    && (identifies(db, other.model, *column) || is_reference(db, other.model, *column))
                    && matches!((row.model, other.model), (Some(one), Some(two)) if tied(db, one, two))
            }
            _ => false,
        })
}

/// Whether an attribute of a class is a foreign key or a relationship.
fn is_reference(db: &dyn Db, class: Option<ClassRef>, attribute: Name) -> bool {
    let Some(model) = class.and_then(|class| orm_model(db, class)) else { return false };
    model.attribute(attribute).is_some_and(|attribute| match &attribute.kind {
        AttributeKind::Column(column) => column.foreign_key.is_some(),
        AttributeKind::Relationship(_) => true,
        _ => false,
    })
}

/// Whether a column tells one row of its table from the others.
fn identifies(db: &dyn Db, class: Option<ClassRef>, column: Name) -> bool {
    let Some(model) = class.and_then(|class| orm_model(db, class)) else { return false };
    let Some(known) = model.column(column) else { return false };
    let named = column.split('_').next_back().is_some_and(|word| matches!(word, "id" | "uuid" | "guid"));
    known.foreign_key.is_none() && (known.primary_key || known.unique || named)
}

/// Whether the database gives a column its value.
fn is_generated(db: &dyn Db, class: Option<ClassRef>, column: Name) -> bool {
    let Some(model) = class.and_then(|class| orm_model(db, class)) else { return false };
    model.column(column).is_some_and(|column| {
        (column.primary_key && column.foreign_key.is_none() && !column.has_default) || column.has_server_default
    })
}
