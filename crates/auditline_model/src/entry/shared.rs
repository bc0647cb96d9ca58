//! What runs for many routes: dependencies of functions, routes, routers and applications, and middleware.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use rustc_hash::FxHashSet;

use crate::classes::{class_of_method, is_subclass_of_external, simple};
use crate::db::{Db, FunctionRef, Settings, SourceFile, VariableRef, head, parsed};
use crate::eval::libraries::{Known, is_application, known};
use crate::names::{Scope, canonical, files_mentioning, files_mentioning_both, files_mentioning_in, resolve};
use crate::owner::users_of_dependency;
use crate::shards::Shard;
use crate::symbols::Symbol;

/// The keyword by which dependencies are attached to what is no function.
const DEPENDENCIES: &str = "dependencies";
/// The decorator of what runs before each request of a blueprint.
const BEFORE: &str = "before_request";

/// The routes for which a function runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// Them.
    pub routes: Vec<FunctionRef>,
    /// How many the workspace has.
    pub of: usize,
}

/// To what a dependency is attached besides parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attached {
    /// `FastAPI(dependencies=[…])`, `app.include_router(…)` of a router that is not known.
    Application,
    /// `APIRouter(dependencies=[…])`, `include_router(router, dependencies=[…])`.
    Router(VariableRef),
    /// `@router.get("/", dependencies=[…])`.
    Route(FunctionRef),
}

/// The routes for which a dependency or a middleware runs.
#[must_use]
pub fn routes_through(db: &dyn Db, of: FunctionRef) -> Routes {
    let all = endpoints(db, Settings::get(db));
    let every = || Routes { routes: all.iter().map(|(endpoint, _)| *endpoint).collect(), of: all.len() };
    if is_middleware(db, of) {
        return every();
    }
    let mut found = FxHashSet::default();
    let mut seen = FxHashSet::default();
    let mut open = vec![of];
    while let Some(dependency) = open.pop() {
        if !seen.insert(dependency) {
            continue;
        }
        for attached in attachments(db, dependency) {
            match attached {
                Attached::Application => return every(),
                Attached::Router(router) => found.extend(
                    all.iter().filter(|(_, of_router)| *of_router == Some(router)).map(|(endpoint, _)| *endpoint),
                ),
                Attached::Route(endpoint) => {
                    found.insert(endpoint);
                }
            }
        }
        for user in users_of_dependency(db, dependency).iter() {
            if super::is_test(db, user.file) {
                continue;
            }
            if super::is_endpoint(db, *user) {
                found.insert(*user);
            } else {
                open.push(*user);
            }
        }
    }
    Routes {
        routes: all.iter().map(|(endpoint, _)| *endpoint).filter(|endpoint| found.contains(endpoint)).collect(),
        of: all.len(),
    }
}

/// Whether a function runs for routes that do not name it among their parameters: a middleware, a dependency of an
/// application, of a router, or in the decorator of a route.
#[must_use]
pub fn is_attached(db: &dyn Db, of: FunctionRef) -> bool {
    is_attached_query(db, of, ())
}

/// A query of its own, because it is asked for every function on the way from a route.
#[salsa::tracked(returns(copy))]
fn is_attached_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    is_middleware(db, of) || !attachments(db, of).is_empty()
}

/// The dependencies that run for a route without being among its parameters: those of its decorator, of its router, and of the
/// application.
#[must_use]
pub fn attached_to(db: &dyn Db, route: FunctionRef) -> Arc<[FunctionRef]> {
    attached_to_query(db, route, ())
}

/// What runs before a route by its decorator, its router or its blueprint, and not for a whole application: there may be several.
#[must_use]
pub fn attached_closely_to(db: &dyn Db, route: FunctionRef) -> Arc<[FunctionRef]> {
    attached_closely_to_query(db, route, ())
}

/// A query of its own: its answer is small, and what other files attach is not.
#[salsa::tracked(returns(clone))]
fn attached_to_query(db: &dyn Db, route: FunctionRef, _key: ()) -> Arc<[FunctionRef]> {
    serving(db, route, true)
}

