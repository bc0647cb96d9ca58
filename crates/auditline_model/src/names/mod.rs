//! Names: what an identifier or dotted path refers to, across files.

mod canonical;
mod modules;
mod scope;

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId, Function, StmtKind};

use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, function};
use crate::symbols::Symbol;

pub use canonical::canonical;
pub use modules::resolve_module;
pub use scope::{Binding, ModuleScope, module_scope};

/// The files in which a word occurs as an identifier, also in strings and comments.
#[must_use]
pub fn files_mentioning(db: &dyn Db, word: &str) -> Arc<[SourceFile]> {
    Arc::clone(db.files().mentions(db, word).files(db))
}

/// What a name at module level refers to.
#[salsa::tracked(returns(copy), cycle_result = unknown_global)]
pub fn resolve_global(db: &dyn Db, file: SourceFile, name: Name) -> Symbol {
    let scope = module_scope(db, file);
    let mut found = Symbol::Unknown;
    for binding in scope.bindings(name) {
        let symbol = match binding {
            Binding::Import { path } => resolve_module(db, file, 0, Some(*path)),
            Binding::ImportFrom { level, module, name } => {
                let module = resolve_module(db, file, *level, *module);
                member(db, module, *name)
            }
            Binding::Function(path) => Symbol::Function(FunctionRef { file, path: *path }),
            Binding::Class(path) => Symbol::Class(ClassRef { file, path: *path }),
            Binding::Variable => Symbol::Variable(VariableRef { file, name }),
        };
        // Of several bindings (a conditional import, a fallback in `except ImportError`) one of the workspace is
        // preferred, then one that is known at all; a later definition replaces an earlier one.
        found = match (found, symbol) {
            (known, Symbol::Unknown) => known,
            (Symbol::Class(_) | Symbol::Function(_) | Symbol::Module(_), Symbol::External(_) | Symbol::Variable(_)) => {
                found
            }
            (_, symbol) => symbol,
        };
    }
    if found != Symbol::Unknown {
        return found;
    }
    for star in &scope.stars {
        let module = resolve_module(db, file, star.level, star.module);
        if let Symbol::Module(target) = module
            && target != file
            && module_scope(db, target).exports(name)
        {
            let symbol = resolve_global(db, target, name);
            if symbol != Symbol::Unknown {
                return symbol;
            }
        }
    }
    Symbol::Unknown
}

fn unknown_global(_db: &dyn Db, _id: salsa::Id, _file: SourceFile, _name: Name) -> Symbol {
    Symbol::Unknown
}

/// An attribute of a module or package, or of something outside.
#[must_use]
pub fn member(db: &dyn Db, of: Symbol, name: Name) -> Symbol {
    match of {
        Symbol::Module(file) => {
            let symbol = resolve_global(db, file, name);
            if symbol != Symbol::Unknown {
                return symbol;
            }
            // A submodule of a package: `from app import models`.
            let path = file.path(db);
            match path.parent() {
                Some(directory) if path.stem() == "__init__" => modules::in_directory(db, directory, name),
                _ => Symbol::Unknown,
            }
        }
        Symbol::Namespace(directory) => modules::in_directory(db, directory, name),
        Symbol::External(path) => Symbol::External(Name::new(&format!("{path}.{name}"))),
        Symbol::Class(class) => {
            let nested = Name::new(&format!("{}.{name}", class.path));
            let nested = ClassRef { file: class.file, path: nested };
            if crate::db::class(db, nested).is_some() { Symbol::Class(nested) } else { Symbol::Unknown }
        }
        Symbol::Function(_) | Symbol::Variable(_) | Symbol::Unknown => Symbol::Unknown,
    }
}

/// What a name or attribute chain refers to at module level.
#[must_use]
pub fn resolve_expr(db: &dyn Db, file: SourceFile, code: &Code, expr: ExprId) -> Symbol {
    match &code[expr] {
        Expr::Name(name) => match resolve_global(db, file, *name) {
            Symbol::Unknown => builtin(*name),
            symbol => symbol,
        },
        Expr::Attribute { value, attr } => member(db, resolve_expr(db, file, code, *value), *attr),
        Expr::Subscript { value, .. } => resolve_expr(db, file, code, *value),
        _ => Symbol::Unknown,
    }
}

