//! Where two really meet: code that requests, deliveries and queued tasks reach.

use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::{Db, FunctionRef, entry};
use rustc_hash::FxHashSet;

/// How many calls lie between an entry point and what it is taken to reach.
const DEPTH: u32 = 5;
/// How many functions are looked at on the way.
const MOST: usize = 500;

/// Whether a route, a dependency of one or a webhook reaches the function.
pub(crate) fn is_served(db: &dyn Db, of: FunctionRef) -> bool {
    entry::webhook(db, of).is_some() || reached(db, of, DEPTH, &mut Vec::new())
}

fn reached(db: &dyn Db, of: FunctionRef, depth: u32, seen: &mut Vec<FunctionRef>) -> bool {
    if seen.contains(&of) {
        return false;
    }
    seen.push(of);
    if entry::is_endpoint(db, of)
        || entry::is_socket(db, of)
        || !users_of_dependency(db, of).is_empty()
        || entry::is_attached(db, of)
    {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of)
        .iter()
        .any(|site| !entry::is_test(db, site.function.file) && reached(db, site.function, depth, seen))
}

/// The routes, sockets and functions that use it as a dependency, from which a function is reached; as many as are looked for.
pub(super) fn entries(db: &dyn Db, of: FunctionRef) -> FxHashSet<FunctionRef> {
    let mut found = FxHashSet::default();
    let mut seen = FxHashSet::from_iter([of]);
    let mut open = vec![(of, DEPTH)];
    while let Some((function, depth)) = open.pop() {
        if entry::is_endpoint(db, function) || entry::is_socket(db, function) {
            found.insert(function);
        }
        if entry::is_attached(db, function) {
            found.extend(entry::routes_through(db, function).routes);
        }
        let Some(depth) = depth.checked_sub(1) else { continue };
        if seen.len() > MOST {
            break;
        }
        let users = users_of_dependency(db, function);
        let callers = callers(db, function);
        for next in users.iter().copied().chain(callers.iter().map(|site| site.function)) {
            if !entry::is_test(db, next.file) && seen.insert(next) {
                open.push((next, depth));
            }
        }
    }
    found
}
