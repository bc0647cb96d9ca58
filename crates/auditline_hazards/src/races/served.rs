//! Where two really meet: code that requests, deliveries and queued tasks reach.

use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::{Db, FunctionRef, entry};

/// How many calls lie between an entry point and what it is taken to reach.
const DEPTH: u32 = 5;

/// Whether a route, a dependency of one or a webhook reaches the function.
pub(crate) fn is_served(db: &dyn Db, of: FunctionRef) -> bool {
    entry::webhook(db, of).is_some() || reached(db, of, DEPTH, &mut Vec::new())
}

fn reached(db: &dyn Db, of: FunctionRef, depth: u32, seen: &mut Vec<FunctionRef>) -> bool {
    if seen.contains(&of) {
        return false;
    }
    seen.push(of);
    if entry::is_endpoint(db, of) || !users_of_dependency(db, of).is_empty() {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of)
        .iter()
        .any(|site| !entry::is_test(db, site.function.file) && reached(db, site.function, depth, seen))
}
