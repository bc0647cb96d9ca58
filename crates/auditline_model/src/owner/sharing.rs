//! Objects that concurrent requests share: module-level instances, cached factories, singletons.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, StmtKind};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, VariableRef, parsed};
use crate::eval::value::{InstanceOrigin, InstanceValue, SessionOrigin, SessionValue, Value};
use crate::eval::variable;
use crate::names::files_mentioning;
use crate::place::Place;
use crate::unit::{EventKind, effect, unit_of};

/// Why objects of a class are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedObject {
    /// Where.
    pub place: Place,
    /// How, as a sentence.
    pub message: String,
}

/// Why concurrent requests share one object of that class; `None` where that is not proved.
pub fn shared_object(db: &dyn Db, class: ClassRef) -> Option<SharedObject> {
    shared_object_query(db, class, ())
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn shared_object_query(db: &dyn Db, class: ClassRef, _key: ()) -> Option<SharedObject> {
    let name = classes::simple(class.path);
    for file in files_mentioning(db, name).iter() {
        if crate::entry::is_by_hand(db, *file) {
            continue;
        }
        let parsed = parsed(db, *file);
        let module = &parsed.module;
        // `service = Service()` at module level.
        let mut variables = Vec::new();
        auditline_syntax::python::walk_statements(&module.code.block, &mut |stmt| {
            let (target, value) = match &stmt.kind {
                StmtKind::Assign { targets, value } => (targets.first().copied(), Some(*value)),
                StmtKind::AnnAssign { target, value, .. } => (Some(*target), *value),
                _ => return,
            };
            if let (Some(target), Some(value)) = (target, value)
                && let Expr::Name(variable) = &module.code[target]
                && matches!(module.code[value], Expr::Call { .. })
            {
                variables.push(*variable);
            }
        });
        for name_of_variable in variables {
            let of = VariableRef { file: *file, name: name_of_variable };
            if matches!(variable(db, of), Value::Instance(instance) if instance.class == class) {
                return Some(SharedObject {
                    place: Place::Variable(of),
                    message: format!("`{name_of_variable}` is one `{name}` for the whole process"),
                });
            }
        }
        for function in &module.functions {
            let of = FunctionRef { file: *file, path: function.path };
            if classes::is_cached(db, of) {
                let effect = effect(db, of, crate::eval::own_class(db, of));
                if matches!(&effect.returns, Value::Instance(instance) if instance.class == class) {
                    return Some(SharedObject {
                        place: Place::Function(of),
                        message: format!(
                            "`{}` is cached and hands the same `{name}` to every request",
                            classes::simple(of.path)
                        ),
                    });
                }
            }
            let mentions = function
                .code
                .exprs
                .iter()
                .any(|expr| matches!(expr, Expr::Name(used) if *used == name || *used == "cls"));
            if !mentions {
                continue;
            }
            let unit = unit_of(db, of);
            // `global _service; _service = Service()`
            if let Some((global, _)) = unit
                .globals
                .iter()
                .find(|(_, value)| matches!(value, Value::Instance(instance) if instance.class == class))
            {
                return Some(SharedObject {
                    place: Place::Function(of),
                    message: format!("`{}` keeps one `{name}` in the global `{global}`", classes::simple(of.path)),
                });
            }
            // `cls._instance = cls()`, `app.state.service = Service()`
            for (ordinal, event) in unit.numbered() {
                let EventKind::Store { object, attribute, value: Value::Instance(instance) } = &event.kind else {
                    continue;
                };
                if instance.class != class || instance.origin != InstanceOrigin::Constructed {
                    continue;
                }
                let on_class = matches!(object, Value::Symbol(crate::symbols::Symbol::Class(_)));
                if on_class || is_application_state(object) {
                    return Some(SharedObject {
                        place: Place::Event(of, ordinal),
                        message: format!("`{attribute}` keeps one `{name}` for the whole process"),
                    });
                }
            }
        }
    }
    held_by_shared(db, class)
}

/// The session that an object was constructed with and keeps in an attribute.
#[must_use]
pub fn kept_session(db: &dyn Db, instance: &InstanceValue) -> Option<Arc<SessionValue>> {
    let init = classes::method(db, instance.class, Name::new("__init__"))?;
    crate::unit::unit(db, init, Some(instance.class)).self_attributes.iter().find_map(|(_, held)| {
        let index = match held {
            Value::Param(index) => *index,
            Value::Session(session) => match session.origin {
                SessionOrigin::Param(index) | SessionOrigin::GivenOrOwn(index) => index,
                _ => return None,
            },
            _ => return None,
        };
        match super::argument_in(db, init, &instance.arguments, true, index)? {
            Value::Session(session) => Some(session),
            _ => None,
        }
    })
}

/// `app.state`, `request.app.state`: what FastAPI and Starlette keep for the whole process.
#[must_use]
pub fn is_application_state(object: &Value) -> bool {
    match object {
        Value::Attribute(inner, name) if *name == "state" => match &**inner {
            Value::Made(path) => path.as_str().ends_with(".FastAPI") || path.as_str().ends_with(".Starlette"),
            Value::Attribute(_, app) => *app == "app",
            _ => false,
        },
        _ => false,
    }
}

/// Whether a shared object holds one in an attribute: a container of services.
fn held_by_shared(db: &dyn Db, class: ClassRef) -> Option<SharedObject> {
    for site in super::constructions(db, class).iter() {
        let Some(holder) = crate::eval::own_class(db, site.function) else { continue };
        if holder == class {
            continue;
        }
        let unit = unit_of(db, site.function);
        let held = unit.self_attributes.iter().find(
            |(_, value)| matches!(value, Value::Instance(instance) if instance.class == class && instance.origin == InstanceOrigin::Constructed),
        );
        if let Some((attribute, _)) = held
            && let Some(shared) = shared_object(db, holder)
        {
            return Some(SharedObject {
                place: shared.place,
                message: format!(
                    "`{}.{attribute}` holds one `{}`, and {}",
                    classes::simple(holder.path),
                    classes::simple(class.path),
                    shared.message
                ),
            });
        }
    }
    None
}
