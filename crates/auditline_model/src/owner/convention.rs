//! Conventions: whether a project's functions commit sessions that they are handed.

use rustc_hash::FxHashSet;

use crate::db::{Db, FunctionRef, SourceFile, parsed};
use crate::eval::attribute;
use crate::eval::value::{SessionOrigin, Value};
use crate::names::files_mentioning;
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
    #[must_use]
    pub fn holds(&self) -> bool {
        self.writing >= 8 && self.committing * 5 > self.writing * 4
    }
}

/// How the functions of one file use sessions that they are handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Habit {
    committing: u32,
    writing: u32,
    first: Option<FunctionRef>,
    last: Option<FunctionRef>,
}

/// How the project's functions use sessions that they are handed; `None` where none commits one.
#[must_use]
pub fn convention(db: &dyn Db) -> Option<Convention> {
    convention_query(db, crate::db::Settings::get(db))
}

#[salsa::tracked(returns(copy))]
fn convention_query(db: &dyn Db, _settings: crate::db::Settings) -> Option<Convention> {
    let mentioning = ["commit", "flush", "add", "delete"].map(|word| files_mentioning(db, word));
    let files: FxHashSet<SourceFile> = mentioning.iter().flat_map(|files| files.iter().copied()).collect();
    let mut files: Vec<SourceFile> = files.into_iter().collect();
    files.sort_by_key(|file| file.path(db).as_str());
    let mut total = Habit::default();
    for file in files {
        if crate::entry::is_test(db, file) || crate::entry::is_migration(db, file) || crate::entry::is_script(db, file)
        {
            continue;
        }
        let habit = habit(db, file);
        total.committing += habit.committing;
        total.writing += habit.writing;
        total.first = total.first.or(habit.first);
        total.last = habit.last.or(total.last);
    }
    Some(Convention { committing: total.committing, writing: total.writing, first: total.first?, last: total.last? })
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
