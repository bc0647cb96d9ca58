//! What stands around a function and commits: its decorators, and what a container makes for the objects of a project.

use auditline_syntax::Name;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Expr, Function};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, Settings, SourceFile, function, parsed};
use crate::eval::value::{SessionOrigin, TransactionKind};
use crate::names::{self, Scope, files_mentioning};
use crate::symbols::Symbol;
use crate::unit::{EventKind, FrameKind, Unit, unit_of};

use super::{inner_functions, is_outer_param, provider};

/// Whether a decorator of a function commits behind it a session that it has not opened for itself: `@transactional`.
pub(super) fn commits_around(db: &dyn Db, of: FunctionRef) -> bool {
    commits_around_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn commits_around_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    classes::decorator_symbols(db, of).into_iter().any(|symbol| {
        let decorator = match symbol {
            Symbol::Function(function) => Some(function),
            // `@Transactional()`
            Symbol::Class(class) => classes::method(db, class, Name::new("__call__")),
            _ => None,
        };
        decorator.is_some_and(|decorator| commits_decorated(db, decorator, ()))
    })
}

/// A query of its own: one decorator stands over many functions.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn commits_decorated(db: &dyn Db, decorator: FunctionRef, _key: ()) -> bool {
    inner_functions(db, decorator).into_iter().any(|by| {
        let Some(body) = function(db, by) else { return false };
        let Some(call) = call_of_decorated(db, by, &body) else { return false };
        commits_behind(&unit_of(db, by), &body, call)
    })
}

/// Where a function inside of a decorator calls what is decorated.
fn call_of_decorated(db: &dyn Db, by: FunctionRef, body: &Function) -> Option<TextRange> {
    body.code.exprs.iter().zip(&body.code.ranges).find_map(|(expr, range)| {
        let Expr::Call { func, .. } = expr else { return None };
        let Expr::Name(name) = &body.code[*func] else { return None };
        is_outer_param(db, by, *name).then_some(*range)
    })
}

/// Whether a commit stands behind that call, or a transaction around it; one of a session that the function has opened has
/// nothing to do with those that the decorated function uses.
fn commits_behind(unit: &Unit, body: &Function, call: TextRange) -> bool {
    let is_foreign = |origin: &SessionOrigin| {
        !matches!(
            origin,
            SessionOrigin::Opened(_)
                | SessionOrigin::Scoped(_)
                | SessionOrigin::Begun(_)
                | SessionOrigin::Context(_)
                | SessionOrigin::ContextClass(_)
        )
    };
    let commits = body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, range)| {
        let Expr::Call { func, args } = expr else { return false };
        args.is_empty()
            && range.start() >= call.end()
            && matches!(&body.code[*func], Expr::Attribute { attr, .. } if *attr == "commit")
            && unit.events.iter().all(|event| match &event.kind {
                EventKind::Session { session, .. } => event.range != *range || is_foreign(&session.origin),
                _ => true,
            })
    });
    commits
        || unit.events.iter().filter(|event| call.contains_range(event.range)).any(|event| {
            unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
                FrameKind::WithTransaction(session, TransactionKind::Begin) => is_foreign(&session.origin),
                _ => false,
            })
        })
}

/// Whether a container hands out sessions, and commits when what has used one is done: a generator that is registered with
/// dishka (`@provide`) or dependency-injector (`providers.Resource(…)`).
pub(super) fn container_commits(db: &dyn Db) -> bool {
    container_commits_query(db, Settings::get(db))
}

#[salsa::tracked(returns(copy), cycle_result = no_container)]
fn container_commits_query(db: &dyn Db, _settings: Settings) -> bool {
    let commits = |of: &FunctionRef| provider(db, *of).is_some_and(|provider| provider.commits);
    ["dishka", "dependency_injector"]
        .into_iter()
        .any(|library| files_mentioning(db, library).iter().any(|file| registered(db, *file, ()).iter().any(commits)))
}

fn no_container(_: &dyn Db, _: salsa::Id, _: Settings) -> bool {
    false
}

/// The generators of a file, or named by one, that a container calls.
#[salsa::tracked(returns(clone))]
fn registered(db: &dyn Db, file: SourceFile, _key: ()) -> std::sync::Arc<[FunctionRef]> {
    let module = &parsed(db, file).module;
    let mut found: Vec<FunctionRef> = Vec::new();
    for body in module.functions.iter().filter(|body| body.is_generator && !body.decorators.is_empty()) {
        let of = FunctionRef { file, path: body.path };
        let provides = classes::decorator_symbols(db, of).into_iter().any(
            |symbol| matches!(symbol, Symbol::External(path) if path.starts_with("dishka.") && path.ends_with("provide")),
        );
        if provides {
            found.push(of);
        }
    }
    for class in &module.classes {
        let scope = Scope::Class(ClassRef { file, path: class.path });
        for expr in &class.code.exprs {
            if let Expr::Call { func, args } = expr
                && let Some(first) = args.first()
                && let Symbol::External(path) = names::resolve(db, scope, &class.code, *func)
                && path.starts_with("dependency_injector.")
                && path.ends_with(".Resource")
                && let Symbol::Function(of) = names::resolve(db, scope, &class.code, first.value)
            {
                found.push(of);
            }
        }
    }
    found.into()
}
