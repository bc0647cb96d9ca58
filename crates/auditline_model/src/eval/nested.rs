//! Sessions in the objects that an object keeps, `self.items.session`: the object keeps no session besides, and only through
//! them is it seen that two of its repositories work with one.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef};
use crate::owner;
use crate::unit::{self, Unit};

use super::value::{ArgName, InstanceOrigin, InstanceValue, SessionOrigin, SessionValue, Value};

/// The attribute that is meant by a path of attributes, and what is meant of the object in it.
pub(super) fn path(name: Name) -> Option<(Name, Name)> {
    let (first, rest) = name.as_str().split_once('.')?;
    Some((Name::new(first), Name::new(rest)))
}

/// The session in an object that objects of a class keep, as the method that keeps the object sees it.
pub(super) fn session(db: &dyn Db, class: ClassRef, (first, _): (Name, Name)) -> Option<Arc<SessionValue>> {
    let method = super::attribute_method(db, class, first)?;
    let unit = unit::unit(db, method, Some(class));
    unit.self_attributes.iter().find_map(|(name, held)| match held {
        Value::Instance(instance) if *name == first => session_in(db, instance),
        _ => None,
    })
}

/// The session that an object was made with; where it is handed in, that of the parameter.
fn session_in(db: &dyn Db, instance: &InstanceValue) -> Option<Arc<SessionValue>> {
    if let Some(session) = made_with(instance) {
        return Some(session);
    }
    let InstanceOrigin::Param(index) = instance.origin else { return None };
    let (_, _, session) = owner::session_parameter(db, instance.class)?;
    Some(Arc::new(SessionValue { origin: SessionOrigin::Param(index), id: 0, ..(*session).clone() }))
}

/// The one session that an object was made with.
fn made_with(instance: &InstanceValue) -> Option<Arc<SessionValue>> {
    let mut sessions = instance.arguments.iter().filter_map(|(_, value)| match value {
        Value::Session(session) => Some(Arc::clone(session)),
        _ => None,
    });
    sessions.next().filter(|_| sessions.next().is_none())
}

/// The path under which a method keeps a session that it was handed, in the first of the objects that it makes with it.
pub(super) fn keeper(db: &dyn Db, unit: &Unit, session: &SessionValue) -> Option<Name> {
    unit.self_attributes.iter().find_map(|(name, held)| match held {
        Value::Instance(instance) if session_in(db, instance)?.origin == session.origin => Some(inside(*name)),
        _ => None,
    })
}

fn inside(attribute: Name) -> Name {
    Name::new(&format!("{attribute}.session"))
}

/// An object that a constructor is handed and keeps, with its session where that is the session of another one which it is
/// handed: `Service(ItemRepo(db), OrderRepo(db))`.
pub(super) fn with_shared_session(
    db: &dyn Db,
    (class, method): (ClassRef, FunctionRef),
    unit: &Unit,
    instance: &Arc<InstanceValue>,
) -> Arc<InstanceValue> {
    let shared = || {
        let InstanceOrigin::Param(index) = instance.origin else { return None };
        if !instance.arguments.is_empty() || classes::simple(method.path) != "__init__" {
            return None;
        }
        let first = owner::first_with_session_of(db, method, index)?;
        let attribute = unit.self_attributes.iter().find_map(|(name, held)| match held {
            Value::Instance(held) if held.origin == InstanceOrigin::Param(first) => Some(inside(*name)),
            Value::Session(held) if held.origin == SessionOrigin::Param(first) => Some(*name),
            _ => None,
        })?;
        let (_, parameter, session) = owner::session_parameter(db, instance.class)?;
        let origin = SessionOrigin::SelfAttribute(class, attribute);
        let session = Value::Session(Arc::new(SessionValue { origin, id: 0, ..(*session).clone() }));
        let arguments = vec![(ArgName::Keyword(parameter), session)];
        Some(Arc::new(InstanceValue { arguments, ..(**instance).clone() }))
    };
    shared().unwrap_or_else(|| Arc::clone(instance))
}

/// The session that a caller hands in: itself, or in an object that was made with it.
pub(crate) fn handed_session(given: &Value) -> Option<Arc<SessionValue>> {
    match given {
        Value::Session(session) => Some(Arc::clone(session)),
        Value::Instance(instance) => made_with(instance),
        _ => None,
    }
}
