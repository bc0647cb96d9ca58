//! What decorators make of a function.

use auditline_syntax::python::ir::{Expr, Function};

use crate::db::{Db, FunctionRef, head};
use crate::eval::libraries::{Known, known};
use crate::names;
use crate::symbols::Symbol;

/// What each decorator of a function is, arguments left out.
#[must_use]
pub fn decorator_symbols(db: &dyn Db, of: FunctionRef) -> Vec<Symbol> {
    let Some(body) = head(db, of) else { return Vec::new() };
    body.decorators
        .iter()
        .map(|decorator| match &body.code[*decorator] {
            Expr::Call { func, .. } => names::resolve_expr(db, of.file, &body.code, *func),
            _ => names::resolve_expr(db, of.file, &body.code, *decorator),
        })
        .collect()
}

/// Whether something outside the workspace that is not known stands around the function: `@sync_to_async`.
#[must_use]
pub fn has_foreign_decorator(db: &dyn Db, of: FunctionRef) -> bool {
    decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::External(path) => {
            let path = names::canonical(path);
            known(&path).is_none() && !path.starts_with("builtins.")
        }
        _ => false,
    })
}

fn has_known(db: &dyn Db, of: FunctionRef, wanted: Known) -> bool {
    decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::External(path) => known(&names::canonical(path)) == Some(wanted),
        _ => false,
    })
}

/// Whether the function is a context manager made by `contextlib`.
#[must_use]
pub fn is_context_manager(db: &dyn Db, of: FunctionRef) -> bool {
    has_known(db, of, Known::ContextManager)
}

/// Whether the function keeps its first result: `lru_cache`, `cache`.
#[must_use]
pub fn is_cached(db: &dyn Db, of: FunctionRef) -> bool {
    has_known(db, of, Known::Cache)
}

/// Whether reading the attribute calls the method: `property`, `cached_property`, `hybrid_property`.
#[must_use]
pub fn is_property(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.decorators.iter().any(|decorator| {
        let last = match &body.code[*decorator] {
            Expr::Name(name) => *name,
            Expr::Attribute { attr, .. } => *attr,
            Expr::Call { func, .. } => match &body.code[*func] {
                Expr::Name(name) => *name,
                Expr::Attribute { attr, .. } => *attr,
                _ => return false,
            },
            _ => return false,
        };
        last.as_str().ends_with("property") || last.as_str() == "declared_attr"
    })
}

fn has_plain(body: &Function, wanted: &str) -> bool {
    body.decorators.iter().any(|decorator| matches!(&body.code[*decorator], Expr::Name(name) if *name == wanted))
}

/// `@staticmethod`.
#[must_use]
pub fn is_static(body: &Function) -> bool {
    has_plain(body, "staticmethod")
}

/// `@classmethod`.
#[must_use]
pub fn is_class_method(body: &Function) -> bool {
    has_plain(body, "classmethod")
}
