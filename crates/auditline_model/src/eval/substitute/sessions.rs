//! Sessions of a callee, and of the objects that it works with, in terms of its caller.

use std::sync::Arc;

use auditline_syntax::python::ir::Expr;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::types::{Depended, dependency_of_param};
use crate::eval::value::{InstanceOrigin, InstanceValue, SessionOrigin, SessionValue, Value};
use crate::eval::{Bound, Evaluator};
use crate::symbols::Symbol;

use super::argument;

impl Evaluator<'_> {
    /// An object that another one holds in an attribute: where it was constructed with that one's session (a unit of work with
    /// its repositories), the session is that of the other object.
    pub(in crate::eval) fn held_instance(
        &self,
        object: &Value,
        class: crate::db::ClassRef,
        instance: &Arc<InstanceValue>,
    ) -> Arc<InstanceValue> {
        let arguments = instance
            .arguments
            .iter()
            .map(|(name, value)| match value {
                Value::Session(session) => match &session.origin {
                    SessionOrigin::SelfAttribute(_, attribute) => {
                        let held = match crate::eval::attribute(self.db, class, *attribute) {
                            Value::Session(own) => own,
                            _ => Arc::clone(session),
                        };
                        let held = SessionValue { id: 0, ..(*held).clone() };
                        (*name, Value::Session(self.held_session(object, class, *attribute, &held)))
                    }
                    _ => (*name, value.clone()),
                },
                _ => (*name, value.clone()),
            })
            .collect();
        Arc::new(InstanceValue { arguments, ..(**instance).clone() })
    }

    /// The session that an object holds in an attribute: the one that it was constructed with, where that is known, so that
    /// a repository's session and its service's are seen to be one.
    pub(in crate::eval) fn held_session(
        &self,
        object: &Value,
        class: ClassRef,
        name: auditline_syntax::Name,
        session: &SessionValue,
    ) -> Arc<SessionValue> {
        held_session(self.db, object, class, name, session)
    }

    /// A session of the callee in terms of this function; `None` for one that this function cannot see.
    pub(crate) fn session_of(
        &mut self,
        session: &Arc<SessionValue>,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        match &session.origin {
            SessionOrigin::Param(index) => self.as_session(&argument(filled, *index)),
            SessionOrigin::GivenOrOwn(index) => {
                let given = self.as_session(&argument(filled, *index))?;
                Some(self.or_own(given))
            }
            SessionOrigin::GivenOrKept(index, class, name) => {
                match filled.get(*index as usize).and_then(Option::as_ref).map(|bound| &bound.value) {
                    None | Some(Value::None) => {
                        let kept = SessionOrigin::SelfAttribute(*class, *name);
                        let kept = Arc::new(SessionValue { origin: kept, ..(**session).clone() });
                        self.session_of(&kept, callee, object, filled)
                    }
                    Some(given) => self.as_session(&given.clone()),
                }
            }
            SessionOrigin::SelfAttribute(class, name) => match object {
                Value::SelfObject => Some(self.held_session(object, *class, *name, session)),
                Value::Instance(_) => match self.member_value(object, *name) {
                    Value::Session(held) => {
                        Some(Arc::new(SessionValue { origin: held.origin.clone(), id: held.id, ..(**session).clone() }))
                    }
                    _ => None,
                },
                _ => None,
            },
            SessionOrigin::ObjectAttribute(inner, name) => {
                let inner = self.substituted(inner, callee, object, filled);
                match &inner {
                    Value::Unknown => None,
                    Value::Session(_) => self.as_session(&inner),
                    // `save(db)` of Flask-SQLAlchemy's object, which commits `db.session`.
                    inner if *name == "session" && self.is_flask(inner) => {
                        Some(crate::eval::queries::context_session(false))
                    }
                    inner => Some(Arc::new(SessionValue {
                        origin: SessionOrigin::ObjectAttribute(Box::new(inner.clone()), *name),
                        ..(**session).clone()
                    })),
                }
            }
            SessionOrigin::Dependency(dependency) => {
                self.handed_session(*dependency, callee, filled).or_else(|| Some(Arc::clone(session)))
            }
            _ => Some(Arc::clone(session)),
        }
    }

    /// The session that a call hands in where the callee's parameter names a dependency: the framework fills it only when it
    /// calls the function itself.
    fn handed_session(
        &self,
        dependency: Symbol,
        callee: FunctionRef,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        filled.iter().enumerate().find_map(|(index, bound)| {
            let session = self.as_session(&bound.as_ref()?.value)?;
            (dependency_of_param(self.db, callee, index) == Some(Depended::On(dependency))).then_some(session)
        })
    }

    /// The session of this function on which a callee does something; `None` for one that this function cannot see.
    pub(in crate::eval) fn operated(
        &mut self,
        session: &Arc<SessionValue>,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        match session.origin {
            SessionOrigin::Dependency(dependency) if !self.came_with(dependency, callee, object) => {
                self.handed_session(dependency, callee, filled)
            }
            _ => self.session_of(session, callee, object, filled),
        }
    }

    /// Whether a callee works with the session of a dependency because an object that the framework made for it holds that
    /// session: nothing that the call hands in says so.
    fn came_with(&self, dependency: Symbol, callee: FunctionRef, object: &Value) -> bool {
        let params = crate::db::head(self.db, callee).map_or(0, |body| body.params.len());
        let takes = |index| dependency_of_param(self.db, callee, index) == Some(Depended::On(dependency));
        matches!(object, Value::SelfObject | Value::Instance(_)) && !(0..params).any(takes)
    }

    /// A session that this function passes on to one that opens its own where it gets none: this function may have got none.
    fn or_own(&self, given: Arc<SessionValue>) -> Arc<SessionValue> {
        let optional = |index: u32| {
            let default = self.function.params.get(index as usize).and_then(|param| param.default);
            default.is_some_and(|default| matches!(self.function.code[default], Expr::None))
        };
        match given.origin {
            SessionOrigin::Param(index) if optional(index) => {
                Arc::new(SessionValue { origin: SessionOrigin::GivenOrOwn(index), ..(*given).clone() })
            }
            _ => given,
        }
    }

    /// The session that a value is, by what it is or by how it was used.
    pub(crate) fn as_session(&self, value: &Value) -> Option<Arc<SessionValue>> {
        // `finish(Session)`: a `scoped_session` takes the calls of its session.
        if let Value::Factory(factory) = value
            && factory.scoped
        {
            return Some(Arc::new(factory.session(0)));
        }
        value.session().cloned().or_else(|| self.sessions_by_use.get(value).cloned())
    }
}

