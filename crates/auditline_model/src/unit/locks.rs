//! Locks on rows that a unit of work takes.

use crate::db::ClassRef;
use crate::eval::value::Lock;

use super::EventKind;

/// A lock that an event takes on rows, or may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowLock {
    /// Whether it is sure; never [`Lock::No`].
    pub lock: Lock,
    /// The class of the rows.
    pub model: Option<ClassRef>,
    /// The row, when it is one: its [`RowValue::id`](crate::eval::value::RowValue::id).
    pub row: Option<u32>,
    /// Whether it waits for who holds it (no `nowait`, no `skip_locked`).
    pub waits: bool,
}

impl RowLock {
    /// Whether it is taken for sure.
    #[must_use]
    pub fn is_sure(self) -> bool {
        self.lock == Lock::Yes
    }
}

impl EventKind {
    /// The lock on rows that the event takes or may take: of a query, or of a row that is loaded again.
    #[must_use]
    pub fn row_lock(&self) -> Option<RowLock> {
        let found = match self {
            Self::Load { query, row, .. } => {
                RowLock { lock: query.lock, model: query.model, row: *row, waits: query.waits }
            }
            Self::Refresh { row, lock, .. } => RowLock {
                lock: *lock,
                model: row.as_ref().and_then(|row| row.model),
                row: row.as_ref().map(|row| row.id),
                waits: true,
            },
            _ => return None,
        };
        (found.lock != Lock::No).then_some(found)
    }
}
