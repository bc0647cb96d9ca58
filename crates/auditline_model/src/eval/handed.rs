//! Mapped classes that code is handed: `CRUDBase(User)`, `super().__init__(User)`, `get_or_404(db, User, id)`.

use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;
use auditline_syntax::python::walk_statements;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function};
use crate::owner::{argument_in, argument_of};
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{EventKind, unit};

use super::value::{InstanceValue, Part, SessionOrigin, Value};
use super::{Bound, Evaluator, attribute, attribute_method};

/// What names the class of a statement's rows, where only callers know it: a parameter, or an attribute of the object that a
/// method was called on. A parameter of which no more than the bound is known, `model: type[M]`, is one too.
pub(super) fn named_by_callers(db: &dyn Db, given: &Bound) -> Option<Value> {
    match &given.value {
        value @ (Value::Param(_) | Value::Attribute(..)) => Some(value.clone()),
        Value::Symbol(Symbol::Class(class)) if is_base(db, *class) => match given.from.parts[..] {
            [Part::Param(index)] => Some(Value::Param(index)),
            _ => None,
        },
        _ => None,
    }
}

impl Evaluator<'_> {
    /// What names the class of a callee's statement in this function: the class, or what its own callers know.
    pub(super) fn class_named(&self, of: &Value, object: &Value, filled: &[Option<Bound>]) -> Option<Value> {
        let named = match (of, object) {
            (Value::Param(index), _) => {
                let given = filled.get(*index as usize)?.as_ref()?;
                named_by_callers(self.db, given).unwrap_or_else(|| given.value.clone())
            }
            (Value::Attribute(inner, name), Value::Instance(instance)) if **inner == Value::SelfObject => {
                match attribute(self.db, instance.class, *name) {
                    Value::Unknown => class_given(self.db, instance, *name)?,
                    value => value,
                }
            }
            (Value::Attribute(inner, name), Value::SelfObject) if **inner == Value::SelfObject => {
                match attribute(self.db, self.receiver?, *name) {
                    Value::Unknown => of.clone(),
                    value => value,
                }
            }
            _ => return None,
        };
        (is_class(self.db, &named) || matches!(named, Value::Param(_) | Value::Attribute(..))).then_some(named)
    }
}

/// Whether a mapped class has no table of its own: it stands for those that inherit from it.
pub(super) fn is_base(db: &dyn Db, class: ClassRef) -> bool {
    orm_model(db, class).is_some_and(|model| !model.is_table())
}

/// The class that a method keeps in an attribute of its object and was handed: through `super().__init__(User)`, where the
/// object's class has a constructor of its own that says it.
pub(super) fn class_handed_up(db: &dyn Db, class: ClassRef, method: FunctionRef, attribute: Name) -> Option<Value> {
    let parameter = kept_parameter(db, method, attribute)?;
    let own = classes::method(db, class, Name::new("__init__")).filter(|own| *own != method)?;
    let unit = unit(db, own, Some(class));
    unit.events.iter().find_map(|event| match &event.kind {
        kind @ EventKind::Call { callee, .. } if *callee == method => {
            argument_of(db, method, kind, parameter).filter(|value| is_class(db, value))
        }
        _ => None,
    })
}

/// The class that an object keeps in an attribute because it was constructed with it: `users = CRUDBase(User)`.
fn class_given(db: &dyn Db, instance: &InstanceValue, attribute: Name) -> Option<Value> {
    let method = attribute_method(db, instance.class, attribute)?;
    let parameter = kept_parameter(db, method, attribute)?;
    given_to(db, instance, method, parameter).filter(|value| is_class(db, value))
}

/// What an object was constructed with for a parameter of the constructor that keeps it: its own, or one that its own hands
/// on with `super().__init__(User, db)`.
pub(super) fn given_to(db: &dyn Db, instance: &InstanceValue, method: FunctionRef, parameter: u32) -> Option<Value> {
    let constructor = classes::method(db, instance.class, Name::new("__init__"))?;
    if constructor == method || classes::simple(method.path) != "__init__" {
        return argument_in(db, method, &instance.arguments, true, parameter);
    }
    let unit = unit(db, constructor, Some(instance.class));
    let handed = unit.events.iter().find_map(|event| match &event.kind {
        kind @ EventKind::Call { callee, .. } if *callee == method => argument_of(db, method, kind, parameter),
        _ => None,
    })?;
    let own = match &handed {
        Value::Param(own) => *own,
        Value::Session(session) => match session.origin {
            SessionOrigin::Param(own) => own,
            _ => return Some(handed),
        },
        _ => return Some(handed),
    };
    argument_in(db, constructor, &instance.arguments, true, own)
}

fn is_class(db: &dyn Db, value: &Value) -> bool {
    matches!(value, Value::Symbol(Symbol::Class(class)) if orm_model(db, *class).is_some_and(|model| model.is_table()))
}

/// The parameter that a method assigns to an attribute of its object as it is: `self.model = model`.
pub(crate) fn kept_parameter(db: &dyn Db, method: FunctionRef, attribute: Name) -> Option<u32> {
    let body = function(db, method)?;
    let this = body.params.first()?.name;
    let mut kept = None;
    walk_statements(&body.code.block, &mut |stmt| {
        let Some((targets, value)) = stmt.kind.assignment() else { return };
        let Expr::Name(name) = &body.code[value] else { return };
        let is_kept = targets.iter().any(|target| match &body.code[*target] {
            Expr::Attribute { value, attr } if *attr == attribute => {
                matches!(&body.code[*value], Expr::Name(object) if *object == this)
            }
            _ => false,
        });
        if is_kept {
            kept = body.params.iter().position(|param| param.name == *name);
        }
    });
    u32::try_from(kept?).ok()
}
