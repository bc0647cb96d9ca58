//! What module-level variables and attributes of objects hold.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, VariableRef};
use crate::unit;

use crate::symbols::Symbol;

use super::handed::{class_handed_up, is_base, kept_parameter};
use super::kept::kept;
use super::nested;
use super::value::{FactoryValue, InstanceOrigin, InstanceValue, SessionOrigin, SessionValue, Value};

/// What a module-level variable holds.
pub fn variable(db: &dyn Db, of: VariableRef) -> Value {
    variable_query(db, of, ())
}

#[salsa::tracked(returns(clone), cycle_initial = unknown_variable, cycle_fn = crate::cycles::settle)]
fn variable_query(db: &dyn Db, of: VariableRef, _key: ()) -> Value {
    match super::evaluate_variable(db, of) {
        Value::Factory(factory) => Value::Factory(FactoryValue { variable: factory.variable.or(Some(of)), ..factory }),
        Value::Session(session) => Value::Session(Arc::new(SessionValue {
            origin: match &session.origin {
                registry @ SessionOrigin::Registry(_) => registry.clone(),
                _ => SessionOrigin::Global(of),
            },
            id: 0,
            ..(*session).clone()
        })),
        Value::Instance(instance) => {
            Value::Instance(Arc::new(InstanceValue { origin: InstanceOrigin::Global(of), ..(*instance).clone() }))
        }
        Value::Context(_) | Value::Row(_) => Value::Unknown,
        other => other.held(),
    }
}

fn unknown_variable(_db: &dyn Db, _id: salsa::Id, _of: VariableRef, _key: ()) -> Value {
    Value::Unknown
}

/// What an attribute of objects of a class holds: as its methods assign it, or as its class body says.
///
/// A session keeps the origin that it has in the method that assigned it (a parameter of `__init__`, a factory), so
/// that its owner can be found through whoever constructs the object.
#[salsa::tracked(returns(clone), cycle_initial = unknown_attribute, cycle_fn = crate::cycles::settle)]
pub fn attribute(db: &dyn Db, class: ClassRef, name: Name) -> Value {
    if let Some(path) = nested::path(name) {
        return nested::session(db, class, path).map_or(Value::Unknown, Value::Session);
    }
    let mut held: Option<Value> = None;
    for method in assigning_methods(db, class, name).iter() {
        let unit = unit::unit(db, *method, Some(class));
        for (assigned, value) in &unit.self_attributes {
            if *assigned != name || matches!(value, Value::None) {
                continue;
            }
            if let Some(handed) = class_handed_up(db, class, *method, name) {
                held = Some(handed);
                continue;
            }
            let value = match value {
                // The bound of a type parameter: callers name the class.
                Value::Symbol(Symbol::Class(base))
                    if is_base(db, *base) && kept_parameter(db, *method, name).is_some() =>
                {
                    continue;
                }
                Value::Instance(instance) => {
                    let instance = nested::with_shared_session(db, (class, *method), &unit, instance);
                    Value::Instance(in_terms_of_self(db, &unit, class, &instance))
                }
                // What a constructor is handed without an annotation is known where the object is constructed.
                Value::Param(index) => match kept(db, class, *method, name, *index) {
                    Some(kept) => kept,
                    None => continue,
                },
                value => value.clone(),
            };
            held = Some(match held {
                Some(before) => before.join(&value),
                None => value,
            });
        }
    }
    if let Some(value) = held {
        return value;
    }
    classes::class_level_value(db, class, name)
}

/// An object that a method keeps in an attribute, seen from the other methods: a session that it was constructed with is the
/// attribute in which the method keeps that session too.
fn in_terms_of_self(
    db: &dyn Db,
    unit: &unit::Unit,
    class: ClassRef,
    instance: &Arc<InstanceValue>,
) -> Arc<InstanceValue> {
    let arguments = instance
        .arguments
        .iter()
        .map(|(name, value)| {
            let Value::Session(session) = value else { return (*name, value.clone()) };
            let is_given = matches!(session.origin, SessionOrigin::Param(_));
            let kept = unit.self_attributes.iter().find(|(_, held)| match held {
                Value::Session(held) => held.origin == session.origin && (is_given || held.id == session.id),
                _ => false,
            });
            let origin = match kept {
                Some((attribute, _)) => SessionOrigin::SelfAttribute(class, *attribute),
                None if is_given => match nested::keeper(db, unit, session) {
                    Some(path) => SessionOrigin::SelfAttribute(class, path),
                    None => SessionOrigin::Unknown,
                },
                None => return (*name, value.clone()),
            };
            (*name, Value::Session(Arc::new(SessionValue { origin, id: 0, ..(**session).clone() })))
        })
        .collect();
    Arc::new(InstanceValue { arguments, ..(**instance).clone() })
}

fn unknown_attribute(_db: &dyn Db, _id: salsa::Id, _class: ClassRef, _name: Name) -> Value {
    Value::Unknown
}

/// The methods of a class and its bases that assign `self.name`.
#[salsa::tracked(returns(clone))]
pub fn assigning_methods(db: &dyn Db, class: ClassRef, name: Name) -> Arc<Vec<FunctionRef>> {
    let name = nested::path(name).map_or(name, |(first, _)| first);
    let mut methods = Vec::new();
    for ancestor in classes::mro(db, class).iter() {
        for method in classes::own_methods(db, *ancestor) {
            let Some(body) = crate::db::function(db, method) else { continue };
            if assigns(&body, name) {
                methods.push(method);
            }
        }
        if !methods.is_empty() {
            break;
        }
    }
    Arc::new(methods)
}

fn assigns(body: &auditline_syntax::python::ir::Function, name: Name) -> bool {
    use auditline_syntax::python::ir::Expr;
    let mut found = false;
    auditline_syntax::python::walk_statements(&body.code.block, &mut |stmt| {
        let mut check = |target: &auditline_syntax::python::ir::ExprId| {
            if let Expr::Attribute { value, attr } = &body.code[*target]
                && *attr == name
                && let (Expr::Name(object), Some(first)) = (&body.code[*value], body.params.first())
                && *object == first.name
            {
                found = true;
            }
        };
        if let Some((targets, _)) = stmt.kind.assignment() {
            targets.iter().for_each(&mut check);
        }
    });
    found
}

/// The method that assigns an attribute: `__init__` where that does.
#[must_use]
pub fn attribute_method(db: &dyn Db, class: ClassRef, name: Name) -> Option<FunctionRef> {
    let methods = assigning_methods(db, class, name);
    let init = methods.iter().find(|method| crate::db::head(db, **method).is_some_and(|body| body.name == "__init__"));
    init.or_else(|| methods.first()).copied()
}
