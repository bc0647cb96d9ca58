//! Rows whose attributes the end of a transaction has expired, and what reads them then.
//!
//! A session expires its rows when it commits, unless it was told to keep them, and always when it rolls back a
//! transaction (`Session.expire_on_commit`, `Session.rollback` in SQLAlchemy's documentation). The next read of an
//! attribute loads the row again; in a coroutine, or when the session was closed, that fails.

mod handed;
mod moments;
mod rows;

use std::sync::Arc;

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::libraries::reads_attributes;
use crate::eval::value::{RowValue, SessionValue, listed_row};
use crate::tables::orm_model;

use super::{Event, EventKind, Unit, unit};

pub use handed::{Handed, How};

use moments::{Moment, Way, closings, expirations};
use rows::{attached, born, is_deleted, refreshed};

/// What expired a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// That event commits.
    Commit(u32),
    /// That event rolls back.
    Rollback(u32),
    /// The scope that begins with that event, or just behind it, commits when it is left.
    Scope(u32),
    /// The function that was called there had expired it when it handed it out.
    Handed(u32, Handed),
}

/// What closed a row's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// That event.
    Event(u32),
    /// Leaving the scope that begins with that event, or just behind it.
    Scope(u32),
    /// The function that handed the row out.
    Handed,
}

/// A read of an expired row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The ordinal of the read.
    pub read: u32,
    /// The row.
    pub row: Arc<RowValue>,
    /// The attribute; `None` where all of the row is read, which is an endpoint's answer or goes into a Pydantic model.
    pub column: Option<Name>,
    /// Its session, where it is known.
    pub session: Option<Arc<SessionValue>>,
    /// What expired it.
    pub expiry: Expiry,
    /// What closed its session; `None` while that is open.
    pub closed: Option<Closing>,
    /// Whether the row was expired in an earlier round of a loop around the read.
    pub next_round: bool,
}

/// The reads of rows that are expired, the first of each row behind each end of a transaction.
#[must_use]
pub fn expired(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Vec<Expired> {
    let unit = unit(db, of, receiver);
    let reads: Vec<(u32, &Event, &Arc<RowValue>, Option<Name>)> = unit
        .numbered()
        .filter_map(|(ordinal, event)| match &event.kind {
            EventKind::Read { row, column } if is_mapped(db, row, *column) => {
                Some((ordinal, event, row, Some(*column)))
            }
            EventKind::Return(value) if crate::entry::is_endpoint(db, of) => {
                Some((ordinal, event, listed_row(value)?, None))
            }
            EventKind::Given { to, values } if reads_attributes(to) => {
                let (_, value) = values.first()?;
                Some((ordinal, event, listed_row(value)?, None))
            }
            _ => None,
        })
        .filter(|(_, _, row, _)| born(row).is_some())
        .collect();
    if reads.is_empty() {
        return Vec::new();
    }
    let scene = Scene { db, of, unit: &unit };
    let mut found: Vec<Expired> = Vec::new();
    for (ordinal, _, row, column) in reads {
        let next = scene.at_read(ordinal, row, column);
        let known = |one: &Expired| one.row.id == row.id && next.as_ref().is_some_and(|next| next.expiry == one.expiry);
        if let Some(next) = &next
            && !found.iter().any(known)
        {
            found.push(next.clone());
        }
    }
    found
}

/// Whether reading an attribute of a row asks for a column.
fn is_mapped(db: &dyn Db, row: &RowValue, column: Name) -> bool {
    row.model
        .and_then(|class| orm_model(db, class))
        .is_some_and(|model| model.is_table() && model.column(column).is_some())
}

/// A function under the question which of its rows are expired where.
struct Scene<'a> {
    db: &'a dyn Db,
    of: FunctionRef,
    unit: &'a Unit,
}

impl Scene<'_> {
    fn at_read(&self, read: u32, row: &Arc<RowValue>, column: Option<Name>) -> Option<Expired> {
        let found = |session, expiry, closed, next_round| Expired {
            read,
            row: Arc::clone(row),
            column,
            session,
            expiry,
            closed,
            next_round,
        };
        if let Some((call, handed)) = handed::source(self.db, self.unit, row) {
            if call < read
                && refreshed(self, row, column, (row.id + 1..read).collect(), handed.closed.then_some(0)).is_none()
            {
                let closed = handed.closed.then_some(Closing::Handed);
                return Some(found(row.session.clone(), Expiry::Handed(call, handed), closed, false));
            }
            return None;
        }
        if is_deleted(self.unit, row, read) {
            return None;
        }
        let session = attached(self, row, read)?;
        let closings = closings(self, &session);
        // The last end of a transaction before the read is the one that a person will look at.
        for expiration in expirations(self, &session, row).into_iter().rev() {
            let Some(way) = expiration.moment.reaches(self.unit, read, born(row)) else { continue };
            let between = expiration.moment.between(self.unit, read, way);
            let closed = closings.iter().find(|closing| expiration.moment.passes(self.unit, closing.moment, read, way));
            let closed = match closed {
                Some(closing) if closing.moment.surely(self.unit, expiration.moment.frame, read) => Some(closing),
                Some(_) => continue,
                None => None,
            };
            let closed_at = closed.map(|closing| closing.moment.at);
            if refreshed(self, row, column, between, closed_at).is_some() {
                continue;
            }
            let next_round = way != Way::Straight;
            return Some(found(Some(session), expiration.expiry, closed.map(|closing| closing.closing), next_round));
        }
        None
    }
}

/// Whether the function runs in the event loop.
#[must_use]
pub fn is_coroutine(db: &dyn Db, of: FunctionRef) -> bool {
    head(db, of).is_some_and(|body| body.is_async)
}

/// A moment at which a session ends its transaction with the rows in it, and what it is.
struct Expiration {
    moment: Moment,
    expiry: Expiry,
}

/// A moment at which a session is closed, and what closes it.
struct Closed {
    moment: Moment,
    closing: Closing,
}
