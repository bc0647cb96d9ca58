//! Sessions by what declares them: a `ContextVar` of sessions, a property that says that it gives one.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, VariableRef, head};
use crate::symbols::Symbol;

use super::value::{SessionOrigin, SessionValue, Value};
use super::{Evaluator, types};

/// The class of the standard library.
const CONTEXT_VAR: &str = "contextvars.ContextVar";

impl Evaluator<'_> {
    /// The session that a call of `get` on a `ContextVar` of the workspace gives, as its declaration says.
    pub(super) fn current_session(&self, code: &Code, receiver: ExprId, object: &Value) -> Option<Value> {
        if !matches!(object, Value::Made(path) if path == CONTEXT_VAR) {
            return None;
        }
        let Symbol::Variable(variable) = self.symbol(code, receiver) else { return None };
        declared(self.db, variable).map(Value::Session)
    }

    /// What a function yields that yields here this and there that: `yield current` where there is a session, and else a new
    /// one. Where one of them is a session and nothing tells what the other is, the annotation says whether it is one too.
    pub(super) fn either_yielded(&self, one: &Value, other: &Value) -> Value {
        match (one, other) {
            (Value::Session(known), Value::Unknown | Value::Made(_) | Value::Attribute(..))
            | (Value::Unknown | Value::Made(_) | Value::Attribute(..), Value::Session(known)) => {
                match said_by(self.db, self.of) {
                    Some(said @ Value::Session(_)) => Value::Session(Arc::clone(known)).join(&said),
                    _ => one.join(other),
                }
            }
            _ => one.join(other),
        }
    }

    /// What a property of an object gives: what its body does, or its annotation.
    pub(super) fn property(&mut self, method: FunctionRef, class: ClassRef, object: &Value) -> Value {
        let effect = crate::unit::effect(self.db, method, Some(class));
        let returns = effect.returns.clone();
        let given = self.substituted(&returns, method, object, &[]);
        if !matches!(given, Value::Unknown | Value::Made(_)) {
            return given;
        }
        match said_by(self.db, method) {
            Some(Value::Session(said)) => {
                let name = Name::new(classes::simple(method.path));
                let origin = match object {
                    Value::SelfObject => SessionOrigin::SelfAttribute(class, name),
                    object => SessionOrigin::ObjectAttribute(Box::new(object.clone()), name),
                };
                Value::Session(Arc::new(SessionValue { origin, ..(*said).clone() }))
            }
            Some(said @ Value::Instance(_)) => said,
            _ => given,
        }
    }

    /// The context of a GraphQL request, whose class Strawberry's `info: Info[Context, None]` names.
    pub(super) fn resolver_context(&self, code: &Code, info: ExprId, path: Name) -> Option<Value> {
        let Expr::Name(name) = &code[info] else { return None };
        if !(path.starts_with("strawberry.") && path.ends_with(".Info")) {
            return None;
        }
        let body = head(self.db, self.of)?;
        let annotation = body.params.iter().find(|param| param.name == *name)?.annotation?;
        let ty = classes::type_expr(self.db, self.of.file, Some(self.of), &body.code, annotation);
        match types::value_of_type(self.db, ty.args().first()?, types::Holder::Local) {
            context @ Value::Instance(_) => Some(context),
            _ => None,
        }
    }

    /// What a property of a class's own class gives: `db.session` of `class db(metaclass=Meta)`.
    pub(super) fn metaclass_property(&mut self, class: ClassRef, name: Name) -> Option<Value> {
        let metaclass = classes::mro(self.db, class).iter().find_map(|ancestor| {
            let info = classes::class_info(self.db, *ancestor)?;
            let (_, given) = info.keywords.iter().find(|(keyword, _)| *keyword == "metaclass")?;
            match given.symbol() {
                Symbol::Class(metaclass) => Some(metaclass),
                _ => None,
            }
        })?;
        let method = classes::method(self.db, metaclass, name)?;
        classes::is_property(self.db, method)
            .then(|| self.property(method, metaclass, &Value::Symbol(Symbol::Class(class))))
    }
}

/// What a function's annotation says that it returns.
pub(super) fn said_by(db: &dyn Db, of: FunctionRef) -> Option<Value> {
    let body = head(db, of)?;
    let ty = classes::type_expr(db, of.file, Some(of), &body.code, body.returns?);
    Some(types::value_of_type(db, &ty, types::Holder::Returned))
}

/// The session in a variable that is declared as `ContextVar[AsyncSession]`.
fn declared(db: &dyn Db, variable: VariableRef) -> Option<Arc<SessionValue>> {
    let info = classes::variable(db, variable)?;
    let ty = info.annotation.as_ref().filter(|ty| ty.external().is_some_and(|path| path == CONTEXT_VAR))?;
    match types::value_of_type(db, ty.args().first()?, types::Holder::Local) {
        Value::Session(said) => {
            Some(Arc::new(SessionValue { origin: SessionOrigin::Current(variable), id: 0, ..(*said).clone() }))
        }
        _ => None,
    }
}
