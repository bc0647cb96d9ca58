//! Who uses a shared session.

use std::sync::Arc;

use auditline_model::eval::value::{SessionOrigin, SessionValue};
use auditline_model::names::files_mentioning;
use auditline_model::owner::is_application_state;
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, VariableRef, classes, entry, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use crate::finding::{Evidence, Place};

/// How many users are named.
const NAMED: usize = 3;

/// What holds the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// A module-level variable.
    Variable(VariableRef),
    /// An attribute of a class.
    Class(ClassRef, Name),
    /// An attribute of the application's state.
    Application(Name),
}

impl Holder {
    fn name(self) -> Name {
        match self {
            Self::Variable(variable) => variable.name,
            Self::Class(_, name) | Self::Application(name) => name,
        }
    }

    fn holds(self, db: &dyn Db, session: &SessionValue) -> bool {
        match (self, &session.origin) {
            (Self::Variable(variable), SessionOrigin::Global(global)) => *global == variable,
            (Self::Class(class, name), SessionOrigin::ClassAttribute(holder, attribute)) => {
                *holder == class && *attribute == name
            }
            (Self::Class(class, name), SessionOrigin::SelfAttribute(object, attribute)) => {
                *attribute == name && classes::mro(db, *object).contains(&class)
            }
            (Self::Application(name), SessionOrigin::ObjectAttribute(object, attribute)) => {
                *attribute == name && is_application_state(object)
            }
            _ => false,
        }
    }
}

/// The first functions that use the session, as evidence.
pub(super) fn users(db: &dyn Db, holder: Holder) -> Vec<Evidence> {
    let users = users_of(db, holder, ());
    let evidence = users.iter().map(|(of, ordinal)| Evidence {
        place: Place::Event(*of, *ordinal),
        message: format!("`{}` uses it", classes::simple(of.path)),
    });
    evidence.collect()
}

/// The first functions that use the session, with the ordinals of the events in which they do.
///
/// A query of its own: it looks into the files that mention the holder, and an edit in one of them must not check
/// this one again as long as the answer is the same.
#[salsa::tracked(returns(clone))]
fn users_of(db: &dyn Db, holder: Holder, _key: ()) -> Arc<[(FunctionRef, u32)]> {
    let mut found = Vec::new();
    let name = holder.name();
    for user in files_mentioning(db, &name).iter() {
        if entry::is_test(db, *user) {
            continue;
        }
        for function in &parsed(db, *user).module.functions {
            let mentions = function.code.exprs.iter().any(|expr| match expr {
                Expr::Name(used) => *used == name,
                Expr::Attribute { attr, .. } => *attr == name,
                _ => false,
            });
            if !mentions {
                continue;
            }
            let of = FunctionRef { file: *user, path: function.path };
            let unit = unit_of(db, of);
            let uses = unit
                .numbered()
                .find(|(_, event)| session_of(&event.kind).is_some_and(|session| holder.holds(db, session)));
            if let Some((ordinal, _)) = uses {
                found.push((of, ordinal));
                if found.len() == NAMED {
                    return found.into();
                }
            }
        }
    }
    found.into()
}

/// The session that an event works with.
fn session_of(event: &EventKind) -> Option<&SessionValue> {
    match event {
        EventKind::Session { session, .. }
        | EventKind::Add { session, .. }
        | EventKind::Delete { session, .. }
        | EventKind::Refresh { session, .. } => Some(session),
        EventKind::Load { query, .. } | EventKind::Execute(query) => query.session.as_deref(),
        _ => None,
    }
}
