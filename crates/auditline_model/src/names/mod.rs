//! Names: what they are bound to, across files.
//!
//! A name is looked up in the scopes of its own file; an import leads to [`exported`], one query per module and name,
//! so that a file is looked at again only when a name that it uses means something else.

mod imports;
mod known;
mod local;
mod mentions;
mod modules;
mod scope;

use auditline_syntax::Name;
use auditline_syntax::python::chain;
use auditline_syntax::python::ir::{Code, Expr, ExprId};

use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef};
use crate::symbols::Symbol;

pub use imports::{imported_modules, is_imported};
pub use known::canonical;
pub use local::{ClassScope, FunctionScope, class_scope, function_scope};
pub use mentions::{files_mentioning, files_mentioning_both, files_mentioning_in, mentions};
pub use modules::resolve_module;
pub(crate) use modules::{init_of, module_below, search_path};
pub(crate) use scope::bound_by;
pub use scope::{Binding, Bindings, Exports, ModuleScope, StarImport, module_scope};

/// From where a name is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The top level of a file.
    Module(SourceFile),
    /// The body of a function.
    Function(FunctionRef),
    /// The body of a class.
    Class(ClassRef),
}

impl Scope {
    /// The file of this scope.
    #[must_use]
    pub fn file(self) -> SourceFile {
        match self {
            Self::Module(file) => file,
            Self::Function(function) => function.file,
            Self::Class(class) => class.file,
        }
    }
}

/// What a name means at the top level of a file, built-in names included.
#[must_use]
pub fn resolve_global(db: &dyn Db, file: SourceFile, name: Name) -> Symbol {
    match global(db, file, name) {
        Symbol::Unknown if module_scope(db, file).get(name).is_none() && known::is_builtin(name.as_str()) => {
            Symbol::External(Name::new(&format!("builtins.{name}")))
        }
        symbol => symbol,
    }
}

/// What a name means in a scope: locals, the scopes around, the module, the built-in names. A parameter or a local that
/// is assigned is [`Symbol::Unknown`]: its meaning is a value.
#[must_use]
pub fn resolve_name(db: &dyn Db, scope: Scope, name: Name) -> Symbol {
    match scope {
        Scope::Module(file) => resolve_global(db, file, name),
        Scope::Function(function) => local::resolve_in_function(db, function, name),
        Scope::Class(class) => local::resolve_in_class(db, class, name),
    }
}

/// What a chain of names means at the top level of a file: `a.b.C`.
#[must_use]
pub fn resolve_dotted(db: &dyn Db, file: SourceFile, dotted: &str) -> Symbol {
    resolve_path(db, Scope::Module(file), dotted)
}

/// What a chain of names means in a scope: `a.b.C`.
#[must_use]
pub fn resolve_path(db: &dyn Db, scope: Scope, dotted: &str) -> Symbol {
    let mut parts = dotted.split('.').map(Name::new);
    let Some(first) = parts.next() else { return Symbol::Unknown };
    parts.fold(resolve_name(db, scope, first), |symbol, part| member(db, symbol, part))
}

/// What a name or chain of names means at the top level of a file; [`Symbol::Unknown`] for any other expression.
#[must_use]
pub fn resolve_expr(db: &dyn Db, file: SourceFile, code: &Code, expr: ExprId) -> Symbol {
    resolve(db, Scope::Module(file), code, expr)
}

/// What a name or chain of names means in a function.
#[must_use]
pub fn resolve_in(db: &dyn Db, function: FunctionRef, code: &Code, expr: ExprId) -> Symbol {
    resolve(db, Scope::Function(function), code, expr)
}

