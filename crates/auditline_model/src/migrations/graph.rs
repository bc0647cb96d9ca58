//! Histories: the revisions of one Alembic environment, in the order in which they run.

use std::sync::Arc;

use auditline_source::FilePath;
use auditline_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::db::{Db, SourceFile};
use crate::names::files_mentioning;

use super::revisions::{Links, Revision, revision};

/// The revisions that build one schema: those of one environment that hang together, or stand in one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The directory of the `env.py` above the revisions; the directory of the revisions where there is none.
    pub environment: FilePath,
    /// The revisions in an order in which they can run; those that are caught in a fault last.
    pub revisions: Vec<Revision>,
    /// Whether the order is certain: no fault, nothing that cannot be told.
    pub ordered: bool,
}

/// What is wrong with the graph of a history. Revisions are named by their index in [`History::revisions`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A revision follows or depends on one that does not exist.
    Missing {
        /// The revision.
        at: usize,
        /// What it refers to.
        id: Name,
        /// Whether by `depends_on`; otherwise by `down_revision`.
        depends: bool,
    },
    /// Several revisions that no other follows.
    Heads(Vec<usize>),
    /// Revisions that follow one another in a circle.
    Cycle(Vec<usize>),
}

impl History {
    /// The faults of the graph: with any of them no Alembic command that goes to `head` works.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut at_id: FxHashMap<Name, usize> = FxHashMap::default();
        for (at, revision) in self.revisions.iter().enumerate() {
            if at_id.insert(revision.id, at).is_some() {
                // Two files of one name: which of them the others mean cannot be told.
                return Vec::new();
            }
        }
        let mut faults = Vec::new();
        for (at, revision) in self.revisions.iter().enumerate() {
            for (links, depends) in [(&revision.down, false), (&revision.depends_on, true)] {
                for id in links.ids().iter().filter(|id| !at_id.contains_key(*id)) {
                    faults.push(Fault::Missing { at, id: *id, depends });
                }
            }
        }
        let cycle = self.cycle(&at_id);
        if !cycle.is_empty() {
            faults.push(Fault::Cycle(cycle));
        }
        let is_told = self.revisions.iter().all(|revision| revision.down != Links::Unknown);
        if faults.is_empty() && is_told {
            let followed: FxHashSet<Name> =
                self.revisions.iter().flat_map(|revision| revision.down.ids().iter().copied()).collect();
            let heads: Vec<usize> =
                (0..self.revisions.len()).filter(|at| !followed.contains(&self.revisions[*at].id)).collect();
            if heads.len() > 1 {
                faults.push(Fault::Heads(heads));
            }
        }
        faults
    }

    /// The revisions that wait for one another for ever.
    fn cycle(&self, at_id: &FxHashMap<Name, usize>) -> Vec<usize> {
        let mut left: FxHashSet<usize> = (0..self.revisions.len()).collect();
        let waits = |at: usize, left: &FxHashSet<usize>| {
            let revision = &self.revisions[at];
            let before = revision.down.ids().iter().chain(revision.depends_on.ids());
            before.filter_map(|id| at_id.get(id)).any(|before| left.contains(before))
        };
        let is_awaited = |at: usize, left: &FxHashSet<usize>| {
            left.iter().any(|other| {
                let revision = &self.revisions[*other];
                revision.down.ids().iter().chain(revision.depends_on.ids()).any(|id| *id == self.revisions[at].id)
            })
        };
        // Takes away what can run, from both ends, until only circles are left.
        loop {
            let free: Vec<usize> =
                left.iter().copied().filter(|at| !waits(*at, &left) || !is_awaited(*at, &left)).collect();
            if free.is_empty() {
                break;
            }
            for at in free {
                left.remove(&at);
            }
        }
        let mut cycle: Vec<usize> = left.into_iter().collect();
        cycle.sort_unstable();
        cycle
    }
}

/// The history to which a revision file belongs.
#[must_use]
pub fn history_of(db: &dyn Db, file: SourceFile) -> Option<Arc<History>> {
    revision(db, file)?;
    histories(db).iter().find(|history| history.revisions.iter().any(|own| own.file == file)).cloned()
}

