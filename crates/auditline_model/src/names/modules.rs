//! Which module an import means.

use std::sync::Arc;

use auditline_source::FilePath;
use auditline_syntax::Name;
use rustc_hash::FxHashMap;

use super::known::is_standard;
use super::scope::directory_of;
use crate::db::{Db, Settings, SourceFile};
use crate::packages::is_required;
use crate::symbols::Symbol;

/// The module that an import statement in `from` names: `from ..dotted import …` has level 2.
///
/// An import that leads nowhere in the workspace is [`Symbol::External`]; one that leads into a package of the
/// workspace and there to nothing is [`Symbol::Unknown`].
#[must_use]
pub fn resolve_module(db: &dyn Db, from: SourceFile, level: u32, dotted: Option<Name>) -> Symbol {
    let Some(directory) = directory_of(db, from) else { return Symbol::Unknown };
    if level > 0 {
        let Some(base) = std::iter::successors(Some(directory), |path| path.parent()).nth(level as usize - 1) else {
            return Symbol::Unknown;
        };
        return match dotted {
            None => package_at(db, base).unwrap_or(Symbol::Unknown),
            Some(dotted) => descend(db, base, dotted.as_str()).unwrap_or(Symbol::Unknown),
        };
    }
    match dotted {
        // `import stripe` in `stripe.py` does not mean itself.
        Some(dotted) => match absolute_import(db, directory, dotted) {
            Symbol::Module(found) if found == from && from.path(db).stem() == dotted.as_str() => {
                Symbol::External(dotted)
            }
            symbol => symbol,
        },
        None => Symbol::Unknown,
    }
}

/// The module or package directly below `base`: `x/__init__.py` before `x.py` before `x.pyi` before a bare `x/`.
pub(crate) fn module_below(db: &dyn Db, base: FilePath, name: &str) -> Option<Symbol> {
    let files = db.files();
    let entries = files.directory(db, base);
    if entries.contains(db, name) {
        let directory = base.join(name);
        for init in ["__init__.py", "__init__.pyi"] {
            if let Some(file) = files.existing(db, directory.join(init)) {
                return Some(Symbol::Module(file));
            }
        }
    }
    for extension in ["py", "pyi"] {
        let file_name = format!("{name}.{extension}");
        if entries.contains(db, &file_name)
            && let Some(file) = files.existing(db, base.join(&file_name))
        {
            return Some(Symbol::Module(file));
        }
    }
    let directory = base.join(name);
    let is_namespace = entries.contains(db, name)
        && files
            .directory(db, directory)
            .entries(db)
            .iter()
            .any(|entry| entry.ends_with(".py") || !entry.contains('.'));
    is_namespace.then_some(Symbol::Namespace(directory))
}

fn package_at(db: &dyn Db, directory: FilePath) -> Option<Symbol> {
    init_of(db, directory).map(Symbol::Module).or(Some(Symbol::Namespace(directory)))
}

/// The `__init__` of a directory, if it is a regular package.
pub(crate) fn init_of(db: &dyn Db, directory: FilePath) -> Option<SourceFile> {
    ["__init__.py", "__init__.pyi"].iter().find_map(|init| db.files().existing(db, directory.join(init)))
}

fn descend(db: &dyn Db, base: FilePath, dotted: &str) -> Option<Symbol> {
    let mut directory = base;
    let mut found = None;
    for part in dotted.split('.') {
        found = Some(module_below(db, directory, part)?);
        directory = directory.join(part);
    }
    found
}

#[salsa::tracked(returns(copy))]
fn absolute_import(db: &dyn Db, directory: FilePath, dotted: Name) -> Symbol {
    let top = dotted.split('.').next().unwrap_or_default();
    if is_standard(top) && !dotted.contains('.') {
        return Symbol::External(dotted);
    }
    let mut partial = None;
    let mut namespace = None;
    for root in search_path(db, directory) {
        if is_environment(db, root, top) || is_beside_library(db, root, top) {
            continue;
        }
        match descend(db, root, dotted.as_str()) {
            Some(found @ Symbol::Module(_)) => return found,
            Some(found) => namespace = namespace.or(Some(found)),
            None => match module_below(db, root, top) {
                Some(Symbol::Module(_)) if !is_standard(top) => partial = partial.or(Some(Symbol::Unknown)),
                _ => {}
            },
        }
    }
    // A program may start inside a package: the whole path of several parts exists there.
    if partial.is_none() && dotted.contains('.') && !is_standard(top) && !is_required(db, top) {
        let roots = Settings::get(db).roots(db);
        let workspace = workspace_of(roots, directory);
        let inside = directories_above(directory, workspace).filter(|candidate| is_package(db, *candidate));
        let mut found = inside.filter_map(|candidate| Some((candidate, descend(db, candidate, dotted.as_str())?)));
        if let Some((candidate, found)) = found.find(|(_, found)| matches!(found, Symbol::Module(_)))
            && !imports_itself(db, outermost(db, candidate))
        {
            return found;
        }
    }
    // Somewhere else in the workspace: the sources of a sibling project, if it is only one.
    if partial.is_none() && !is_standard(top) {
        let packages = packages(db);
        let mut elsewhere = packages.get(&Name::new(top)).into_iter().flatten();
        if let (Some(root), None) = (elsewhere.next(), elsewhere.next())
            && let Some(found @ Symbol::Module(_)) = descend(db, *root, dotted.as_str())
        {
            return found;
        }
    }
    namespace.filter(|_| !is_standard(top)).or(partial).unwrap_or(Symbol::External(dotted))
}

