//! What small functions return, as an expression.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::classes::{Detached, DetachedArg, detach, variable};
use crate::db::{Db, FunctionRef, SourceFile, function};
use crate::names::Scope;
use crate::symbols::Symbol;

/// What a function returns, where it has one `return` with a value: `def id_column(): return Column(…)`, and methods
/// under `declared_attr`.
#[must_use]
pub fn returned_expression(db: &dyn Db, of: FunctionRef) -> Option<Detached> {
    returned_at(db, of.file, of.path)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn returned_at(db: &dyn Db, file: SourceFile, path: Name) -> Option<Detached> {
    let of = FunctionRef { file, path };
    let body = function(db, of)?;
    let mut returned = None;
    let mut several = false;
    walk_statements(&body.code.block, &mut |stmt| {
        if let StmtKind::Return(Some(value)) = &stmt.kind {
            several |= returned.replace(*value).is_some();
        }
    });
    if several {
        return None;
    }
    Some(detach(db, Scope::Function(of), &body.code, returned?))
}

/// A call as it comes out of the project's own helpers: `id_column()` is what the function returns,
/// `RequiredColumn(String)` of `RequiredColumn = partial(Column, nullable=False)` is `Column(String, nullable=False)`.
pub(super) fn expand(db: &dyn Db, value: &Detached) -> Option<Detached> {
    const MAX_STEPS: usize = 4;
    let mut at = value.clone();
    for step in 0..MAX_STEPS {
        let next = match &at {
            Detached::Call { func, args } => match func.symbol() {
                Symbol::Function(function) => returned_expression(db, function),
                Symbol::Variable(reference) => match variable(db, reference)?.value.clone() {
                    Some(Detached::Call { func: partial, args: bound })
                        if partial.external().is_some_and(|path| path == "functools.partial") =>
                    {
                        applied(&bound, args)
                    }
                    Some(path @ Detached::Path { .. }) => {
                        Some(Detached::Call { func: Box::new(path), args: args.clone() })
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return (step > 0).then_some(at),
        }
    }
    None
}

fn applied(bound: &[DetachedArg], args: &[DetachedArg]) -> Option<Detached> {
    let (func, bound) = bound.split_first()?;
    let mut all: Vec<DetachedArg> = bound.to_vec();
    for arg in args {
        if let ArgKind::Keyword(name) = arg.kind {
            all.retain(|own| own.kind != ArgKind::Keyword(name));
        }
        all.push(arg.clone());
    }
    Some(Detached::Call { func: Box::new(func.value.clone()), args: all })
}
