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
    // Only what nothing else calls belongs to the webhook: a helper that everybody uses is no webhook's.
    let mut handler = None;
    for site in callers(db, of).iter() {
        if site.function == of || super::is_test(db, site.function.file) {
            continue;
        }
        handler = Some(reached(db, site.function, depth)?);
    }
    handler
}

/// Whether a function handles webhooks itself.
#[salsa::tracked(returns(copy))]
fn is_handler_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    if super::is_test(db, of.file) {
        return false;
    }
    // A path that names webhooks, or a function named so, that takes deliveries: `POST` without an id in the path. With an
    // id, it manages the registrations of webhooks.
    let named = body.name.to_ascii_lowercase().split('_').any(|word| matches!(word, "webhook" | "webhooks"));
    let delivered = body.decorators.iter().any(|decorator| match &body.code[*decorator] {
        Expr::Call { func, args } => {
            let registers = matches!(&body.code[*func], Expr::Attribute { attr, .. }
                if matches!(attr.as_str(), "post" | "route" | "api_route"));
            let path = args.iter().find_map(|arg| match &body.code[arg.value] {
                Expr::Str(path) if path.starts_with('/') || path.is_empty() => Some(path.to_ascii_lowercase()),
                _ => None,
            });
            registers && path.is_some_and(|path| !path.contains('{') && (named || path.contains("webhook")))
        }
        _ => false,
    });
    if delivered {
        return true;
    }
    // `stripe.Webhook.construct_event(...)`, `svix.webhooks.Webhook(...).verify(...)`; who signs sends them.
    let called = |names: &[&str]| {
        body.code.exprs.iter().any(|expr| match expr {
            Expr::Call { func, .. } => {
                matches!(&body.code[*func], Expr::Attribute { attr, .. } if names.contains(&attr.as_str()))
            }
            _ => false,
        })
    };
    if called(&["sign"]) && !called(&["verify", "construct_event", "unwrap"]) {
        return false;
    }
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
