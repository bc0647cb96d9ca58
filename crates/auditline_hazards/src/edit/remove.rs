//! Taking a statement away, or calling another method in it.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::Call;
use auditline_syntax::python::ir::{Expr, StmtKind};

use super::block::Siblings;
use super::layout::{indent, is_first, is_last, line_end, line_start, next_line};
use super::{Scope, range};

/// Removes the statement that consists of the call at that range, awaited or not. A comment behind it stays, on a line of
/// its own; an only statement of a block becomes `pass`.
#[must_use]
pub fn remove_call_statement(scope: Scope<'_>, call: TextRange) -> Option<Vec<TextEdit>> {
    let run = Siblings::at(scope, call)?;
    let stmt = &run.block[run.first];
    let StmtKind::Expr(expr) = &stmt.kind else { return None };
    if Call::awaited(scope.code, *expr)?.id != scope.call_at(call)? {
        return None;
    }
    if let [_] = &run.block[..] {
        return scope.replace(stmt.range, "pass");
    }
    remove_line(scope, stmt.range)
}

/// Removes the statement at module level with that range. A comment behind it stays, on a line of its own.
#[must_use]
pub fn remove_statement(scope: Scope<'_>, statement: TextRange) -> Option<Vec<TextEdit>> {
    let is_there = scope.code.block.iter().any(|stmt| stmt.range == statement);
    is_there.then(|| remove_line(scope, statement))?
}

/// Removes a statement that stands alone on its lines.
fn remove_line(scope: Scope<'_>, statement: TextRange) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let (start, end) = scope.span(statement);
    if !is_first(text, start) || !is_last(text, end) || text[end..line_end(text, end)].contains(';') {
        return None;
    }
    let comment = text[end..line_end(text, end)].find('#').map(|at| end + at);
    let removed = match comment {
        Some(comment) => range(start, comment),
        None if next_line(text, end) == text.len() && line_end(text, end) == text.len() => {
            // The last line of a text without a last line end takes the line end before it along.
            let line = line_start(text, start);
            let before = text[..line].strip_suffix("\r\n").or_else(|| text[..line].strip_suffix(['\n', '\r']));
            range(before.map_or(line, str::len), end.max(line + indent(text, start).len()))
        }
        None => range(line_start(text, start), next_line(text, end)),
    };
    scope.document.checked(vec![TextEdit::delete(removed)])
}

/// Calls another method of the same object, with the same arguments.
#[must_use]
pub fn call_other_method(scope: Scope<'_>, call: TextRange, method: &str) -> Option<Vec<TextEdit>> {
    let call = Call::of(scope.code, scope.call_at(call)?)?;
    let Expr::Attribute { attr, .. } = &scope.code[call.func] else { return None };
    let (_, end) = scope.span(scope.code.range(call.func));
    let start = end.checked_sub(attr.len())?;
    if scope.document.text().get(start..end)? != attr.as_str() {
        return None;
    }
    scope.document.checked(vec![TextEdit::replace(range(start, end), method)])
}
