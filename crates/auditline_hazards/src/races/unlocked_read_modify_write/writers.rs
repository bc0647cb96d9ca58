//! The other writers of a column: what makes a possible race a fact.

use std::sync::Arc;

use auditline_model::names::files_mentioning;
use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::uses::functions_assigning;
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry};
use auditline_syntax::Name;

use crate::finding::Place;

/// How many are named.
const MOST: usize = 3;

/// Other functions that write the column of the model, with the places where they do.
pub(in crate::races) fn others(
    db: &dyn Db,
    of: FunctionRef,
    model: Option<ClassRef>,
    column: Name,
) -> Vec<(String, Place)> {
    let Some(model) = model else { return Vec::new() };
    writers(db, model, column)
        .iter()
        .filter(|(other, _)| *other != of)
        .take(MOST)
        .map(|(other, ordinal)| (classes::simple(other.path).to_owned(), Place::Event(*other, *ordinal)))
        .collect()
}

/// Whether somebody else may set the column of a row that exists to that state; without a state, to any.
pub(in crate::races) fn is_brought_about(
    db: &dyn Db,
    of: FunctionRef,
    model: ClassRef,
    column: Name,
    state: Option<Name>,
) -> bool {
    bringers(db, model, column, state).iter().any(|other| *other != of)
}

/// The first two functions that set the column to that state: the one under check may be among them.
///
/// A query of its own for the same reason as [`writers`].
#[salsa::tracked(returns(clone))]
fn bringers(db: &dyn Db, model: ClassRef, column: Name, state: Option<Name>) -> Arc<[FunctionRef]> {
    writing(db, column)
        .filter(|(_, unit)| {
            unit.events.iter().any(|event| match &event.kind {
                EventKind::Write { row, column: written, constant, by: None, .. } => {
                    *written == column && row.model == Some(model) && may_be(*constant, state)
                }
                _ => false,
            })
        })
        .map(|(function, _)| function)
        .take(2)
        .collect()
}

/// Whether a written value may be a state, each as written where it is a constant.
fn may_be(written: Option<Name>, state: Option<Name>) -> bool {
    let last = |name: Name| name.rsplit('.').next().map(str::to_owned);
    match (written, state) {
        (Some(written), Some(state)) => last(written) == last(state),
        (None, _) | (_, None) => true,
    }
}

/// The functions outside tests and migrations that assign an attribute of that name, with their units of work.
fn writing(db: &dyn Db, column: Name) -> impl Iterator<Item = (FunctionRef, Arc<Unit>)> {
    files_mentioning(db, &column)
        .iter()
        .copied()
        .collect::<Vec<_>>()
        .into_iter()
        .filter(|file| !entry::is_test(db, *file) && !entry::is_migration(db, *file))
        .flat_map(move |file| functions_assigning(db, file, &column))
        .map(|function| (function, unit_of(db, function)))
}

/// The first functions that write the column of the model, with the ordinals of their writes: one more than are named,
/// because the one under check is among them.
///
/// A query of its own: it looks into the files that mention the column, and an edit in one of them must not check the
/// others again as long as the answer is the same.
#[salsa::tracked(returns(clone))]
fn writers(db: &dyn Db, model: ClassRef, column: Name) -> Arc<[(FunctionRef, u32)]> {
    writing(db, column)
        .filter_map(|(other, unit)| {
            let (ordinal, _) = unit.numbered().find(|(_, event)| {
                matches!(&event.kind, EventKind::Write { row, column: written, by: None, .. }
                    if *written == column && row.model == Some(model))
            })?;
            Some((other, ordinal))
        })
        .take(MOST + 1)
        .collect()
}
