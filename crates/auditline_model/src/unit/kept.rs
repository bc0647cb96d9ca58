//! Sessions that an object keeps, and that its methods use.

use std::sync::Arc;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::held_session;
use crate::eval::value::{InstanceOrigin, SessionOrigin, SessionValue, Value};

use super::{EventKind, FrameKind, Unit, Use, same_session, unit};

/// The sessions in attributes of its object of which a method asks something, itself or in what it calls, each with the
/// ordinal of the first event that does. What happens under a lock is left out: it has been made to happen alone.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
pub(crate) fn kept_in_use(
    db: &dyn Db,
    of: FunctionRef,
    receiver: Option<ClassRef>,
) -> Arc<Vec<(Arc<SessionValue>, u32)>> {
    let unit = unit(db, of, receiver);
    let mut found: Vec<(Arc<SessionValue>, u32)> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        if unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::WithLock) {
            continue;
        }
        let used: Vec<Arc<SessionValue>> = match &event.kind {
            EventKind::Call { callee, receiver, arguments, object, .. } => {
                let handed = arguments.iter().filter_map(|(_, value)| value.session().cloned());
                let kept = kept_by(db, &unit, *callee, *receiver, object);
                handed.chain(kept.into_iter().map(|(session, _)| session)).collect()
            }
            _ => statement_at(&unit, ordinal).into_iter().collect(),
        };
        for session in used {
            let is_kept = matches!(session.origin, SessionOrigin::SelfAttribute(..));
            if is_kept && !found.iter().any(|(known, _)| same_session(known, &session)) {
                found.push((session, ordinal));
            }
        }
    }
    Arc::new(found)
}

/// The session through which an event sends a statement.
pub(super) fn statement_at(unit: &Unit, ordinal: u32) -> Option<Arc<SessionValue>> {
    let session = unit.session_at(ordinal)?;
    (unit.use_of(ordinal, session) == Some(Use::Statement)).then(|| Arc::new(session.clone()))
}

/// The sessions that an object keeps and that the method which is called on it uses, as the caller sees them, each with the
/// ordinal of the use in the method. An object that cannot be told from another one of its class is left out, and so is a
/// registry, which may have a session for each task.
pub(super) fn kept_by(
    db: &dyn Db,
    caller: &Unit,
    callee: FunctionRef,
    receiver: Option<ClassRef>,
    object: &Value,
) -> Vec<(Arc<SessionValue>, u32)> {
    if !matches!(object, Value::SelfObject | Value::Instance(_)) {
        return Vec::new();
    }
    let receiver = receiver.or_else(|| crate::eval::own_class(db, callee));
    let seen = |session: &Arc<SessionValue>| {
        let SessionOrigin::SelfAttribute(class, name) = session.origin else { return None };
        let Value::Instance(instance) = object else { return Some(Arc::clone(session)) };
        let Value::Session(own) = crate::eval::attribute(db, class, name) else { return None };
        let mut held = held_session(db, object, class, name, &SessionValue { id: 0, ..(*own).clone() });
        let one_object = !matches!(instance.origin, InstanceOrigin::Constructed | InstanceOrigin::Unknown);
        match held.origin {
            SessionOrigin::Registry(_) => None,
            SessionOrigin::ObjectAttribute(..) => one_object.then_some(held),
            // An attribute of the caller's own object: it was constructed elsewhere, with a session that is not kept besides.
            SessionOrigin::Unknown => (one_object || !constructs(caller, instance.class)).then(|| {
                Arc::make_mut(&mut held).origin = SessionOrigin::ObjectAttribute(Box::new(object.clone()), name);
                held
            }),
            _ => Some(held),
        }
    };
    kept_in_use(db, callee, receiver).iter().filter_map(|(session, ordinal)| Some((seen(session)?, *ordinal))).collect()
}

/// Whether a function constructs an object of that class itself.
fn constructs(unit: &Unit, class: ClassRef) -> bool {
    unit.events.iter().any(|event| matches!(&event.kind, EventKind::Construct { class: made, .. } if *made == class))
}