/// What a name or chain of names means in a scope; [`Symbol::Unknown`] for any other expression. Type arguments are
/// left out: `Repository[User]` is `Repository`.
#[must_use]
pub fn resolve(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> Symbol {
    if let Expr::Subscript { value, .. } = &code[expr] {
        return resolve(db, scope, code, *value);
    }
    let Some(parts) = chain(code, expr) else { return Symbol::Unknown };
    let Some((first, rest)) = parts.split_first() else { return Symbol::Unknown };
    rest.iter().fold(resolve_name(db, scope, *first), |symbol, part| member(db, symbol, *part))
}

/// What `symbol.name` means: an attribute or submodule of a module, a method or nested class of a class. Other
/// attributes of classes, and those of variables, are values: [`Symbol::Unknown`].
#[must_use]
pub fn member(db: &dyn Db, symbol: Symbol, name: Name) -> Symbol {
    match symbol {
        Symbol::Module(file) => exported(db, file, name),
        Symbol::Namespace(directory) => modules::module_below(db, directory, name.as_str()).unwrap_or(Symbol::Unknown),
        Symbol::External(path) => Symbol::External(Name::new(&format!("{path}.{name}"))),
        Symbol::Class(class) => class_member(db, class, name),
        Symbol::Function(_) | Symbol::Variable(_) | Symbol::Unknown => Symbol::Unknown,
    }
}

/// The file in which a symbol is defined; `None` for what is not in the workspace.
#[must_use]
pub fn definition_file(symbol: Symbol) -> Option<SourceFile> {
    match symbol {
        Symbol::Module(file) => Some(file),
        Symbol::Class(class) => Some(class.file),
        Symbol::Function(function) => Some(function.file),
        Symbol::Variable(variable) => Some(variable.file),
        Symbol::Namespace(_) | Symbol::External(_) | Symbol::Unknown => None,
    }
}

/// What an attribute of a module is: a name that it binds or imports, or a submodule.
#[salsa::tracked(returns(copy), cycle_initial = unknown, cycle_fn = crate::cycles::settle)]
pub fn exported(db: &dyn Db, file: SourceFile, name: Name) -> Symbol {
    match global(db, file, name) {
        Symbol::Unknown => submodule(db, file, name).unwrap_or(Symbol::Unknown),
        symbol => symbol,
    }
}

fn unknown(_: &dyn Db, _: salsa::Id, _: SourceFile, _: Name) -> Symbol {
    Symbol::Unknown
}

fn submodule(db: &dyn Db, file: SourceFile, name: Name) -> Option<Symbol> {
    let path = file.path(db);
    (path.stem() == "__init__").then(|| modules::module_below(db, path.parent()?, name.as_str()))?
}

fn global(db: &dyn Db, file: SourceFile, name: Name) -> Symbol {
    let scope = module_scope(db, file);
    if let Some(bindings) = scope.get(name) {
        return choose(bindings, |binding| bound(db, file, name, binding));
    }
    let mut outside = None;
    let mut several = false;
    // A later star import replaces what an earlier one brought.
    for star in scope.stars.iter().rev() {
        match resolve_module(db, file, star.level, star.module) {
            Symbol::Module(other) if other != file && module_scope(db, other).exports(name) => {
                let symbol = exported(db, other, name);
                if symbol != Symbol::Unknown {
                    return symbol;
                }
            }
            Symbol::External(module) => {
                several = outside.replace(module).is_some();
            }
            _ => {}
        }
    }
    match outside {
        Some(module) if !several && !name.starts_with('_') && !known::is_builtin(name.as_str()) => {
            Symbol::External(Name::new(&format!("{module}.{name}")))
        }
        _ => Symbol::Unknown,
    }
}

/// Which of several bindings counts: the last one that can be told; a definition in the workspace that stands in an
/// alternative (`else`, `except`) rather than one that leads outside.
fn choose(bindings: &Bindings, mut resolve: impl FnMut(Binding) -> Symbol) -> Symbol {
    let is_definition = |symbol: &Symbol| {
        matches!(symbol, Symbol::Class(_) | Symbol::Function(_) | Symbol::Module(_) | Symbol::Namespace(_))
    };
    let main = bindings.main.iter().rev().map(|binding| resolve(*binding)).find(|symbol| *symbol != Symbol::Unknown);
    match main {
        Some(symbol @ (Symbol::Class(_) | Symbol::Function(_) | Symbol::Module(_) | Symbol::Variable(_))) => symbol,
        _ => {
            let mut others: Vec<Symbol> = bindings.fallback.iter().map(|binding| resolve(*binding)).collect();
            if let Some(definition) = others.iter().copied().find(is_definition) {
                return definition;
            }
            others.retain(|symbol| *symbol != Symbol::Unknown);
            main.or(others.first().copied()).unwrap_or(Symbol::Unknown)
        }
    }
}

fn bound(db: &dyn Db, file: SourceFile, name: Name, binding: Binding) -> Symbol {
    match binding {
        Binding::Import { bound, loaded } => imported_module(db, file, bound, loaded),
        Binding::ImportFrom { level, module, name } => imported_name(db, file, level, module, name),
        Binding::Function(path) => Symbol::Function(FunctionRef { file, path }),
        Binding::Class(path) => Symbol::Class(ClassRef { file, path }),
        Binding::Alias(path) => match resolve_alias(db, file, name, path) {
            Symbol::Unknown => Symbol::Variable(VariableRef { file, name }),
            symbol => symbol,
        },
        Binding::Variable => Symbol::Variable(VariableRef { file, name }),
    }
}

/// `name = a.b.C`. The way through [`exported`] ends a circle of aliases.
fn resolve_alias(db: &dyn Db, file: SourceFile, name: Name, path: Name) -> Symbol {
    let mut parts = path.split('.').map(Name::new);
    match parts.next() {
        Some(first) if first != name => {
            let start = match exported(db, file, first) {
                Symbol::Unknown => resolve_builtin(first),
                symbol => symbol,
            };
            parts.fold(start, |symbol, part| member(db, symbol, part))
        }
        _ => Symbol::Unknown,
    }
}

fn resolve_builtin(name: Name) -> Symbol {
    match name.as_str() {
        // Constants are values.
        "None" | "True" | "False" | "Ellipsis" | "NotImplemented" => Symbol::Unknown,
        name if known::is_builtin(name) => Symbol::External(Name::new(&format!("builtins.{name}"))),
        _ => Symbol::Unknown,
    }
}

fn imported_module(db: &dyn Db, file: SourceFile, bound: Name, loaded: Name) -> Symbol {
    match resolve_module(db, file, 0, Some(bound)) {
        // A directory without `__init__.py` gives way to an installed package of that name: `import alembic` beside
        // the folder of the migrations.
        Symbol::Namespace(directory) => match resolve_module(db, file, 0, Some(loaded)) {
            Symbol::Module(_) => Symbol::Namespace(directory),
            _ => Symbol::External(bound),
        },
        symbol => symbol,
    }
}

fn imported_name(db: &dyn Db, file: SourceFile, level: u32, module: Option<Name>, name: Name) -> Symbol {
    match resolve_module(db, file, level, module) {
        // `from . import sub` in the package itself.
        Symbol::Module(own) if own == file => submodule(db, file, name).unwrap_or(Symbol::Unknown),
        symbol @ Symbol::Namespace(_) => match (member(db, symbol, name), level, module) {
            (Symbol::Unknown | Symbol::Namespace(_), 0, Some(module)) if !module.contains('.') => {
                Symbol::External(Name::new(&format!("{module}.{name}")))
            }
            (symbol, ..) => symbol,
        },
        symbol => match (member(db, symbol, name), module) {
            // Another directory may hold a package of that name with this module in it: tests that mirror the packages
            // they test.
            (Symbol::Unknown, Some(module)) if level == 0 => {
                match resolve_module(db, file, 0, Some(Name::new(&format!("{module}.{name}")))) {
                    found @ Symbol::Module(_) => found,
                    _ => Symbol::Unknown,
                }
            }
            (symbol, _) => symbol,
        },
    }
}

fn class_member(db: &dyn Db, class: ClassRef, name: Name) -> Symbol {
    let path = Name::new(&format!("{}.{name}", class.path));
    let nested = ClassRef { file: class.file, path };
    if crate::db::class(db, nested).is_some() {
        return Symbol::Class(nested);
    }
    match crate::classes::method(db, class, name) {
        Some(method) if !crate::classes::is_property(db, method) => Symbol::Function(method),
        _ => Symbol::Unknown,
    }
}
