//! Startup: what runs before the first request is served, or after the last one.

use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{Db, FunctionRef, function, head};
use crate::names;
use crate::owner::{CallSite, callers};
use crate::symbols::Symbol;
use crate::unit::{Breadth, EventKind, FrameKind, unit_of};

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
        if goes_on(db, site) || !reached_only(db, site.function, depth) {
            return false;
        }
    }
    // That looks far, and is asked last.
    any && !named(db, of, ()).called
}

/// Whether a failure in a function that only the start reaches, at an event, ends the start: no handler on the way swallows it, and
/// no decorator of the project stands there, which might.
#[must_use]
pub fn fails_with_start(db: &dyn Db, of: FunctionRef, at: u32) -> bool {
    is_startup(db, of) && is_heard(db, of, at, DEPTH)
}

fn is_heard(db: &dyn Db, of: FunctionRef, at: u32, depth: u32) -> bool {
    let unit = unit_of(db, of);
    let Some(event) = unit.events.get(at as usize) else { return false };
    let is_swallowed = unit.ancestors(event.frame).any(|(_, frame)| match frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_none_or(|info| {
            info.handlers.iter().any(|handler| handler.breadth > Breadth::Narrow && !handler.raises)
        }),
        FrameKind::WithSuppress => true,
        _ => false,
    });
    let is_wrapped = classes::decorator_symbols(db, of)
        .into_iter()
        .any(|symbol| matches!(symbol, Symbol::Function(_) | Symbol::Class(_) | Symbol::Unknown));
    if is_swallowed || is_wrapped {
        return false;
    }
    if is_declared(db, of) || super::is_command(db, of) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1).filter(|_| !named(db, of, ()).handed_on) else { return false };
    callers(db, of)
        .iter()
        .filter(|site| site.function != of && !super::is_test(db, site.function.file))
        .all(|site| is_heard(db, site.function, site.ordinal, depth))
}

/// How a function is named besides the calls that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Named {
    /// Something is called by that name of which it is not told what it is: `self.app.add_tokens()`.
    called: bool,
    /// It is named without being called, so that somebody else may call it later: `scheduler.add_job(refresh)`.
    handed_on: bool,
}

/// A query of its own: an edit elsewhere that names the function or not asks again only if the answer changes.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn named(db: &dyn Db, of: FunctionRef, _key: ()) -> Named {
    let name = Name::new(classes::simple(of.path));
    let is_method = head(db, of).is_some_and(|body| body.class.is_some());
    let mut found = Named::default();
    let mut look = |code: &Code, known: &dyn Fn(TextRange) -> bool| {
        let calls = code.exprs.iter().zip(&code.ranges).filter_map(|(expr, range)| match expr {
            Expr::Call { func, .. } => Some((code.range(*func), *range)),
            _ => None,
        });
        let calls: Vec<(TextRange, TextRange)> = calls.collect();
        for (expr, range) in code.exprs.iter().zip(&code.ranges) {
            let is_it = match expr {
                Expr::Name(own) => !is_method && *own == name,
                Expr::Attribute { attr, .. } => *attr == name,
                _ => false,
            };
            if !is_it {
                continue;
            }
            match calls.iter().find(|(func, _)| func == range) {
                Some((_, call)) => found.called |= is_method && !known(*call),
                None => found.handed_on = true,
            }
        }
    };
    for file in names::files_mentioning(db, &name).iter().filter(|file| !super::is_by_hand(db, **file)) {
        let module = &crate::db::parsed(db, *file).module;
        look(&module.code, &|_| false);
        for class in &module.classes {
            look(&class.code, &|_| false);
        }
        for function in &module.functions {
            let calls = std::cell::OnceCell::new();
            let by = FunctionRef { file: *file, path: function.path };
            look(&function.code, &|call| {
                let unit = calls.get_or_init(|| unit_of(db, by));
                unit.events.iter().any(|event| {
                    event.range == call
                        && matches!(event.kind, EventKind::Call { callee, .. } if classes::simple(callee.path) == name.as_str())
                })
            });
        }
    }
    found
}

/// Whether what is called may go on while requests are served: a coroutine that nobody waits for here
/// (`asyncio.create_task(poll())`), or a round of an application's own loop.
pub(super) fn goes_on(db: &dyn Db, site: &CallSite) -> bool {
    let Some(body) = function(db, site.function) else { return false };
    let EventKind::Call { callee, .. } = &site.event else { return false };
    let unit = unit_of(db, site.function);
    let Some(event) = unit.events.get(site.ordinal as usize) else { return false };
    let made = event.range;
    let is_awaited = || {
        body.code
            .exprs
            .iter()
            .any(|expr| matches!(expr, Expr::Await(made_there) if body.code.range(*made_there) == made))
    };
    let is_coroutine = head(db, *callee).is_some_and(|callee| callee.is_async && !callee.is_generator);
    // What runs the application may serve until the process ends.
    let runs = is_application_start(db, site.function);
    let is_run = || !runs && super::own_loop::is_run_to_its_end(&body, made);
    let is_round = || {
        unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { over_items: false, .. }))
    };
    is_coroutine && !is_awaited() && !is_run() || runs && is_round()
}

/// `@app.on_event("startup")`, a generator that takes the application (its lifespan), or what a function that takes the
/// application makes for it (`app.add_event_handler("startup", start_app(app))`).
fn is_declared(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let hook = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. } if *attr == "on_event"),
        _ => false,
    });
    if hook || (body.is_generator && takes_application(db, of)) || is_application_start(db, of) {
        return true;
    }
    let outer =
        of.path.as_str().rsplit_once('.').map(|(outer, _)| FunctionRef { file: of.file, path: Name::new(outer) });
    body.decorators.is_empty()
        && outer.is_some_and(|outer| {
            head(db, outer).is_some_and(|outer| !outer.is_generator) && takes_application(db, outer)
        })
}

/// `initialize` of an application of traitlets, which runs before `start`, and a plain `start`: what it calls itself stands before
/// or behind the event loop that it may run.
fn is_application_start(db: &dyn Db, of: FunctionRef) -> bool {
    let starts = match classes::simple(of.path) {
        "initialize" => true,
        "start" => head(db, of).is_some_and(|body| !body.is_async),
        _ => false,
    };
    starts
        && classes::class_of_method(db, of).is_some_and(|class| {
            classes::is_subclass_of_external(db, class, |base| {
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
    let name = classes::simple(of.path);
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
