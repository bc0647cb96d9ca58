//! Decorators: the `try` statements that stand around what is decorated.

use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use crate::db::{Db, FunctionRef, function, head};

use super::{TryInfo, unit_of};

/// The `try` statements of a function that stands in a decorator, or of the decorator itself, whose body names what one of
/// the functions around it was handed, to call it or to have it called: the function that is decorated.
#[must_use]
pub fn tries_around_decorated(db: &dyn Db, of: FunctionRef) -> Vec<TryInfo> {
    let Some(body) = function(db, of) else { return Vec::new() };
    let handed = handed(db, of);
    let code = &body.code;
    let uses: Vec<TextRange> = code
        .exprs
        .iter()
        .zip(&code.ranges)
        .filter(|(expr, _)| matches!(expr, Expr::Name(name) if handed.contains(name)))
        .map(|(_, range)| *range)
        .collect();
    let mut heads: Vec<TextRange> = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        let StmtKind::Try(guarded) = &stmt.kind else { return };
        let (Some(first), Some(last), Some(handler)) =
            (guarded.body.first(), guarded.body.last(), guarded.handlers.first())
        else {
            return;
        };
        let inside = TextRange::new(first.range.start(), last.range.end());
        if uses.iter().any(|used| inside.contains_range(*used)) {
            heads.push(handler.range);
        }
    });
    let unit = unit_of(db, of);
    let is_one = |info: &&TryInfo| info.handlers.first().is_some_and(|handler| heads.contains(&handler.range));
    unit.tries.iter().filter(is_one).cloned().collect()
}

/// The parameters of the functions in which a function stands, as far as it has none of that name; of a decorator, its own.
fn handed(db: &dyn Db, of: FunctionRef) -> Vec<Name> {
    let params = |path: Name| {
        let body = head(db, FunctionRef { file: of.file, path })?;
        Some(body.params.iter().map(|param| param.name).collect::<Vec<_>>())
    };
    let own = params(of.path).unwrap_or_default();
    let path = of.path.as_str();
    let around: Vec<Vec<Name>> = path.match_indices('.').filter_map(|(at, _)| params(Name::new(&path[..at]))).collect();
    if around.is_empty() { own } else { around.concat().into_iter().filter(|name| !own.contains(name)).collect() }
}
