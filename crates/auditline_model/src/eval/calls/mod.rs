//! Calls: of functions, methods, classes and things outside the workspace.

mod arguments;
mod builtins;
mod containers;
mod forwarded;
mod functions;
mod generators;
mod methods;
mod outside;
mod removals;
mod returned;

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::eval::value::{FactoryValue, InstanceOrigin, InstanceValue, SessionOrigin, Sources, Spot, Value};
use crate::eval::{Bound, Evaluator, libraries};
use crate::symbols::Symbol;
use crate::unit::EventKind;

pub(crate) use arguments::Arguments;
use builtins::is_builtin;
pub(super) use functions::flagged;
pub(crate) use methods::MUTATORS;
use methods::NORMALISERS;
pub(crate) use outside::on_commit;

impl Evaluator<'_> {
    pub(crate) fn call(&mut self, code: &Code, id: ExprId, func: ExprId, args: &[Arg]) -> Bound {
        let range = code.range(id);
        // The object of a method call is evaluated before the arguments, as Python does.
        if let Expr::Attribute { value, attr } = &code[func] {
            if let Some(inherited) = self.super_call(code, (*value, *attr), args, (id, range)) {
                return inherited;
            }
            let object = self.expr(code, *value);
            if self.mutates(&object, *attr) {
                self.arguments(code, args);
                self.in_place_write(&object, range);
                return Bound::unknown();
            }
            if matches!(object.value, Value::Unknown | Value::Constant) && !object.from.fields.is_empty() {
                let arguments = self.arguments(code, args);
                if libraries::unlinks(attr) {
                    self.removal(*attr, &object.from.parts, range);
                }
                let from = if NORMALISERS.contains(&attr.as_str()) {
                    object.from.normalised()
                } else {
                    object.from.computed()
                };
                return Bound { value: Value::Unknown, from: from.with(&arguments.computed()) };
            }
            // `wanted.difference(known)`
            if *attr == "difference" && matches!(object.value, Value::Unknown | Value::Many(_) | Value::Param(_)) {
                let arguments = self.arguments(code, args);
                let missing = arguments.position(0).and_then(|known| self.missing(known));
                let from = object.from.computed().with(&arguments.computed()).holding(missing);
                return Bound { value: Value::Unknown, from };
            }
            let object = match object.value {
                Value::SelfObject if self.inherits_from_session(*attr) => {
                    self.own_session().map_or(object, |session| Bound::of(Value::Session(session)))
                }
                _ => object,
            };
            let mut result = self.method_call(code, (id, func, *value), &object, *attr, args);
            // `quota.get("allowed")`
            if let ("get", Some(Expr::Str(key))) = (attr.as_str(), args.first().map(|arg| &code[arg.value])) {
                result.from.counts.extend(object.from.within(Spot::Named(Name::new(key))));
            }
            return self.fetched_by(&object, *attr, result);
        }
        let callee = self.expr(code, func);
        // What a decorator was handed is called inside of it: with a session, perhaps.
        if let Expr::Name(name) = &code[func]
            && matches!(callee.value, Value::Unknown | Value::Symbol(Symbol::Unknown))
            && crate::owner::is_outer_param(self.db, self.of, *name)
        {
            let arguments = self.arguments(code, args);
            self.given(*name, &arguments, range);
            return Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } };
        }
        if let Expr::Name(name) = &code[func]
            && is_builtin(&callee.value, *name)
        {
            return self.builtin(code, *name, args, range);
        }
        let arguments = self.arguments(code, args);
        self.call_value(code, &callee.value, &arguments, args, (id, range))
    }

    fn call_value(
        &mut self,
        code: &Code,
        callee: &Value,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        match callee {
            Value::Symbol(Symbol::Function(function)) => {
                self.call_function(*function, None, &Value::Unknown, arguments, range)
            }
            Value::Symbol(Symbol::Class(class)) => self.construct(code, *class, arguments, args, range),
            Value::Symbol(Symbol::External(path)) => self.call_external(code, *path, arguments, args, (id, range)),
            Value::Factory(factory) => {
                // `SessionLocal(expire_on_commit=False)` has the last word.
                let said = arguments.open || arguments.keyword("expire_on_commit").is_some();
                let on_commit = if said { on_commit(arguments) } else { factory.on_commit };
                Bound::of(self.open_session(FactoryValue { on_commit, ..*factory }, range))
            }
            Value::Method(receiver, name) => {
                let receiver = Bound::of((**receiver).clone());
                self.method(code, &receiver, *name, arguments, args, (id, range))
            }
            Value::Made(path) => self.external_result(*path, arguments, range),
            Value::Param(_) | Value::Attribute(..)
                if arguments.list.is_empty()
                    && let Some(factory) = self.factory_by_argument(callee) =>
            {
                Bound::of(self.open_session(factory, range))
            }
            Value::Session(session) if matches!(session.origin, SessionOrigin::Registry(_)) => {
                Bound::of(callee.clone())
            }
            Value::Instance(instance) => {
                let class = instance.class;
                match classes::method(self.db, class, Name::new("__call__")) {
                    Some(method) => self.call_function(method, Some(class), callee, arguments, range),
                    None => Bound::unknown(),
                }
            }
            Value::SelfObject
            | Value::Unknown
            | Value::Never
            | Value::None
            | Value::Bool(_)
            | Value::Constant
            | Value::Symbol(_)
            | Value::Param(_)
            | Value::Attribute(..)
            | Value::Session(_)
            | Value::Engine
            | Value::Transaction(..)
            | Value::BegunSession(_)
            | Value::Context(_)
            | Value::Lent(_)
            | Value::Query(_)
            | Value::Executed(..)
            | Value::Row(_)
            | Value::Many(_)
            | Value::Keyed(..)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::KeyOf(_)
            | Value::Column(..)
            | Value::Aggregate(_) => {
                self.given(Name::new("call"), arguments, range);
                Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } }
            }
        }
    }

    /// The session factory that a parameter, or the attribute in which the constructor keeps one, is handed.
    pub(crate) fn factory_by_argument(&self, value: &Value) -> Option<FactoryValue> {
        match value {
            Value::Param(index) => crate::owner::given_factory(self.db, self.of, *index),
            Value::Attribute(object, name) if **object == Value::SelfObject => {
                crate::owner::kept_factory(self.db, self.receiver?, *name)
            }
            _ => None,
        }
    }

    /// The object that a parameter, or the attribute in which the constructor keeps one, holds in every call.
    pub(crate) fn object_by_argument(&self, value: &Value) -> Option<Value> {
        let class = match value {
            Value::Param(index) => crate::owner::given_class(self.db, self.of, *index)?,
            Value::Attribute(object, name) if **object == Value::SelfObject => {
                crate::owner::kept_class(self.db, self.receiver?, *name)?
            }
            _ => return None,
        };
        let origin = InstanceOrigin::Unknown;
        Some(Value::Instance(Arc::new(InstanceValue { class, arguments: Vec::new(), origin })))
    }

    /// Records that something that is not understood gets hold of a session, or of what uses one.
    pub(crate) fn given(&mut self, to: Name, arguments: &Arguments, range: TextRange) {
        let holds = arguments.list.iter().any(|(_, bound)| holds_session(&bound.value));
        if holds || libraries::runs_later(&to) {
            self.event(EventKind::Given { to, values: arguments.values() }, range);
        }
    }
}

/// Whether a value is a session or holds one.
fn holds_session(value: &Value) -> bool {
    match value {
        Value::Session(_) | Value::BegunSession(_) | Value::Transaction(..) | Value::Context(_) | Value::Lent(_) => {
            true
        }
        Value::Instance(instance) => instance.arguments.iter().any(|(_, value)| holds_session(value)),
        Value::Method(object, _) => holds_session(object),
        Value::Tuple(values) => values.iter().any(holds_session),
        Value::Many(inner) | Value::Keyed(inner, _) => holds_session(inner),
        _ => false,
    }
}