/// What a name or attribute chain refers to in a function: imports and definitions inside it and the functions around
/// it come first; parameters and assigned locals are values, not symbols.
#[must_use]
pub fn resolve_in(db: &dyn Db, of: FunctionRef, code: &Code, expr: ExprId) -> Symbol {
    match &code[expr] {
        Expr::Name(name) => resolve_local(db, of, *name),
        Expr::Attribute { value, attr } => member(db, resolve_in(db, of, code, *value), *attr),
        Expr::Subscript { value, .. } => resolve_in(db, of, code, *value),
        _ => Symbol::Unknown,
    }
}

fn resolve_local(db: &dyn Db, of: FunctionRef, name: Name) -> Symbol {
    let mut scope = Some(of);
    while let Some(current) = scope {
        let Some(body) = function(db, current) else { break };
        if let Some(symbol) = local_symbol(db, current, &body, name) {
            return symbol;
        }
        let parsed = crate::db::parsed(db, current.file);
        scope = body
            .outer
            .and_then(|outer| parsed.module.functions.get(outer.index()))
            .map(|outer| FunctionRef { file: current.file, path: outer.path });
    }
    match resolve_global(db, of.file, name) {
        Symbol::Unknown => builtin(name),
        symbol => symbol,
    }
}

fn local_symbol(db: &dyn Db, of: FunctionRef, body: &Function, name: Name) -> Option<Symbol> {
    if body.param(name).is_some() {
        return Some(Symbol::Unknown);
    }
    let mut found = None;
    auditline_syntax::python::walk_statements(&body.code.block, &mut |stmt| {
        let symbol = match &stmt.kind {
            StmtKind::ImportFrom(import) => import
                .names
                .iter()
                .find(|imported| imported.bound() == name)
                .map(|imported| member(db, resolve_module(db, of.file, import.level, import.module), imported.name)),
            StmtKind::Import(modules) => modules.iter().find_map(|module| {
                let head = Name::new(module.path.split('.').next().unwrap_or_default());
                match module.alias {
                    Some(alias) if alias == name => Some(resolve_module(db, of.file, 0, Some(module.path))),
                    None if head == name => Some(resolve_module(db, of.file, 0, Some(head))),
                    _ => None,
                }
            }),
            StmtKind::Function(_) | StmtKind::Class(_) => None,
            StmtKind::Assign { targets, .. } => targets
                .iter()
                .any(|target| matches!(&body.code[*target], Expr::Name(bound) if *bound == name))
                .then_some(Symbol::Unknown),
            StmtKind::AnnAssign { target, .. } | StmtKind::For { target, .. } => {
                matches!(&body.code[*target], Expr::Name(bound) if *bound == name).then_some(Symbol::Unknown)
            }
            StmtKind::With { items, .. } => items
                .iter()
                .any(|item| {
                    item.target.is_some_and(|target| matches!(&body.code[target], Expr::Name(bound) if *bound == name))
                })
                .then_some(Symbol::Unknown),
            _ => None,
        };
        if symbol.is_some() && (found.is_none() || found == Some(Symbol::Unknown)) {
            found = symbol;
        }
    });
    if found.is_some() {
        return found;
    }
    let nested = Name::new(&format!("{}.{name}", of.path));
    let as_function = FunctionRef { file: of.file, path: nested };
    if function(db, as_function).is_some() {
        return Some(Symbol::Function(as_function));
    }
    let as_class = ClassRef { file: of.file, path: nested };
    crate::db::class(db, as_class).is_some().then_some(Symbol::Class(as_class))
}

/// Builtins that matter to annotations.
fn builtin(name: Name) -> Symbol {
    match name.as_str() {
        "list" | "set" | "tuple" | "dict" | "type" | "frozenset" | "str" | "int" | "float" | "bool" | "bytes"
        | "object" | "property" | "staticmethod" | "classmethod" | "Exception" | "BaseException" | "ValueError" => {
            Symbol::External(Name::new(&format!("builtins.{name}")))
        }
        _ => Symbol::Unknown,
    }
}
