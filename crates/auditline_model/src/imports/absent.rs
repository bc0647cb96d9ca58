//! Which names a module certainly does not have.

use auditline_source::FileKind;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, Stmt, StmtKind};
use auditline_syntax::python::walk_statements;

use super::missing::may_hold;
use crate::db::{Db, SourceFile, parsed};
use crate::names::{Binding, Exports, Scope, files_mentioning, module_scope, resolve, resolve_module};
use crate::symbols::Symbol;

/// Whether a module certainly has no attribute of that name, submodules aside: it does not bind it, no star import brings
/// it, no `__getattr__` makes it, and nothing sets it from outside.
#[salsa::tracked(returns(copy))]
pub fn lacks(db: &dyn Db, file: SourceFile, name: Name) -> bool {
    let is_own = name.starts_with("__") && name.ends_with("__");
    !is_own && lacks_itself(db, file, name, &mut Vec::new()) && !is_set_elsewhere(db, file, name)
}

fn lacks_itself(db: &dyn Db, file: SourceFile, name: Name, seen: &mut Vec<SourceFile>) -> bool {
    if seen.contains(&file) {
        // A circle of star imports brings nothing that its members do not have.
        return true;
    }
    seen.push(file);
    if !is_closed(db, file) {
        return false;
    }
    let scope = module_scope(db, file);
    if let Some(bindings) = scope.get(name)
        && !bindings.main.iter().chain(&bindings.fallback).all(|binding| is_of_itself(db, file, name, *binding))
    {
        return false;
    }
    scope.stars.iter().all(|star| match resolve_module(db, file, star.level, star.module) {
        Symbol::Module(other) => {
            let hides = match &module_scope(db, other).exports {
                Exports::Listed(names) => names.binary_search(&name).is_err(),
                Exports::Public => name.starts_with('_'),
                Exports::Unknown => false,
            };
            // A submodule of the other package may be loaded, and then it is one of its names.
            hides || lacks_itself(db, other, name, seen) && !is_below(db, other, name)
        }
        _ => false,
    })
}

/// `from . import name` in the package itself: it brings only what is there already.
fn is_of_itself(db: &dyn Db, file: SourceFile, bound: Name, binding: Binding) -> bool {
    match binding {
        Binding::ImportFrom { level, module, name } => {
            name == bound && resolve_module(db, file, level, module) == Symbol::Module(file)
        }
        _ => false,
    }
}

fn is_below(db: &dyn Db, package: SourceFile, name: Name) -> bool {
    let path = package.path(db);
    path.stem() == "__init__" && path.parent().is_none_or(|directory| may_hold(db, directory, &name))
}

/// Whether all that a module binds is written in it as bindings.
pub(super) fn is_closed(db: &dyn Db, file: SourceFile) -> bool {
    file.kind(db) == FileKind::Python
        && !is_dynamic(db, file)
        && module_scope(db, file).get(Name::new("__getattr__")).is_none()
}

/// Whether a module may bind names that are not written as bindings, or could not be read.
#[salsa::tracked(returns(copy))]
fn is_dynamic(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    if !module.errors.is_empty() || file.content(db).text().is_none() {
        return true;
    }
    let is_dynamic = |code: &Code| {
        code.exprs.iter().any(|expr| match expr {
            Expr::Call { func, .. } => matches!(&code[*func], Expr::Name(name)
                if matches!(name.as_str(), "globals" | "locals" | "vars" | "exec" | "setattr" | "global_enum")),
            Expr::Attribute { value, attr } => {
                *attr == "__dict__" || *attr == "modules" && matches!(&code[*value], Expr::Name(name) if *name == "sys")
            }
            Expr::Name(name) => *name == "__path__",
            _ => false,
        })
    };
    is_dynamic(&module.code)
        || module.functions.iter().any(|function| is_dynamic(&function.code))
        || module.classes.iter().any(|class| is_dynamic(&class.code))
}

/// Whether another file assigns `module.name`.
fn is_set_elsewhere(db: &dyn Db, file: SourceFile, name: Name) -> bool {
    files_mentioning(db, &name).iter().any(|other| sets(db, *other, file, name))
}

fn sets(db: &dyn Db, other: SourceFile, file: SourceFile, name: Name) -> bool {
    let parsed = parsed(db, other);
    let module = &parsed.module;
    let assigns = |code: &Code, stmt: &Stmt| {
        let targets = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.as_slice(),
            StmtKind::AnnAssign { target, .. } => std::slice::from_ref(target),
            _ => return false,
        };
        targets.iter().any(|target| match &code[*target] {
            Expr::Attribute { value, attr } if *attr == name => {
                resolve(db, Scope::Module(other), code, *value) == Symbol::Module(file)
            }
            _ => false,
        })
    };
    let bodies = module.functions.iter().map(|function| &function.code).chain([&module.code]);
    bodies.into_iter().any(|code| {
        let mut found = false;
        walk_statements(&code.block, &mut |stmt| found |= assigns(code, stmt));
        found
    })
}
