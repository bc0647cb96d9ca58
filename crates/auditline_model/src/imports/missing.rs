//! Imports that lead nowhere.

use auditline_source::FilePath;
use auditline_syntax::Name;

use super::absent::{is_closed, lacks};
use super::generated::may_be_made;
use super::index::modules_named;
use super::sites::{ImportSite, Imported, import_sites};
use crate::db::{Db, Settings, SourceFile, parsed};
use crate::entry::is_test;
use crate::names::{files_mentioning, init_of, member, module_below, resolve_module, search_path};
use crate::symbols::Symbol;

/// An import that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Where it stands.
    pub site: ImportSite,
    /// What is not there.
    pub missing: Missing,
}

/// What an import asks for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A module or package.
    Module {
        /// The directory in which it would stand.
        directory: FilePath,
        /// Its name there.
        name: Name,
        /// The `__init__.py` of the directory.
        package: Option<SourceFile>,
    },
    /// A module in something that is no package: the file of the module that stands in the way.
    NotPackage {
        /// The module.
        module: SourceFile,
        /// What is asked for below it.
        name: Name,
    },
    /// A name of a module.
    Name {
        /// The module.
        module: SourceFile,
        /// The name.
        name: Name,
    },
}

/// The imports of a file that fail for certain when they are reached.
#[must_use]
pub fn broken_imports(db: &dyn Db, file: SourceFile) -> Vec<Broken> {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let mut found: Vec<Broken> = Vec::new();
    for site in import_sites(module) {
        let Some(missing) = missing(db, file, site.imported) else { continue };
        let line_of = |range: auditline_syntax::TextRange| {
            let text = file.content(db).text();
            text.map(|text| text.text()[..usize::from(range.start())].matches('\n').count())
        };
        let is_half_typed = module.errors.iter().any(|error| line_of(*error) == line_of(site.range));
        // Who silences a type checker here knows that it does not find the module.
        let is_known = module
            .pragmas
            .iter()
            .any(|pragma| pragma.text.contains("type: ignore") && line_of(pragma.range) == line_of(site.range));
        // A statement that fails at its module fails once.
        let is_told = found.iter().any(|other| {
            matches!(missing, Missing::Module { .. } | Missing::NotPackage { .. })
                && other.missing == missing
                && other.site.function == site.function
        });
        if !is_half_typed && !is_known && !is_told {
            found.push(Broken { site, missing });
        }
    }
    found
}

fn missing(db: &dyn Db, file: SourceFile, imported: Imported) -> Option<Missing> {
    match imported {
        Imported::Module(path) => missing_module(db, file, 0, path),
        Imported::Name { level, module, name } => {
            let symbol = match (level, module) {
                (0, None) => return None,
                _ => resolve_module(db, file, level, module),
            };
            match (symbol, name) {
                (Symbol::Module(found), Some(name)) => missing_name(db, file, (level, module), found, name),
                (Symbol::Namespace(directory), Some(name)) => {
                    if level == 0 && !is_ours_below(db, file, module?, directory) {
                        return None;
                    }
                    let missing = missing_below(db, directory, None, name)?;
                    is_certain(db, file, level, directory, name).then_some(missing)
                }
                (Symbol::External(_) | Symbol::Unknown, _) => missing_module(db, file, level, module?),
                _ => None,
            }
        }
    }
}

fn missing_name(
    db: &dyn Db,
    file: SourceFile,
    (level, path): (u32, Option<Name>),
    module: SourceFile,
    name: Name,
) -> Option<Missing> {
    // A stub says what a compiled module has, as far as it was written down.
    if !lacks(db, module, name) {
        return None;
    }
    let at = module.path(db);
    if at.stem() == "__init__" {
        let directory = at.parent()?;
        if may_hold(db, directory, &name) || may_be_made(db, directory, &name) {
            return None;
        }
    } else if module == file {
        return None;
    }
    let holder = if at.stem() == "__init__" { at.parent()? } else { at };
    if level == 0 && !is_ours_below(db, file, path?, holder) {
        return None;
    }
    Some(Missing::Name { module, name })
}

/// Whether an absolute path that leads to `holder` starts at a directory where imports of the file start, with something that
/// is certainly meant.
fn is_ours_below(db: &dyn Db, file: SourceFile, path: Name, holder: FilePath) -> bool {
    let top = Name::new(path.split('.').next().unwrap_or_default());
    let root = std::iter::successors(Some(holder), |path| path.parent()).nth(path.split('.').count());
    let Some((root, own)) = root.zip(file.path(db).parent()) else { return false };
    search_path(db, own).contains(&root) && is_ours(db, file, root, top, !path.contains('.'))
}

