//! Sessions that a decorator passes to the function under it.

use std::sync::Arc;

use crate::classes::decorator_symbols;
use crate::db::{Db, FunctionRef, head, parsed};
use crate::eval::value::{ArgName, SessionValue, Value};
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

/// A session that a decorator passes for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// The decorator.
    pub decorator: FunctionRef,
    /// The function inside of it that calls the decorated one.
    pub by: FunctionRef,
    /// The ordinal of the event in which it does.
    pub at: u32,
    /// The session, as that function sees it.
    pub session: Arc<SessionValue>,
}

/// The session that a decorator of a function passes for one of its parameters.
#[must_use]
pub fn injected(db: &dyn Db, of: FunctionRef, index: u32) -> Option<Injected> {
    injected_query(db, of, index)
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn injected_query(db: &dyn Db, of: FunctionRef, index: u32) -> Option<Injected> {
    let name = head(db, of)?.params.get(index as usize)?.name;
    decorator_symbols(db, of).into_iter().find_map(|symbol| {
        let Symbol::Function(decorator) = symbol else { return None };
        inner_functions(db, decorator).into_iter().find_map(|by| {
            unit_of(db, by).numbered().find_map(|(at, event)| {
                let EventKind::Given { to, values } = &event.kind else { return None };
                if !is_outer_param(db, by, *to) {
                    return None;
                }
                values.iter().find_map(|(argument, value)| {
                    let passed = match argument {
                        ArgName::Keyword(keyword) => *keyword == name,
                        ArgName::Position(position) => *position == index,
                    };
                    match value {
                        Value::Session(session) if passed => {
                            Some(Injected { decorator, by, at, session: Arc::clone(session) })
                        }
                        _ => None,
                    }
                })
            })
        })
    })
}

/// The functions inside of a function, at any depth.
pub(crate) fn inner_functions(db: &dyn Db, of: FunctionRef) -> Vec<FunctionRef> {
    let parsed = parsed(db, of.file);
    let functions = &parsed.module.functions;
    functions
        .iter()
        .filter(|function| {
            std::iter::successors(function.outer, |outer| functions.get(outer.index())?.outer)
                .any(|outer| functions.get(outer.index()).is_some_and(|outer| outer.path == of.path))
        })
        .map(|function| FunctionRef { file: of.file, path: function.path })
        .collect()
}

/// Whether a name is a parameter of a function around that one: what a decorator is handed.
pub(crate) fn is_outer_param(db: &dyn Db, of: FunctionRef, name: auditline_syntax::Name) -> bool {
    let Some(body) = head(db, of) else { return false };
    if body.outer.is_none() {
        return false;
    }
    let parsed = parsed(db, of.file);
    let functions = &parsed.module.functions;
    std::iter::successors(body.outer, |outer| functions.get(outer.index())?.outer).any(|outer| {
        functions.get(outer.index()).is_some_and(|outer| outer.params.iter().any(|param| param.name == name))
    })
}
