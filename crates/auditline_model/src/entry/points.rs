//! Entry points: functions that something outside of the code starts.

use auditline_syntax::python::ir::Expr;

use crate::classes;
use crate::db::{Db, FunctionRef, head};
use crate::symbols::Symbol;

/// What starts a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryPoint {
    /// A request of a path: `@router.post("/orders")`.
    Route,
    /// A worker, or the clock: `@app.task`, `@dramatiq.actor`, `@scheduler.scheduled_job(…)`.
    Task,
}

/// Whether a worker runs a function as one of its jobs: a task of a queue, or a coroutine that arq calls with its context
/// (<https://arq-docs.helpmanuals.io/>: the first argument of every job is `ctx`).
#[must_use]
pub fn is_job(db: &dyn Db, of: FunctionRef) -> bool {
    match entry_point(db, of) {
        Some(EntryPoint::Task) => true,
        Some(EntryPoint::Route) => false,
        None => {
            let by_context = head(db, of)
                .is_some_and(|body| body.is_async && body.params.first().is_some_and(|param| param.name == "ctx"));
            by_context && !crate::names::files_mentioning(db, "arq").is_empty()
        }
    }
}

/// What starts a function by its decorators, if anything does.
#[must_use]
pub fn entry_point(db: &dyn Db, of: FunctionRef) -> Option<EntryPoint> {
    if super::is_endpoint(db, of) {
        return Some(EntryPoint::Route);
    }
    let body = head(db, of)?;
    let by_library = classes::decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::External(path) => {
            let mut parts = path.split('.');
            let library = parts.next().unwrap_or_default();
            let last = parts.next_back().unwrap_or_default();
            matches!(library, "celery" | "dramatiq" | "huey" | "taskiq" | "procrastinate" | "rq" | "apscheduler")
                && matches!(last, "task" | "shared_task" | "actor" | "periodic_task" | "job" | "scheduled_job")
        }
        _ => false,
    });
    let by_word = body.decorators.iter().any(|decorator| {
        let target = match &body.code[*decorator] {
            Expr::Call { func, .. } => *func,
            _ => *decorator,
        };
        matches!(&body.code[target], Expr::Attribute { attr, .. }
            if matches!(attr.as_str(), "task" | "periodic_task" | "actor" | "scheduled_job"))
    });
    (by_library || by_word).then_some(EntryPoint::Task)
}
