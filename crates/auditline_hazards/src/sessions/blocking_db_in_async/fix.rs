//! The cure: a plain `def`, which the framework runs in a thread.

use auditline_model::names::resolve_in;
use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::symbols::Symbol;
use auditline_model::{Db, FunctionRef, entry, function};
use auditline_syntax::python::ir::{Expr, Function, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::edit;
use crate::finding::{Fix, Safety};

/// For an endpoint or dependency that awaits nothing and that only the framework calls.
pub(super) fn plain_def(db: &dyn Db, of: FunctionRef) -> Vec<Fix> {
    let Some(body) = function(db, of) else { return Vec::new() };
    let is_called_by_framework = entry::is_decorated_endpoint(db, of) || !users_of_dependency(db, of).is_empty();
    if !is_called_by_framework || body.class.is_some() || awaits(&body) || needs_event_loop(db, of, &body) {
        return Vec::new();
    }
    vec![Fix::new("Make this a plain `def`, which runs in a thread", Safety::Unsafe, move |db| {
        // Who calls it awaits it, and could not await a plain function.
        if !callers(db, of).is_empty() {
            return None;
        }
        edit::in_function(db, of, |scope| edit::make_plain_def(scope, |_| Some(Vec::new())))
    })]
}

/// Whether something in the function is only allowed in `async def`.
fn awaits(body: &Function) -> bool {
    let mut found = body.code.exprs.iter().any(|expr| match expr {
        Expr::Await(_) => true,
        Expr::Comprehension { clauses, .. } => clauses.iter().any(|clause| clause.is_async),
        _ => false,
    });
    walk_statements(&body.code.block, &mut |stmt| {
        found |= matches!(
            &stmt.kind,
            StmtKind::For { is_async: true, .. }
                | StmtKind::With { is_async: true, .. }
                // What is written inside may await, or be handed to the event loop.
                | StmtKind::Function(_)
                | StmtKind::Broken
        );
    });
    found
}

/// Whether it uses the event loop itself: `asyncio.create_task(...)`.
fn needs_event_loop(db: &dyn Db, of: FunctionRef, body: &Function) -> bool {
    (0u32..).zip(&body.code.exprs).any(|(at, expr)| {
        matches!(expr, Expr::Name(_) | Expr::Attribute { .. })
            && match resolve_in(db, of, &body.code, auditline_syntax::python::ir::ExprId(at)) {
                Symbol::External(path) => matches!(path.split('.').next(), Some("asyncio" | "anyio" | "trio")),
                Symbol::Function(callee) => function(db, callee).is_some_and(|callee| callee.is_async),
                _ => false,
            }
    })
}
