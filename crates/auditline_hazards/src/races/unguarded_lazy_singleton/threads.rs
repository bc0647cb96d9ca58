//! Plain functions that a framework calls in several threads at once.

use auditline_model::eval::own_class;
use auditline_model::owner::{callers, constructions, users_of_dependency};
use auditline_model::unit::{FrameKind, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, head};

/// How many calls lie between what is called in threads and what it is taken to reach.
const DEPTH: u32 = 5;

/// The plain endpoint or dependency through which plain functions lead to this one, or the function that hands it to a
/// thread.
pub(super) fn runs_in_threads(db: &dyn Db, of: FunctionRef) -> Option<FunctionRef> {
    reached(db, of, DEPTH, &mut Vec::new())
}

fn reached(db: &dyn Db, of: FunctionRef, depth: u32, seen: &mut Vec<FunctionRef>) -> Option<FunctionRef> {
    if seen.contains(&of) || head(db, of).is_none_or(|body| body.is_async) {
        return None;
    }
    seen.push(of);
    if entry::is_endpoint(db, of) || !users_of_dependency(db, of).is_empty() {
        return Some(of);
    }
    let depth = depth.checked_sub(1)?;
    let made = match classes::simple(of.path) {
        "__new__" => own_class(db, of).map(|class| constructions(db, class)),
        _ => None,
    };
    let sites = made.unwrap_or_else(|| callers(db, of));
    sites.iter().filter(|site| !entry::is_test(db, site.function.file)).find_map(|site| {
        if is_handed(db, site.function, site.ordinal) { Some(of) } else { reached(db, site.function, depth, seen) }
    })
}

/// Whether a call is handed to a thread. A query, so that an edit of the caller that changes nothing of it checks no other
/// file again.
#[salsa::tracked(returns(copy))]
fn is_handed(db: &dyn Db, caller: FunctionRef, ordinal: u32) -> bool {
    let unit = unit_of(db, caller);
    let event = unit.events.get(ordinal as usize);
    event.is_some_and(|event| unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed))
}
