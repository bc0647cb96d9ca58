//! Endpoints that a call registers: `app.add_api_route("/orders", orders)`, `app.router.add_get("/orders", orders)`,
//! `Route("/orders", orders)`, `blueprint.add_url_rule("/orders", view_func=orders)`.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use rustc_hash::FxHashMap;

use crate::db::{Db, FunctionRef, Settings, SourceFile, parsed};
use crate::names::{Scope, files_mentioning, resolve};
use crate::symbols::Symbol;

/// The methods that register a function, each with the verb that it registers it for, and where the function stands behind the path.
///
/// Sources: FastAPI's `add_api_route` and Starlette's `add_route` (<https://www.starlette.io/routing/>), aiohttp's `UrlDispatcher`
/// (<https://docs.aiohttp.org/en/stable/web_reference.html#aiohttp.web.UrlDispatcher>), Flask's `add_url_rule`
/// (<https://flask.palletsprojects.com/api/#flask.Flask.add_url_rule>).
const METHODS: &[(&str, &str)] = &[
    ("add_api_route", "route"),
    ("add_route", "route"),
    ("add_url_rule", "route"),
    ("add_get", "get"),
    ("add_head", "head"),
    ("add_post", "post"),
    ("add_put", "put"),
    ("add_patch", "patch"),
    ("add_delete", "delete"),
];

/// The classes and functions whose call makes a route, by their last name; they are looked up.
const ROUTES: &[(&str, &str)] = &[
    ("starlette.routing.Route", "route"),
    ("fastapi.routing.APIRoute", "route"),
    ("aiohttp.web.get", "get"),
    ("aiohttp.web.post", "post"),
    ("aiohttp.web.put", "put"),
    ("aiohttp.web.patch", "patch"),
    ("aiohttp.web.delete", "delete"),
    ("aiohttp.web.route", "route"),
];

/// The verb for which a call registers a function.
pub(super) fn registration(db: &dyn Db, of: FunctionRef) -> Option<Name> {
    all(db, Settings::get(db)).get(&of).copied()
}

/// Asked once for the workspace: few files register anything.
#[salsa::tracked(returns(clone))]
fn all(db: &dyn Db, _settings: Settings) -> Arc<FxHashMap<FunctionRef, Name>> {
    let words = METHODS.iter().map(|(method, _)| *method).chain(["Route", "APIRoute", "aiohttp"]);
    let mut files: Vec<SourceFile> = words.flat_map(|word| files_mentioning(db, word).to_vec()).collect();
    files.sort_by_key(|file| file.path(db));
    files.dedup();
    let serving = files.into_iter().filter(|file| !super::is_test(db, *file));
    Arc::new(serving.flat_map(|file| said(db, file).to_vec()).collect())
}

/// A query of its own: an edit in one file reads no other again.
#[salsa::tracked(returns(clone))]
fn said(db: &dyn Db, file: SourceFile) -> Arc<[(FunctionRef, Name)]> {
    let module = &parsed(db, file).module;
    let mut found = Vec::new();
    say(db, Scope::Module(file), &module.code, &mut found);
    for function in &module.functions {
        let of = FunctionRef { file, path: function.path };
        say(db, Scope::Function(of), &function.code, &mut found);
    }
    found.into()
}

fn say(db: &dyn Db, scope: Scope, code: &Code, found: &mut Vec<(FunctionRef, Name)>) {
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let Some(verb) = registers(db, scope, code, *func) else { continue };
        let handler = args.iter().filter(|arg| is_handler(arg)).find_map(|arg| function(db, scope, code, arg.value));
        found.extend(handler.map(|handler| (handler, Name::new(verb))));
    }
}

/// The verb for which a call registers what it is handed.
fn registers(db: &dyn Db, scope: Scope, code: &Code, func: ExprId) -> Option<&'static str> {
    let last = match &code[func] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => *name,
        _ => return None,
    };
    let method = METHODS.iter().find(|(method, _)| last == *method && matches!(code[func], Expr::Attribute { .. }));
    let verb = method.or_else(|| {
        let mut named = ROUTES.iter().filter(|(path, _)| path.rsplit('.').next().is_some_and(|own| last == own));
        let path = match named.clone().next().map(|_| resolve(db, scope, code, func))? {
            Symbol::External(path) => path,
            _ => return None,
        };
        named.find(|(known, _)| path == *known)
    });
    verb.map(|(_, verb)| *verb)
}

/// Whether an argument may be the function: the path comes before it, and of keywords only some name it.
fn is_handler(arg: &Arg) -> bool {
    match arg.kind {
        ArgKind::Positional => true,
        ArgKind::Keyword(name) => matches!(name.as_str(), "endpoint" | "view_func" | "handler"),
        ArgKind::Starred | ArgKind::DoubleStarred => false,
    }
}

/// The function that an argument names: by its name, or as a method of the object of the method around.
fn function(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> Option<FunctionRef> {
    if let (Expr::Attribute { value, attr }, Scope::Function(of)) = (&code[expr], scope)
        && matches!(&code[*value], Expr::Name(name) if *name == "self")
    {
        let class = crate::classes::class_of_method(db, of)?;
        return crate::classes::method(db, class, *attr);
    }
    match resolve(db, scope, code, expr) {
        Symbol::Function(function) => Some(function),
        _ => None,
    }
}
