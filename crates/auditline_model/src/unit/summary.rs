//! A unit of work in a few words, with what the functions that it calls do.

use std::sync::Arc;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::own_class;
use crate::eval::value::{Lock, QueryKind, QueryValue, RowOrigin, SessionOrigin, SessionValue};
use crate::owner::{Ownership, owner};
use crate::symbols::Symbol;

use super::{EventKind, FrameKind, SessionAction, Unit, unit};

/// How many calls deep a unit of work is followed.
const DEPTH: u32 = 8;

/// What a function and those that it calls do to the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The classes whose rows are loaded, in program order.
    pub reads: Vec<ClassRef>,
    /// The classes whose rows are locked.
    pub locks: Vec<ClassRef>,
    /// The classes whose rows are created, changed or deleted.
    pub writes: Vec<ClassRef>,
    /// Whether a lock outside of the rows is taken.
    pub external_lock: bool,
    /// Where it is committed, in program order.
    pub commits: Vec<Commit>,
    /// What happens to the transaction when the function ends.
    pub end: End,
}

/// What happens to a transaction when the function ends without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// It cannot be told.
    #[default]
    Unknown,
    /// Nobody commits it.
    NotCommitted,
    /// The dependency or scope that handed out the session commits it.
    CommittedBy(FunctionRef),
}

/// A place where a unit of work is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// The function in which it is written; `None`: the one that is summed up.
    pub by: Option<FunctionRef>,
    /// Whether a loop stands around it.
    pub in_loop: bool,
}

impl Summary {
    /// Whether nothing is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.locks.is_empty() && self.commits.is_empty()
    }
}

/// What a function and those that it calls do to the database.
#[must_use]
pub fn summary(db: &dyn Db, of: FunctionRef) -> Summary {
    let mut walk = Walk { db, of, seen: Vec::new(), summary: Summary::default() };
    let own = unit(db, of, own_class(db, of));
    walk.function(of, own_class(db, of), DEPTH, false);
    // A commit of a function that could not be followed is known by its effect.
    for event in &own.events {
        if let EventKind::Session { action: SessionAction::Commit, by: Some(by), .. } = &event.kind
            && !walk.seen.contains(by)
        {
            walk.seen.push(*by);
            walk.summary.commits.push(Commit { by: Some(*by), in_loop: own.in_loop(event.frame) });
        }
    }
    walk.summary.end = end_of(db, of, &own);
    walk.summary
}

struct Walk<'db> {
    db: &'db dyn Db,
    of: FunctionRef,
    seen: Vec<FunctionRef>,
    summary: Summary,
}

impl Walk<'_> {
    fn function(&mut self, function: FunctionRef, receiver: Option<ClassRef>, depth: u32, in_loop: bool) {
        if self.seen.contains(&function) {
            return;
        }
        self.seen.push(function);
        let unit: Arc<Unit> = unit(self.db, function, receiver);
        let by = (function != self.of).then_some(function);
        for event in &unit.events {
            let in_loop = in_loop || unit.in_loop(event.frame);
            match &event.kind {
                EventKind::Load { query, .. } | EventKind::Execute(query) => self.query(query),
                EventKind::Refresh { row, lock, .. } => {
                    let model = row.as_ref().and_then(|row| row.model);
                    push(&mut self.summary.reads, model);
                    push(&mut self.summary.locks, model.filter(|_| *lock == Lock::Yes));
                }
                // What is constructed and never added is not written.
                EventKind::Write { row, .. } if row.origin != RowOrigin::Created => {
                    push(&mut self.summary.writes, row.model);
                }
                EventKind::Add { row, .. } | EventKind::Delete { row, .. } => {
                    push(&mut self.summary.writes, row.as_ref().and_then(|row| row.model));
                }
                EventKind::Session { action: SessionAction::Commit, by: None, .. } => {
                    self.summary.commits.push(Commit { by, in_loop });
                }
                EventKind::ExternalLock(_) => self.summary.external_lock = true,
                EventKind::Call { callee, receiver, .. } if depth > 0 => {
                    let receiver = receiver.or_else(|| own_class(self.db, *callee));
                    self.function(*callee, receiver, depth - 1, in_loop);
                }
                _ => {}
            }
        }
        for frame in &unit.frames {
            if matches!(frame.kind, FrameKind::WithTransaction(_, kind) if kind.commits()) {
                let in_loop = in_loop || frame.parent.is_some_and(|parent| unit.in_loop(parent));
                self.summary.commits.push(Commit { by, in_loop });
            }
        }
    }

    fn query(&mut self, query: &QueryValue) {
        match query.kind {
            QueryKind::Select | QueryKind::Text => push(&mut self.summary.reads, query.model),
            QueryKind::Update | QueryKind::Delete | QueryKind::Insert => push(&mut self.summary.writes, query.model),
        }
        push(&mut self.summary.locks, query.model.filter(|_| query.lock == Lock::Yes));
    }
}

fn push(list: &mut Vec<ClassRef>, class: Option<ClassRef>) {
    if let Some(class) = class
        && !list.contains(&class)
    {
        list.push(class);
    }
}

/// Who commits the sessions of the unit when it ends without an error: nobody, a dependency or scope, or unknown.
fn end_of(db: &dyn Db, of: FunctionRef, unit: &Unit) -> End {
    let mut end = End::Unknown;
    for event in &unit.events {
        let session: &SessionValue = match &event.kind {
            EventKind::Load { query, .. } | EventKind::Execute(query) => match &query.session {
                Some(session) => session,
                None => continue,
            },
            EventKind::Add { session, .. }
            | EventKind::Delete { session, .. }
            | EventKind::Refresh { session, .. }
            | EventKind::Session { session, .. } => session,
            _ => continue,
        };
        match (owner(db, of, session), &session.origin) {
            (
                Ownership::Managed { commits: true },
                SessionOrigin::Context(by) | SessionOrigin::Dependency(Symbol::Function(by)),
            ) => return End::CommittedBy(*by),
            (Ownership::Managed { commits: true } | Ownership::Unknown, _) => return End::Unknown,
            (Ownership::Managed { commits: false } | Ownership::Unmanaged(_), _) => end = End::NotCommitted,
        }
    }
    end
}