/// Every history of the workspace, sorted by path.
#[salsa::tracked(returns(clone))]
pub fn histories(db: &dyn Db) -> Arc<Vec<Arc<History>>> {
    let mut environments: Vec<(FilePath, Vec<Revision>)> = Vec::new();
    for file in files_mentioning(db, "down_revision").iter() {
        if crate::entry::is_below_tests(db, *file) {
            continue;
        }
        let Some(revision) = revision(db, *file) else { continue };
        let environment = environment(db, *file);
        match environments.iter_mut().find(|(known, _)| *known == environment) {
            Some((_, revisions)) => revisions.push(revision),
            None => environments.push((environment, vec![revision])),
        }
    }
    let mut found: Vec<Arc<History>> = environments
        .into_iter()
        .flat_map(|(environment, revisions)| {
            parts(db, revisions).into_iter().map(move |part| Arc::new(in_order(environment, part)))
        })
        .collect();
    found.sort_by_key(|history| (history.environment, history.revisions.first().map(|first| first.file.path(db))));
    Arc::new(found)
}

/// The nearest directory above a revision that has an `env.py`.
fn environment(db: &dyn Db, file: SourceFile) -> FilePath {
    const MAX_STEPS: usize = 5;
    let path = file.path(db);
    let own = path.parent().unwrap_or(path);
    let mut at = Some(own);
    for _ in 0..MAX_STEPS {
        let Some(directory) = at else { break };
        if db.files().directory(db, directory).contains(db, "env.py") {
            return directory;
        }
        at = directory.parent();
    }
    own
}

/// Revisions of one environment that do not hang together and stand in different directories are histories of their
/// own: one for each kind of database, or one for each plug-in.
fn parts(db: &dyn Db, revisions: Vec<Revision>) -> Vec<Vec<Revision>> {
    let mut part_of: Vec<usize> = (0..revisions.len()).collect();
    let mut join = |one: usize, two: usize| {
        let (from, to) = (part_of[one], part_of[two]);
        if from != to {
            part_of.iter_mut().filter(|part| **part == from).for_each(|part| *part = to);
        }
    };
    let mut by_id: FxHashMap<Name, Vec<usize>> = FxHashMap::default();
    let mut by_directory: FxHashMap<Option<FilePath>, usize> = FxHashMap::default();
    for (at, revision) in revisions.iter().enumerate() {
        by_id.entry(revision.id).or_default().push(at);
        let first = *by_directory.entry(revision.file.path(db).parent()).or_insert(at);
        join(at, first);
    }
    for (at, revision) in revisions.iter().enumerate() {
        for id in revision.down.ids().iter().chain(revision.depends_on.ids()) {
            // An identifier that stands in several directories means the one beside.
            if let Some([one]) = by_id.get(id).map(Vec::as_slice) {
                join(at, *one);
            }
        }
    }
    let mut parts: FxHashMap<usize, Vec<Revision>> = FxHashMap::default();
    for (revision, part) in revisions.into_iter().zip(part_of) {
        parts.entry(part).or_default().push(revision);
    }
    let mut parts: Vec<Vec<Revision>> = parts.into_values().collect();
    for part in &mut parts {
        part.sort_by_key(|revision| revision.file.path(db));
    }
    parts
}

/// Puts revisions in an order in which each stands behind those that it follows.
fn in_order(environment: FilePath, revisions: Vec<Revision>) -> History {
    let ids: FxHashMap<Name, usize> = revisions.iter().enumerate().map(|(at, one)| (one.id, at)).collect();
    let mut ordered = ids.len() == revisions.len();
    let mut waiting = vec![0usize; revisions.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); revisions.len()];
    for (at, revision) in revisions.iter().enumerate() {
        ordered &= revision.down != Links::Unknown;
        for id in revision.down.ids().iter().chain(revision.depends_on.ids()) {
            match ids.get(id) {
                Some(before) => {
                    waiting[at] += 1;
                    followers[*before].push(at);
                }
                None => ordered = false,
            }
        }
    }
    // The one that became free last runs next, so that a branch stays together.
    let mut free: Vec<usize> = (0..revisions.len()).rev().filter(|at| waiting[*at] == 0).collect();
    let mut order = Vec::with_capacity(revisions.len());
    while let Some(at) = free.pop() {
        order.push(at);
        for follower in &followers[at] {
            waiting[*follower] -= 1;
            if waiting[*follower] == 0 {
                free.push(*follower);
            }
        }
    }
    ordered &= order.len() == revisions.len();
    let placed: FxHashSet<usize> = order.iter().copied().collect();
    order.extend((0..revisions.len()).filter(|at| !placed.contains(at)));
    let mut slots: Vec<Option<Revision>> = revisions.into_iter().map(Some).collect();
    let revisions = order.into_iter().filter_map(|at| slots[at].take()).collect();
    History { environment, revisions, ordered }
}
