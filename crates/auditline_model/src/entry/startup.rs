//! Startup: what runs before the first request is served, or after the last one.

use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use crate::db::{Db, FunctionRef, head};
use crate::names;
use crate::owner::callers;
use crate::symbols::Symbol;

/// How many calls lie between the startup and what it is taken to reach.
const DEPTH: u32 = 4;

/// Whether a function is only reached while the application starts or stops, or from commands: nobody waits for it then.
#[must_use]
pub fn is_startup(db: &dyn Db, of: FunctionRef) -> bool {
    reached_only(db, of, DEPTH)
}

fn reached_only(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if is_declared(db, of) || super::is_command(db, of) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let mut any = false;
    for site in callers(db, of).iter() {
        if site.function == of || super::is_test(db, site.function.file) {
            continue;
        }
        any = true;
        if !reached_only(db, site.function, depth) {
            return false;
        }
    }
    any
}

/// `@app.on_event("startup")`, a generator that takes the application (its lifespan), or what a function that takes the
/// application makes for it (`app.add_event_handler("startup", start_app(app))`).
fn is_declared(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let hook = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. } if *attr == "on_event"),
        _ => false,
    });
    if hook || (body.is_generator && takes_application(db, of)) {
        return true;
    }
    let outer =
        of.path.as_str().rsplit_once('.').map(|(outer, _)| FunctionRef { file: of.file, path: Name::new(outer) });
    body.decorators.is_empty()
        && outer.is_some_and(|outer| {
            head(db, outer).is_some_and(|outer| !outer.is_generator) && takes_application(db, outer)
        })
}

fn takes_application(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.params.first().is_some_and(|param| match param.annotation {
        Some(annotation) => matches!(names::resolve_in(db, of, &body.code, annotation),
            Symbol::External(path) if path.ends_with(".FastAPI") || path.ends_with(".Starlette")),
        None => param.name.as_str().trim_start_matches('_') == "app",
    })
}
