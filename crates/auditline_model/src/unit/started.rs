//! Tasks of the event loop that load a row by its key, in a session of their own.

use std::sync::Arc;

use crate::db::{Db, FunctionRef, head};
use crate::eval::value::{Key, RowOrigin, RowValue, SessionOrigin, Value};
use crate::tables::orm_model;

use super::{EventKind, Target, Unit, session_target, unit, unit_of};

/// A task that a function starts and that looks for a row which the function has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The ordinal of the event that starts it.
    pub ordinal: u32,
    /// The function that runs.
    pub function: FunctionRef,
    /// The row.
    pub row: Arc<RowValue>,
}

/// The tasks that a function starts with the key of a row which it has made, and that load the row in a session of their own.
#[must_use]
pub fn started(db: &dyn Db, of: FunctionRef) -> Vec<Started> {
    let whole = unit_of(db, of);
    let mut found = Vec::new();
    for (ordinal, event) in whole.numbered() {
        let EventKind::Given { to, .. } = &event.kind else { continue };
        if !starts(to) {
            continue;
        }
        for (_, made) in whole.numbered().take(ordinal as usize) {
            let EventKind::Call { callee, receiver, keys, object, .. } = &made.kind else { continue };
            let Some(body) = head(db, *callee).filter(|body| body.is_async) else { continue };
            if !event.range.contains_range(made.range) {
                continue;
            }
            for index in (0u32..).take(body.params.len()) {
                if let Some(Key::Field { row, column }) = crate::eval::key_of_argument(db, *callee, keys, object, index)
                    && let Some(row) = created(&whole, *row)
                    && row.model.and_then(|model| orm_model(db, model)).and_then(|model| model.key()) == Some(*column)
                    && loads(
                        db,
                        &unit(db, *callee, receiver.or_else(|| crate::eval::own_class(db, *callee))),
                        &row,
                        index,
                    )
                {
                    found.push(Started { ordinal, function: *callee, row });
                }
            }
        }
    }
    found
}

/// Whether a call starts a task beside the function.
fn starts(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("create_task" | "ensure_future" | "start_soon"))
}

fn created(unit: &Unit, id: u32) -> Option<Arc<RowValue>> {
    match &unit.events.get(id as usize)?.kind {
        EventKind::Create(row) if row.id == id && row.origin == RowOrigin::Created => Some(Arc::clone(row)),
        _ => None,
    }
}

/// Whether a unit loads such a row by the key in a parameter, with a session of its own.
fn loads(db: &dyn Db, unit: &Unit, row: &RowValue, index: u32) -> bool {
    let key = row.model.and_then(|model| orm_model(db, model)).and_then(|model| model.key());
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Load { query, .. } => {
            query.model == row.model
                && query.keys.iter().any(|(column, by)| Some(*column) == key && *by == Key::Given(Value::Param(index)))
                && query.session.as_ref().is_some_and(|session| {
                    session_target(&session.origin) == Target::Own && session.origin != SessionOrigin::Unknown
                })
        }
        _ => false,
    })
}
