//! The places that call a function or construct a class, across the workspace.

use std::sync::Arc;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::passes_on;
use crate::eval::value::{ArgName, SessionValue, Value};
use crate::names::files_mentioning;
use crate::unit::{EventKind, unit_of};
use crate::uses::functions_calling;

/// A call in a function's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSite {
    /// The calling function.
    pub function: FunctionRef,
    /// The ordinal of the event.
    pub ordinal: u32,
    /// The event.
    pub event: EventKind,
}

/// The calls of a function that are understood.
pub fn callers(db: &dyn Db, of: FunctionRef) -> Arc<Vec<CallSite>> {
    callers_query(db, of, ())
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn callers_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<Vec<CallSite>> {
    // Under its own name, and under those of functions that pass everything on to it.
    let mut names = vec![classes::simple(of.path)];
    let mut sites = Vec::new();
    let mut at = 0;
    while let Some(name) = names.get(at).copied() {
        at += 1;
        for file in files_mentioning(db, name).iter() {
            for caller in functions_calling(db, *file, name) {
                if passes_on(db, caller) == Some(of) {
                    let other = classes::simple(caller.path);
                    if !names.contains(&other) {
                        names.push(other);
                    }
                    continue;
                }
                let unit = unit_of(db, caller);
                for (ordinal, event) in unit.numbered() {
                    let is_new = at == 1
                        || !sites.iter().any(|known: &CallSite| (known.function, known.ordinal) == (caller, ordinal));
                    if matches!(&event.kind, EventKind::Call { callee, .. } if *callee == of) && is_new {
                        sites.push(CallSite { function: caller, ordinal, event: event.kind.clone() });
                    }
                }
            }
        }
    }
    Arc::new(sites)
}

/// The constructions of a class or of its subclasses that are understood.
pub fn constructions(db: &dyn Db, class: ClassRef) -> Arc<Vec<CallSite>> {
    constructions_query(db, class, ())
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn constructions_query(db: &dyn Db, class: ClassRef, _key: ()) -> Arc<Vec<CallSite>> {
    let name = classes::simple(class.path);
    let mut sites = Vec::new();
    for file in files_mentioning(db, name).iter() {
        for caller in functions_calling(db, *file, name) {
            let unit = unit_of(db, caller);
            for (ordinal, event) in unit.numbered() {
                if matches!(&event.kind, EventKind::Construct { class: made, .. } if *made == class) {
                    sites.push(CallSite { function: caller, ordinal, event: event.kind.clone() });
                }
            }
        }
    }
    Arc::new(sites)
}

/// The value that a call or construction passes for a parameter of the callee.
#[must_use]
pub fn argument_of(db: &dyn Db, callee: FunctionRef, event: &EventKind, index: u32) -> Option<Value> {
    match event {
        EventKind::Call { arguments, object, .. } => {
            let body = head(db, callee)?;
            let bound = body.class.is_some() && !classes::is_static(&body) && !matches!(object, Value::Unknown);
            if bound && index == 0 {
                return Some(object.clone());
            }
            argument_in(db, callee, arguments, bound, index)
        }
        EventKind::Construct { arguments, .. } => argument_in(db, callee, arguments, true, index),
        _ => None,
    }
}

/// The session that a call or construction passes for a parameter of the callee, by itself or in an object that was made with it.
#[must_use]
pub(crate) fn session_argument(
    db: &dyn Db,
    callee: FunctionRef,
    event: &EventKind,
    index: u32,
) -> Option<Arc<SessionValue>> {
    crate::eval::handed_session(&argument_of(db, callee, event, index)?)
}

/// The value for a parameter among evaluated arguments; `bound` tells that the first parameter is filled by the object.
pub(crate) fn argument_in(
    db: &dyn Db,
    callee: FunctionRef,
    arguments: &[(ArgName, Value)],
    bound: bool,
    index: u32,
) -> Option<Value> {
    let body = head(db, callee)?;
    let param = body.params.get(index as usize)?;
    let by_keyword = arguments
        .iter()
        .find(|(name, _)| matches!(name, ArgName::Keyword(name) if *name == param.name))
        .map(|(_, value)| value.clone());
    by_keyword.or_else(|| {
        let position = index.checked_sub(u32::from(bound))?;
        arguments.iter().find(|(name, _)| *name == ArgName::Position(position)).map(|(_, value)| value.clone())
    })
}
