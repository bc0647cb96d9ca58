//! Tests that refuse everybody but administrators.

use auditline_syntax::python::ir::{Block, Code, CompareOp, Expr, ExprId, If, StmtKind, UnaryOp};
use auditline_syntax::python::walk_statements;

use crate::db::{Db, FunctionRef, function};
use crate::names::{Scope, resolve};
use crate::symbols::Symbol;

use super::named;
use super::word::{is_administrators, is_of_administrators};

/// Whether an `if` turns everybody but administrators away.
pub(super) fn refuses_others(code: &Code, one: &If) -> bool {
    leaves(code, &one.body) && holds_for_others(code, one.test)
}

/// Whether a function turns anybody away, itself or by what it calls.
pub(super) fn turns_away(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let Some(body) = function(db, of) else { return false };
    let code = &body.code;
    let mut refuses = code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => named(code, *func) == Some("abort"),
        _ => false,
    });
    walk_statements(&code.block, &mut |stmt| refuses |= matches!(stmt.kind, StmtKind::Raise { .. }));
    if refuses {
        return true;
    }
    // What a decorator is made of stands in functions of its own.
    let module = &crate::db::parsed(db, of.file).module;
    let is_within = |inner: &str| inner.strip_prefix(of.path.as_str()).is_some_and(|rest| rest.starts_with('.'));
    if module.functions.iter().any(|inner| is_within(inner.path.as_str()) && has_refusal(&inner.code)) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => match resolve(db, Scope::Function(of), code, *func) {
            Symbol::Function(callee) => callee != of && turns_away(db, callee, depth),
            _ => false,
        },
        _ => false,
    }) || super::in_head(db, of, depth).is_some()
}

fn has_refusal(code: &Code) -> bool {
    leaves_anywhere(&code.block)
        || code.exprs.iter().any(|expr| matches!(expr, Expr::Call { func, .. } if named(code, *func) == Some("abort")))
}

fn leaves_anywhere(block: &Block) -> bool {
    let mut refuses = false;
    walk_statements(block, &mut |stmt| refuses |= matches!(stmt.kind, StmtKind::Raise { .. }));
    refuses
}

/// Whether a block ends what the function does.
fn leaves(code: &Code, block: &Block) -> bool {
    match block.last().map(|last| &last.kind) {
        Some(StmtKind::Raise { .. } | StmtKind::Return(_)) => true,
        Some(StmtKind::Expr(call)) => {
            matches!(&code[*call], Expr::Call { func, .. } if named(code, *func) == Some("abort"))
        }
        _ => false,
    }
}

/// Whether a test holds for whoever is no administrator, whatever else it asks.
fn holds_for_others(code: &Code, test: ExprId) -> bool {
    match &code[test] {
        Expr::Unary { op: UnaryOp::Not, operand } => holds_for_administrators_alone(code, *operand),
        Expr::BoolOp { is_and: true, values } => values.iter().all(|value| holds_for_others(code, *value)),
        Expr::BoolOp { is_and: false, values } => values.iter().any(|value| holds_for_others(code, *value)),
        Expr::Compare { left, rest } => match rest[..] {
            [(CompareOp::NotEq | CompareOp::NotIn | CompareOp::IsNot, right)] => {
                is_administrators(code, [*left, right].into_iter())
            }
            [(CompareOp::Eq | CompareOp::Is, right)] => {
                matches!(code[right], Expr::Bool(false)) && holds_for_administrators_alone(code, *left)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether a test holds for administrators only: `user.is_superuser`, `has_role(user, "admin")`.
fn holds_for_administrators_alone(code: &Code, test: ExprId) -> bool {
    match &code[test] {
        Expr::Name(_) | Expr::Attribute { .. } => named(code, test).is_some_and(is_of_administrators),
        Expr::Await(inner) => holds_for_administrators_alone(code, *inner),
        Expr::Call { func, args } => {
            named(code, *func).is_some_and(is_of_administrators)
                || is_administrators(code, args.iter().map(|arg| arg.value))
        }
        Expr::BoolOp { is_and: true, values } => {
            values.iter().any(|value| holds_for_administrators_alone(code, *value))
        }
        Expr::BoolOp { is_and: false, values } => {
            values.iter().all(|value| holds_for_administrators_alone(code, *value))
        }
        Expr::Compare { left, rest } => match rest[..] {
            [(CompareOp::Eq | CompareOp::In | CompareOp::Is, right)] => {
                is_administrators(code, [*left, right].into_iter())
            }
            _ => false,
        },
        _ => false,
    }
}
