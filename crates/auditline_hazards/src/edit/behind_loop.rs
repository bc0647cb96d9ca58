//! Doing once behind a loop what it does in each round.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Stmt, StmtKind};
use auditline_syntax::python::walk_statements;

use super::block::Siblings;
use super::insert::behind;
use super::layout::{indent, is_first, line_start};
use super::{Scope, call_other_method, range, remove_call_statement};

/// Moves the statement that is the call at that range behind the innermost `for` around it. Where `instead` names a method,
/// the call stays and calls that.
#[must_use]
pub fn move_behind_loop(scope: Scope<'_>, call: TextRange, instead: Option<&str>) -> Option<Vec<TextEdit>> {
    let mut around: Option<&Stmt> = None;
    walk_statements(&scope.code.block, &mut |stmt| {
        if matches!(stmt.kind, StmtKind::For { .. }) && stmt.range.contains_range(call) {
            around = Some(stmt);
        }
    });
    let around = around?;
    let StmtKind::For { body, orelse, .. } = &around.kind else { return None };
    // Only what every round does, and a loop that always comes to its end.
    let stmt = body.iter().find(|stmt| stmt.range.contains_range(call))?;
    let mut leaves = false;
    walk_statements(body, &mut |stmt| {
        leaves |= matches!(stmt.kind, StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue);
    });
    if leaves || !orelse.is_empty() || !matches!(stmt.kind, StmtKind::Expr(_)) {
        return None;
    }
    let text = scope.text(stmt.range);
    if text.contains(['\n', '\r']) {
        return None;
    }
    // As the last statement of the body it only stands further out.
    let whole = scope.document.text();
    let (start, _) = scope.span(stmt.range);
    if instead.is_none() && body.len() > 1 && body.last() == Some(stmt) && is_first(whole, start) {
        let outer = indent(whole, scope.span(around.range).0);
        let edit = TextEdit::replace(range(line_start(whole, start), start), outer);
        return scope.document.checked(vec![edit]);
    }
    let mut edits = match instead {
        Some(method) => call_other_method(scope, call, method)?,
        None => remove_call_statement(scope, call)?,
    };
    let run = Siblings::covering(scope, around.range, around.range)?;
    edits.push(behind(scope, run, text)?);
    scope.document.checked(edits)
}
