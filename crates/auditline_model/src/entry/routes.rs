//! Endpoints: functions that the framework calls for each request.

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};

use crate::db::{Db, FunctionRef, head};

use super::{registered, views};

/// The methods by which routers register functions for requests.
const VERBS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options", "trace", "route", "api_route"];

/// The methods by which routers register functions for connections that stay open.
const SOCKETS: &[&str] = &["websocket", "websocket_route"];

/// Those of requests that only read.
const READ: &[&str] = &["get", "head", "options", "trace"];

/// How a decorator registers a function.
pub(super) struct Registration<'a> {
    /// The router, blueprint or application.
    pub(super) router: ExprId,
    /// The method of it: `get`, `route`.
    pub(super) verb: &'a str,
    /// What the decorator is called with.
    pub(super) args: &'a [Arg],
}

/// What a decorator registers a function for, if for anything: `@router.get("/orders")`, or a decorator of the project's own that is
/// handed the method: `@protected(router.get, "/orders")`.
pub(super) fn registration(code: &Code, decorator: ExprId) -> Option<Registration<'_>> {
    let Expr::Call { func, args } = &code[decorator] else { return None };
    let method = |expr: ExprId| match &code[expr] {
        Expr::Attribute { value, attr } => Some((*value, attr.as_str())),
        _ => None,
    };
    let (first, rest) = args.split_first()?;
    let is_path = |arg: &Arg| match arg.kind {
        ArgKind::Positional => true,
        ArgKind::Keyword(name) => name == "path",
        ArgKind::Starred | ArgKind::DoubleStarred => false,
    };
    if let Some((router, verb)) = method(*func).filter(|_| args.iter().any(is_path)) {
        return Some(Registration { router, verb, args });
    }
    let (router, verb) = method(first.value)?;
    let is_handed = matches!(code[router], Expr::Name(_)) && VERBS.contains(&verb);
    let is_text = |arg: &Arg| matches!(&code[arg.value], Expr::Str(path) if path.is_empty() || path.starts_with('/'));
    (is_handed && rest.iter().any(is_text)).then_some(Registration { router, verb, args })
}

/// Whether requests come to the function by a path: a decorator registers it (`@router.get("/orders")`, `@app.api_route(…)`), a call
/// does (`app.add_api_route("/orders", orders)`), or it is a method of a view (`class Orders(MethodView): def get`).
#[must_use]
pub fn is_endpoint(db: &dyn Db, of: FunctionRef) -> bool {
    is_decorated_endpoint(db, of) || views::verb(db, of).is_some() || registered::registration(db, of).is_some()
}

/// Whether a decorator registers the function for requests of a path.
#[must_use]
pub fn is_decorated_endpoint(db: &dyn Db, of: FunctionRef) -> bool {
    is_registered(db, of, VERBS)
}

/// Whether a decorator registers the function for connections that stay open: `@router.websocket("/feed")`.
#[must_use]
pub fn is_socket(db: &dyn Db, of: FunctionRef) -> bool {
    is_registered(db, of, SOCKETS)
}

fn is_registered(db: &dyn Db, of: FunctionRef, verbs: &[&str]) -> bool {
    let Some(body) = head(db, of) else { return false };
    let code = &body.code;
    body.decorators.iter().any(|decorator| registration(code, *decorator).is_some_and(|it| verbs.contains(&it.verb)))
}

/// Whether a function is registered for requests that only read: `@router.get("/orders")`, Flask's `@app.route("/orders")`.
#[must_use]
pub fn only_reads(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    let code = &body.code;
    let is_read =
        |method: &ExprId| matches!(&code[*method], Expr::Str(name) if READ.contains(&&*name.to_ascii_lowercase()));
    let reads = |decorator: &ExprId| {
        let Registration { verb, args, .. } = registration(code, *decorator)?;
        match verb {
            "post" | "put" | "patch" | "delete" => Some(false),
            "route" | "api_route" => {
                let methods = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "methods"));
                Some(methods.is_none_or(|methods| match &code[methods.value] {
                    Expr::List(items) | Expr::Tuple(items) | Expr::Set(items) => items.iter().all(is_read),
                    _ => false,
                }))
            }
            name if READ.contains(&name) => Some(true),
            _ => None,
        }
    };
    let of_view = views::verb(db, of).map(|verb| READ.contains(&verb.as_str()));
    let by_call = registered::registration(db, of).map(|verb| READ.contains(&verb.as_str()));
    let mut known = body.decorators.iter().filter_map(reads).chain(of_view).chain(by_call).peekable();
    known.peek().is_some() && known.all(|reads| reads)
}
