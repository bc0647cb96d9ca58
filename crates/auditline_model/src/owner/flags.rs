//! Owners as far as callers let a function do what it may do: `save(db, commit=False)`.

use crate::db::{Db, FunctionRef};
use crate::eval::own_class;
use crate::eval::value::{SessionOrigin, SessionValue};
use crate::unit::{EventKind, SessionAction, effect, unit_of};

use super::{CallSite, DEPTH, Ownership, owner, param_owner};

/// [`owner`] where the function does that to the session: a caller whose flag keeps it from that has no part in it.
#[must_use]
pub fn owner_for(db: &dyn Db, of: FunctionRef, session: &SessionValue, action: SessionAction) -> Ownership {
    let SessionOrigin::Param(index) = session.origin else { return owner(db, of, session) };
    let is_told = effect(db, of, own_class(db, of)).operations.iter().any(|operation| {
        matches!(&operation.kind, EventKind::Session { session, action: told, .. }
            if *told == action && session.origin == SessionOrigin::Param(index))
    });
    param_owner(db, of, index, DEPTH - 1, &|site| !is_told || does(db, site, action))
}

/// Whether the function that calls does this by the call, as far as its flags tell.
fn does(db: &dyn Db, site: &CallSite, action: SessionAction) -> bool {
    let unit = unit_of(db, site.function);
    let Some(call) = unit.events.get(site.ordinal as usize) else { return true };
    unit.events.iter().any(|event| {
        event.range == call.range
            && matches!(&event.kind, EventKind::Session { action: done, by: Some(_), .. } if *done == action)
    })
}
