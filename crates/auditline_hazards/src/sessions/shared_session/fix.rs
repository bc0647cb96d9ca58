//! The cure: hand out a fresh session instead of the kept one.

use auditline_model::FunctionRef;
use auditline_syntax::python::dotted;
use auditline_syntax::python::ir::{Expr, Function};
use auditline_syntax::{Name, TextRange};

use crate::edit;
use crate::finding::{Fix, Safety};

/// For an accessor that keeps its session in a global.
pub(super) fn fresh_session(of: FunctionRef, global: Name) -> Vec<Fix> {
    vec![Fix::new("Return a fresh session for each call", Safety::Unsafe, move |db| {
        edit::in_function(db, of, |scope| edit::return_fresh(scope, global))
    })]
}

/// The decorator that caches, where there is one.
pub(super) fn caching_decorator(body: &Function) -> Option<TextRange> {
    body.decorators.iter().find_map(|decorator| {
        let target = match &body.code[*decorator] {
            Expr::Call { func, .. } => *func,
            _ => *decorator,
        };
        let path = dotted(&body.code, target)?;
        matches!(path.rsplit('.').next(), Some("lru_cache" | "cache")).then(|| body.code.range(*decorator))
    })
}

/// For an accessor that keeps its session in a cache.
pub(super) fn without_cache(of: FunctionRef, decorator: TextRange) -> Fix {
    Fix::new("Return a fresh session for each call", Safety::Unsafe, move |db| {
        edit::in_function(db, of, |scope| edit::remove_decorator(scope, decorator))
    })
}
