//! Numbers.

use super::super::ir::Expr;

/// The value of an integer literal.
pub(super) fn integer(text: &str) -> Expr {
    if text.len() < 18 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Expr::Int(text.parse().ok());
    }
    let lower = text.to_ascii_lowercase().replace('_', "");
    let radix = |digits: &str, radix| i64::from_str_radix(digits.trim_end_matches('l'), radix).ok();
    if let Some(digits) = lower.strip_prefix("0x") {
        Expr::Int(radix(digits, 16))
    } else if let Some(digits) = lower.strip_prefix("0o") {
        Expr::Int(radix(digits, 8))
    } else if let Some(digits) = lower.strip_prefix("0b") {
        Expr::Int(radix(digits, 2))
    } else if lower.ends_with('j') {
        Expr::Float
    } else {
        Expr::Int(radix(&lower, 10))
    }
}
