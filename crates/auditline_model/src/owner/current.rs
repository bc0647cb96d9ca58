//! Sessions that a `ContextVar` holds: whoever sets it owns them.

use auditline_syntax::python::ir::Expr;

use crate::classes;
use crate::db::{Db, FunctionRef, VariableRef, function};
use crate::eval::own_class;
use crate::eval::value::{SessionOrigin, SessionValue};
use crate::names::{self, Scope, files_mentioning};
use crate::symbols::Symbol;
use crate::unit::{EventKind, SessionAction, When, unit_of};
use crate::uses::functions_calling;

use super::providers::at_moment;
use super::{OnFailure, Ownership, context_class, owner_within};

/// The owner of the session in a `ContextVar`: what each of those who set it does; unknown where nobody is seen to.
pub(super) fn owner_of_current(db: &dyn Db, variable: VariableRef, depth: u32) -> Ownership {
    let mut result: Option<Ownership> = None;
    for file in files_mentioning(db, &variable.name).iter() {
        if crate::entry::is_test(db, *file) {
            continue;
        }
        for by in functions_calling(db, *file, "set") {
            for (at, session) in settings(db, by, variable) {
                let one = owner_by(db, by, at, &session, depth);
                result = Some(match result {
                    Some(before) => before.join(one),
                    None => one,
                });
            }
        }
    }
    match result {
        Some(owner @ Ownership::Managed { .. }) => owner,
        // A session that one of several callers forgets is found where he does.
        _ => Ownership::Unknown,
    }
}

/// The sessions that a function puts into the variable, each with the ordinal of the event.
fn settings(db: &dyn Db, by: FunctionRef, variable: VariableRef) -> Vec<(u32, SessionValue)> {
    let Some(body) = function(db, by) else { return Vec::new() };
    let sets = |range| {
        body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, own)| {
            let Expr::Call { func, .. } = expr else { return false };
            let Expr::Attribute { value, attr } = &body.code[*func] else { return false };
            *own == range
                && *attr == "set"
                && names::resolve(db, Scope::Function(by), &body.code, *value) == Symbol::Variable(variable)
        })
    };
    let unit = unit_of(db, by);
    let given = unit.numbered().filter_map(|(ordinal, event)| match &event.kind {
        EventKind::Given { to, values } if to.ends_with("ContextVar.set") && sets(event.range) => {
            let session = values.iter().find_map(|(_, value)| value.session())?;
            Some((ordinal, (**session).clone()))
        }
        _ => None,
    });
    given.collect()
}

/// The owner of a session that a function has put into the variable.
fn owner_by(db: &dyn Db, by: FunctionRef, at: u32, session: &SessionValue, depth: u32) -> Ownership {
    // `with db():`
    if matches!(classes::simple(by.path), "__enter__" | "__aenter__")
        && let Some(class) = own_class(db, by)
    {
        return match context_class(db, class) {
            Ownership::Managed { .. } => Ownership::Managed { commits: surely_commits(db, class) },
            other => other,
        };
    }
    if !matches!(session.origin, SessionOrigin::Opened(_)) {
        return owner_within(db, by, session, depth);
    }
    // What is done with it around the moment in which others work with it.
    let unit = unit_of(db, by);
    let behind = |wanted: fn(&EventKind) -> bool| {
        unit.numbered().find(|(ordinal, event)| *ordinal > at && wanted(&event.kind)).map(|(ordinal, _)| ordinal)
    };
    let moment = behind(|kind| matches!(kind, EventKind::Yield(_)))
        .or_else(|| behind(|kind| matches!(kind, EventKind::Await | EventKind::Given { .. })));
    match moment.map(|moment| at_moment(db, by, &unit, moment, session)) {
        Some((OnFailure::Closes | OnFailure::RollsBack { .. }, commits)) => Ownership::Managed { commits },
        _ => Ownership::Unknown,
    }
}

/// Whether leaving a `with` on an object of the class commits wherever nothing has failed.
fn surely_commits(db: &dyn Db, class: crate::db::ClassRef) -> bool {
    let Some(exit) = super::exit_of(db, class) else { return false };
    crate::unit::effect(db, exit, Some(class)).operations.iter().any(|operation| {
        matches!(&operation.kind, EventKind::Session { action: SessionAction::Commit, .. })
            && operation.when != When::Maybe
    })
}
