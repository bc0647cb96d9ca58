//! Endpoints: functions that the framework calls for each request.

use auditline_syntax::python::ir::{ArgKind, Expr, ExprId};

use crate::db::{Db, FunctionRef, head};

/// Whether a decorator registers the function for requests of a path: `@router.get("/orders")`, `@app.api_route(...)`.
#[must_use]
pub fn is_endpoint(db: &dyn Db, of: FunctionRef) -> bool {
    is_registered(db, of, &["get", "post", "put", "patch", "delete", "head", "options", "trace", "route", "api_route"])
}

/// Whether a decorator registers the function for connections that stay open: `@router.websocket("/feed")`.
#[must_use]
pub fn is_socket(db: &dyn Db, of: FunctionRef) -> bool {
    is_registered(db, of, &["websocket", "websocket_route"])
}

fn is_registered(db: &dyn Db, of: FunctionRef, verbs: &[&str]) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, args } => {
            let registers = matches!(&body.code[*func], Expr::Attribute { attr, .. } if verbs.contains(&attr.as_str()));
            registers
                && args.iter().any(|arg| {
                    matches!(arg.kind, ArgKind::Positional)
                        || matches!(arg.kind, ArgKind::Keyword(name) if name == "path")
                })
        }
        _ => false,
    })
}

/// Whether a function is registered for requests that only read: `@router.get("/orders")`, Flask's `@app.route("/orders")`.
#[must_use]
pub fn only_reads(db: &dyn Db, of: FunctionRef) -> bool {
    const READ: &[&str] = &["get", "head", "options", "trace"];
    let Some(body) = head(db, of) else { return false };
    let is_read =
        |method: &ExprId| matches!(&body.code[*method], Expr::Str(name) if READ.contains(&&*name.to_ascii_lowercase()));
    let reads = |decorator: &ExprId| {
        let Expr::Call { func, args } = &body.code[*decorator] else { return None };
        let Expr::Attribute { attr, .. } = &body.code[*func] else { return None };
        match attr.as_str() {
            "post" | "put" | "patch" | "delete" => Some(false),
            "route" | "api_route" => {
                let methods = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "methods"));
                Some(methods.is_none_or(|methods| match &body.code[methods.value] {
                    Expr::List(items) | Expr::Tuple(items) | Expr::Set(items) => items.iter().all(is_read),
                    _ => false,
                }))
            }
            name if READ.contains(&name) => Some(true),
            _ => None,
        }
    };
    let mut registered = body.decorators.iter().filter_map(reads).peekable();
    registered.peek().is_some() && registered.all(|reads| reads)
}
