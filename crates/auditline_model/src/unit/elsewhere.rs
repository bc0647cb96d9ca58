//! Waiting for something else than the database: another system, a library that is not understood, a session of its own.

use crate::db::{ClassRef, Db, FunctionRef};

use super::{EventKind, Unit, unit};

/// Whether a function, or one that it calls, leaves the transaction that its caller is in: it reaches another system, awaits
/// what is not understood, opens a session of its own, or hands work to something that runs it later.
#[must_use]
pub fn waits_elsewhere(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    waits_elsewhere_query(db, of, receiver)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn waits_elsewhere_query(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let unit = unit(db, of, receiver.or_else(|| crate::eval::own_class(db, of)));
    unit.numbered().any(|(ordinal, event)| match &event.kind {
        EventKind::External { .. }
        | EventKind::ExternalLock(_)
        | EventKind::Release
        | EventKind::Given { .. }
        | EventKind::Open(_) => true,
        EventKind::Call { callee, receiver, .. } => *callee != of && waits_elsewhere_query(db, *callee, *receiver),
        EventKind::Await => unit.awaits_unknown(ordinal),
        _ => false,
    })
}

impl Unit {
    /// Whether the `await` of that ordinal waits for something that is neither the database nor a function of the workspace.
    #[must_use]
    pub fn awaits_unknown(&self, ordinal: u32) -> bool {
        let Some(range) = self.events.get(ordinal as usize).map(|event| event.range) else { return true };
        !self.events[..ordinal as usize].iter().any(|event| {
            range.contains_range(event.range)
                && matches!(
                    event.kind,
                    EventKind::Load { .. }
                        | EventKind::Execute(_)
                        | EventKind::Refresh { .. }
                        | EventKind::Session { .. }
                        | EventKind::Add { .. }
                        | EventKind::Delete { .. }
                        | EventKind::Call { .. }
                )
        })
    }
}
