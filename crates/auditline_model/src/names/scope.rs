//! What the module level of a file binds.

use std::sync::Arc;

use auditline_source::FilePath;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Block, Code, Expr, ExprId, Function, Module, Stmt, StmtKind};
use auditline_syntax::python::{Call, dotted, walk_expression, walk_statement_expressions, walk_statements};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::db::{Db, SourceFile, parsed};

/// One way in which a scope binds a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binding {
    /// `import a.b as x` binds the module `a.b`; `import a.b` binds `a` and loads `a.b`.
    Import {
        /// The module that is bound.
        bound: Name,
        /// The module that is loaded.
        loaded: Name,
    },
    /// `from ..module import name`.
    ImportFrom {
        /// The number of leading dots.
        level: u32,
        /// The path behind the dots.
        module: Option<Name>,
        /// The name in that module.
        name: Name,
    },
    /// `def`, by its path in the module.
    Function(Name),
    /// `class`, by its path in the module.
    Class(Name),
    /// `x = a.b.C`: another name for something, if `a.b.C` can be told; otherwise a variable.
    Alias(Name),
    /// Any other assignment.
    Variable,
}

/// The bindings of one name, in source order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bindings {
    /// Those that count: a later one replaces an earlier one.
    pub main: SmallVec<[Binding; 1]>,
    /// Those of `except` handlers and `else` branches, which count where the others cannot be told.
    pub fallback: SmallVec<[Binding; 0]>,
}

/// `from module import *`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StarImport {
    /// The number of leading dots.
    pub level: u32,
    /// The path behind the dots.
    pub module: Option<Name>,
}

/// What `__all__` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Exports {
    /// There is none: every name without a leading underscore is exported.
    #[default]
    Public,
    /// These names, sorted.
    Listed(Vec<Name>),
    /// There is one that cannot be read.
    Unknown,
}

/// The names that a module binds at its top level, without positions: it stays equal while bodies are edited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleScope {
    bindings: FxHashMap<Name, Bindings>,
    /// The star imports, in source order.
    pub stars: Vec<StarImport>,
    /// What a star import of this module brings.
    pub exports: Exports,
}

impl ModuleScope {
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

    /// Whether `from module import *` brings this name.
    #[must_use]
    pub fn exports(&self, name: Name) -> bool {
        match &self.exports {
            Exports::Public => !name.starts_with('_'),
            Exports::Listed(names) => names.binary_search(&name).is_ok(),
            Exports::Unknown => true,
        }
    }
}

/// The top-level names of a Python file.
#[salsa::tracked(returns(clone))]
pub fn module_scope(db: &dyn Db, file: SourceFile) -> Arc<ModuleScope> {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let mut collector = Collector::new(module, &module.code);
    collector.block(&module.code.block, false);
    for function in &module.functions {
        collector.globals(function);
    }
    let exports = exports(&module.code);
    Arc::new(ModuleScope { bindings: collector.bindings, stars: collector.stars, exports })
}

/// The names that one statement at module level binds, without those of blocks in it.
pub(crate) fn bound_by(module: &Module, stmt: &Stmt) -> Vec<Name> {
    let mut collector = Collector::new(module, &module.code);
    collector.statement(stmt, false);
    collector.bindings.into_keys().collect()
}

