//! Conventions: whether a project's functions commit sessions that they are handed.

use rustc_hash::FxHashSet;

use crate::db::{Db, FunctionRef, Settings, SourceFile, parsed};
use crate::eval::attribute;
use crate::eval::value::{SessionOrigin, Value};
use crate::names::files_mentioning_in;
use crate::shards::Shard;
use crate::unit::{EventKind, SessionAction, unit_of};

/// Whose habit it is to commit a session that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convention {
    /// How many functions that write with a session that they are handed commit it.
    pub committing: u32,
    /// How many functions write with a session that they are handed.
    pub writing: u32,
    /// The first of those that commit, in the order of their files and names: it stands for all.
    pub first: FunctionRef,
    /// The last of them.
    pub last: FunctionRef,
}

impl Convention {
    /// Whether it is the project's way: more than four fifths, of enough to speak of one.
    fn holds(&self) -> bool {
        self.writing >= 8 && self.committing * 5 > self.writing * 4
    }
}

/// How functions use sessions that they are handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Habit {
    committing: u32,
    writing: u32,
    first: Option<FunctionRef>,
    last: Option<FunctionRef>,
}

impl Habit {
    fn add(&mut self, db: &dyn Db, other: Self) {
        self.committing += other.committing;
        self.writing += other.writing;
        // Functions of one file come in their order.
        let path = |of: &FunctionRef| of.file.path(db).as_str();
        self.first = [self.first, other.first].into_iter().flatten().min_by_key(path);
        self.last = [self.last, other.last].into_iter().flatten().max_by_key(path);
    }
}

/// What the project's functions do with sessions that they are handed, where it is their convention to commit them.
#[must_use]
pub fn convention(db: &dyn Db) -> Option<Convention> {
    convention_query(db, Settings::get(db)).filter(Convention::holds)
}

/// [`Convention::first`], where there is a [`convention`].
///
/// A query of its own: the counts change while somebody types, and are nothing to those who ask whether there is one.
#[must_use]
pub fn example_of_convention(db: &dyn Db) -> Option<FunctionRef> {
    example_query(db, Settings::get(db))
}

#[salsa::tracked(returns(copy))]
fn example_query(db: &dyn Db, _settings: Settings) -> Option<FunctionRef> {
    convention(db).map(|convention| convention.first)
}

#[salsa::tracked(returns(copy))]
fn convention_query(db: &dyn Db, settings: Settings) -> Option<Convention> {
    let mut total = Habit::default();
    for shard in Shard::all() {
        total.add(db, habit_of_shard(db, shard, settings));
    }
    Some(Convention { committing: total.committing, writing: total.writing, first: total.first?, last: total.last? })
}

#[salsa::tracked(returns(copy))]
fn habit_of_shard(db: &dyn Db, shard: Shard, _settings: Settings) -> Habit {
    let mentioning = ["commit", "flush", "add", "delete"].map(|word| files_mentioning_in(db, word, shard));
    let files: FxHashSet<SourceFile> = mentioning.iter().flat_map(|files| files.iter().copied()).collect();
    let mut total = Habit::default();
    for file in files {
        if crate::entry::is_aside(db, file) {
            continue;
        }
        total.add(db, habit(db, file));
    }
    total
}

#[salsa::tracked(returns(copy))]
fn habit(db: &dyn Db, file: SourceFile) -> Habit {
    let mut habit = Habit::default();
    for body in &parsed(db, file).module.functions {
        let of = FunctionRef { file, path: body.path };
        match commits_handed(db, of) {
            Some(true) => {
                habit.committing += 1;
                habit.writing += 1;
                habit.first = habit.first.or(Some(of));
                habit.last = Some(of);
            }
            Some(false) => habit.writing += 1,
            None => {}
        }
    }
    habit
}

/// Whether a function that writes with a session that it is handed commits it; `None` where it does not write.
fn commits_handed(db: &dyn Db, of: FunctionRef) -> Option<bool> {
    let unit = unit_of(db, of);
    let mut writes = false;
    for event in &unit.events {
        let (session, commits) = match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit, by: None, .. } => (session, true),
            EventKind::Session { session, action: SessionAction::Flush, by: None, .. }
            | EventKind::Add { session, by: None, .. }
            | EventKind::Delete { session, .. } => (session, false),
            _ => continue,
        };
        let handed = match &session.origin {
            SessionOrigin::Param(_) => true,
            // What the object was made with, not what it opened itself.
            SessionOrigin::SelfAttribute(class, name) => matches!(
                attribute(db, *class, *name),
                Value::Session(held) if matches!(held.origin, SessionOrigin::Param(_))
            ),
            _ => false,
        };
        if !handed {
            continue;
        }
        if commits {
            return Some(true);
        }
        writes = true;
    }
    writes.then_some(false)
}