/// The session that an object holds in an attribute: the one that it was constructed with, where that is known, so that
/// a repository's session and its service's are seen to be one.
pub(crate) fn held_session(
    db: &dyn Db,
    object: &Value,
    class: ClassRef,
    name: auditline_syntax::Name,
    session: &SessionValue,
) -> Arc<SessionValue> {
    let (origin, id) = match (&session.origin, object) {
        (kept @ (SessionOrigin::Registry(_) | SessionOrigin::Global(_) | SessionOrigin::Current(_)), _) => {
            (kept.clone(), session.id)
        }
        (_, Value::SelfObject) => (SessionOrigin::SelfAttribute(class, name), session.id),
        (SessionOrigin::Param(index), Value::Instance(instance)) => {
            let given = crate::eval::attribute_method(db, class, name)
                .and_then(|method| crate::eval::handed::given_to(db, instance, method, *index));
            match given.as_ref().and_then(crate::eval::handed_session) {
                Some(given) => (given.origin.clone(), given.id),
                None => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
            }
        }
        // FastAPI calls a dependency once in a request: whoever depends on it works with what it gave.
        (SessionOrigin::Dependency(_), Value::Instance(instance))
            if session.is_of_request()
                && instance.origin == InstanceOrigin::Dependency
                && instance.arguments.is_empty() =>
        {
            (session.origin.clone(), session.id)
        }
        // Whoever makes the object himself says with which session.
        (SessionOrigin::Dependency(_), Value::Instance(instance)) if !instance.arguments.is_empty() => {
            let given = crate::eval::attribute_method(db, class, name).and_then(|method| {
                crate::eval::handed::given_to(db, instance, method, crate::eval::kept_parameter(db, method, name)?)
            });
            match given.as_ref().and_then(crate::eval::handed_session) {
                Some(given) => (given.origin.clone(), given.id),
                None => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
            }
        }
        (_, object) => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
    };
    Arc::new(SessionValue { origin, id, ..session.clone() })
}
