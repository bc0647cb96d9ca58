//! Giving an existing handler its rollback.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Handler, StmtKind};
use auditline_syntax::python::walk_statements;

use super::layout::{is_first, is_last, line_end, step};
use super::lex::{TokenKind, lex};
use super::{Scope, offset};

/// Makes the rollback the first statement of the handler whose clause has that range. A handler that only passes rolls
/// back instead.
#[must_use]
pub fn insert_rollback_in_handler(
    scope: Scope<'_>,
    handler: TextRange,
    session: &str,
    is_async: bool,
) -> Option<Vec<TextEdit>> {
    let handler = find(scope, handler)?;
    let text = scope.document.text();
    let wait = if is_async { "await " } else { "" };
    let rollback = format!("{wait}{session}.rollback()");
    let first = handler.body.first()?;
    let (start, _) = scope.span(first.range);
    if let [only] = &handler.body[..]
        && only.kind == StmtKind::Pass
    {
        return scope.document.checked(vec![TextEdit::replace(scope.absolute(only.range), rollback)]);
    }
    if !is_first(text, start) {
        return scope.document.checked(vec![TextEdit::insert(offset(start), format!("{rollback}; "))]);
    }
    let (clause, _) = scope.span(handler.range);
    let colon =
        lex(text, clause, start).into_iter().rfind(|token| token.kind == TokenKind::Colon && token.depth == 0)?;
    if !is_last(text, colon.end) {
        return None;
    }
    step(text, clause, start)?;
    let indent = super::layout::indent(text, start);
    let eol = scope.document.line_end();
    let at = line_end(text, colon.end);
    scope.document.checked(vec![TextEdit::insert(offset(at), format!("{eol}{indent}{rollback}"))])
}

fn find<'a>(scope: Scope<'a>, range: TextRange) -> Option<&'a Handler> {
    let mut found = None;
    walk_statements(&scope.code.block, &mut |stmt| {
        if let StmtKind::Try(stmt) = &stmt.kind {
            found = found.or(stmt.handlers.iter().find(|handler| handler.range == range));
        }
    });
    found
}
