//! Coroutines that have an event loop to themselves.

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Code, Expr, ExprId, Function};

use crate::classes::{self, BaseTarget};
use crate::db::{Db, FunctionRef, function, parsed};
use crate::names::{files_mentioning, files_mentioning_both};
use crate::owner::{CallSite, callers, users_of_dependency};
use crate::unit::{EventKind, FrameKind, unit_of};

use super::EntryPoint;

/// Calls that run a coroutine to its end on an event loop on which nothing else runs: `asyncio.run(work())`,
/// `loop.run_until_complete(work())` (<https://docs.python.org/3/library/asyncio-runner.html>).
const RUNNERS: &[&str] = &["run", "run_until_complete"];

/// What makes a plain function of a coroutine: `async_to_sync(work)(item)`. Where the thread has no event loop, it runs on one of
/// its own (<https://github.com/django/asgiref#function-wrappers>).
const ADAPTER: &str = "async_to_sync";

/// What hands a plain function to a thread from which [`ADAPTER`] finds back to the event loop that waits for it.
const BRIDGE: &str = "sync_to_async";

/// Whether a coroutine only runs on an event loop of its own: what calls it is such a coroutine too, or a plain function that
/// runs it to its end, in a thread or as a worker's task. Nobody else waits on that loop.
#[must_use]
pub fn has_own_loop(db: &dyn Db, of: FunctionRef) -> bool {
    has_own_loop_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn has_own_loop_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    super::entry_point(db, of).is_none()
        && all_callers(db, of, |site| {
            let Some(body) = function(db, site.function) else { return false };
            if body.is_async {
                return has_own_loop(db, site.function);
            }
            let unit = unit_of(db, site.function);
            unit.events.get(site.ordinal as usize).is_some_and(|event| is_run_to_its_end(&body, event.range))
                && works_aside(db, site.function)
        })
}

/// Whether a plain function runs in threads that it does not share with an event loop: a worker's task, or what a coroutine
/// hands to a thread.
fn works_aside(db: &dyn Db, of: FunctionRef) -> bool {
    works_aside_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn works_aside_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    match super::entry_point(db, of) {
        Some(EntryPoint::Task) => return true,
        // Whoever calls a plain endpoint does so in a thread; Django by way of [`BRIDGE`].
        Some(EntryPoint::Route) => return files_mentioning(db, "django").is_empty() && !crosses_back(db, of),
        None if crosses_back(db, of) => return false,
        None => {}
    }
    let mut any = !users_of_dependency(db, of).is_empty() && files_mentioning(db, "django").is_empty();
    for caller in naming(db, of) {
        let Some(body) = function(db, caller) else { return false };
        let unit = unit_of(db, caller);
        for (_, event) in unit.numbered() {
            if !matches!(&event.kind, EventKind::Call { callee, .. } if *callee == of) {
                continue;
            }
            let handed = unit.ancestors(event.frame).any(|(_, frame)| frame.kind == FrameKind::Handed);
            if !handed && (body.is_async || !works_aside(db, caller)) {
                return false;
            }
            any = true;
        }
    }
    any || is_of_task(db, of)
}

/// Whether a function is handed to [`BRIDGE`] anywhere.
fn crosses_back(db: &dyn Db, of: FunctionRef) -> bool {
    let name = classes::simple(of.path);
    let is_it = |code: &Code, expr: ExprId, names: &str| match &code[expr] {
        Expr::Attribute { attr, .. } => *attr == names,
        Expr::Name(own) => *own == names,
        _ => false,
    };
    let hands = |code: &Code| {
        code.exprs.iter().any(|expr| match expr {
            Expr::Call { func, args } => {
                is_it(code, *func, BRIDGE) && args.iter().any(|arg| is_it(code, arg.value, name))
            }
            _ => false,
        })
    };
    files_mentioning_both(db, BRIDGE, name).into_iter().any(|file| {
        let module = &parsed(db, file).module;
        hands(&module.code)
            || module.classes.iter().any(|class| hands(&class.code))
            || module.functions.iter().any(|function| hands(&function.code))
    })
}

/// Whether a function is a method of a class whose objects a worker runs: `class Refresh(app.Task)`
/// (<https://docs.celeryq.dev/en/stable/userguide/tasks.html#custom-task-classes>).
fn is_of_task(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(class) = classes::class_of_method(db, of) else { return false };
    classes::mro(db, class).iter().any(|class| {
        classes::class_info(db, *class).iter().flat_map(|info| &info.bases).any(|base| match &base.target {
            BaseTarget::External(path) => matches!(path.as_str(), "celery.Task" | "celery.app.task.Task"),
            BaseTarget::Attribute(_, name) => *name == "Task",
            BaseTarget::Class(_) | BaseTarget::Variable(_) | BaseTarget::Call(_) | BaseTarget::Unknown => false,
        })
    })
}

/// The functions, besides tests and scripts, in which a function is named: what hands it to a thread does not call it.
fn naming(db: &dyn Db, of: FunctionRef) -> Vec<FunctionRef> {
    let name = classes::simple(of.path);
    let mut found = Vec::new();
    for file in files_mentioning(db, name).iter().filter(|file| !super::is_by_hand(db, **file)) {
        for body in &parsed(db, *file).module.functions {
            let path = body.path;
            let names = body.code.exprs.iter().any(|expr| match expr {
                Expr::Name(own) | Expr::Attribute { attr: own, .. } => *own == name,
                _ => false,
            });
            if names && path != of.path {
                found.push(FunctionRef { file: *file, path });
            }
        }
    }
    found
}

/// Whether there are callers, besides tests and scripts, and it holds for all of them.
fn all_callers(db: &dyn Db, of: FunctionRef, holds: impl Fn(&CallSite) -> bool) -> bool {
    let sites = callers(db, of);
    let mut serving =
        sites.iter().filter(|site| site.function != of && !super::is_by_hand(db, site.function.file)).peekable();
    serving.peek().is_some() && serving.all(holds)
}

/// Whether the coroutine that is made at a range is an argument of [`RUNNERS`], or is made by [`ADAPTER`].
pub(super) fn is_run_to_its_end(body: &Function, made: TextRange) -> bool {
    let is_named = |expr: ExprId, names: &[&str]| match &body.code[expr] {
        Expr::Attribute { attr, .. } => names.contains(&attr.as_str()),
        Expr::Name(name) => names.contains(&name.as_str()),
        _ => false,
    };
    body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, range)| match expr {
        Expr::Call { func, args } => {
            let is_adapted =
                *range == made && matches!(&body.code[*func], Expr::Call { func, .. } if is_named(*func, &[ADAPTER]));
            is_adapted || is_named(*func, RUNNERS) && args.first().is_some_and(|arg| body.code.range(arg.value) == made)
        }
        _ => false,
    })
}
