//! Constants: expressions that are the same each time.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId};

/// Whether an expression is a constant, an enum member or built from such.
pub(crate) fn is_constant(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Str(_) | Expr::Bytes | Expr::Int(_) | Expr::Float | Expr::Bool(_) | Expr::None | Expr::Ellipsis => true,
        // `Status.PAID`, `models.Status.PAID`, `Status.PAID.value`: a dotted path whose last part but `value` is in
        // capitals or that starts at a class-like name.
        Expr::Attribute { value, attr } => {
            if matches!(attr.as_str(), "value" | "name") {
                return is_constant(code, *value);
            }
            let upper = attr.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            let owner = match &code[*value] {
                Expr::Name(name) => Some(*name),
                Expr::Attribute { attr, .. } => Some(*attr),
                _ => None,
            };
            owner.is_some_and(|owner| {
                owner.chars().next().is_some_and(char::is_uppercase)
                    && (upper || attr.chars().next().is_some_and(char::is_alphabetic))
            })
        }
        Expr::Name(name) => {
            name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        }
        Expr::Unary { operand, .. } => is_constant(code, *operand),
        Expr::Tuple(items) | Expr::List(items) | Expr::Set(items) => items.iter().all(|item| is_constant(code, *item)),
        Expr::Dict(_) => empty_display(code, expr).is_some(),
        Expr::Call { func, args } => {
            // `Status("paid")`, `frozenset({...})`
            // `datetime.now(UTC)` is another one each time.
            let is_made = match &code[*func] {
                Expr::Name(_) => true,
                Expr::Attribute { attr, .. } => attr.chars().next().is_some_and(char::is_uppercase),
                _ => false,
            };
            is_made && !args.is_empty() && args.iter().all(|arg| is_constant(code, arg.value))
        }
        _ => false,
    }
}

/// `{}` or `[]`: what a column is reset to.
fn empty_display(code: &Code, expr: ExprId) -> Option<&'static str> {
    match &code[expr] {
        Expr::Dict(entries) if entries.is_empty() => Some("{}"),
        Expr::List(items) if items.is_empty() => Some("[]"),
        _ => None,
    }
}

/// A constant as written, for comparing what is tested with what is written.
pub(crate) fn constant_name(code: &Code, expr: ExprId) -> Option<Name> {
    match &code[expr] {
        Expr::Str(text) => Some(Name::new(text)),
        Expr::Int(Some(value)) => Some(Name::new(&value.to_string())),
        Expr::Bool(value) => Some(Name::new(if *value { "True" } else { "False" })),
        Expr::None => Some(Name::new("None")),
        Expr::Dict(_) | Expr::List(_) => empty_display(code, expr).map(Name::new),
        Expr::Attribute { value, attr } if matches!(attr.as_str(), "value" | "name") => constant_name(code, *value),
        Expr::Name(_) | Expr::Attribute { .. } if is_constant(code, expr) => {
            auditline_syntax::python::dotted(code, expr)
        }
        _ => None,
    }
}
