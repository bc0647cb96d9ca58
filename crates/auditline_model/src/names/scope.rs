//! What a module binds at its top level.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Module, StmtKind};
use rustc_hash::FxHashMap;

use crate::db::{Db, SourceFile, parsed};

/// The names of a module, without positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleScope {
    names: FxHashMap<Name, Vec<Binding>>,
    /// Its star imports, in order.
    pub stars: Vec<Star>,
    /// `__all__`, where it is a plain list of strings.
    pub all: Option<Vec<Name>>,
}

/// One way in which a module binds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// `import a.b as x`, or `import a.b` for `a`.
    Import {
        /// What the name stands for.
        path: Name,
    },
    /// `from m import name`.
    ImportFrom {
        /// The number of leading dots.
        level: u32,
        /// The module behind the dots.
        module: Option<Name>,
        /// The name in it.
        name: Name,
    },
    /// `def`.
    Function(Name),
    /// `class`.
    Class(Name),
    /// An assignment, a loop, a `with`.
    Variable,
}

/// A star import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Star {
    /// The number of leading dots.
    pub level: u32,
    /// The module behind the dots.
    pub module: Option<Name>,
}

impl ModuleScope {
    /// The ways in which the module binds a name, in order.
    #[must_use]
    pub fn bindings(&self, name: Name) -> &[Binding] {
        self.names.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Whether a star import takes the name along.
    #[must_use]
    pub fn exports(&self, name: Name) -> bool {
        match &self.all {
            Some(all) => all.contains(&name),
            None => !name.starts_with('_'),
        }
    }

    /// Every name, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = (Name, &[Binding])> {
        self.names.iter().map(|(name, bindings)| (*name, bindings.as_slice()))
    }
}

/// What a module binds at its top level, in any branch.
#[salsa::tracked(returns(clone))]
pub fn module_scope(db: &dyn Db, file: SourceFile) -> Arc<ModuleScope> {
    let parsed = parsed(db, file);
    let mut scope = ModuleScope::default();
    collect(&parsed.module, &parsed.module.code.block, &mut scope);
    for function in &parsed.module.functions {
        auditline_syntax::python::walk_statements(&function.code.block, &mut |stmt| {
            if let StmtKind::Global(names) = &stmt.kind {
                for name in names {
                    scope.names.entry(*name).or_insert_with(|| vec![Binding::Variable]);
                }
            }
        });
    }
    Arc::new(scope)
}

fn collect(module: &Module, block: &Block, scope: &mut ModuleScope) {
    let code = &module.code;
    for stmt in block {
        match &stmt.kind {
            StmtKind::Import(modules) => {
                for imported in modules {
                    let (name, path) = match imported.alias {
                        Some(alias) => (alias, imported.path),
                        None => {
                            let head = Name::new(imported.path.split('.').next().unwrap_or_default());
                            (head, head)
                        }
                    };
                    bind(scope, name, Binding::Import { path });
                }
            }
            StmtKind::ImportFrom(import) => {
                if import.star {
                    scope.stars.push(Star { level: import.level, module: import.module });
                }
                for name in &import.names {
                    let binding = Binding::ImportFrom { level: import.level, module: import.module, name: name.name };
                    bind(scope, name.bound(), binding);
                }
            }
            StmtKind::Function(index) => {
                if let Some(function) = module.functions.get(index.index()) {
                    bind(scope, function.name, Binding::Function(function.path));
                }
            }
            StmtKind::Class(index) => {
                if let Some(class) = module.classes.get(index.index()) {
                    bind(scope, class.name, Binding::Class(class.path));
                }
            }
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    target_names(code, *target, scope);
                    if matches!(&code[*target], Expr::Name(name) if *name == "__all__") {
                        scope.all = strings(code, *value);
                    }
                }
            }
            StmtKind::AnnAssign { target, .. } => target_names(code, *target, scope),
            StmtKind::AugAssign { target, .. } => {
                // `__all__ += …`: no plain list.
                if matches!(&code[*target], Expr::Name(name) if *name == "__all__") {
                    scope.all = None;
                }
            }
            StmtKind::TypeAlias { name, .. } => bind(scope, *name, Binding::Variable),
            StmtKind::If(inner) => {
                collect(module, &inner.body, scope);
                collect(module, &inner.orelse, scope);
            }
            StmtKind::While { body, orelse, .. } => {
                collect(module, body, scope);
                collect(module, orelse, scope);
            }
            StmtKind::For { target, body, orelse, .. } => {
                target_names(code, *target, scope);
                collect(module, body, scope);
                collect(module, orelse, scope);
            }
            StmtKind::With { items, body, .. } => {
                for target in items.iter().filter_map(|item| item.target) {
                    target_names(code, target, scope);
                }
                collect(module, body, scope);
            }
            StmtKind::Try(inner) => {
                collect(module, &inner.body, scope);
                for handler in &inner.handlers {
                    collect(module, &handler.body, scope);
                }
                collect(module, &inner.orelse, scope);
                collect(module, &inner.finally, scope);
            }
            StmtKind::Match { cases, .. } => {
                for case in cases {
                    collect(module, &case.body, scope);
                }
            }
            _ => {}
        }
    }
}

fn bind(scope: &mut ModuleScope, name: Name, binding: Binding) {
    scope.names.entry(name).or_default().push(binding);
}

fn target_names(code: &Code, target: ExprId, scope: &mut ModuleScope) {
    match &code[target] {
        Expr::Name(name) => bind(scope, *name, Binding::Variable),
        Expr::Tuple(items) | Expr::List(items) => items.iter().for_each(|item| target_names(code, *item, scope)),
        Expr::Starred(inner) => target_names(code, *inner, scope),
        _ => {}
    }
}

fn strings(code: &Code, value: ExprId) -> Option<Vec<Name>> {
    match &code[value] {
        Expr::List(items) | Expr::Tuple(items) => items
            .iter()
            .map(|item| match &code[*item] {
                Expr::Str(text) => Some(Name::new(text)),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}
