//! What functions inside of a function use of its variables: sessions, and objects that work with one.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, Function};

use crate::db::FunctionRef;
use crate::names;

use super::value::{SessionValue, Value};
use super::{Evaluator, held_session};

impl Evaluator<'_> {
    /// Records the sessions that a function inside of this one uses from its variables.
    pub(super) fn captured(&mut self, inner: FunctionRef) {
        let held: Vec<(Name, Value)> = self
            .environment
            .iter()
            .filter(|(_, bound)| matches!(bound.value, Value::Session(_) | Value::BegunSession(_) | Value::Instance(_)))
            .map(|(name, bound)| (*name, bound.value.clone()))
            .collect();
        if held.is_empty() {
            return;
        }
        let scope = names::function_scope(self.db, inner);
        let mut free: Vec<_> =
            held.into_iter().filter(|(name, _)| scope.get(*name).is_none() && !scope.is_global(*name)).collect();
        free.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in free {
            let session = value.session().cloned().or_else(|| self.used_of(inner, name, &value));
            self.unit.captures.extend(session.map(|session| (inner, name, session)));
        }
    }

    /// The session of an object that a function asks for something: `service.db.scalars(…)`.
    fn used_of(&self, inner: FunctionRef, name: Name, object: &Value) -> Option<Arc<SessionValue>> {
        let Value::Instance(instance) = object else { return None };
        let body = crate::db::function(self.db, inner)?;
        asked_attributes(&body, name).find_map(|attribute| match super::attribute(self.db, instance.class, attribute) {
            Value::Session(own) => {
                let own = SessionValue { id: 0, ..(*own).clone() };
                Some(held_session(self.db, object, instance.class, attribute, &own))
            }
            _ => None,
        })
    }
}

/// The attributes of a variable of which a function calls a method.
fn asked_attributes(body: &Function, name: Name) -> impl Iterator<Item = Name> {
    let code = &body.code;
    code.exprs.iter().filter_map(move |expr| {
        let Expr::Call { func, .. } = expr else { return None };
        let Expr::Attribute { value, .. } = &code[*func] else { return None };
        let Expr::Attribute { value, attr } = &code[*value] else { return None };
        matches!(&code[*value], Expr::Name(own) if *own == name).then_some(*attr)
    })
}
