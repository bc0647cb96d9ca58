//! Changes that seldom meet another one.

use auditline_model::eval::value::{RowOrigin, RowValue, Value};
use auditline_model::owner::{CallSite, argument_of, callers};
use auditline_model::unit::{EventKind, FrameKind, Unit, unit_of};
use auditline_model::{Db, FunctionRef, entry, tables};

use crate::races::{rows, served};

/// How many callers up it is looked for who goes through the rows, or starts the application.
const DEPTH: u32 = 3;

/// Whether the row is one of many that a loop goes through, loaded together or one by one: a backfill or a job, which seldom
/// meets a request. Where all who hand it in go through many, it still meets whoever else writes it: nobody may.
///
/// A request goes through rows of its own, a cart's lines; what those lead to, the products, is everybody's.
pub(super) fn is_batch(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    row: &RowValue,
    is_alone: impl FnOnce() -> bool,
) -> bool {
    let Some(root) = rows::root(unit, row) else { return false };
    match root.origin {
        // What a request goes through may be its own items, of which another one has the same.
        RowOrigin::Param(index) => comes_in_batches(db, of, index, DEPTH) && !served::is_served(db, of) && is_alone(),
        _ => is_one_of_many(unit, root) && (is_of_list(row) && !is_named(db, unit, root) || !served::is_served(db, of)),
    }
}

/// Whether the rows are those that somebody has named by a list of their keys, `Product.id.in_(ids)`: the next one may name the
/// same.
fn is_named(db: &dyn Db, unit: &Unit, row: &RowValue) -> bool {
    let Some(EventKind::Load { query, .. }) = unit.events.get(row.id as usize).map(|event| &event.kind) else {
        return false;
    };
    let keyed = query.model.filter(|_| query.among).and_then(|model| tables::keyed_class(db, model));
    keyed.is_some_and(|table| {
        table.keys.iter().any(|key| key.columns.iter().all(|column| query.filters.contains(column)))
    })
}

fn is_of_list(row: &RowValue) -> bool {
    matches!(row.origin, RowOrigin::Loaded { single: false, .. })
}

fn is_one_of_many(unit: &Unit, row: &RowValue) -> bool {
    let load = unit.events.get(row.id as usize);
    is_of_list(row)
        || matches!(row.origin, RowOrigin::Loaded { .. }) && load.is_some_and(|load| unit.in_loop(load.frame))
}

fn comes_in_batches(db: &dyn Db, of: FunctionRef, index: u32, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    every_caller(db, of, |site| {
        let Some(Value::Row(given)) = argument_of(db, of, &site.event, index) else { return false };
        let unit = unit_of(db, site.function);
        let Some(root) = rows::root(&unit, &given) else { return false };
        match root.origin {
            RowOrigin::Param(index) => comes_in_batches(db, site.function, index, depth),
            // Not one that was picked out of many.
            _ => {
                is_one_of_many(&unit, root)
                    && unit.events.get(site.ordinal as usize).is_some_and(|call| unit.in_loop(call.frame))
            }
        }
    })
}

/// Whether a function only runs when the application starts, and is through before it serves anybody: what is started there and
/// goes on, in a task or a loop, meets requests.
pub(super) fn is_start(db: &dyn Db, of: FunctionRef) -> bool {
    entry::is_startup(db, of) && runs_through(db, of, DEPTH)
}

fn runs_through(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if !callers(db, of).iter().any(|site| site.function != of && !entry::is_test(db, site.function.file)) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    every_caller(db, of, |site| {
        let unit = unit_of(db, site.function);
        let Some(call) = unit.events.get(site.ordinal as usize) else { return false };
        let is_started = unit
            .events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::Given { .. }) && event.range.contains_range(call.range));
        let goes_on = unit
            .ancestors(call.frame)
            .any(|(_, frame)| matches!(frame.kind, FrameKind::Handed | FrameKind::Loop { over_items: false, .. }));
        !is_started && !goes_on && runs_through(db, site.function, depth)
    })
}

/// Whether somebody besides tests calls a function, and something is so of all who do.
fn every_caller(db: &dyn Db, of: FunctionRef, is_so: impl Fn(&CallSite) -> bool) -> bool {
    let sites = callers(db, of);
    let mut served =
        sites.iter().filter(|site| site.function != of && !entry::is_test(db, site.function.file)).peekable();
    served.peek().is_some() && served.all(is_so)
}
