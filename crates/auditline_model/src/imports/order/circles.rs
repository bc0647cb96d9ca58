//! Circles of modules that import each other while they are loaded.

use std::sync::Arc;

use auditline_source::FileKind;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Link;
use super::load::{Failure, Outcome, load};
use super::steps::{Reach, Step, steps};
use crate::db::{Db, Settings, SourceFile};
use crate::entry::{is_migration, is_test};
use crate::shards::{Shard, python_files_of};

/// Modules that import each other while they are loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The modules, sorted by path.
    pub members: Vec<SourceFile>,
    /// The imports of a shortest circle among them, in order: each leads to the file of the next.
    pub links: Vec<Link>,
    /// An import that fails where a certain module is loaded first.
    pub failure: Option<Failure>,
    /// A module of the circle that can be loaded first.
    pub works: Option<SourceFile>,
    /// Whether it surely fails, whichever of them is loaded first.
    pub always_fails: bool,
}

/// The circles whose finding stands in a file; see [`Cycle::place`].
#[salsa::tracked(returns(clone))]
pub fn cycles_at(db: &dyn Db, file: SourceFile) -> Arc<[Cycle]> {
    cycles(db).iter().filter(|cycle| cycle.place().is_some_and(|link| link.file == file)).cloned().collect()
}

impl Cycle {
    /// Where the circle is told: the import that fails, or the first of it.
    #[must_use]
    pub fn place(&self) -> Option<Link> {
        match &self.failure {
            Some(failure) if self.works.is_some() || self.always_fails => failure.way.last().copied(),
            _ => self.links.first().copied(),
        }
    }
}

/// All circles of the workspace, tests and migrations aside.
#[must_use]
pub fn cycles(db: &dyn Db) -> Arc<[Cycle]> {
    cycles_query(db, Settings::get(db))
}

#[salsa::tracked(returns(clone))]
fn cycles_query(db: &dyn Db, settings: Settings) -> Arc<[Cycle]> {
    let mut leads: Vec<(SourceFile, Leads)> = Vec::new();
    for shard in Shard::all() {
        leads.extend(leads_of_shard(db, shard, settings).iter().cloned());
    }
    leads.sort_by_key(|(file, _)| file.path(db));
    let files: Vec<SourceFile> = leads.iter().map(|(file, _)| *file).collect();
    let numbers: FxHashMap<SourceFile, usize> = files.iter().zip(0..).map(|(file, number)| (*file, number)).collect();
    let edges: Vec<Vec<(usize, Link)>> = leads
        .iter()
        .map(|(_, to)| to.iter().filter_map(|(to, link)| Some((*numbers.get(to)?, *link))).collect())
        .collect();
    let mut found: Vec<Cycle> = components(&edges)
        .into_iter()
        .filter(|members| members.len() > 1)
        .map(|members| cycle(db, &files, &edges, members))
        .collect();
    found.sort_by_key(|cycle| cycle.members.first().map(|file| file.path(db)));
    found.into()
}

/// What a module needs while it is loaded, and by which import.
type Leads = Arc<[(SourceFile, Link)]>;

/// What the modules of a shard need while they are loaded.
#[salsa::tracked(returns(clone))]
fn leads_of_shard(db: &dyn Db, shard: Shard, settings: Settings) -> Arc<[(SourceFile, Leads)]> {
    python_files_of(db, shard, settings)
        .iter()
        .filter(|file| file.kind(db) == FileKind::Python && !is_test(db, **file) && !is_migration(db, **file))
        .map(|file| (*file, leads(db, *file)))
        .collect()
}

