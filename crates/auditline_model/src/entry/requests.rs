//! Requests: functions that run while a client waits for the answer.

use crate::db::{Db, FunctionRef};
use crate::owner::callers;

/// How many calls lie between an endpoint and what it is taken to reach.
const DEPTH: u32 = 3;

/// The endpoint that a function is, or one from which it is reached.
#[must_use]
pub fn request(db: &dyn Db, of: FunctionRef) -> Option<FunctionRef> {
    reached(db, of, DEPTH)
}

fn reached(db: &dyn Db, of: FunctionRef, depth: u32) -> Option<FunctionRef> {
    if super::is_test(db, of.file) {
        return None;
    }
    if super::is_endpoint(db, of) {
        return Some(of);
    }
    let depth = depth.checked_sub(1)?;
    callers(db, of).iter().filter(|site| site.function != of).find_map(|site| reached(db, site.function, depth))
}
