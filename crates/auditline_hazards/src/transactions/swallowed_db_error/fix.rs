//! The cure: a rollback in the handler.

use auditline_model::eval::value::SessionValue;
use auditline_model::owner::callers;
use auditline_model::unit::{EventKind, FrameKind, HandlerInfo, SessionAction, Unit, same_session, unit_of};
use auditline_model::{Db, FunctionRef, entry, function};
use auditline_syntax::TextRange;

use crate::edit;
use crate::finding::{Fix, Safety};

pub(super) fn fix(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    failing: u32,
    session: &SessionValue,
    handler: &HandlerInfo,
) -> Option<Fix> {
    // There is no handler to put it into.
    if unit.ancestors(handler.frame).nth(1).is_some_and(|(_, around)| around.kind == FrameKind::WithSuppress) {
        return None;
    }
    // A rollback ends the transaction of a `begin()` scope with all that is in it, and the scope takes no other.
    let in_scope = unit
        .ancestors(handler.frame)
        .any(|(_, frame)| matches!(&frame.kind, FrameKind::WithTransaction(held, _) if same_session(held, session)));
    if in_scope {
        return None;
    }
    let is_async = function(db, of).is_some_and(|body| body.is_async);
    // The session is written in any call of one of its own methods.
    let calls: Vec<(TextRange, bool)> = unit
        .numbered()
        .filter_map(|(ordinal, event)| {
            let own = match &event.kind {
                EventKind::Session {
                    session: own,
                    by: None,
                    action: SessionAction::Flush | SessionAction::Commit,
                    ..
                }
                | EventKind::Add { session: own, by: None, .. } => same_session(own, session),
                EventKind::Execute(query) => query.session.as_ref().is_some_and(|own| same_session(own, session)),
                _ => false,
            };
            let here = ordinal == failing
                || !matches!(unit.events[failing as usize].kind, EventKind::Session { by: None, .. });
            let awaits =
                unit.events.get(ordinal as usize + 1).is_some_and(|next| matches!(next.kind, EventKind::Await));
            let awaited = is_async && (session.is_async == Some(true) || session.is_async.is_none() && awaits);
            (own && here).then_some((event.range, awaited))
        })
        .collect();
    if calls.is_empty() {
        return None;
    }
    let range = handler.range;
    // Rounds that share a transaction share the rollback: what the rounds before have flushed goes with it.
    let shared = unit.ancestors(handler.frame).any(|(_, frame)| {
        matches!(frame.kind, FrameKind::Loop { .. }) && !commits_in(unit, frame.first..frame.end, session)
    });
    // The rollback gives back the row locks under which this function, or its caller, goes on.
    let locked = !handler.exits && unit.is_row_locked(failing) || is_called_locked(db, of, DEPTH);
    let safety = if shared || locked { Safety::Unsafe } else { Safety::Safe };
    Some(Fix::new("Roll back in the handler", safety, move |db| {
        edit::in_function(db, of, |scope| {
            let (written, awaited) =
                calls.iter().find_map(|(call, awaited)| Some((scope.session_of(*call)?, *awaited)))?;
            edit::insert_rollback_in_handler(scope, range, written, awaited)
        })
    }))
}

fn commits_in(unit: &Unit, mut ordinals: std::ops::Range<u32>, session: &SessionValue) -> bool {
    ordinals.any(|ordinal| {
        unit.events.get(ordinal as usize).is_some_and(|event| {
            matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit, .. }
                if same_session(own, session))
        })
    })
}

/// How many callers up a lock is looked for.
const DEPTH: u32 = 3;

/// Whether some caller holds a row lock when it calls the function.
///
/// A query of its own, so that a check does not depend on the units of other files.
#[salsa::tracked(returns(copy), cycle_result = not_locked)]
fn is_called_locked(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    callers(db, of).iter().any(|site| {
        !entry::is_by_hand(db, site.function.file)
            && (unit_of(db, site.function).is_row_locked(site.ordinal)
                || depth > 1 && is_called_locked(db, site.function, depth - 1))
    })
}

fn not_locked(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _depth: u32) -> bool {
    false
}
