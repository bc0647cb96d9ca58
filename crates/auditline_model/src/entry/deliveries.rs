//! Deliveries: what tells one from its repetition.

use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use smallvec::SmallVec;

use crate::db::{Db, FunctionRef, function};
use crate::names;
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

/// How many calls lie between a handler and what it is taken to hand the delivery to.
const DEPTH: u32 = 4;

/// Names and texts that speak of what a delivery or event is known by, without `_` and `-`.
const KNOWN_BY: &[&str] = &[
    "alreadyprocessed",
    "dedup",
    "deliveryid",
    "eventid",
    "eventuuid",
    "externalid",
    "githubdelivery",
    "idempot",
    "messageid",
    "nonce",
    "notificationid",
    "processedevent",
    "svixid",
    "updateid",
    "webhookid",
];

/// Words by which code calls the whole of what was delivered.
const WHOLE: &[&str] = &[
    "body",
    "data",
    "delivery",
    "event",
    "evt",
    "hook",
    "json",
    "message",
    "msg",
    "notification",
    "payload",
    "webhook",
];

/// Whether a function, or one that it calls, looks at what the delivery is known by: the event's id, a header of the
/// delivery. What it does with it is not asked.
#[must_use]
pub fn knows_delivery(db: &dyn Db, of: FunctionRef) -> bool {
    knows(db, of, DEPTH)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn knows(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if mentions(db, of) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    unit_of(db, of).events.iter().any(|event| match &event.kind {
        EventKind::Call { callee, .. } => *callee != of && knows(db, *callee, depth),
        _ => false,
    })
}

/// A query of its own: a function that many handlers reach is asked at several depths.
#[salsa::tracked(returns(copy))]
fn mentions_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    let code = &body.code;
    body.params.iter().any(|param| speaks(&param.name))
        || code.exprs.iter().any(|expr| match expr {
            Expr::Name(name) => speaks(name),
            Expr::Str(text) => text.len() < 64 && speaks(text),
            Expr::Attribute { value, attr } => speaks(attr) || *attr == "id" && is_whole(code, *value),
            Expr::Subscript { value, index } => is_id(code, *index) && is_whole(code, *value),
            Expr::Call { func, args } => {
                args.iter().any(|arg| matches!(arg.kind, ArgKind::Keyword(name) if speaks(&name)))
                    || matches!(&code[*func], Expr::Attribute { value, attr }
                        if *attr == "get" && is_whole(code, *value)
                            && args.first().is_some_and(|arg| is_id(code, arg.value)))
            }
            _ => false,
        })
}

fn mentions(db: &dyn Db, of: FunctionRef) -> bool {
    mentions_query(db, of, ())
}

/// Whether a name or text speaks of what a delivery is known by.
fn speaks(text: &str) -> bool {
    let letters: SmallVec<[u8; 64]> =
        text.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase()).collect();
    KNOWN_BY.iter().any(|word| letters.windows(word.len()).any(|window| window == word.as_bytes()))
}

fn is_id(code: &Code, expr: ExprId) -> bool {
    matches!(&code[expr], Expr::Str(text) if &**text == "id")
}

/// `event`, `webhook_event`, `self.payload`: not `event.data.object`, which is what the event is about.
fn is_whole(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Name(name) => name.to_lowercase().split('_').any(|word| WHOLE.contains(&word)),
        _ => false,
    }
}

/// Whether a function takes what another system delivers: a request as it came, an object of no class of its own, a header,
/// or something that it verifies. One that manages the registrations of webhooks takes a form.
#[must_use]
pub fn takes_delivery(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = function(db, of) else { return false };
    let is_raw = |expr: ExprId| {
        let head = match &body.code[expr] {
            Expr::Subscript { value, .. } => *value,
            Expr::Call { func, .. } => *func,
            _ => expr,
        };
        match names::resolve_in(db, of, &body.code, head) {
            Symbol::External(path) => {
                matches!(path.rsplit('.').next(), Some("Request" | "dict" | "Dict" | "bytes" | "Header" | "Mapping"))
            }
            _ => false,
        }
    };
    let verifies = body.code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => matches!(&body.code[*func], Expr::Attribute { attr, .. }
            if matches!(attr.as_str(), "construct_event" | "verify" | "unwrap" | "compare_digest")),
        _ => false,
    });
    verifies
        || body.params.iter().any(|param| param.annotation.is_some_and(is_raw) || param.default.is_some_and(is_raw))
}
