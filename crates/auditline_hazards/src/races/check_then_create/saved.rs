//! Rows that a request saves: it says what the row is to be, whether there is one yet or not. Where a constraint refuses the
//! second of two first saves, whoever asked does it again, and sets the row that is there.

use auditline_model::eval::value::{QueryKind, QueryValue, RowValue, Sources};
use auditline_model::names::files_mentioning;
use auditline_model::owner::users_of_dependency;
use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, parsed};

use super::Creation;

/// Whether the row that the lookup finds is set to what it is to be, whatever it was.
pub(super) fn sets_found(unit: &Unit, creation: &Creation) -> bool {
    let is_found = |row: &RowValue| row.id == creation.lookup;
    let mut sets = false;
    for (ordinal, event) in unit.numbered() {
        if !unit.can_follow(creation.lookup, ordinal) {
            continue;
        }
        match &event.kind {
            // One that counts loses what it was to count.
            EventKind::Write { row, from, in_sql, in_place, .. } if is_found(row) => {
                if *in_sql || *in_place || !is_given(from, row.id) {
                    return false;
                }
                sets = true;
            }
            EventKind::SetEach { row, .. } if is_found(row) => sets = true,
            // Whoever takes away what he finds makes it again when he asks again.
            EventKind::Delete { row: Some(row), .. } if is_found(row) => return false,
            EventKind::Execute(query) | EventKind::Updates { query, .. }
                if query.kind == QueryKind::Update
                    && query.model == Some(creation.model)
                    && asks_alike(unit, creation, query) =>
            {
                if !query.changes.iter().all(|set| !set.in_sql && is_given(&set.from, creation.lookup)) {
                    return false;
                }
                sets = true;
            }
            _ => {}
        }
    }
    sets
}

/// The event that adds to what the row that the lookup finds says: whoever comes second adds nothing.
pub(super) fn counts_found(unit: &Unit, creation: &Creation) -> Option<u32> {
    unit.numbered().find_map(|(ordinal, event)| {
        let counts = match &event.kind {
            EventKind::Write { row, step, .. } => row.id == creation.lookup && step.is_sure(),
            _ => false,
        };
        (counts && unit.can_follow(creation.lookup, ordinal)).then_some(ordinal)
    })
}

/// Whether a statement names its rows like the lookup does.
fn asks_alike(unit: &Unit, creation: &Creation, query: &QueryValue) -> bool {
    match unit.events.get(creation.lookup as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query: lookup, .. }) => !query.filters.is_empty() && query.filters == lookup.filters,
        _ => false,
    }
}

/// Whether a value comes with the request, or is the same for all: nothing of the row as it was went into it, and nothing that
/// was asked for outside.
fn is_given(from: &Sources, row: u32) -> bool {
    from.external.is_none() && from.counts.is_empty() && from.fields.iter().all(|field| field.row != row)
}

/// Whether dependencies hand out rows of a class to requests: it says who asks, and the request that makes such a row is the
/// first one of somebody who wants in.
#[salsa::tracked(returns(copy))]
pub(super) fn is_person(db: &dyn Db, model: ClassRef, _key: ()) -> bool {
    files_mentioning(db, classes::simple(model.path)).iter().filter(|file| !entry::is_test(db, **file)).any(|file| {
        parsed(db, *file).module.functions.iter().any(|function| {
            let of = FunctionRef { file: *file, path: function.path };
            !users_of_dependency(db, of).is_empty() && {
                let unit = unit_of(db, of);
                [&unit.returns, &unit.yields]
                    .iter()
                    .any(|given| given.row().is_some_and(|row| row.model == Some(model)))
            }
        })
    })
}
