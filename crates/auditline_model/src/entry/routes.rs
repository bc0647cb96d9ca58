//! Endpoints: functions that the framework calls for each request.

use auditline_syntax::python::ir::{ArgKind, Expr};

use crate::db::{Db, FunctionRef, head};

/// Whether a decorator registers the function for requests of a path: `@router.get("/orders")`, `@app.api_route(...)`.
#[must_use]
pub fn is_endpoint(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = head(db, of) else { return false };
    body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, args } => {
            let registers = matches!(&body.code[*func], Expr::Attribute { attr, .. }
            if matches!(
                attr.as_str(),
                "get" | "post" | "put" | "patch" | "delete" | "head" | "options" | "trace" | "route" | "api_route"
            ));
            registers
                && args.iter().any(|arg| {
                    matches!(arg.kind, ArgKind::Positional)
                        || matches!(arg.kind, ArgKind::Keyword(name) if name == "path")
                })
        }
        _ => false,
    })
}