/// Collects what a body binds.
pub(super) struct Collector<'a> {
    module: &'a Module,
    code: &'a Code,
    pub(super) bindings: FxHashMap<Name, Bindings>,
    pub(super) stars: Vec<StarImport>,
    /// Names declared `global` or `nonlocal`: they are not bound here.
    pub(super) foreign: Vec<(Name, bool)>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(module: &'a Module, code: &'a Code) -> Self {
        Self { module, code, bindings: FxHashMap::default(), stars: Vec::new(), foreign: Vec::new() }
    }

    pub(super) fn add(&mut self, name: Name, binding: Binding, fallback: bool) {
        let bindings = self.bindings.entry(name).or_default();
        if fallback {
            if bindings.fallback.last() != Some(&binding) {
                bindings.fallback.push(binding);
            }
        } else if bindings.main.last() != Some(&binding) {
            bindings.main.push(binding);
        }
    }

    pub(super) fn block(&mut self, block: &Block, fallback: bool) {
        // A list of blocks to come, not recursion: an `elif` chain may be thousands of blocks deep. A block that is
        // found inside another is read after it, but before what follows: the stack holds iterators.
        let mut rest = vec![(block.iter(), fallback)];
        while let Some((iter, fallback)) = rest.last_mut() {
            let fallback = *fallback;
            let Some(stmt) = iter.next() else {
                rest.pop();
                continue;
            };
            self.statement(stmt, fallback);
            let from = rest.len();
            match &stmt.kind {
                StmtKind::If(inner) => {
                    rest.push((inner.body.iter(), fallback));
                    rest.push((inner.orelse.iter(), true));
                }
                StmtKind::While { body, orelse, .. } | StmtKind::For { body, orelse, .. } => {
                    rest.push((body.iter(), fallback));
                    rest.push((orelse.iter(), fallback));
                }
                StmtKind::With { body, .. } => rest.push((body.iter(), fallback)),
                StmtKind::Try(inner) => {
                    rest.push((inner.body.iter(), fallback));
                    for handler in &inner.handlers {
                        if let Some(name) = handler.name {
                            self.add(name, Binding::Variable, true);
                        }
                        rest.push((handler.body.iter(), true));
                    }
                    rest.push((inner.orelse.iter(), fallback));
                    rest.push((inner.finally.iter(), fallback));
                }
                StmtKind::Match { cases, .. } => {
                    rest.extend(cases.iter().map(|case| (case.body.iter(), fallback)));
                }
                _ => {}
            }
            rest[from..].reverse();
        }
    }

    fn statement(&mut self, stmt: &Stmt, fallback: bool) {
        let code = self.code;
        match &stmt.kind {
            StmtKind::Import(modules) => {
                for module in modules {
                    match module.alias {
                        Some(alias) => {
                            let binding = Binding::Import { bound: module.path, loaded: module.path };
                            self.add(alias, binding, fallback);
                        }
                        None => {
                            let top = Name::new(module.path.split('.').next().unwrap_or_default());
                            self.add(top, Binding::Import { bound: top, loaded: module.path }, fallback);
                        }
                    }
                }
            }
            StmtKind::ImportFrom(import) => {
                if import.star {
                    self.stars.push(StarImport { level: import.level, module: import.module });
                }
                for name in &import.names {
                    let binding = Binding::ImportFrom { level: import.level, module: import.module, name: name.name };
                    self.add(name.bound(), binding, fallback);
                }
            }
            StmtKind::Function(index) => {
                if let Some(function) = self.module.functions.get(index.index()) {
                    self.add(function.name, Binding::Function(function.path), fallback);
                }
            }
            StmtKind::Class(index) => {
                if let Some(class) = self.module.classes.get(index.index()) {
                    self.add(class.name, Binding::Class(class.path), fallback);
                }
            }
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    match (&code[*target], dotted(code, *value)) {
                        (Expr::Name(name), Some(path)) => self.add(*name, Binding::Alias(path), fallback),
                        _ => self.target(*target, fallback),
                    }
                }
            }
            StmtKind::AnnAssign { target, value, .. } => match (&code[*target], value) {
                (Expr::Name(name), Some(value)) => match dotted(code, *value) {
                    Some(path) => self.add(*name, Binding::Alias(path), fallback),
                    None => self.add(*name, Binding::Variable, fallback),
                },
                _ => self.target(*target, fallback),
            },
            StmtKind::AugAssign { target, .. } => self.target(*target, fallback),
            StmtKind::For { target, .. } => self.target(*target, fallback),
            StmtKind::With { items, .. } => {
                for item in items {
                    if let Some(target) = item.target {
                        self.target(target, fallback);
                    }
                }
            }
            StmtKind::Match { cases, .. } => {
                for case in cases {
                    self.pattern(case.pattern);
                }
            }
            StmtKind::TypeAlias { name, .. } => self.add(*name, Binding::Variable, fallback),
            StmtKind::Global(names) => self.foreign.extend(names.iter().map(|name| (*name, true))),
            StmtKind::Nonlocal(names) => self.foreign.extend(names.iter().map(|name| (*name, false))),
            _ => {}
        }
        walk_statement_expressions(code, stmt, &mut |expr| {
            if let Expr::Named { target, .. } = &code[expr] {
                self.add(*target, Binding::Variable, fallback);
            }
        });
    }

    /// The names that an assignment to this target binds.
    pub(super) fn target(&mut self, target: ExprId, fallback: bool) {
        let code = self.code;
        let mut rest = vec![target];
        while let Some(target) = rest.pop() {
            match &code[target] {
                Expr::Name(name) => self.add(*name, Binding::Variable, fallback),
                Expr::Tuple(parts) | Expr::List(parts) => rest.extend(parts),
                Expr::Starred(inner) => rest.push(*inner),
                _ => {}
            }
        }
    }

    /// The captures of a pattern: bare names in it, but for what is called or looked into.
    fn pattern(&mut self, pattern: ExprId) {
        let code = self.code;
        let mut skipped = Vec::new();
        walk_expression(code, pattern, &mut |expr| match &code[expr] {
            Expr::Call { func, .. } => skipped.push(*func),
            Expr::Attribute { value, .. } => skipped.push(*value),
            Expr::Name(name) if !skipped.contains(&expr) && *name != "_" => {
                self.add(*name, Binding::Variable, true);
            }
            _ => {}
        });
    }

    /// What a function assigns to module-level names with `global`.
    fn globals(&mut self, function: &Function) {
        walk_statements(&function.code.block, &mut |stmt| {
            if let StmtKind::Global(names) = &stmt.kind {
                for name in names {
                    if !self.bindings.contains_key(name) {
                        self.add(*name, Binding::Variable, false);
                    }
                }
            }
        });
    }
}

