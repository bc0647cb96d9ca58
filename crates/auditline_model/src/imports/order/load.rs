//! Loading a module as the interpreter does, in thought.
//!
//! A module is entered in the table of modules before its code runs. Whoever imports it while it runs gets it as far as
//! it is: `from module import name` fails where the name is not bound yet, unless it is a submodule that is in the
//! table, or can be loaded.

use auditline_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Link;
use super::steps::{Import, Reach, Step, steps};
use crate::db::{Db, SourceFile};
use crate::imports::absent::is_closed;
use crate::names::{init_of, module_scope};

/// What becomes of a program that loads a module before the others of its circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Works,
    Fails(Failure),
    /// It hangs on what cannot be told.
    Unknown,
}

/// An import that fails because its module is still being loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The module that is loaded first.
    pub first: SourceFile,
    /// The imports on the way to the one that fails, the first first; the last is the one that fails.
    pub way: Vec<Link>,
    /// The module that is still being loaded.
    pub module: SourceFile,
    /// The name that it does not have yet.
    pub name: Name,
}

/// Loads `first` into an interpreter that has loaded nothing.
pub(super) fn load(db: &dyn Db, first: SourceFile, circle: &FxHashSet<SourceFile>) -> Outcome {
    let mut loader = Loader { db, circle, first, modules: FxHashMap::default(), way: Vec::new(), steps: 0 };
    let mut packages: Vec<SourceFile> = packages_of(db, first);
    packages.reverse();
    packages.push(first);
    for module in packages {
        if let Err(stop) = loader.load(module) {
            return stop;
        }
    }
    Outcome::Works
}

/// The packages in which a module stands, the inner ones first. A directory without `__init__.py` inside of a package is
/// one without code, and the packages around it are loaded all the same.
fn packages_of(db: &dyn Db, module: SourceFile) -> Vec<SourceFile> {
    let directories = std::iter::successors(module.path(db).parent(), |path| path.parent());
    let packages = directories.filter_map(|directory| init_of(db, directory));
    packages.filter(|package| *package != module).collect()
}

struct Loader<'a> {
    db: &'a dyn Db,
    circle: &'a FxHashSet<SourceFile>,
    first: SourceFile,
    modules: FxHashMap<SourceFile, Loaded>,
    way: Vec<Link>,
    steps: usize,
}

#[derive(Default)]
struct Loaded {
    is_done: bool,
    bound: FxHashSet<Name>,
}

impl Loader<'_> {
    /// More steps than this, or deeper chains of imports, are not followed.
    const MAX_STEPS: usize = 200_000;
    const MAX_DEPTH: usize = 400;

    fn load(&mut self, module: SourceFile) -> Result<(), Outcome> {
        if self.modules.contains_key(&module) {
            return Ok(());
        }
        if self.way.len() > Self::MAX_DEPTH {
            return Err(Outcome::Unknown);
        }
        self.modules.insert(module, Loaded::default());
        for step in steps(self.db, module).iter() {
            self.steps += 1;
            if self.steps > Self::MAX_STEPS {
                return Err(Outcome::Unknown);
            }
            match step {
                Step::Bind(names) => self.bind(module, names.iter().copied()),
                Step::Import(import) => self.import(module, import)?,
            }
        }
        self.modules.entry(module).or_default().is_done = true;
        // A submodule becomes a name of its package.
        let path = module.path(self.db);
        let (directory, name) = match path.stem() {
            "__init__" => (path.parent().and_then(|own| own.parent()), path.parent().map(|own| own.file_name())),
            stem => (path.parent(), Some(stem)),
        };
        if let (Some(package), Some(name)) = (directory.and_then(|directory| init_of(self.db, directory)), name)
            && let Some(package) = self.modules.get_mut(&package)
        {
            package.bound.insert(Name::new(name));
        }
        Ok(())
    }

    fn bind(&mut self, module: SourceFile, names: impl Iterator<Item = Name>) {
        self.modules.entry(module).or_default().bound.extend(names);
    }

    fn import(&mut self, module: SourceFile, import: &Import) -> Result<(), Outcome> {
        let bound = import.names.iter().map(|taken| taken.bound).chain(import.bound);
        if import.reach == Reach::Maybe {
            let submodules = import.names.iter().filter_map(|taken| taken.submodule);
            let mut loads = import.chain.iter().copied().chain(submodules);
            // What is loaded here may change the order in the circle.
            if loads.any(|other| self.circle.contains(&other) && !self.modules.contains_key(&other)) {
                return Err(Outcome::Unknown);
            }
            self.bind(module, bound);
            return Ok(());
        }
        let depth = self.way.len();
        self.way.push(Link { file: module, at: import.at, name: 0 });
        let result = self.follow(module, import);
        match result {
            Err(Outcome::Fails(_)) if import.reach == Reach::Guarded => return Err(Outcome::Unknown),
            result => result?,
        }
        self.way.truncate(depth);
        self.bind(module, bound);
        Ok(())
    }

    fn follow(&mut self, module: SourceFile, import: &Import) -> Result<(), Outcome> {
        for loaded in &import.chain {
            self.load(*loaded)?;
        }
        for (at, taken) in (0..).zip(&import.names) {
            if let Some(link) = self.way.last_mut() {
                link.name = at;
            }
            let state = import.target.map(|target| (target, self.modules.get(&target)));
            if let Some((_, Some(state))) = state
                && state.bound.contains(&taken.name)
            {
                continue;
            }
            if let Some(submodule) = taken.submodule {
                self.load(submodule)?;
                continue;
            }
            if let Some((target, Some(state))) = state
                && !state.is_done
                && target != module
                && self.circle.contains(&target)
                && is_bound_later(self.db, target, taken.name)
            {
                let (first, way) = (self.first, self.way.clone());
                return Err(Outcome::Fails(Failure { first, way, module: target, name: taken.name }));
            }
        }
        if import.star
            && let Some(target) = import.target.filter(|target| *target != module)
        {
            let names: Vec<Name> =
                self.modules.get(&target).map(|state| state.bound.iter().copied().collect()).unwrap_or_default();
            self.bind(module, names.into_iter());
        }
        Ok(())
    }
}

/// Whether a module binds a name by its own statements, and by nothing that may have happened before.
fn is_bound_later(db: &dyn Db, module: SourceFile, name: Name) -> bool {
    is_closed(db, module) && module_scope(db, module).get(name).is_some_and(|bindings| !bindings.main.is_empty())
}
