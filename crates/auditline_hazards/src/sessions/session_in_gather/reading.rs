//! Whether coroutines that run at a time only read.

use auditline_model::Db;
use auditline_model::unit::{EventKind, Together, Unit, only_asks};

/// Whether all coroutines only ask, and the function does nothing else while they do: it waits for a `gather` at once.
pub(super) fn only_asks_at_a_time(db: &dyn Db, unit: &Unit, found: &Together) -> bool {
    let Some(start) = unit.events.get(found.at as usize) else { return false };
    let is_gathered = matches!(&start.kind, EventKind::Given { to, .. } if *to == "asyncio.gather");
    let is_awaited = unit.events.iter().any(|event| {
        matches!(event.kind, EventKind::Await)
            && event.range.end() == start.range.end()
            && event.range.contains_range(start.range)
    });
    is_gathered
        && is_awaited
        && found.coroutines.iter().all(|coroutine| {
            match unit.events.get(coroutine.made as usize).map(|event| &event.kind) {
                Some(EventKind::Call { callee, receiver, .. }) => only_asks(db, *callee, *receiver),
                _ => false,
            }
        })
}