/// Reads `__all__`: displays of strings, joined by `+`, `+=`, `.extend` and `.append`.
fn exports(code: &Code) -> Exports {
    let mut exports = Exports::Public;
    let is_all = |expr: ExprId| matches!(&code[expr], Expr::Name(name) if *name == "__all__");
    walk_statements(&code.block, &mut |stmt| {
        let (value, replaces) = match &stmt.kind {
            StmtKind::Assign { targets, value } if targets.iter().any(|target| is_all(*target)) => (*value, true),
            StmtKind::AnnAssign { target, value: Some(value), .. } if is_all(*target) => (*value, true),
            StmtKind::AugAssign { target, value, .. } if is_all(*target) => (*value, false),
            StmtKind::Expr(expr) => match Call::of(code, *expr) {
                Some(call) => match (call.method(code), call.positional(0)) {
                    (Some((object, method)), Some(value))
                        if is_all(object) && (method == "extend" || method == "append") =>
                    {
                        (value, false)
                    }
                    _ => return,
                },
                None => return,
            },
            _ => return,
        };
        let mut names = Vec::new();
        let readable = strings(code, value, &mut names);
        exports = match (std::mem::take(&mut exports), readable) {
            (_, false) | (Exports::Unknown, _) => Exports::Unknown,
            (Exports::Listed(old), true) if !replaces => Exports::Listed(old.into_iter().chain(names).collect()),
            _ => Exports::Listed(names),
        };
    });
    if let Exports::Listed(names) = &mut exports {
        names.sort_unstable();
        names.dedup();
    }
    exports
}

/// The strings of a display; whether that is all that is in it.
fn strings(code: &Code, value: ExprId, names: &mut Vec<Name>) -> bool {
    let mut readable = true;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match &code[value] {
            Expr::Str(text) => names.push(Name::new(text)),
            Expr::List(parts) | Expr::Tuple(parts) | Expr::Set(parts) => rest.extend(parts),
            Expr::Starred(inner) => rest.push(*inner),
            Expr::Binary { op: BinaryOp::Add, left, right } => rest.extend([*left, *right]),
            _ => readable = false,
        }
    }
    readable
}

/// The directory of a file.
pub(crate) fn directory_of(db: &dyn Db, file: SourceFile) -> Option<FilePath> {
    file.path(db).parent()
}
