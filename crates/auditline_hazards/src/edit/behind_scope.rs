//! Doing behind a `with` what stands in it.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Stmt, StmtKind};
use auditline_syntax::python::walk_statements;

use super::block::Siblings;
use super::insert::behind;
use super::layout::{indent, is_first, is_last, line_start};
use super::{Scope, call_other_method, range, remove_call_statement};

/// Puts the statement that is the call at that range behind the innermost `with` around it. Where `instead` names a method,
/// the call stays and calls that.
#[must_use]
pub fn move_behind_with(scope: Scope<'_>, call: TextRange, instead: Option<&str>) -> Option<Vec<TextEdit>> {
    let mut around: Option<&Stmt> = None;
    let mut own: Option<&Stmt> = None;
    walk_statements(&scope.code.block, &mut |stmt| {
        if stmt.range.contains_range(call) {
            match stmt.kind {
                StmtKind::With { .. } => around = Some(stmt),
                StmtKind::Expr(_) => own = Some(stmt),
                _ => {}
            }
        }
    });
    let (own, around) = (own?, around?);
    let text = scope.text(own.range);
    if text.contains(['\n', '\r']) {
        return None;
    }
    let Some(method) = instead else {
        let whole = scope.document.text();
        let (start, end) = scope.span(own.range);
        // As the last statement it only stands further out.
        if Siblings::at(scope, call)?.first > 0 && own.range.end() == around.range.end() && is_first(whole, start) {
            let outer = indent(whole, scope.span(around.range).0);
            let alone = is_last(whole, end);
            let edit = TextEdit::replace(range(line_start(whole, start), start), outer);
            return alone.then(|| scope.document.checked(vec![edit]))?;
        }
        let mut edits = remove_call_statement(scope, call)?;
        edits.push(behind(scope, Siblings::at(scope, around.range)?, text)?);
        return scope.document.checked(edits);
    };
    let mut edits = call_other_method(scope, call, method)?;
    edits.push(behind(scope, Siblings::at(scope, around.range)?, text)?);
    scope.document.checked(edits)
}
