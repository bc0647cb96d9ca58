//! Files and objects of a storage that are removed because the row that names them goes, or lets go of them.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::eval::handed_row;
use crate::eval::value::{Key, Part, QueryKind, QueryValue, RowOrigin, RowValue, SessionValue, Value};

use super::{EventKind, SessionAction, Unit, same_session};

/// A change of a row that goes with the removal of what the row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// The row.
    pub row: Arc<RowValue>,
    /// The attribute that has a part in the name.
    pub column: Name,
    /// The session that makes the change, where it is known.
    pub session: Option<Arc<SessionValue>>,
    /// The ordinal of the change.
    pub change: u32,
    /// Whether the row is deleted; else the attribute is set to something else.
    pub deletes: bool,
}

impl Unit {
    /// The change that goes with a removal, of a row that was there before and that nobody has been told of: a row whose state
    /// was committed before (`state = "deleting"`) says of itself that its file may be gone.
    #[must_use]
    pub fn discarded(&self, removal: u32) -> Option<Discarded> {
        let EventKind::Removal { named, given, .. } = &self.events.get(removal as usize)?.kind else { return None };
        let handed = given.iter().filter_map(|part| match part {
            Part::Attribute(index, column) => Some((handed_row(&Value::Param(*index))?, *column)),
            Part::Column(_) | Part::Param(_) => None,
        });
        named.iter().cloned().chain(handed).find_map(|(row, column)| {
            if matches!(row.origin, RowOrigin::Created) || row.id == u32::MAX {
                return None;
            }
            let found = self.numbered().find_map(|(ordinal, _)| {
                let (session, deletes) = self.lets_go(ordinal, &row, column)?;
                let goes_with = if ordinal < removal {
                    self.can_follow(ordinal, removal) && !self.ends_between(ordinal, removal, session.as_deref())
                } else {
                    self.can_follow(removal, ordinal)
                };
                goes_with.then(|| Discarded { row: Arc::clone(&row), column, session, change: ordinal, deletes })
            })?;
            let announced = self.numbered().take(removal as usize).any(|(ordinal, event)| {
                matches!(&event.kind, EventKind::Write { row: written, .. } | EventKind::Overwrite { row: written, .. }
                    if written.id == row.id)
                    && self.can_follow(ordinal, removal)
                    && self.ends_between(ordinal, removal, found.session.as_deref())
            });
            (!announced).then_some(found)
        })
    }

    /// Whether an event deletes the row, or sets its column to what is not made from what it held; by which session.
    fn lets_go(&self, ordinal: u32, row: &RowValue, column: Name) -> Option<(Option<Arc<SessionValue>>, bool)> {
        match &self.events.get(ordinal as usize)?.kind {
            EventKind::Delete { session, row: Some(deleted), .. } if deleted.id == row.id => {
                Some((Some(Arc::clone(session)), true))
            }
            EventKind::Execute(query) if query.kind == QueryKind::Delete && self.deletes(query, row) => {
                Some((query.session.clone(), true))
            }
            EventKind::Write { row: written, column: set, from, in_place: false, .. }
            | EventKind::Overwrite { row: written, column: set, from, .. }
                if written.id == row.id
                    && *set == column
                    && !from.fields.iter().any(|field| field.row == row.id && field.column == column) =>
            {
                Some((row.session.clone(), false))
            }
            _ => None,
        }
    }

    /// Whether a DELETE statement finds the row: by a column of its own, or by what it was loaded by.
    fn deletes(&self, query: &QueryValue, row: &RowValue) -> bool {
        let asked = match self.events.get(row.id as usize).map(|event| &event.kind) {
            Some(EventKind::Load { query, row: Some(id), .. }) if *id == row.id => &query.keys[..],
            _ => &[],
        };
        query.model.is_some()
            && query.model == row.model
            && !query.keys.is_empty()
            && query.keys.iter().all(|pair| {
                asked.contains(pair)
                    || matches!(&pair.1, Key::Field { row: of, column } if *of == row.id && *column == pair.0)
            })
    }

    /// Whether the transaction ends between two events.
    fn ends_between(&self, from: u32, to: u32, session: Option<&SessionValue>) -> bool {
        (from + 1..to).any(|ordinal| match self.events.get(ordinal as usize).map(|event| &event.kind) {
            Some(EventKind::Session { session: own, action, .. }) => {
                matches!(action, SessionAction::Commit | SessionAction::Rollback)
                    && session.is_none_or(|session| same_session(own, session))
                    && self.can_follow(from, ordinal)
                    && self.can_follow(ordinal, to)
            }
            _ => false,
        })
    }
}
