//! The other writers of a column: what makes a possible race a fact.

use std::sync::Arc;

use auditline_model::eval::value::QueryKind;
use auditline_model::names::{files_mentioning, files_mentioning_in};
use auditline_model::shards::Shard;
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::uses::functions_assigning;
use auditline_model::{ClassRef, Db, FunctionRef, Settings, SourceFile, classes, entry};
use auditline_syntax::Name;
use rustc_hash::FxHashMap;

use crate::finding::Place;

/// How many are named.
const MOST: usize = 3;

/// Other functions that write the column of the model, with the places where they do.
pub(super) fn others(db: &dyn Db, of: FunctionRef, model: Option<ClassRef>, column: Name) -> Vec<(String, Place)> {
    let Some(model) = model else { return Vec::new() };
    writers(db, model, column)
        .iter()
        .filter(|(other, _)| *other != of)
        .take(MOST)
        .map(|(other, ordinal)| (classes::simple(other.path).to_owned(), Place::Event(*other, *ordinal)))
        .collect()
}

/// Whether somebody else may set the column of a row that exists to that state; without a state, to any.
pub(super) fn is_brought_about(
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
    let written = writes(db, Settings::get(db), column);
    let mut bringers: Vec<FunctionRef> = Vec::new();
    for write in written.get(&model).into_iter().flatten() {
        if may_be(write.constant, state) && bringers.last() != Some(&write.function) {
            bringers.push(write.function);
        }
    }
    bringers.into_iter().take(2).collect()
}

/// Whether whoever sets the column of a row that exists sets it to one of two states.
///
/// A query of its own for the same reason as [`writers`].
#[salsa::tracked(returns(copy))]
pub(super) fn only_bring_about(db: &dyn Db, model: ClassRef, column: Name, states: [Name; 2]) -> bool {
    let written = writes(db, Settings::get(db), column);
    let is_known = |constant: Name| states.iter().any(|state| may_be(Some(constant), Some(*state)));
    written.get(&model).into_iter().flatten().all(|write| write.constant.is_some_and(is_known))
}

/// Whether a written value may be a state, each as written where it is a constant.
fn may_be(written: Option<Name>, state: Option<Name>) -> bool {
    let last = |name: Name| name.rsplit('.').next().map(str::to_owned);
    match (written, state) {
        (Some(written), Some(state)) => last(written) == last(state),
        (None, _) | (_, None) => true,
    }
}

/// A write of a column by the function's own statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ColumnWrite {
    function: FunctionRef,
    ordinal: u32,
    constant: Option<Name>,
}

/// The writes of each model, as the functions stand in their files.
type Writes = FxHashMap<ClassRef, Vec<ColumnWrite>>;

/// Who writes columns of that name, outside tests and migrations, as the files and functions stand.
///
/// Asked once for all models: many have a column of the same name, and each would look through the same files.
#[salsa::tracked(returns(clone))]
fn writes(db: &dyn Db, settings: Settings, column: Name) -> Arc<Writes> {
    /// Among fewer files shards cost more than they spare.
    const FEW: usize = 200;
    let files = files_mentioning(db, &column);
    if files.len() <= FEW {
        return Arc::new(writes_among(db, &files, column));
    }
    let mut found = Writes::default();
    for shard in Shard::all() {
        for (model, writes) in writes_of_shard(db, shard, settings, column).iter() {
            found.entry(*model).or_default().extend(writes);
        }
    }
    for writes in found.values_mut() {
        writes.sort_by_key(|write| write.function.file.path(db));
    }
    Arc::new(found)
}

#[salsa::tracked(returns(clone))]
fn writes_of_shard(db: &dyn Db, shard: Shard, _settings: Settings, column: Name) -> Arc<Writes> {
    Arc::new(writes_among(db, &files_mentioning_in(db, &column, shard), column))
}

fn writes_among(db: &dyn Db, files: &[SourceFile], column: Name) -> Writes {
    let mut found = Writes::default();
    for file in files {
        if entry::is_test(db, *file) || entry::is_migration(db, *file) {
            continue;
        }
        for function in functions_assigning(db, *file, &column) {
            for (ordinal, event) in unit_of(db, function).numbered() {
                if let EventKind::Write { row, column: written, constant, by, .. } = &event.kind
                    && *written == column
                    && by.is_none_or(|by| !functions_assigning(db, by.file, &column).contains(&by))
                    && let Some(model) = row.model
                {
                    found.entry(model).or_default().push(ColumnWrite { function, ordinal, constant: *constant });
                }
                if let EventKind::Execute(query) = &event.kind
                    && query.kind == QueryKind::Update
                    && let Some(model) = query.model
                    && let Some(set) = query.changes.iter().find(|set| set.name == column)
                {
                    found.entry(model).or_default().push(ColumnWrite { function, ordinal, constant: set.constant });
                }
            }
        }
    }
    found
}

/// The first functions that write the column of the model, with the ordinals of their first writes: one more than are
/// named, because the one under check is among them.
///
/// A query of its own: an edit in one of the files that write the column must not check the others again as long as the
/// answer is the same.
#[salsa::tracked(returns(clone))]
fn writers(db: &dyn Db, model: ClassRef, column: Name) -> Arc<[(FunctionRef, u32)]> {
    let written = writes(db, Settings::get(db), column);
    let mut writers: Vec<(FunctionRef, u32)> = Vec::new();
    for write in written.get(&model).into_iter().flatten() {
        if writers.last().is_none_or(|(last, _)| *last != write.function) {
            writers.push((write.function, write.ordinal));
        }
    }
    writers.into_iter().take(MOST + 1).collect()
}
