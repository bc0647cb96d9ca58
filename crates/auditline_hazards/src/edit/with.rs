//! Putting what follows an assignment under a `with`.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::Call;
use auditline_syntax::python::ir::{Expr, StmtKind};

use super::block::{Layout, Siblings};
use super::layout::{is_first, is_last, line_end, line_start, next_line};
use super::wrap::deeper;
use super::{Scope, range};

/// Makes `name = opening` a `with opening as name:` around the rest of its block; a `name.close()` that ends the block, or
/// that stands before a last `return`, is no longer needed. `None` where the name is used outside of that block.
#[must_use]
pub fn assignment_to_with(scope: Scope<'_>, statement: TextRange, is_async: bool) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let text = scope.document.text();
    let run = Siblings::at(scope, statement)?;
    let opening = &run.block[run.first];
    let StmtKind::Assign { targets, value } = &opening.kind else { return None };
    let ([target], Expr::Call { .. }) = (&targets[..], &code[*value]) else { return None };
    let Expr::Name(name) = &code[*target] else { return None };
    let last = run.block.len() - 1;
    if run.first == last {
        return None;
    }
    // Every use of the name stands in the block that is left with it.
    let from = opening.range.start();
    let to = run.block[last].range.end();
    let outside = code
        .exprs
        .iter()
        .zip(&code.ranges)
        .any(|(expr, at)| matches!(expr, Expr::Name(own) if own == name) && (at.start() < from || at.end() > to));
    if outside {
        return None;
    }
    let body = Siblings { first: run.first + 1, last, ..run }.whole_lines(scope);
    let Layout::Lines { indent, unit } = Siblings { first: run.first, last: run.first, ..run }.layout(scope)? else {
        return None;
    };
    let (start, end) = scope.span(opening.range);
    if body.first != run.first + 1
        || !is_first(text, start)
        || !is_last(text, end)
        || text[end..line_end(text, end)].contains(';')
    {
        return None;
    }
    let wait = if is_async { "async " } else { "" };
    let written = scope.source(*value);
    let mut edits = vec![TextEdit::replace(range(start, end), format!("{wait}with {written} as {name}:"))];
    let closes = |at: usize| -> bool {
        let StmtKind::Expr(expr) = &run.block[at].kind else { return false };
        Call::awaited(code, *expr).and_then(|call| call.method(code)).is_some_and(|(object, method)| {
            method == "close" && matches!(&code[object], Expr::Name(own) if own == name)
        })
    };
    // The close that is not needed any more; an only statement stays.
    let close = [last, last.saturating_sub(1)].into_iter().find(|at| {
        *at > run.first + 1 && closes(*at) && (*at == last || matches!(run.block[last].kind, StmtKind::Return(_)))
    });
    let removed = match close {
        Some(at) => {
            let (from, to) = scope.span(run.block[at].range);
            // A comment beside it speaks of it.
            (is_first(text, from) && is_last(text, to) && !text[to..line_end(text, to)].contains('#'))
                .then(|| range(line_start(text, from), next_line(text, to)))
        }
        None => None,
    };
    // Comments between the opening and what follows go along; the lines of the opening itself stay.
    edits.extend(
        deeper(text, line_start(text, start), start, body.last_line_end(scope)?, indent, unit).into_iter().filter(
            |edit| {
                usize::from(edit.range.start()) > end
                    && removed.is_none_or(|removed| !removed.contains_range(edit.range))
            },
        ),
    );
    if let Some(removed) = removed {
        edits.push(TextEdit::delete(removed));
    }
    scope.document.checked(edits)
}
