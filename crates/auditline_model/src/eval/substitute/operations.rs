//! What a callee does, as events of its caller.

use std::sync::Arc;

use auditline_syntax::TextRange;

use crate::db::FunctionRef;
use crate::eval::value::{Part, RowOrigin, RowValue, SessionOrigin, SessionValue, Sources, Value};
use crate::eval::{Bound, Evaluator};
use crate::unit::{EventKind, SessionAction};

use super::{argument, handed_row};

impl Evaluator<'_> {
    /// Records an operation of a callee here; gives the ordinal of an external call.
    pub(crate) fn apply(
        &mut self,
        kind: &EventKind,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
        maybe: bool,
        range: TextRange,
    ) -> Option<u32> {
        let kind = match kind {
            EventKind::Session { session, action, maybe: inner, by } => {
                // Where the session was given, it is not the one to be closed.
                if matches!(session.origin, SessionOrigin::GivenOrOwn(_)) && *action == SessionAction::Close {
                    return None;
                }
                let session = self.operated(session, callee, object, filled)?;
                if self.is_never_awaited(callee, &session, *action) {
                    return None;
                }
                EventKind::Session { session, action: *action, by: Some(by.unwrap_or(callee)), maybe: maybe || *inner }
            }
            EventKind::Add { session, row, by } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                EventKind::Add { session, row, by: Some(by.unwrap_or(callee)) }
            }
            EventKind::Delete { session, row, by } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                EventKind::Delete { session, row, by: Some(by.unwrap_or(callee)) }
            }
            EventKind::Refresh { session, row, lock } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                let lock = match crate::db::head(self.db, callee) {
                    Some(body) => crate::eval::calls::flagged(*lock, &body, filled, false),
                    None => *lock,
                };
                if let Some(row) = row.as_ref().filter(|_| lock != crate::eval::value::Lock::No && !maybe) {
                    self.relock(row, lock);
                }
                EventKind::Refresh { session, row, lock }
            }
            EventKind::Write { row, column, from, step, in_sql, in_place, constant, by: _ } => {
                let inner_id = row.id;
                let row = self.row_of(row, object, filled)?;
                // What the callee reads of the row it reads of this one.
                let mut from = from.clone();
                for field in &mut from.fields {
                    field.read = self.next_ordinal();
                    field.row = if field.row == inner_id { row.id } else { u32::MAX };
                }
                from.external = None;
                // `set_points(user, user.points + 1)`: the callee writes what this function has computed.
                if let [Part::Param(index)] = from.parts[..]
                    && from.fields.is_empty()
                    && let Some(Some(given)) = filled.get(index as usize)
                {
                    from = Sources { external: None, other: true, ..given.from.clone() };
                } else {
                    from.parts.clear();
                }
                EventKind::Write {
                    row,
                    column: *column,
                    from,
                    step: *step,
                    in_sql: *in_sql,
                    in_place: *in_place,
                    constant: *constant,
                    by: Some(callee),
                }
            }
            EventKind::SetEach { row, entries } => {
                let row = self.row_of(row, object, filled)?;
                self.set_each(&row, &argument(filled, *entries), Some(callee), range);
                return None;
            }
            EventKind::External { path, by, creates, reach, about } => {
                let about = about.iter().filter_map(|row| self.row_of(row, object, filled)).collect();
                let by = Some(by.unwrap_or(callee));
                return Some(
                    self.event(EventKind::External { path: *path, by, creates: *creates, reach: *reach, about }, range),
                );
            }
            EventKind::Message { path, by, about } => {
                let about = about.iter().filter_map(|row| self.row_of(row, object, filled)).collect();
                EventKind::Message { path: *path, by: Some(by.unwrap_or(callee)), about }
            }
            EventKind::ExternalLock(scope) => EventKind::ExternalLock(*scope),
            EventKind::Release => EventKind::Release,
            EventKind::Removal { path, by, named, given } => {
                let rows = named.iter().filter_map(|(row, column)| Some((self.row_of(row, object, filled)?, *column)));
                let rows = rows.collect();
                self.removal_elsewhere((*path, by.unwrap_or(callee)), rows, given, filled, range);
                return None;
            }
            _ => return None,
        };
        self.event(kind, range);
        None
    }

    /// Whether a plain function asks this of an asynchronous session: that is a coroutine which nobody awaits, and nothing
    /// comes of it. One that hands the coroutine out is not told apart.
    fn is_never_awaited(&self, callee: FunctionRef, session: &SessionValue, action: SessionAction) -> bool {
        matches!(action, SessionAction::Commit | SessionAction::Flush)
            && session.is_async == Some(true)
            && crate::db::head(self.db, callee).is_some_and(|body| !body.is_async && !body.is_generator)
    }

    fn row_of(&self, row: &Arc<RowValue>, object: &Value, filled: &[Option<Bound>]) -> Option<Arc<RowValue>> {
        match &row.origin {
            RowOrigin::Param(index) => handed_row(&argument(filled, *index)),
            RowOrigin::SelfRow => object.row().cloned(),
            _ => None,
        }
    }
}
