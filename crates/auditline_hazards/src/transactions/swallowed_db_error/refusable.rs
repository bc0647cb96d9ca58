//! Whether the database can refuse what a commit saves.

use auditline_model::eval::value::{SessionOrigin, SessionValue};
use auditline_model::unit::{EventKind, SessionAction, Unit};

/// Whether data can make a commit or flush of the function's own fail. Where it saves nothing but constants and times in rows
/// that were there before, no constraint speaks of them, and only a connection that is lost at that moment can.
pub(super) fn is_refusable(unit: &Unit, at: u32, session: &SessionValue) -> bool {
    let own = matches!(
        unit.events.get(at as usize).map(|event| &event.kind),
        Some(EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, by: None, .. })
    );
    // What callers have pending is not seen.
    let opened = matches!(
        session.origin,
        SessionOrigin::Dependency(_)
            | SessionOrigin::Opened(_)
            | SessionOrigin::Scoped(_)
            | SessionOrigin::Context(_)
            | SessionOrigin::ContextClass(_)
    );
    if !own || !opened {
        return true;
    }
    let mut writes = 0;
    for (_, event) in unit.numbered().take(at as usize).filter(|(ordinal, _)| unit.can_follow(*ordinal, at)) {
        match &event.kind {
            EventKind::Write { row, constant, from, by: None, in_sql: false, in_place: false, .. } => {
                // What the row itself held fits, and so does the clock.
                let is_own = from.fields.iter().all(|field| field.row == row.id);
                let is_plain = is_own && from.external.is_none() && (from.fresh || !from.other);
                if constant.is_none() && !is_plain {
                    return true;
                }
                writes += 1;
            }
            EventKind::Write { .. }
            | EventKind::Overwrite { .. }
            | EventKind::Create(_)
            | EventKind::Add { .. }
            | EventKind::Delete { .. }
            | EventKind::Execute(_) => return true,
            _ => {}
        }
    }
    writes == 0
}