/// Whether `alembic` in a directory is the environment of migrations, whatever it has an `__init__.py` for: its own `env.py` and
/// revisions import the library by that name, so that it is never a package of it.
fn is_environment(db: &dyn Db, root: FilePath, top: &str) -> bool {
    top == "alembic" && db.files().directory(db, root.join(top)).contains(db, "env.py")
}

/// Whether `top` in a directory is a module of a package that is imported by its own name, beside a library that the project asks
/// for: `from traitlets import Unicode` in `hub/app.py` does not mean `hub/traitlets.py`, whatever else lies in `hub`.
fn is_beside_library(db: &dyn Db, root: FilePath, top: &str) -> bool {
    is_package(db, root) && is_required(db, top) && imports_itself(db, outermost(db, root))
}

/// The directories in which an absolute import of a file in `directory` is looked up, the first first.
pub(crate) fn search_path(db: &dyn Db, directory: FilePath) -> Vec<FilePath> {
    let settings = Settings::get(db);
    let mut path: Vec<FilePath> = settings.source_roots(db).clone();
    let roots = settings.roots(db);
    let top = workspace_of(roots, directory);
    let mut add = |candidate: FilePath| {
        if !path.contains(&candidate) {
            path.push(candidate);
        }
    };
    for candidate in directories_above(directory, top) {
        // Inside a package, the directory is no root: `import redis` in `app/redis/client.py` means the library.
        if !is_package(db, candidate) || is_project(db, candidate) {
            add(candidate);
            add(candidate.join("src"));
        }
    }
    for root in roots {
        add(*root);
        add(root.join("src"));
    }
    path
}

/// The workspace folder in which a directory stands.
fn workspace_of(roots: &[FilePath], directory: FilePath) -> Option<FilePath> {
    roots.iter().copied().filter(|root| directory.starts_with(*root)).max_by_key(|root| root.as_str().len())
}

/// A directory and those above it, up to the workspace folder.
fn directories_above(directory: FilePath, top: Option<FilePath>) -> impl Iterator<Item = FilePath> {
    let depth = top
        .and_then(|top| directory.relative_to(top))
        .map_or(0, |rest| rest.split('/').filter(|part| !part.is_empty()).count());
    std::iter::once(directory).chain(directory.ancestors()).take(depth + 1)
}

/// Whether a program starts in a directory, so that imports start there too, even if it has an `__init__.py`.
fn is_project(db: &dyn Db, directory: FilePath) -> bool {
    let entries = db.files().directory(db, directory);
    ["pyproject.toml", "setup.py", "requirements.txt", "alembic.ini", "Dockerfile", "manage.py"]
        .iter()
        .any(|marker| entries.contains(db, marker))
}

fn is_package(db: &dyn Db, directory: FilePath) -> bool {
    db.files().directory(db, directory).contains(db, "__init__.py")
}

/// The outermost package around a package, itself if there is none.
fn outermost(db: &dyn Db, package: FilePath) -> FilePath {
    std::iter::successors(Some(package), |inner| inner.parent().filter(|outer| is_package(db, *outer)))
        .last()
        .unwrap_or(package)
}

/// Whether files of a package import it by its own name: then no program starts inside of it, and `import packaging.utils` in
/// `warehouse/packaging/models.py` means the library.
fn imports_itself(db: &dyn Db, package: FilePath) -> bool {
    is_imported_whole(db, package, Name::new(package.file_name()))
}

#[salsa::tracked(returns(copy))]
fn is_imported_whole(db: &dyn Db, package: FilePath, name: Name) -> bool {
    let starts = [format!("from {name}."), format!("from {name} import "), format!("import {name}.")];
    super::files_mentioning(db, &name).iter().any(|file| {
        file.path(db).starts_with(package)
            && file.kind(db).is_python()
            && file.content(db).text().is_some_and(|text| {
                text.text().lines().any(|line| starts.iter().any(|start| line.trim_start().starts_with(start.as_str())))
            })
    })
}

/// Whether a directory only looks like a package: `src` with an `__init__.py` that somebody has left there, whose files do not
/// import one another through it.
fn is_stray(db: &dyn Db, package: FilePath) -> bool {
    package.file_name() == "src" && !imports_itself(db, package)
}

/// Where the regular packages near the workspace roots stand: by name, the directories that hold them.
#[salsa::tracked(returns(clone))]
fn packages(db: &dyn Db) -> Arc<FxHashMap<Name, Vec<FilePath>>> {
    const DEPTH: usize = 4;
    let mut found: FxHashMap<Name, Vec<FilePath>> = FxHashMap::default();
    let mut rest: Vec<(FilePath, usize)> = Settings::get(db).roots(db).iter().map(|root| (*root, 0)).collect();
    while let Some((directory, depth)) = rest.pop() {
        for entry in db.files().directory(db, directory).entries(db).iter() {
            if entry.contains('.') {
                continue;
            }
            let child = directory.join(entry);
            if is_package(db, child) {
                found.entry(Name::new(entry)).or_default().push(directory);
            }
            if depth < DEPTH && (!is_package(db, child) || is_stray(db, child)) {
                rest.push((child, depth + 1));
            }
        }
    }
    Arc::new(found)
}
