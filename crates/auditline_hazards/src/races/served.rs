//! Where two really meet: code that requests, deliveries and queued tasks reach.

use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::unit::event_range;
use auditline_model::{Db, FunctionRef, entry};
use auditline_syntax::{TextRange, TextSize};
use rustc_hash::FxHashSet;

use crate::finding::{Evidence, Place};

use super::serial;

/// How many calls lie between an entry point and what it is taken to reach.
const DEPTH: u32 = 5;
/// How many functions are looked at on the way.
const MOST: usize = 500;

/// Whether a route, a dependency of one, a webhook or an update of a bot reaches the function.
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
        || entry::is_update_handler(db, of)
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

/// Who gets to a place of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visitors {
    /// Nobody but those who start commands.
    Nobody,
    /// Administrators, and nobody else: what stops the others on one of the ways.
    Administrators(FunctionRef, TextRange),
    Anybody,
}

/// Why another request is seldom at a place of a function at the same time, if it is: one process works there without a break, or only
/// administrators get there.
pub(super) fn seldom_met(db: &dyn Db, of: FunctionRef, at: TextRange) -> Option<Evidence> {
    if serial::is_unbroken(db, of) { Some(serial::told(of)) } else { administrators_guard(db, of, at) }
}

/// What stops everybody but administrators on the way to a place of a function, as evidence of a race.
pub(super) fn administrators_guard(db: &dyn Db, of: FunctionRef, at: TextRange) -> Option<Evidence> {
    let message = "only administrators get past this: one of them would have to meet another request in that moment";
    administrators_only(db, of, at).map(|place| Evidence { place, message: message.to_owned() })
}

/// What stops everybody but administrators on the way to a place of a function: each way from a route passes such a guard, and no
/// task or delivery leads there.
pub(crate) fn administrators_only(db: &dyn Db, of: FunctionRef, at: TextRange) -> Option<Place> {
    match visitors(db, of, Some(at), DEPTH, &mut Vec::new()) {
        Visitors::Administrators(function, range) => Some(Place::InFunction(function, range)),
        Visitors::Nobody | Visitors::Anybody => None,
    }
}

/// Without a place, who gets into the function at all.
fn visitors(db: &dyn Db, of: FunctionRef, at: Option<TextRange>, depth: u32, seen: &mut Vec<FunctionRef>) -> Visitors {
    let guard = entry::administrator_guard(db, of);
    if let Some(guard) = guard.filter(|guard| guard.from <= at.map_or(TextSize::new(0), TextRange::start)) {
        return Visitors::Administrators(of, guard.range);
    }
    if seen.contains(&of) {
        return Visitors::Nobody;
    }
    seen.push(of);
    if entry::is_command(db, of) {
        return Visitors::Nobody;
    }
    let is_entry = entry::is_endpoint(db, of)
        || entry::is_socket(db, of)
        || entry::is_update_handler(db, of)
        || entry::is_job(db, of)
        || entry::webhook(db, of).is_some()
        || entry::is_attached(db, of);
    let Some(depth) = depth.checked_sub(1).filter(|_| !is_entry) else { return Visitors::Anybody };
    let mut found = Visitors::Nobody;
    let mut is_used = false;
    let users = users_of_dependency(db, of);
    let sites = callers(db, of);
    let calls = sites.iter().map(|site| (site.function, event_range(db, site.function, site.ordinal)));
    for (function, at) in users.iter().map(|user| (*user, None)).chain(calls) {
        if entry::is_aside(db, function.file) {
            continue;
        }
        is_used = true;
        match visitors(db, function, at, depth, seen) {
            Visitors::Anybody => return Visitors::Anybody,
            guarded @ Visitors::Administrators(..) => found = guarded,
            Visitors::Nobody => {}
        }
    }
    if is_used { found } else { Visitors::Anybody }
}
