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
    /// What is wrong with the graph: with any of it no Alembic command that goes to `head` works.
    pub faults: Vec<Fault>,
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
    fn find_faults(&self) -> Vec<Fault> {
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
        let count = self.revisions.len();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut behind: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (at, revision) in self.revisions.iter().enumerate() {
            for id in revision.down.ids().iter().chain(revision.depends_on.ids()) {
                if let Some(other) = at_id.get(id) {
                    before[at].push(*other);
                    behind[*other].push(at);
                }
            }
        }
        // What can run, and what nothing waits for, is taken away from both ends until only circles are left.
        let mut left = vec![true; count];
        for (waits_for, wait) in [(&before, &behind), (&behind, &before)] {
            let open = |at: usize, left: &[bool]| waits_for[at].iter().filter(|other| left[**other]).count();
            let mut waiting: Vec<usize> = (0..count).map(|at| open(at, &left)).collect();
            let mut free: Vec<usize> = (0..count).filter(|at| left[*at] && waiting[*at] == 0).collect();
            while let Some(at) = free.pop() {
                left[at] = false;
                for other in wait[at].iter().filter(|other| left[**other]) {
                    waiting[*other] -= 1;
                    if waiting[*other] == 0 {
                        free.push(*other);
                    }
                }
            }
        }
        (0..count).filter(|at| left[*at]).collect()
    }
}

/// The history to which a revision file belongs.
#[must_use]
pub fn history_of(db: &dyn Db, file: SourceFile) -> Option<Arc<History>> {
    revision(db, file)?;
    history_by_file(db).get(&file).cloned()
}

#[salsa::tracked(returns(ref))]
fn history_by_file(db: &dyn Db) -> FxHashMap<SourceFile, Arc<History>> {
    let histories = histories(db);
    let files = |history: &Arc<History>| {
        history.revisions.iter().map(|own| (own.file, Arc::clone(history))).collect::<Vec<_>>()
    };
    histories.iter().flat_map(files).collect()
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
            let mut parts = parts(db, revisions);
            // Alembic reads `versions`; what stands apart beside it is put aside: archived, or a draft.
            if parts.iter().any(|part| is_read(db, environment, part)) {
                parts.retain(|part| is_read(db, environment, part));
            }
            parts.into_iter().map(move |part| Arc::new(in_order(environment, part)))
        })
        .collect();
    found.sort_by_key(|history| (history.environment, history.revisions.first().map(|first| first.file.path(db))));
    Arc::new(found)
}

/// Whether revisions stand in directories that are named as Alembic's are: `versions`, `versions_sqlite`, `plugin/versions`.
fn is_read(db: &dyn Db, environment: FilePath, revisions: &[Revision]) -> bool {
    revisions.iter().any(|revision| {
        let directory = revision.file.path(db).parent();
        let below = directory.and_then(|directory| directory.relative_to(environment));
        below.is_none_or(|below| below.split('/').any(|part| part.contains("version")))
    })
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
    let mut history = History { environment, revisions, ordered, faults: Vec::new() };
    history.faults = history.find_faults();
    history
}
