//! Webhooks: functions that another system calls when something happens there.

use auditline_syntax::python::ir::Expr;

use crate::db::{Db, FunctionRef, function};
use crate::names;
use crate::owner::callers;
use crate::symbols::Symbol;

/// How many calls lie between a handler and what it is taken to reach.
const DEPTH: u32 = 3;

/// The webhook handler that a function is, or from which it is reached.
#[must_use]
pub fn webhook(db: &dyn Db, of: FunctionRef) -> Option<FunctionRef> {
    reached(db, of, DEPTH)
}

fn reached(db: &dyn Db, of: FunctionRef, depth: u32) -> Option<FunctionRef> {
    if is_handler(db, of) {
        return Some(of);
    }
    let depth = depth.checked_sub(1)?;
    callers(db, of).iter().find_map(|site| if site.function == of { None } else { reached(db, site.function, depth) })
}

/// Whether a function handles webhooks itself.
#[salsa::tracked(returns(copy))]
fn is_handler_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    if super::is_test(db, of.file) {
        return false;
    }
    let route = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, args } => {
            let registers = matches!(&body.code[*func], Expr::Attribute { attr, .. }
                if matches!(attr.as_str(), "post" | "route" | "api_route" | "put"));
            registers
                && args.iter().any(|arg| {
                    matches!(&body.code[arg.value], Expr::Str(path) if path.to_ascii_lowercase().contains("webhook"))
                })
        }
        _ => false,
    });
    let is_route = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. }
            if matches!(attr.as_str(), "post" | "route" | "api_route" | "put")),
        _ => false,
    });
    let named =
        is_route && body.name.to_ascii_lowercase().split('_').any(|word| word == "webhook" || word == "webhooks");
    if route || named {
        return true;
    }
    // `stripe.Webhook.construct_event(...)`, `svix.webhooks.Webhook(...).verify(...)`
    body.code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => match names::resolve_in(db, of, &body.code, *func) {
            Symbol::External(path) => path
                .split('.')
                .any(|part| part.eq_ignore_ascii_case("webhook") || part.eq_ignore_ascii_case("webhooks")),
            _ => false,
        },
        _ => false,
    })
}

fn is_handler(db: &dyn Db, of: FunctionRef) -> bool {
    is_handler_query(db, of, ())
}
