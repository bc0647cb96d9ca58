//! Startup: what runs before the first request is served, or after the last one.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;

use crate::db::{Db, FunctionRef, function, head};
use crate::names;
use crate::owner::{CallSite, callers};
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

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
        if is_set_off(db, site) || !reached_only(db, site.function, depth) {
            return false;
        }
    }
    any
}

/// Whether a call only makes a coroutine, which something else runs, perhaps while requests are served:
/// `asyncio.create_task(poll())`.
fn is_set_off(db: &dyn Db, site: &CallSite) -> bool {
    let Some(body) = function(db, site.function) else { return false };
    let EventKind::Call { callee, .. } = &site.event else { return false };
    let unit = unit_of(db, site.function);
    let Some(made) = unit.events.get(site.ordinal as usize).map(|event| event.range) else { return false };
    let is_awaited = || {
        body.code
            .exprs
            .iter()
            .any(|expr| matches!(expr, Expr::Await(made_there) if body.code.range(*made_there) == made))
    };
    body.is_async && head(db, *callee).is_some_and(|callee| callee.is_async && !callee.is_generator) && !is_awaited()
}

/// `@app.on_event("startup")`, a generator that takes the application (its lifespan), or what a function that takes the
/// application makes for it (`app.add_event_handler("startup", start_app(app))`).
fn is_declared(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let hook = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. } if *attr == "on_event"),
        _ => false,
    });
    if hook || (body.is_generator && takes_application(db, of)) || is_initialization(db, of) {
        return true;
    }
    let outer =
        of.path.as_str().rsplit_once('.').map(|(outer, _)| FunctionRef { file: of.file, path: Name::new(outer) });
    body.decorators.is_empty()
        && outer.is_some_and(|outer| {
            head(db, outer).is_some_and(|outer| !outer.is_generator) && takes_application(db, outer)
        })
}

/// `initialize` of an application of traitlets, which runs before `start`.
fn is_initialization(db: &dyn Db, of: FunctionRef) -> bool {
    crate::classes::simple(of.path) == "initialize"
        && crate::classes::class_of_method(db, of).is_some_and(|class| {
            crate::classes::is_subclass_of_external(db, class, |base| {
                base.starts_with("traitlets.") && base.ends_with(".Application")
            })
        })
}

/// Whether a framework is told to run the function when the process starts: `app.on_startup.append(connect)`,
/// `on_startup = connect` in a worker's settings, `Starlette(on_startup=[connect])`.
#[must_use]
pub fn is_start_hook(db: &dyn Db, of: FunctionRef) -> bool {
    if is_startup(db, of) {
        return true;
    }
    let name = crate::classes::simple(of.path);
    crate::names::files_mentioning_both(db, "on_startup", name).into_iter().any(|file| {
        let parsed = crate::db::parsed(db, file);
        let module = &parsed.module;
        let at_top = std::iter::once((names::Scope::Module(file), &module.code));
        let in_classes = module
            .classes
            .iter()
            .map(|class| (names::Scope::Class(crate::db::ClassRef { file, path: class.path }), &class.code));
        let in_functions = module
            .functions
            .iter()
            .map(|function| (names::Scope::Function(FunctionRef { file, path: function.path }), &function.code));
        at_top.chain(in_classes).chain(in_functions).any(|(scope, code)| registers(db, scope, code, of))
    })
}

fn registers(db: &dyn Db, scope: names::Scope, code: &Code, of: FunctionRef) -> bool {
    let is_it = |expr: ExprId| match &code[expr] {
        Expr::List(items) | Expr::Tuple(items) => {
            items.iter().any(|item| names::resolve(db, scope, code, *item) == Symbol::Function(of))
        }
        _ => names::resolve(db, scope, code, expr) == Symbol::Function(of),
    };
    let mut found = code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, args } => {
            let appends = matches!(&code[*func], Expr::Attribute { value, attr } if *attr == "append"
                && matches!(&code[*value], Expr::Attribute { attr, .. } if *attr == "on_startup"));
            args.iter().any(|arg| {
                (appends || matches!(arg.kind, ArgKind::Keyword(name) if name == "on_startup")) && is_it(arg.value)
            })
        }
        _ => false,
    });
    walk_statements(&code.block, &mut |stmt| {
        let Some((targets, value)) = stmt.kind.assignment() else { return };
        found |= targets.iter().any(|target| matches!(&code[*target], Expr::Name(name) if *name == "on_startup"))
            && is_it(value);
    });
    found
}

fn takes_application(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.params.first().is_some_and(|param| match param.annotation {
        Some(annotation) => matches!(names::resolve_in(db, of, &body.code, annotation),
            Symbol::External(path) if path.ends_with(".FastAPI") || path.ends_with(".Starlette")),
        None => param.name.as_str().trim_start_matches('_') == "app",
    })
}
