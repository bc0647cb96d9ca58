//! Who takes one of the rows of which there may be two: the other stays, unseen.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, Value};
use auditline_model::names::files_mentioning;
use auditline_model::owner::callers;
use auditline_model::unit::{Condition, EventKind, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;
use smallvec::SmallVec;

use super::Creation;
use super::lookup::filters;
use crate::finding::{Evidence, Place};

/// A query that takes one row of a class, or counts its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taker {
    function: FunctionRef,
    ordinal: u32,
    /// The columns by which it looks.
    columns: SmallVec<[Name; 4]>,
    what: Taking,
}

/// What is done with the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Taking {
    /// The one row is deleted.
    Delete,
    /// The one row is changed.
    Change,
    /// How many there are is counted.
    Count,
    /// The one row is read.
    Read,
}

/// What two rows of which there was to be one do.
#[derive(Debug)]
pub(super) enum Doubled {
    /// Somebody else takes one of them, or counts both.
    Taken(Evidence),
    /// Whoever comes next takes one of them, changes it or hands it out: the other stays.
    Found,
    /// Nobody is seen to need that there is one only: who finds one refuses, or lets it be.
    Unnoticed,
}

/// What becomes of the rows of which a function makes two, by what they have in common.
pub(super) fn doubled(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation, by: &[Name]) -> Doubled {
    let model = creation.model;
    let sought = missed_besides(db, of, unit, creation);
    let is_common = |taker: &Taker| {
        let within = |known: &[Name]| taker.columns.iter().all(|own| known.contains(own));
        !taker.columns.is_empty() && (within(by) || sought.iter().any(|other| within(other)))
    };
    let helper = match unit.events.get(creation.lookup as usize).map(|event| &event.kind) {
        Some(EventKind::Load { by: Some(by), .. }) => Some(*by),
        _ => None,
    };
    let through = helper.into_iter().flat_map(|helper| taken_through(db, model, helper));
    let known = takers(db, model, ());
    let others = known.iter().filter(|taker| is_common(taker)).cloned().chain(through);
    let other = others.filter(|taker| taker.function != of && Some(taker.function) != helper);
    match other.min_by_key(|taker| taker.what) {
        Some(taker) => Doubled::Taken(taker.told(model)),
        None if used(unit, creation.lookup).is_some() => Doubled::Found,
        None => Doubled::Unnoticed,
    }
}

/// The columns of the other lookups that have found none where the row is made.
fn missed_besides(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> Vec<Vec<Name>> {
    let Some(event) = unit.events.get(creation.create as usize) else { return Vec::new() };
    let lookups = unit.conditions_around(event.frame).filter_map(Condition::missed);
    lookups
        .filter(|lookup| {
            *lookup != creation.lookup
                && matches!(unit.events.get(*lookup as usize).map(|event| &event.kind),
                    Some(EventKind::Load { query, .. }) if query.model == Some(creation.model))
        })
        .map(|lookup| filters(db, of, unit, lookup).columns)
        .collect()
}

impl Taker {
    fn told(&self, model: ClassRef) -> Evidence {
        let name = classes::simple(self.function.path);
        let model = classes::simple(model.path);
        let message = match self.what {
            Taking::Delete => format!("`{name}` deletes one `{model}`: the other stays"),
            Taking::Change => format!("`{name}` changes one `{model}`: the other stays as it is"),
            Taking::Count => format!("`{name}` counts both"),
            Taking::Read => format!("`{name}` takes one `{model}`, whichever comes first"),
        };
        Evidence { place: Place::Event(self.function, self.ordinal), message }
    }
}

/// Those who take one row of a class by columns, outside tests and migrations.
///
/// A query of its own: an edit that changes none of them checks nothing again.
#[salsa::tracked(returns(clone))]
fn takers(db: &dyn Db, model: ClassRef, _key: ()) -> Arc<[Taker]> {
    let name = classes::simple(model.path);
    let files = files_mentioning(db, name);
    let serving = files.iter().filter(|file| !entry::is_aside(db, **file));
    serving.flat_map(|file| takers_in(db, *file, model).to_vec()).collect()
}

/// A query of its own for the same reason as [`takers`].
#[salsa::tracked(returns(clone))]
fn takers_in(db: &dyn Db, file: SourceFile, model: ClassRef) -> Arc<[Taker]> {
    let name = classes::simple(model.path);
    let names = |expr: &Expr| match expr {
        Expr::Name(own) | Expr::Attribute { attr: own, .. } => *own == name,
        _ => false,
    };
    let module = &parsed(db, file).module;
    let functions = module.functions.iter().filter(|function| function.code.exprs.iter().any(names));
    functions
        .flat_map(|function| {
            let of = FunctionRef { file, path: function.path };
            let unit = unit_of(db, of);
            let taken: Vec<Taker> =
                unit.numbered().filter_map(|(ordinal, _)| taking(&unit, of, model, ordinal, false)).collect();
            taken
        })
        .collect()
}

/// Those who take the one row that a helper finds.
fn taken_through(db: &dyn Db, model: ClassRef, helper: FunctionRef) -> Vec<Taker> {
    let sites = callers(db, helper);
    let serving = sites.iter().filter(|site| !entry::is_aside(db, site.function.file));
    serving
        .filter_map(|site| {
            let unit = unit_of(db, site.function);
            let call = unit.events.get(site.ordinal as usize)?.range;
            let mut loads = unit.numbered().filter(|(_, event)| event.range == call);
            loads.find_map(|(ordinal, _)| taking(&unit, site.function, model, ordinal, true))
        })
        .collect()
}

/// What a function does with the one row that it loads at an event.
fn taking(unit: &Unit, function: FunctionRef, model: ClassRef, ordinal: u32, by_helper: bool) -> Option<Taker> {
    let EventKind::Load { query, row, many, by, .. } = &unit.events.get(ordinal as usize)?.kind else { return None };
    if query.model != Some(model) || query.kind != QueryKind::Select || by.is_some() != by_helper {
        return None;
    }
    let what = match row {
        _ if query.aggregates => Taking::Count,
        Some(row) if !many => used(unit, *row)?,
        _ => return None,
    };
    Some(Taker { function, ordinal, columns: query.filters.clone(), what })
}

/// What is done with a row, if anything: who only asks whether there is one is not misled by two.
fn used(unit: &Unit, row: u32) -> Option<Taking> {
    let uses = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Delete { row: Some(own), .. } => (own.id == row).then_some(Taking::Delete),
        EventKind::Write { row: own, .. }
        | EventKind::Overwrite { row: own, .. }
        | EventKind::SetEach { row: own, .. } => (own.id == row).then_some(Taking::Change),
        EventKind::Call { arguments, .. } => {
            let is_it = |given: &Value| given.row().is_some_and(|own| own.id == row);
            arguments.iter().any(|(_, given)| is_it(given)).then_some(Taking::Read)
        }
        EventKind::Read { row: own, .. } | EventKind::Follow { row: own, .. } => {
            (own.id == row).then_some(Taking::Read)
        }
        EventKind::Return(value) => value.row().is_some_and(|own| own.id == row).then_some(Taking::Read),
        _ => None,
    });
    uses.min()
}
