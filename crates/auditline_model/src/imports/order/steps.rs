//! What a module does while it is loaded, as far as other modules see it: it imports, and it binds names.

use std::sync::Arc;

use auditline_source::FileKind;
use auditline_syntax::python::ir::{Block, ImportFrom, ImportedModule, Module, Stmt, StmtKind};
use auditline_syntax::{Name, TextRange};

use crate::db::{Db, SourceFile, parsed};
use crate::imports::sites::{Condition, condition, expects_failure, names_import_error};
use crate::names::{bound_by, init_of, module_below, resolve_module};
use crate::symbols::Symbol;

/// A step of loading a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Names are bound.
    Bind(Vec<Name>),
    /// Modules of the workspace are imported.
    Import(Import),
}

/// An import at the level of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// Its place among the imports of the module.
    pub(super) at: u32,
    /// Whether it is reached, and what its failure does.
    pub(super) reach: Reach,
    /// The packages on the way and the module itself, in the order in which they are loaded.
    pub(super) chain: Vec<SourceFile>,
    /// The module, if it is one of the workspace.
    pub(super) target: Option<SourceFile>,
    /// The names that are taken from it.
    pub(super) names: Vec<Taken>,
    /// `import *`.
    pub(super) star: bool,
    /// What `import a.b` binds.
    pub(super) bound: Option<Name>,
}

/// A name that an import takes from a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) name: Name,
    pub(super) bound: Name,
    /// The module of that name in the package.
    pub(super) submodule: Option<SourceFile>,
}

/// Whether an import is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Always, and a failure ends the load.
    Always,
    /// Always, and a failure is handled.
    Guarded,
    /// Under a condition.
    Maybe,
}

/// The steps of loading a module, without positions: an edit of a function changes nothing here.
#[salsa::tracked(returns(clone))]
pub(super) fn steps(db: &dyn Db, file: SourceFile) -> Arc<[Step]> {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let mut steps: Vec<Step> = Vec::new();
    let mut at = 0;
    walk(module, &mut |stmt, reach| match &stmt.kind {
        StmtKind::Import(modules) => {
            for module in modules {
                steps.push(Step::Import(whole(db, file, module, at, reach)));
                at += 1;
            }
        }
        StmtKind::ImportFrom(import) => {
            steps.push(Step::Import(parts(db, file, import, at, reach)));
            at += 1;
        }
        _ => {
            let names = bound_by(module, stmt);
            match steps.last_mut() {
                _ if names.is_empty() => {}
                Some(Step::Bind(known)) => known.extend(names),
                _ => steps.push(Step::Bind(names)),
            }
        }
    });
    for step in &mut steps {
        if let Step::Bind(names) = step {
            names.sort_unstable();
            names.dedup();
        }
    }
    steps.into()
}

/// Where the imports stand, in the order of [`Import::at`]: the module, or each name.
pub(super) fn imports(module: &Module) -> Vec<Vec<TextRange>> {
    let mut found = Vec::new();
    walk(module, &mut |stmt, _| match &stmt.kind {
        StmtKind::Import(modules) => found.extend(modules.iter().map(|module| vec![module.range])),
        StmtKind::ImportFrom(import) if import.names.is_empty() => found.push(vec![stmt.range]),
        StmtKind::ImportFrom(import) => found.push(import.names.iter().map(|name| name.range).collect()),
        _ => {}
    });
    found
}

