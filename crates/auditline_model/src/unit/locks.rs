//! Locks that a unit of work takes.

use crate::db::ClassRef;
use crate::eval::value::Lock;

use super::{EventKind, FrameKind, Unit};

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

/// How long a lock outside of the rows is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// Until somebody releases it, or the transaction ends.
    Open,
    /// While the block of the `with` that takes it runs: its [`FrameKind::WithLock`].
    Block,
    /// In a callee, which has released it when it returns.
    Call,
}

impl Unit {
    /// Whether a lock outside of the rows is held when an event happens, in this function or in the callee in which it happens.
    #[must_use]
    pub fn is_exclusive(&self, at: u32) -> bool {
        let Some(event) = self.events.get(at as usize) else { return false };
        self.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::WithLock))
            || self.numbered().take(at as usize).any(|(ordinal, earlier)| match earlier.kind {
                EventKind::ExternalLock(LockScope::Open) => {
                    self.can_follow(ordinal, at) && !self.is_released_between(ordinal, at)
                }
                EventKind::ExternalLock(LockScope::Call) => earlier.range == event.range,
                _ => false,
            })
    }

    /// Whether a lock is given back between two events, whatever happens.
    fn is_released_between(&self, lock: u32, at: u32) -> bool {
        self.numbered().take(at as usize).skip(lock as usize).any(|(ordinal, event)| {
            event.kind == EventKind::Release
                && !self.in_except(ordinal)
                && self.can_follow(lock, ordinal)
                && self.can_follow(ordinal, at)
        })
    }
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
