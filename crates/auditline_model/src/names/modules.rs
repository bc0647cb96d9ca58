//! Modules: where an import leads.

use auditline_source::FilePath;
use auditline_syntax::Name;

use crate::db::{Db, Settings, SourceFile};
use crate::symbols::Symbol;

/// The module that an import names, seen from a file.
///
/// Relative imports count their dots. Absolute ones are tried from every directory above the importing file up to the
/// workspace folder, nearest first, from `src` below each, and from the configured source roots; the first directory in which
/// the whole path exists wins, then the first in which its head exists. What is in none of them is outside.
#[must_use]
pub fn resolve_module(db: &dyn Db, from: SourceFile, level: u32, dotted: Option<Name>) -> Symbol {
    let Some(directory) = from.path(db).parent() else { return Symbol::Unknown };
    if level > 0 {
        let mut base = directory;
        for _ in 1..level {
            match base.parent() {
                Some(parent) => base = parent,
                None => return Symbol::Unknown,
            }
        }
        return match dotted {
            None => as_package(db, base),
            Some(dotted) => follow(db, base, dotted).unwrap_or(Symbol::Unknown),
        };
    }
    match dotted {
        Some(dotted) => resolve_absolute(db, directory, dotted),
        None => Symbol::Unknown,
    }
}

#[salsa::tracked(returns(copy))]
fn resolve_absolute(db: &dyn Db, from: FilePathKey, dotted: Name) -> Symbol {
    let head = dotted.split('.').next().unwrap_or_default();
    let settings = Settings::get(db);
    let mut candidates: Vec<FilePath> = Vec::new();
    let root = settings
        .roots(db)
        .iter()
        .copied()
        .filter(|root| from.starts_with(*root))
        .max_by_key(|root| root.as_str().len());
    let mut directory = Some(from);
    while let Some(current) = directory {
        candidates.push(current);
        candidates.push(current.join("src"));
        if Some(current) == root {
            break;
        }
        directory = current.parent();
    }
    candidates.extend(settings.source_roots(db));
    let mut partial = None;
    for candidate in candidates {
        if !holds(db, candidate, head) {
            continue;
        }
        match follow(db, candidate, dotted) {
            Some(symbol) => return symbol,
            None => partial = partial.or(Some(candidate)),
        }
    }
    // The head is of the workspace and the rest is not there: it is not something outside.
    match partial {
        Some(candidate) if is_source_package(db, candidate, head) => Symbol::Unknown,
        _ => Symbol::External(dotted),
    }
}

type FilePathKey = FilePath;

fn holds(db: &dyn Db, directory: FilePath, head: &str) -> bool {
    let entries = db.files().directory(db, directory);
    entries.contains(db, head)
        || entries.contains(db, &format!("{head}.py"))
        || entries.contains(db, &format!("{head}.pyi"))
}

fn is_source_package(db: &dyn Db, directory: FilePath, head: &str) -> bool {
    db.files().directory(db, directory.join(head)).contains(db, "__init__.py")
}

/// The module at a dotted path below a directory.
fn follow(db: &dyn Db, base: FilePath, dotted: Name) -> Option<Symbol> {
    let mut parts = dotted.split('.').peekable();
    let mut directory = base;
    loop {
        let part = parts.next()?;
        let found = in_directory(db, directory, Name::new(part));
        if parts.peek().is_none() {
            return match found {
                Symbol::Unknown => None,
                // A bare directory of that name in which no Python stands is no package.
                Symbol::Namespace(path) if !holds_python(db, path) => None,
                symbol => Some(symbol),
            };
        }
        match found {
            Symbol::Module(file) if file.path(db).stem() == "__init__" => directory = file.path(db).parent()?,
            Symbol::Namespace(path) => directory = path,
            _ => return None,
        }
    }
}

fn holds_python(db: &dyn Db, directory: FilePath) -> bool {
    db.files().directory(db, directory).entries(db).iter().any(|entry| entry.ends_with(".py") || !entry.contains('.'))
}

/// The module or package of that name directly in a directory: a package wins over a module, source over a stub.
pub(super) fn in_directory(db: &dyn Db, directory: FilePath, name: Name) -> Symbol {
    let entries = db.files().directory(db, directory);
    if entries.contains(db, &name) {
        match as_package(db, directory.join(&name)) {
            Symbol::Namespace(_) | Symbol::Unknown => {}
            package => return package,
        }
    }
    for extension in ["py", "pyi"] {
        let file = format!("{name}.{extension}");
        if entries.contains(db, &file)
            && let Some(file) = db.files().existing(db, directory.join(&file))
        {
            return Symbol::Module(file);
        }
    }
    if entries.contains(db, &name) { as_package(db, directory.join(&name)) } else { Symbol::Unknown }
}

fn as_package(db: &dyn Db, directory: FilePath) -> Symbol {
    for init in ["__init__.py", "__init__.pyi"] {
        if let Some(file) = db.files().existing(db, directory.join(init)) {
            return Symbol::Module(file);
        }
    }
    if db.files().directory(db, directory).entries(db).is_empty() {
        Symbol::Unknown
    } else {
        Symbol::Namespace(directory)
    }
}
