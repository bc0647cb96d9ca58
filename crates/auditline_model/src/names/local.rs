//! What functions and class bodies bind.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr};
use auditline_syntax::python::walk_block_expressions;
use rustc_hash::{FxHashMap, FxHashSet};

use super::scope::Collector;
use super::{Binding, Bindings, choose, imported_module, imported_name, resolve_global};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, parsed};
use crate::symbols::Symbol;

/// The names that a function binds, without positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionScope {
    bindings: FxHashMap<Name, Bindings>,
    /// Names that it declares `global`.
    globals: FxHashSet<Name>,
    /// The scope around it: a function, or nothing where the module is next.
    outer: Option<Name>,
}

impl FunctionScope {
    /// The bindings of a name in this very function. A parameter is a [`Binding::Variable`].
    #[must_use]
    pub fn get(&self, name: Name) -> Option<&Bindings> {
        self.bindings.get(&name)
    }

    /// Whether the function declares the name `global`.
    #[must_use]
    pub fn is_global(&self, name: Name) -> bool {
        self.globals.contains(&name)
    }
}

/// The names that a function binds: parameters, assignments, imports, definitions.
#[must_use]
pub fn function_scope(db: &dyn Db, function: FunctionRef) -> Arc<FunctionScope> {
    function_scope_at(db, function.file, function.path)
}

#[salsa::tracked(returns(clone))]
fn function_scope_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<FunctionScope> {
    let parsed = parsed(db, file);
    let Some(function) = parsed.function_index(path).map(|index| &parsed.module.functions[index]) else {
        return Arc::default();
    };
    let mut collector = Collector::new(&parsed.module, &function.code);
    for param in &function.params {
        collector.add(param.name, Binding::Variable, false);
    }
    collector.block(&function.code.block, false);
    inner_names(&function.code, &function.code.block, |name| collector.add(name, Binding::Variable, true));
    let mut globals = FxHashSet::default();
    for (name, is_global) in std::mem::take(&mut collector.foreign) {
        collector.bindings.remove(&name);
        if is_global {
            globals.insert(name);
        }
    }
    let outer = function.outer.and_then(|outer| parsed.module.functions.get(outer.index())).map(|outer| outer.path);
    Arc::new(FunctionScope { bindings: collector.bindings, globals, outer })
}

/// The variables of comprehensions and lambdas. They are taken for locals of the whole function: at worst, a module
/// of the same name is not recognised.
fn inner_names(code: &Code, block: &Block, mut add: impl FnMut(Name)) {
    let mut targets = Vec::new();
    walk_block_expressions(code, block, &mut |expr| match &code[expr] {
        Expr::Comprehension { clauses, .. } => targets.extend(clauses.iter().map(|clause| clause.target)),
        Expr::Lambda { params, .. } => params.iter().for_each(|param| add(param.name)),
        _ => {}
    });
    while let Some(target) = targets.pop() {
        match &code[target] {
            Expr::Name(name) => add(*name),
            Expr::Tuple(parts) | Expr::List(parts) => targets.extend(parts),
            Expr::Starred(inner) => targets.push(*inner),
            _ => {}
        }
    }
}

pub(super) fn resolve_in_function(db: &dyn Db, function: FunctionRef, name: Name) -> Symbol {
    let file = function.file;
    let mut at = Some(function.path);
    while let Some(path) = at {
        let scope = function_scope_at(db, file, path);
        if scope.is_global(name) {
            break;
        }
        if let Some(bindings) = scope.get(name) {
            return resolve_local(db, file, bindings);
        }
        at = scope.outer;
    }
    resolve_global(db, file, name)
}

fn resolve_local(db: &dyn Db, file: SourceFile, bindings: &Bindings) -> Symbol {
    // A name that is also assigned has a value, not a meaning.
    let mut assigned = false;
    let symbol = choose(bindings, |binding| match binding {
        Binding::Import { bound, loaded } => imported_module(db, file, bound, loaded),
        Binding::ImportFrom { level, module, name } => imported_name(db, file, level, module, name),
        Binding::Function(path) => Symbol::Function(FunctionRef { file, path }),
        Binding::Class(path) => Symbol::Class(ClassRef { file, path }),
        Binding::Alias(_) | Binding::Variable => {
            assigned = true;
            Symbol::Unknown
        }
    });
    let all = bindings.main.iter().chain(&bindings.fallback);
    if assigned || all.into_iter().any(|binding| matches!(binding, Binding::Alias(_) | Binding::Variable)) {
        return Symbol::Unknown;
    }
    symbol
}

pub(super) fn resolve_in_class(db: &dyn Db, class: ClassRef, name: Name) -> Symbol {
    let file = class.file;
    let own = class_scope(db, class);
    if let Some(bindings) = own.get(name) {
        // In `class C: date: date` the name is looked up before it is bound, and a method `list` does not change what
        // an annotation `list[int]` was written to mean: only classes and imports of the body count.
        match resolve_local(db, file, bindings) {
            Symbol::Unknown | Symbol::Function(_) => {}
            symbol => return symbol,
        }
    }
    match own.outer {
        Some(path) => resolve_in_function(db, FunctionRef { file, path }, name),
        None => resolve_global(db, file, name),
    }
}

/// The names that a class body binds, those of its bases not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassScope {
    bindings: FxHashMap<Name, Bindings>,
    outer: Option<Name>,
}

impl ClassScope {
    /// The bindings of a name.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<&Bindings> {
        self.bindings.get(&name)
    }

    /// All bound names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.bindings.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

/// The names that a class body binds.
#[must_use]
pub fn class_scope(db: &dyn Db, class: ClassRef) -> Arc<ClassScope> {
    class_scope_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn class_scope_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<ClassScope> {
    let parsed = parsed(db, file);
    let Some(class) = parsed.class_index(path).map(|index| &parsed.module.classes[index]) else {
        return Arc::default();
    };
    let mut collector = Collector::new(&parsed.module, &class.code);
    collector.block(&class.code.block, false);
    let outer = class.outer.and_then(|outer| parsed.module.functions.get(outer.index())).map(|outer| outer.path);
    Arc::new(ClassScope { bindings: collector.bindings, outer })
}
