//! The cure: wrap from the first pending write to the commit in `try`, or add the rollback to a handler that is there.

use std::sync::Arc;

use auditline_model::FunctionRef;
use auditline_model::eval::value::SessionValue;
use auditline_model::unit::{EventKind, Frame, FrameKind, SessionAction, Unit, same_session};
use auditline_syntax::TextRange;

use crate::edit;
use crate::finding::{Fix, Safety};

pub(super) fn fixes(of: FunctionRef, unit: &Unit, ordinal: u32, session: &SessionValue, is_async: bool) -> Vec<Fix> {
    let commit = &unit.events[ordinal as usize];
    let awaited = is_async && session.is_async != Some(false) && is_awaited(unit, ordinal);
    // A handler that is there already, catches every database error and raises: it lacks the rollback alone.
    let handler = unit.ancestors(commit.frame).find_map(|(_, frame)| match &frame.kind {
        // What is opened in the block may not be there in its handler.
        FrameKind::Try(id) if !opens(unit, frame, session) => unit
            .tries
            .get(id.0 as usize)?
            .handlers
            .iter()
            .find(|handler| handler.breadth >= auditline_model::unit::Breadth::AllDatabase)
            .map(|handler| handler.range),
        _ => None,
    });
    let call = commit.range;
    if let Some(handler) = handler {
        return vec![Fix::new("Roll back in the handler", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| {
                edit::insert_rollback_in_handler(scope, handler, scope.receiver(call)?, awaited)
            })
        })];
    }
    let first = first_pending(unit, ordinal, session);
    let last = last_related(unit, ordinal, session);
    vec![Fix::new("Wrap in try/except with a rollback", Safety::Safe, move |db| {
        edit::in_function(db, of, |scope| edit::wrap_in_try(scope, first, last, scope.receiver(call)?, awaited))
    })]
}

/// Whether the session is opened in the frame.
fn opens(unit: &Unit, frame: &Frame, session: &SessionValue) -> bool {
    unit.events.get(frame.first as usize..frame.end as usize).is_some_and(|events| {
        events.iter().any(|event| matches!(&event.kind, EventKind::Open(opened) if same_session(opened, session)))
    })
}

fn is_awaited(unit: &Unit, ordinal: u32) -> bool {
    unit.events.get(ordinal as usize + 1).is_some_and(|next| matches!(next.kind, EventKind::Await))
}

/// The statement of the first write that the commit makes durable.
fn first_pending(unit: &Unit, ordinal: u32, session: &SessionValue) -> TextRange {
    let mut first = unit.events[ordinal as usize].statement;
    for event in unit.events[..ordinal as usize].iter().rev() {
        match &event.kind {
            EventKind::Session { session: other, action: SessionAction::Commit | SessionAction::Rollback, .. }
                if same_session(other, session) =>
            {
                break;
            }
            EventKind::Add { session: other, .. } | EventKind::Delete { session: other, .. }
                if same_session(other, session) =>
            {
                first = first.min_start(event.statement);
            }
            EventKind::Write { row, .. } => {
                let other = row.session.as_ref().is_some_and(|other: &Arc<SessionValue>| !same_session(other, session));
                if !other {
                    first = first.min_start(event.statement);
                }
            }
            EventKind::Execute(query) if query.session.as_ref().is_some_and(|other| same_session(other, session)) => {
                first = first.min_start(event.statement);
            }
            _ => {}
        }
    }
    first
}

/// The statement of the last commit or of the refresh right behind it.
fn last_related(unit: &Unit, ordinal: u32, session: &SessionValue) -> TextRange {
    let mut last = unit.events[ordinal as usize].statement;
    let frame = unit.events[ordinal as usize].frame;
    for event in &unit.events[ordinal as usize..] {
        let related = match &event.kind {
            EventKind::Session { session: other, action, .. } => {
                matches!(action, SessionAction::Commit | SessionAction::Flush) && same_session(other, session)
            }
            EventKind::Refresh { session: other, .. } => same_session(other, session),
            _ => false,
        };
        if related && event.frame == frame {
            last = if event.statement.end() > last.end() { event.statement } else { last };
        }
    }
    last
}

trait MinStart {
    fn min_start(self, other: Self) -> Self;
}

impl MinStart for TextRange {
    fn min_start(self, other: Self) -> Self {
        if other.start() < self.start() { other } else { self }
    }
}
