//! Changes that seldom meet another one.

use auditline_model::eval::value::{RowOrigin, RowValue, Value};
use auditline_model::owner::{CallSite, argument_of, callers};
use auditline_model::unit::{EventKind, FrameKind, Unit, unit_of};
use auditline_model::{Db, FunctionRef, entry};

use crate::races::rows;

/// How many callers up it is looked for who goes through the rows, or starts the application.
const DEPTH: u32 = 3;

/// Whether the row is one of many that a loop goes through, loaded together or one by one, here or by all who hand it in: a
/// backfill or a job, which seldom meets a request.
pub(super) fn is_batch(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> bool {
    is_batch_within(db, of, unit, row, DEPTH)
}

fn is_batch_within(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, depth: u32) -> bool {
    let Some(row) = rows::root(unit, row) else { return false };
    match row.origin {
        RowOrigin::Loaded { single, .. } => {
            let load = unit.events.get(row.id as usize);
            !single || load.is_some_and(|load| unit.in_loop(load.frame))
        }
        RowOrigin::Param(index) => {
            let Some(depth) = depth.checked_sub(1) else { return false };
            every_caller(db, of, |site| match argument_of(db, of, &site.event, index) {
                Some(Value::Row(given)) => {
                    let unit = unit_of(db, site.function);
                    let is_direct = !matches!(given.origin, RowOrigin::Param(_));
                    // Not one that was picked out of many.
                    let in_loop = unit.events.get(site.ordinal as usize).is_some_and(|call| unit.in_loop(call.frame));
                    (in_loop || !is_direct) && is_batch_within(db, site.function, &unit, &given, depth)
                }
                _ => false,
            })
        }
        _ => false,
    }
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
