//! Containers that make the objects of a project, and commit the sessions that they hand them.

use auditline_syntax::python::ir::{Expr, ExprId};
use auditline_syntax::python::walk_expression;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, Settings, SourceFile, head, parsed};
use crate::names::{self, Scope, files_mentioning};
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

use super::{handed_out, provider};

/// The containers that are known.
const LIBRARIES: &[&str] = &["dishka", "dependency_injector"];

/// Whether a container hands such a session to a function, and commits when what has used it is done.
pub(super) fn container_commits_for(db: &dyn Db, of: FunctionRef, index: u32, is_async: Option<bool>) -> bool {
    let Some(body) = head(db, of) else { return false };
    let by_decorator = classes::decorator_symbols(db, of).into_iter().any(is_of_container);
    let names_container = |expr: ExprId| {
        let mut found = false;
        walk_expression(&body.code, expr, &mut |inner| {
            found |= is_of_container(names::resolve_in(db, of, &body.code, inner));
        });
        found
    };
    let param = body.params.get(index as usize);
    let by_param = || param.is_some_and(|param| param.annotation.into_iter().chain(param.default).any(names_container));
    (by_decorator || by_param()) && container_commits(db, is_async)
}

/// Whether a container makes the objects of a class, and commits the sessions of that kind that it hands them.
pub(super) fn container_commits_in(db: &dyn Db, class: ClassRef, is_async: Option<bool>) -> bool {
    container_commits(db, is_async) && is_made_by_container(db, class, ())
}

fn is_of_container(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::External(path) if LIBRARIES.iter().any(|library| {
        path.as_str().strip_prefix(library).is_some_and(|rest| rest.starts_with('.'))
    }))
}

/// Whether a container is told of a class, or asked for it: `provide(Service)`, `providers.Factory(Service)`,
/// `service: FromDishka[Service]`.
#[salsa::tracked(returns(copy))]
fn is_made_by_container(db: &dyn Db, class: ClassRef, _key: ()) -> bool {
    let name = classes::simple(class.path);
    files_mentioning(db, name).iter().filter(|file| !crate::entry::is_test(db, **file)).any(|file| {
        let module = &parsed(db, *file).module;
        let at_top = std::iter::once((Scope::Module(*file), &module.code));
        let in_classes = module
            .classes
            .iter()
            .map(|own| (Scope::Class(ClassRef { file: *file, path: own.path }), &own.code));
        let in_functions = module
            .functions
            .iter()
            .map(|own| (Scope::Function(FunctionRef { file: *file, path: own.path }), &own.code));
        at_top.chain(in_classes).chain(in_functions).any(|(scope, code)| {
            let is_it = |expr: ExprId| names::resolve(db, scope, code, expr) == Symbol::Class(class);
            code.exprs.iter().any(|expr| match expr {
                Expr::Call { func, args } => {
                    let provides = is_of_container(names::resolve(db, scope, code, *func))
                        || matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == "provide" || *attr == "provide_all");
                    provides && args.iter().any(|arg| is_it(arg.value))
                }
                Expr::Subscript { value, index } => {
                    is_of_container(names::resolve(db, scope, code, *value)) && is_it(*index)
                }
                _ => false,
            })
        })
    })
}

/// Whether a container hands out sessions of that kind, and commits when what has used one is done: a generator that is registered
/// with dishka (`@provide`) or dependency-injector (`providers.Resource(…)`).
fn container_commits(db: &dyn Db, is_async: Option<bool>) -> bool {
    container_commits_query(db, Settings::get(db), is_async)
}

#[salsa::tracked(returns(copy), cycle_result = no_container)]
fn container_commits_query(db: &dyn Db, _settings: Settings, is_async: Option<bool>) -> bool {
    let commits = |of: &FunctionRef| {
        provider(db, *of).is_some_and(|provider| provider.commits)
            && unit_of(db, *of).events.iter().any(|event| match &event.kind {
                EventKind::Yield(value) => handed_out(db, value).is_some_and(|session| {
                    is_async.is_none() || session.is_async.is_none() || session.is_async == is_async
                }),
                _ => false,
            })
    };
    LIBRARIES
        .iter()
        .any(|library| files_mentioning(db, library).iter().any(|file| registered(db, *file, ()).iter().any(commits)))
}

fn no_container(_: &dyn Db, _: salsa::Id, _: Settings, _: Option<bool>) -> bool {
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