/// Calls `visit` for the statements that are run while a module is loaded, in order.
fn walk<'a>(module: &'a Module, visit: &mut impl FnMut(&'a Stmt, Reach)) {
    let code = &module.code;
    // A list of blocks to come, not recursion: an `elif` chain may be thousands of blocks deep.
    let mut rest = vec![(code.block.iter(), Reach::Always)];
    while let Some((iter, reach)) = rest.last_mut() {
        let reach = *reach;
        let Some(stmt) = iter.next() else {
            rest.pop();
            continue;
        };
        visit(stmt, reach);
        let from = rest.len();
        let mut enter = |block: &'a Block, reach| rest.push((block.iter(), reach));
        match &stmt.kind {
            StmtKind::If(inner) => match condition(code, inner.test) {
                // Not where the module is imported.
                Condition::Ours => enter(&inner.orelse, Reach::Maybe),
                Condition::Other => {
                    enter(&inner.body, Reach::Maybe);
                    enter(&inner.orelse, Reach::Maybe);
                }
                Condition::Elsewhere => enter(&inner.orelse, Reach::Maybe),
            },
            StmtKind::Try(inner) => {
                let body = if expects_failure(code, inner) && reach == Reach::Always { Reach::Guarded } else { reach };
                enter(&inner.body, body);
                for handler in &inner.handlers {
                    enter(&handler.body, Reach::Maybe);
                }
                enter(&inner.orelse, reach);
                enter(&inner.finally, reach);
            }
            StmtKind::With { items, body, .. } => {
                let guards = items.iter().any(|item| names_import_error(code, item.context));
                enter(body, if guards && reach == Reach::Always { Reach::Guarded } else { reach });
            }
            StmtKind::For { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                enter(body, Reach::Maybe);
                enter(orelse, Reach::Maybe);
            }
            StmtKind::Match { cases, .. } => cases.iter().for_each(|case| enter(&case.body, Reach::Maybe)),
            _ => {}
        }
        rest[from..].reverse();
    }
}

/// `import a.b`, `import a.b as c`.
fn whole(db: &dyn Db, file: SourceFile, module: &ImportedModule, at: u32, reach: Reach) -> Import {
    let chain = chain(db, file, 0, Some(module.path));
    let top = module.path.split('.').next().unwrap_or_default();
    let bound = Some(module.alias.unwrap_or(Name::new(top)));
    Import { at, reach, chain, target: None, names: Vec::new(), star: false, bound }
}

/// `from a import b`.
fn parts(db: &dyn Db, file: SourceFile, import: &ImportFrom, at: u32, reach: Reach) -> Import {
    let symbol = resolve_module(db, file, import.level, import.module);
    let target = module_of(db, symbol);
    let directory = match symbol {
        Symbol::Module(found) if found.path(db).stem() == "__init__" => found.path(db).parent(),
        Symbol::Namespace(directory) => Some(directory),
        _ => None,
    };
    let names = import.names.iter().map(|name| {
        let submodule = directory.and_then(|directory| module_below(db, directory, &name.name));
        Taken { name: name.name, bound: name.bound(), submodule: submodule.and_then(|symbol| module_of(db, symbol)) }
    });
    let names = names.collect();
    let chain = chain(db, file, import.level, import.module);
    Import { at, reach, chain, target, names, star: import.star, bound: None }
}

/// The modules that are loaded on the way to a dotted path.
fn chain(db: &dyn Db, file: SourceFile, level: u32, path: Option<Name>) -> Vec<SourceFile> {
    let mut chain = Vec::new();
    if level > 0 {
        let base = std::iter::successors(file.path(db).parent(), |path| path.parent()).nth(level as usize - 1);
        chain.extend(base.and_then(|base| init_of(db, base)));
    }
    let Some(path) = path else { return chain };
    let full = module_of(db, resolve_module(db, file, level, Some(path)));
    let Some(full) = full else { return chain };
    for (end, _) in path.match_indices('.') {
        let prefix = Name::new(&path[..end]);
        chain.extend(module_of(db, resolve_module(db, file, level, Some(prefix))));
    }
    chain.push(full);
    chain.retain(|module| module.kind(db) == FileKind::Python);
    chain
}

fn module_of(db: &dyn Db, symbol: Symbol) -> Option<SourceFile> {
    match symbol {
        Symbol::Module(file) if file.kind(db) == FileKind::Python => Some(file),
        _ => None,
    }
}