/// The variable that holds the router or blueprint of a route.
#[must_use]
pub fn router_of(db: &dyn Db, route: FunctionRef) -> Option<VariableRef> {
    endpoints_in(db, route.file).iter().find(|(endpoint, _)| *endpoint == route).and_then(|(_, router)| *router)
}

/// A query of its own, as [`attached_to_query`] is.
#[salsa::tracked(returns(clone))]
fn attached_closely_to_query(db: &dyn Db, route: FunctionRef, _key: ()) -> Arc<[FunctionRef]> {
    let router = router_of(db, route);
    let hooks = files_mentioning(db, BEFORE)
        .iter()
        .filter(|file| !super::is_test(db, **file))
        .flat_map(|file| hooks_in(db, *file).to_vec())
        .filter(|(_, blueprint)| Some(*blueprint) == router)
        .map(|(hook, _)| hook)
        .collect::<Vec<_>>();
    serving(db, route, false).iter().copied().chain(hooks).collect()
}

/// The functions of a file that run before the requests of a blueprint: `@blueprint.before_request`
/// (<https://flask.palletsprojects.com/api/#flask.Blueprint.before_request>).
#[salsa::tracked(returns(clone))]
fn hooks_in(db: &dyn Db, file: SourceFile) -> Arc<[(FunctionRef, VariableRef)]> {
    let mut found = Vec::new();
    for function in &parsed(db, file).module.functions {
        let of = FunctionRef { file, path: function.path };
        for decorator in &function.decorators {
            if let Expr::Attribute { value, attr } = &function.code[*decorator]
                && *attr == BEFORE
                && let Some(blueprint) = variable(db, Scope::Module(file), &function.code, *value)
            {
                found.push((of, blueprint));
            }
        }
    }
    found.into()
}

fn serving(db: &dyn Db, route: FunctionRef, with_applications: bool) -> Arc<[FunctionRef]> {
    let own = endpoints_in(db, route.file);
    let Some((_, router)) = own.iter().find(|(endpoint, _)| *endpoint == route) else { return Arc::default() };
    let serves = |attached: &Attached| match attached {
        Attached::Application => with_applications,
        Attached::Router(by) => Some(*by) == *router,
        Attached::Route(endpoint) => *endpoint == route,
    };
    files_mentioning(db, DEPENDENCIES)
        .iter()
        .filter(|file| !super::is_test(db, **file))
        .flat_map(|file| attachments_in(db, *file).to_vec())
        .filter(|(_, attached)| serves(attached))
        .map(|(dependency, _)| dependency)
        .collect()
}

/// Whether a function stands around every request: `@app.middleware("http")`, the `dispatch` of a `BaseHTTPMiddleware`.
#[must_use]
pub fn is_middleware(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let decorated = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. } if *attr == "middleware"),
        _ => false,
    });
    decorated
        || body.name == "dispatch"
            && class_of_method(db, of)
                .is_some_and(|class| is_subclass_of_external(db, class, |base| base.ends_with(".BaseHTTPMiddleware")))
}

/// An endpoint, with the variable that holds its router.
type Endpoint = (FunctionRef, Option<VariableRef>);

/// The endpoints of the workspace, sorted by path.
#[salsa::tracked(returns(clone))]
fn endpoints(db: &dyn Db, settings: Settings) -> Arc<Vec<Endpoint>> {
    let mut found: Vec<Endpoint> =
        Shard::all().flat_map(|shard| endpoints_of_shard(db, shard, settings).to_vec()).collect();
    found.sort_by_key(|(endpoint, _)| endpoint.file.path(db));
    Arc::new(found)
}

#[salsa::tracked(returns(clone))]
fn endpoints_of_shard(db: &dyn Db, shard: Shard, _settings: Settings) -> Arc<Vec<Endpoint>> {
    let mut files: Vec<SourceFile> = ["get", "post", "put", "patch", "delete", "route", "api_route"]
        .iter()
        .flat_map(|word| files_mentioning_in(db, word, shard).to_vec())
        .filter(|file| !super::is_test(db, *file))
        .collect();
    files.sort_by_key(|file| file.path(db));
    files.dedup();
    Arc::new(files.into_iter().flat_map(|file| endpoints_in(db, file).to_vec()).collect())
}

