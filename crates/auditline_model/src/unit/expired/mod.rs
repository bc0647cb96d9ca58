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
use crate::eval::value::{RowValue, SessionValue, Value, listed_row};
use crate::tables::orm_model;

use super::waiting::is_awaited;
use super::{Event, EventKind, FrameKind, Unit, unit};

pub use handed::{Handed, How};

use handed::read_parameters;
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
    /// The function that reads it, where the row is handed to one at that event, and the parameter that takes it.
    pub through: Option<(FunctionRef, u32)>,
    /// Whether the row was expired in an earlier round of a loop around the read.
    pub next_round: bool,
}

/// The reads of rows that are expired, the first of each row behind each end of a transaction.
#[must_use]
pub fn expired(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Vec<Expired> {
    let unit = unit(db, of, receiver);
    let mut reads: Vec<Read> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let mut put = |row: &Arc<RowValue>, column, through| {
            reads.push(Read { ordinal, row: Arc::clone(row), column, through });
        };
        match &event.kind {
            EventKind::Return(value) if crate::entry::is_endpoint(db, of) => {
                if let Some(row) = listed_row(value) {
                    put(row, None, None);
                }
            }
            EventKind::Given { to, values } if reads_attributes(to) => {
                if let Some(row) = values.first().and_then(|(_, value)| listed_row(value)) {
                    put(row, None, None);
                }
            }
            EventKind::Call { callee, receiver, .. } if runs_here(db, &unit, ordinal, *callee) => {
                for (index, column) in read_parameters(db, *callee, *receiver).iter() {
                    if let Some(Value::Row(row)) = crate::owner::argument_of(db, *callee, &event.kind, *index) {
                        put(&row, Some(*column), Some((*callee, *index)));
                    }
                }
            }
            _ => {
                if let Some((row, column)) = attribute_read(db, event) {
                    put(row, Some(column), None);
                } else if let Some((row, getter, class)) = property_read(db, event) {
                    // What a property gives it reads of the row itself.
                    for (index, column) in
                        read_parameters(db, getter, Some(class)).iter().filter(|(index, _)| *index == 0)
                    {
                        put(row, Some(*column), Some((getter, *index)));
                    }
                }
            }
        }
    }
    reads.retain(|read| born(&read.row).is_some());
    if reads.is_empty() {
        return Vec::new();
    }
    let scene = Scene { db, of, unit: &unit };
    let mut found: Vec<Expired> = Vec::new();
    for Read { ordinal, row, column, through } in reads {
        let next = scene.at_read(ordinal, &row, column).map(|read| Expired { through, ..read });
        let known = |one: &Expired| one.row.id == row.id && next.as_ref().is_some_and(|next| next.expiry == one.expiry);
        if let Some(next) = &next
            && !found.iter().any(known)
        {
            found.push(next.clone());
        }
    }
    found
}

/// A place where a row is read.
struct Read {
    ordinal: u32,
    row: Arc<RowValue>,
    column: Option<Name>,
    through: Option<(FunctionRef, u32)>,
}

/// The row and the attribute that an event reads where that asks for what the row was loaded with: a column, or a
/// relationship that gives rows and no query.
fn attribute_read<'a>(db: &dyn Db, event: &'a Event) -> Option<(&'a Arc<RowValue>, Name)> {
    match &event.kind {
        EventKind::Read { row, column } => is_mapped(db, row, *column).then_some((row, *column)),
        EventKind::Follow { row, relationship } => is_followed(db, row, *relationship).then_some((row, *relationship)),
        _ => None,
    }
}

/// The row of which an event reads a property that its class defines, with the method behind it.
fn property_read<'a>(db: &dyn Db, event: &'a Event) -> Option<(&'a Arc<RowValue>, FunctionRef, ClassRef)> {
    let EventKind::Read { row, column } = &event.kind else { return None };
    let class = row.model?;
    let getter = crate::classes::method(db, class, *column)?;
    // What a cached one has given once it keeps.
    let asks = crate::classes::is_property(db, getter) && !crate::classes::is_cached(db, getter);
    asks.then_some((row, getter, class))
}

/// Whether a relationship is one that gives its rows when it is read.
fn is_followed(db: &dyn Db, row: &RowValue, name: Name) -> bool {
    let Some(model) = row.model.and_then(|class| orm_model(db, class)).filter(|model| model.is_table()) else {
        return false;
    };
    let Some(relationship) = model.relationship(name) else { return false };
    let lazy = relationship.lazy;
    let gives =
        lazy.is_none_or(|lazy| matches!(lazy.as_str(), "select" | "joined" | "selectin" | "subquery" | "immediate"));
    gives && !relationship.unread
}

/// Whether a function that is called at an event runs there, to its end, and not in a thread, a task or an iteration.
fn runs_here(db: &dyn Db, unit: &Unit, ordinal: u32, callee: FunctionRef) -> bool {
    let Some(body) = head(db, callee) else { return false };
    let handed = unit
        .events
        .get(ordinal as usize)
        .is_none_or(|event| unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed));
    !handed && !body.is_generator && (!body.is_async || is_awaited(unit, ordinal))
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
            through: None,
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