/// What is missing on the way to a module, if the import fails for certain.
fn missing_module(db: &dyn Db, file: SourceFile, level: u32, path: Name) -> Option<Missing> {
    let own = file.path(db).parent()?;
    let bases = if level > 0 {
        let base = std::iter::successors(Some(own), |path| path.parent()).nth(level as usize - 1)?;
        let roots = Settings::get(db).roots(db);
        if !roots.iter().any(|root| base.starts_with(*root)) {
            return None;
        }
        vec![base]
    } else {
        let top = path.split('.').next().unwrap_or_default();
        if !matches!(resolve_module(db, file, 0, Some(path)), Symbol::Unknown | Symbol::External(_))
            || top == path.as_str()
        {
            return None;
        }
        search_path(db, own)
    };
    let (root, missing) =
        bases.into_iter().find_map(|base| descend(db, base, level, path).map(|missing| (base, missing)))?;
    let (directory, name) = match missing {
        Missing::Module { directory, name, .. } => (directory, name),
        _ => return Some(missing).filter(|_| is_ours_or_relative(db, file, level, root, path)),
    };
    (is_ours_or_relative(db, file, level, root, path) && is_certain(db, file, level, directory, name))
        .then_some(missing)
}

fn is_ours_or_relative(db: &dyn Db, file: SourceFile, level: u32, root: FilePath, path: Name) -> bool {
    level > 0 || is_ours(db, file, root, Name::new(path.split('.').next().unwrap_or_default()), true)
}

/// Goes down a dotted path from `base` until a part is missing. `None` where all is there, where the first part of an
/// absolute path is not there, or where the missing part may be there.
fn descend(db: &dyn Db, base: FilePath, level: u32, path: Name) -> Option<Missing> {
    let mut directory = base;
    let mut package = init_of(db, base);
    for (index, part) in path.split('.').enumerate() {
        let name = Name::new(part);
        match module_below(db, directory, part) {
            Some(Symbol::Module(found)) if found.path(db).stem() == "__init__" => package = Some(found),
            Some(Symbol::Module(found)) => {
                let below = Name::new(path.split('.').nth(index + 1)?);
                return is_closed(db, found).then_some(Missing::NotPackage { module: found, name: below });
            }
            Some(_) => package = None,
            None if index == 0 && level == 0 => return None,
            None => return missing_below(db, directory, package, name),
        }
        directory = directory.join(part);
    }
    None
}

fn missing_below(db: &dyn Db, directory: FilePath, package: Option<SourceFile>, name: Name) -> Option<Missing> {
    if may_hold(db, directory, &name) || may_be_made(db, directory, &name) {
        return None;
    }
    // A package that reaches further than its directory, or makes its modules, may have it.
    let is_closed = match package {
        Some(package) => is_closed(db, package),
        None => db.files().directory(db, directory).entries(db).iter().any(|entry| entry.ends_with(".py")),
    };
    is_closed.then_some(Missing::Module { directory, name, package })
}

/// Whether a directory holds something that can be imported under that name, or something that nobody looked into.
pub(super) fn may_hold(db: &dyn Db, directory: FilePath, name: &str) -> bool {
    let listed = db.files().directory(db, directory);
    module_below(db, directory, name).is_some()
        || listed.contains(db, name)
        || listed.unread(db).iter().any(|entry| {
            // `name.cpython-313-x86_64-linux-gnu.so`, `name.pyx`, a link or directory called `name`.
            entry.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
}

/// Whether no other directory could be the one that is meant: a package may be spread over several.
fn is_certain(db: &dyn Db, file: SourceFile, level: u32, directory: FilePath, name: Name) -> bool {
    let own = file.path(db);
    let is_self = own.starts_with(directory);
    let is_regular = init_of(db, directory).is_some();
    if is_regular && (level > 0 || is_self) {
        return true;
    }
    !modules_named(db, name).iter().any(|other| other.file_name() == directory.file_name())
}

/// Whether `top` in `root` is certainly what the file means: nothing else is called so, or the file stands in it or beside
/// it; and something else is imported by that name, so that it is not there by chance under the name of a library.
fn is_ours(db: &dyn Db, file: SourceFile, root: FilePath, top: Name, needs_use: bool) -> bool {
    let own = file.path(db);
    let is_near = own.starts_with(root.join(&top)) || own.parent() == Some(root);
    let is_only = || modules_named(db, top).iter().all(|directory| *directory == root);
    (is_near || is_only()) && (!needs_use || is_used(db, root, top))
}

/// Whether an import of `top` leads to something in `root`.
#[salsa::tracked(returns(copy))]
fn is_used(db: &dyn Db, root: FilePath, top: Name) -> bool {
    let package = root.join(&top);
    let is_in = |symbol: Symbol| match symbol {
        Symbol::Module(found) => {
            let path = found.path(db);
            path.starts_with(package) || path.parent() == Some(root) && path.stem() == top.as_str()
        }
        _ => false,
    };
    files_mentioning(db, &top).iter().filter(|file| !is_test(db, **file)).any(|file| {
        import_sites(&parsed(db, *file).module).iter().any(|site| match site.imported {
            Imported::Module(path) => {
                path.starts_with(&*format!("{top}.")) && is_in(resolve_module(db, *file, 0, Some(path)))
            }
            Imported::Name { level: 0, module: Some(path), name } if path.split('.').next() == Some(top.as_str()) => {
                let module = resolve_module(db, *file, 0, Some(path));
                let brings = |name| match member(db, module, name) {
                    Symbol::Class(_) | Symbol::Function(_) | Symbol::Variable(_) => true,
                    symbol => is_in(symbol),
                };
                is_in(module) && (path.contains('.') || name.is_some_and(brings))
            }
            Imported::Name { .. } => false,
        })
    })
}