/// The modules that a module needs while it is loaded, and by which import. The packages in which it stands are loaded
/// before it in any case.
fn leads(db: &dyn Db, file: SourceFile) -> Leads {
    let mut found = Vec::new();
    let own = file.path(db);
    let holds = |package: SourceFile| {
        let path = package.path(db);
        path.stem() == "__init__" && path.parent().is_some_and(|directory| own.starts_with(directory))
    };
    for step in steps(db, file).iter() {
        let Step::Import(import) = step else { continue };
        if import.reach == Reach::Maybe {
            continue;
        }
        let link = |name| Link { file, at: import.at, name };
        let loaded = import.chain.iter().filter(|module| !holds(**module));
        found.extend(loaded.map(|module| (*module, link(0))));
        for (taken, name) in import.names.iter().zip(0..) {
            match taken.submodule {
                Some(submodule) => found.push((submodule, link(name))),
                None => found.extend(import.target.filter(|target| holds(*target)).map(|target| (target, link(name)))),
            }
        }
        if import.star {
            found.extend(import.target.map(|target| (target, link(0))));
        }
    }
    found.retain(|(module, _)| *module != file);
    found.into()
}

/// The strongly connected components, by Tarjan's algorithm without recursion.
fn components(edges: &[Vec<(usize, Link)>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut order = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut is_open = vec![false; edges.len()];
    let mut open = Vec::new();
    let mut found = Vec::new();
    let mut next = 0;
    for root in 0..edges.len() {
        if order[root] != NEW {
            continue;
        }
        let mut work = vec![(root, 0)];
        while let Some((node, at)) = work.last().copied() {
            if at == 0 && order[node] == NEW {
                order[node] = next;
                low[node] = next;
                next += 1;
                open.push(node);
                is_open[node] = true;
            }
            if let Some((to, _)) = edges[node].get(at) {
                if let Some(last) = work.last_mut() {
                    last.1 += 1;
                }
                if order[*to] == NEW {
                    work.push((*to, 0));
                } else if is_open[*to] {
                    low[node] = low[node].min(order[*to]);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == order[node] {
                let start = open.iter().rposition(|other| *other == node).unwrap_or_default();
                let mut members = open.split_off(start);
                members.iter().for_each(|member| is_open[*member] = false);
                members.sort_unstable();
                found.push(members);
            }
        }
    }
    found
}

fn cycle(db: &dyn Db, files: &[SourceFile], edges: &[Vec<(usize, Link)>], members: Vec<usize>) -> Cycle {
    /// As many modules of a circle are tried as the first.
    const MAX_TRIED: usize = 60;
    let circle: FxHashSet<SourceFile> = members.iter().map(|member| files[*member]).collect();
    let links = shortest(edges, &members);
    let (mut failure, mut works) = (None, None);
    let mut always_fails = members.len() <= MAX_TRIED;
    for member in members.iter().take(MAX_TRIED) {
        match load(db, files[*member], &circle) {
            Outcome::Fails(found) => failure = failure.or(Some(found)),
            Outcome::Works => {
                works = works.or(Some(files[*member]));
                always_fails = false;
            }
            Outcome::Unknown => always_fails = false,
        }
    }
    Cycle { members: members.into_iter().map(|member| files[member]).collect(), links, failure, works, always_fails }
}

/// The imports of a shortest circle in a component; of several the first by path.
fn shortest(edges: &[Vec<(usize, Link)>], members: &[usize]) -> Vec<Link> {
    const MAX_STARTS: usize = 60;
    let inside: FxHashSet<usize> = members.iter().copied().collect();
    let mut best: Vec<Link> = Vec::new();
    for start in members.iter().take(MAX_STARTS) {
        let mut came: FxHashMap<usize, (usize, Link)> = FxHashMap::default();
        let mut queue = std::collections::VecDeque::from([*start]);
        let mut closing = None;
        'search: while let Some(node) = queue.pop_front() {
            for (to, link) in edges[node].iter().filter(|(to, _)| inside.contains(to)) {
                if to == start {
                    closing = Some((node, *link));
                    break 'search;
                }
                if !came.contains_key(to) {
                    came.insert(*to, (node, *link));
                    queue.push_back(*to);
                }
            }
        }
        let Some((mut node, link)) = closing else { continue };
        let mut links = vec![link];
        while node != *start {
            let Some((before, link)) = came.get(&node) else { break };
            links.push(*link);
            node = *before;
        }
        links.reverse();
        if best.is_empty() || links.len() < best.len() {
            best = links;
        }
    }
    best
}
