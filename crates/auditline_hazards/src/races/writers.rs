//! The other writers of a column: what makes a possible race a fact.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, QueryValue, RowOrigin, RowValue};
use auditline_model::names::{files_mentioning, files_mentioning_in};
use auditline_model::owner::callers;
use auditline_model::shards::Shard;
use auditline_model::unit::{EventKind, FrameKind, Subject, Test, Unit, event_range, unit_of};
use auditline_model::uses::functions_assigning;
use auditline_model::{ClassRef, Db, FunctionRef, Settings, SourceFile, classes, entry};
use auditline_syntax::Name;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::finding::Place;

use super::{serial, served};

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

/// Whether all who write the column do it on an event loop, without a break; scripts aside.
///
/// A query of its own for the same reason as [`writers`].
#[salsa::tracked(returns(copy))]
pub(super) fn are_unbroken(db: &dyn Db, model: ClassRef, column: Name) -> bool {
    let written = writes(db, Settings::get(db), column);
    let mut functions: Vec<FunctionRef> =
        written.get(&model).into_iter().flatten().map(|write| write.function).collect();
    functions.dedup();
    functions.into_iter().all(|other| entry::is_aside(db, other.file) || serial::is_unbroken(db, other))
}

/// Whether only administrators write the column; scripts aside.
///
/// A query of its own for the same reason as [`writers`].
#[salsa::tracked(returns(copy))]
pub(super) fn are_administrators(db: &dyn Db, model: ClassRef, column: Name) -> bool {
    let written = writes(db, Settings::get(db), column);
    written.get(&model).into_iter().flatten().all(|write| {
        entry::is_aside(db, write.function.file)
            || event_range(db, write.function, write.ordinal)
                .is_some_and(|at| served::administrators_guard(db, write.function, at).is_some())
    })
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

/// Whether everybody who may find the column of a row that exists in the second of two states leaves it there, or sets it to the
/// first.
///
/// A query of its own for the same reason as [`writers`].
#[salsa::tracked(returns(copy))]
pub(super) fn only_bring_about(db: &dyn Db, model: ClassRef, column: Name, states: [Name; 2]) -> bool {
    let written = writes(db, Settings::get(db), column);
    let is_known = |constant: Name| states.iter().any(|state| may_be(Some(constant), Some(*state)));
    written
        .get(&model)
        .into_iter()
        .flatten()
        .all(|write| write.constant.is_some_and(is_known) || !may_find(db, write, column, states[1]))
}

/// Whether a writer may find the column in that state: no guard of its own, or of those who hand it the row, says otherwise.
fn may_find(db: &dyn Db, write: &ColumnWrite, column: Name, state: Name) -> bool {
    if !write.found.may_be(state) {
        return false;
    }
    if !write.is_handed {
        return true;
    }
    let sites = callers(db, write.function);
    let mut served = sites.iter().filter(|site| !entry::is_test(db, site.function.file)).peekable();
    served.peek().is_none()
        || served.any(|site| {
            let unit = unit_of(db, site.function);
            let Some(call) = unit.events.get(site.ordinal as usize) else { return true };
            let mut written =
                unit.numbered().filter(|(_, event)| event.range == call.range).filter_map(|(at, event)| {
                    match &event.kind {
                        EventKind::Write { row, column: own, by: Some(by), .. } => {
                            (*by == write.function && *own == column).then(|| Found::at(&unit, at, row, column))
                        }
                        _ => None,
                    }
                });
            written.next().is_none_or(|found| found.may_be(state))
        })
}

/// In which states of a column a write may find it, as its guards say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found {
    /// In that one only.
    only: Option<Name>,
    /// Not in these.
    never: SmallVec<[Name; 1]>,
}

impl Found {
    /// What the conditions around a write say, and the statement that has looked for the row; or what the function itself has
    /// set it to before.
    fn at(unit: &Unit, write: u32, row: &RowValue, column: Name) -> Self {
        let own = unit.numbered().take(write as usize).filter_map(|(earlier, event)| match &event.kind {
            EventKind::Write { row: other, column: own, constant, .. } => {
                (other.id == row.id && *own == column && unit.can_follow(earlier, write)).then_some(*constant)
            }
            _ => None,
        });
        if let Some(set) = own.last() {
            return Self { only: set, never: SmallVec::new() };
        }
        let Some(frame) = unit.events.get(write as usize).map(|event| event.frame) else { return Self::default() };
        let mut found = match unit.events.get(row.id as usize).map(|event| &event.kind) {
            Some(EventKind::Load { query, .. }) => Self::of(query, column),
            _ => Self::default(),
        };
        for (_, frame) in unit.ancestors(frame) {
            let FrameKind::Branch { conditions, rest, .. } = &frame.kind else { continue };
            let mut own = conditions.iter().filter(|condition| {
                condition.test == Test::EqualsConstant
                    && matches!(condition.subject, Subject::Field { row: tested, column: named }
                        if tested == row.id && named == column)
            });
            let (Some(one), None) = (own.next(), own.next()) else { continue };
            match one.constant {
                Some(state) if one.holds => found.only = found.only.or(Some(state)),
                // Of `if a and b: return`, neither is known to be false behind it.
                Some(state) if *rest && conditions.len() == 1 => found.never.push(state),
                _ => {}
            }
        }
        found
    }

    /// What a statement asks for.
    fn of(query: &QueryValue, column: Name) -> Self {
        let mut states = query.sought.states.iter().filter(|(name, _)| *name == column);
        match (states.next(), states.next()) {
            (Some((_, only)), None) => Self { only: *only, never: SmallVec::new() },
            _ => Self::default(),
        }
    }

    fn may_be(&self, state: Name) -> bool {
        let is_it = |other: &Name| may_be(Some(*other), Some(state));
        self.only.as_ref().is_none_or(is_it) && !self.never.iter().any(is_it)
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
struct ColumnWrite {
    function: FunctionRef,
    ordinal: u32,
    constant: Option<Name>,
    found: Found,
    /// Whether the row is one that the function was handed, or whose method it is.
    is_handed: bool,
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
            found.entry(*model).or_default().extend(writes.iter().cloned());
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
            let unit = unit_of(db, function);
            for (ordinal, event) in unit.numbered() {
                if let EventKind::Write { row, column: written, constant, by, .. } = &event.kind
                    && *written == column
                    && by.is_none_or(|by| !functions_assigning(db, by.file, &column).contains(&by))
                    && let Some(model) = row.model
                {
                    found.entry(model).or_default().push(ColumnWrite {
                        function,
                        ordinal,
                        constant: *constant,
                        found: Found::at(&unit, ordinal, row, column),
                        is_handed: matches!(row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow),
                    });
                }
                if let EventKind::Execute(query) = &event.kind
                    && query.kind == QueryKind::Update
                    && let Some(model) = query.model
                    && let Some(set) = query.changes.iter().find(|set| set.name == column)
                {
                    found.entry(model).or_default().push(ColumnWrite {
                        function,
                        ordinal,
                        constant: set.constant,
                        found: Found::of(query, column),
                        is_handed: false,
                    });
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
