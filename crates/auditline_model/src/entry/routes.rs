//! Endpoints: functions that the framework calls for each request.

use auditline_syntax::python::ir::{ArgKind, Expr};

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