#[salsa::tracked(returns(clone))]
fn endpoints_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<Endpoint>> {
    let mut found = Vec::new();
    for function in &parsed(db, file).module.functions {
        let of = FunctionRef { file, path: function.path };
        if !super::is_endpoint(db, of) {
            continue;
        }
        let code = &function.code;
        let router = function.decorators.iter().find_map(|decorator| {
            variable(db, Scope::Function(of), code, super::routes::registration(code, *decorator)?.router)
        });
        found.push((of, router));
    }
    Arc::new(found)
}

fn variable(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> Option<VariableRef> {
    match resolve(db, scope, code, expr) {
        Symbol::Variable(variable) => Some(variable),
        _ => None,
    }
}

/// To what a function is attached by name.
fn attachments(db: &dyn Db, of: FunctionRef) -> Vec<Attached> {
    files_mentioning_both(db, DEPENDENCIES, simple(of.path))
        .iter()
        .filter(|file| !super::is_test(db, **file))
        .flat_map(|file| attachments_in(db, *file).to_vec())
        .filter(|(dependency, _)| *dependency == of)
        .map(|(_, attached)| attached)
        .collect()
}

/// The dependencies that a file attaches to routes, routers and applications.
#[salsa::tracked(returns(clone))]
fn attachments_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<(FunctionRef, Attached)>> {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let mut found = Vec::new();
    for function in &module.functions {
        let of = FunctionRef { file, path: function.path };
        let scope = Scope::Function(of);
        for decorator in &function.decorators {
            if let Expr::Call { args, .. } = &function.code[*decorator]
                && super::is_endpoint(db, of)
            {
                let attached = dependencies(db, scope, &function.code, args);
                found.extend(attached.map(|dependency| (dependency, Attached::Route(of))));
            }
        }
        attached_by(db, scope, &function.code, &mut found);
    }
    attached_by(db, Scope::Module(file), &module.code, &mut found);
    Arc::new(found)
}

/// `APIRouter(dependencies=[…])`, `FastAPI(dependencies=[…])`, `include_router(router, dependencies=[…])`.
fn attached_by(db: &dyn Db, scope: Scope, code: &Code, into: &mut Vec<(FunctionRef, Attached)>) {
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let included = match &code[*func] {
            Expr::Attribute { attr, .. } if *attr == "include_router" => args.first(),
            _ => None,
        };
        if let Some(router) = included.and_then(|router| variable(db, scope, code, router.value)) {
            into.extend(dependencies(db, scope, code, args).map(|one| (one, Attached::Router(router))));
        } else if let Symbol::External(path) = resolve(db, scope, code, *func)
            && canonical(path).ends_with(".FastAPI")
            && is_application(&canonical(path))
        {
            into.extend(dependencies(db, scope, code, args).map(|one| (one, Attached::Application)));
        }
    }
    walk_statements(&code.block, &mut |stmt| {
        if let Some(([target, ..], value)) = stmt.kind.assignment()
            && let Expr::Call { args, .. } = &code[value]
            && let Some(router) = variable(db, scope, code, *target)
        {
            into.extend(dependencies(db, scope, code, args).map(|one| (one, Attached::Router(router))));
        }
    });
}

/// The functions of `dependencies=[Depends(verify), …]`.
fn dependencies<'a>(
    db: &'a dyn Db,
    scope: Scope,
    code: &'a Code,
    args: &'a [Arg],
) -> impl Iterator<Item = FunctionRef> + 'a {
    let listed = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == DEPENDENCIES));
    let items: &[ExprId] = match listed.map(|arg| &code[arg.value]) {
        Some(Expr::List(items) | Expr::Tuple(items)) => items,
        _ => &[],
    };
    items.iter().filter_map(move |item| {
        let Expr::Call { func, args } = &code[*item] else { return None };
        let is_depends = matches!(resolve(db, scope, code, *func),
            Symbol::External(path) if known(&canonical(path)) == Some(Known::Depends));
        match resolve(db, scope, code, args.first().filter(|_| is_depends)?.value) {
            Symbol::Function(function) => Some(function),
            _ => None,
        }
    })
}
