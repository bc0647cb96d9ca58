//! Dependencies that hand out a session: closing it when its user is done.

use auditline_source::TextEdit;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, ExprId, Stmt, StmtKind};
use auditline_syntax::python::{walk_block_expressions, walk_statements};

use super::block::{Layout, Siblings};
use super::layout::{indent, is_first, line_end, line_start};
use super::wrap::{deeper, wrap};
use super::{Scope, add_import, offset, range};

/// Makes a generator that yields a session close it in a `finally`: `try:` around what follows the opening, `finally:`
/// with the `close()` that stands at its end already, or a new one.
#[must_use]
pub fn yield_to_try_finally(scope: Scope<'_>, is_async: bool) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let mut yields = Vec::new();
    walk_block_expressions(code, &code.block, &mut |expr| {
        if let Expr::Yield(Some(value)) = code[expr] {
            yields.push((expr, value));
        }
    });
    let [(yielded, value)] = yields[..] else { return None };
    let run = Siblings::at(scope, code.range(yielded))?;
    let Expr::Name(session) = code[value] else { return opened_in_yield(scope, run, yielded, value, is_async) };
    let wait = if is_async { "await " } else { "" };
    let eol = scope.document.line_end();

    // A `try` around the yield: its `finally` gets the close.
    if let Some(parent) = run.parent
        && let StmtKind::Try(around) = &parent.kind
        && std::ptr::eq(run.block, &around.body)
    {
        let outer = Siblings::at(scope, parent.range)?;
        let start = outer.start(scope);
        let text = scope.document.text();
        if !is_first(text, start) {
            return None;
        }
        let own = indent(text, start);
        if let Some(last) = around.finally.last() {
            let (at, end) = scope.span(last.range);
            if !is_first(text, at) || !super::layout::is_last(text, end) {
                return None;
            }
            let line = format!("{eol}{}{wait}{session}.close()", indent(text, at));
            return scope.document.checked(vec![TextEdit::insert(offset(line_end(text, end)), line)]);
        }
        let unit = super::layout::step(text, start, scope.span(around.body.first()?.range).0)?;
        let stop = outer.last_line_end(scope)?;
        let clause = format!("{eol}{own}finally:{eol}{own}{unit}{wait}{session}.close()");
        return scope.document.checked(vec![TextEdit::insert(offset(stop), clause)]);
    }

    // From behind the opening, where it stands beside the yield, to the end of the block.
    let first = run.block[..run.first]
        .iter()
        .rposition(|stmt| binds(scope, stmt, session))
        .map_or(run.first, |opening| opening + 1);
    let last = run.block.len() - 1;
    let close = last > run.first && is_close(scope, &run.block[last], session);
    if !close {
        let run = Siblings { first, last, ..run }.whole_lines(scope);
        if run.first < first {
            return None;
        }
        return wrap(scope, run, |indent, unit| {
            format!("{eol}{indent}finally:{eol}{indent}{unit}{wait}{session}.close()")
        });
    }
    let body = Siblings { first, last: last - 1, ..run }.whole_lines(scope);
    if body.first != first || body.last != last - 1 {
        return None;
    }
    let Layout::Lines { indent, unit } = body.layout(scope)? else { return None };
    let text = scope.document.text();
    let start = body.start(scope);
    let (close_start, close_end) = scope.span(run.block[last].range);
    let close_line = line_start(text, close_start);
    let mut edits = vec![TextEdit::insert(offset(line_start(text, start)), format!("{indent}try:{eol}"))];
    edits.extend(deeper(text, line_start(text, start), start, body.last_line_end(scope)?, indent, unit));
    edits.push(TextEdit::insert(offset(close_line), format!("{indent}finally:{eol}")));
    edits.extend(deeper(text, close_line, close_start, close_end, indent, unit));
    scope.document.checked(edits)
}

/// `yield SessionLocal()`: the session gets a name first.
fn opened_in_yield(
    scope: Scope<'_>,
    run: Siblings<'_>,
    yielded: ExprId,
    value: ExprId,
    is_async: bool,
) -> Option<Vec<TextEdit>> {
    if !matches!(scope.code[value], Expr::Call { .. }) || run.block.len() != run.first + 1 {
        return None;
    }
    let stmt = &run.block[run.first];
    if scope.code.range(yielded) != stmt.range {
        return None;
    }
    let Layout::Lines { indent, unit } = run.whole_lines(scope).layout(scope)? else { return None };
    let replaced = opened(scope, value, indent, unit, is_async)?;
    let (start, end) = scope.span(stmt.range);
    scope.document.checked(vec![TextEdit::replace(range(start, end), replaced)])
}

/// Makes a dependency that returns `SessionLocal()` a generator that closes it. A return annotation becomes one of an
/// iterator, with its import. `is_async` says whether `close()` is awaited. Whoever calls the function itself, and not through the framework, gets something else:
/// the caller of this must know that nobody does.
#[must_use]
pub fn return_to_yield(scope: Scope<'_>, is_async: bool) -> Option<Vec<TextEdit>> {
    let function = scope.function?;
    if function.is_generator {
        return None;
    }
    let code = scope.code;
    let mut returns = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        if let StmtKind::Return(Some(value)) = stmt.kind {
            returns.push((stmt.range, value));
        }
    });
    let [(statement, value)] = returns[..] else { return None };
    let run = Siblings::at(scope, statement)?;
    if run.parent.is_some() || run.last + 1 != run.block.len() {
        return None;
    }
    let Layout::Lines { indent, unit } = run.whole_lines(scope).layout(scope)? else { return None };
    let (start, end) = scope.span(statement);
    let eol = scope.document.line_end();
    let mut edits = Vec::new();
    match &code[value] {
        Expr::Call { .. } => {
            edits.push(TextEdit::replace(range(start, end), opened(scope, value, indent, unit, is_async)?))
        }
        Expr::Name(session) => {
            let wait = if is_async { "await " } else { "" };
            let body = format!(
                "try:{eol}{indent}{unit}yield {session}{eol}{indent}finally:{eol}{indent}{unit}{wait}{session}.close()"
            );
            edits.push(TextEdit::replace(range(start, end), body));
        }
        _ => return None,
    }
    if let Some(returns) = function.returns {
        let name = if function.is_async { "AsyncIterator" } else { "Iterator" };
        let home = if mentions_typing(scope) { "typing" } else { "collections.abc" };
        let import = add_import(scope.document, home, name)?;
        edits.extend(import.edits);
        let (from, to) = scope.span(code.range(returns));
        let written = scope.document.text().get(from..to)?;
        edits.push(TextEdit::replace(range(from, to), format!("{}[{written}]", import.name)));
    }
    scope.document.checked(edits)
}

fn opened(scope: Scope<'_>, value: ExprId, indent: &str, unit: &str, is_async: bool) -> Option<String> {
    let eol = scope.document.line_end();
    let wait = if is_async { "await " } else { "" };
    let opening = scope.source(value);
    // The text moves by one name, not by lines: an opening over several lines stays where it is written.
    let name = ["db", "session", "db_session"].into_iter().find(|name| !uses(scope, Name::new(name)))?;
    Some(format!(
        "{name} = {opening}{eol}{indent}try:{eol}{indent}{unit}yield {name}{eol}{indent}finally:{eol}{indent}{unit}{wait}{name}.close()"
    ))
}

fn uses(scope: Scope<'_>, name: Name) -> bool {
    let param = scope.function.is_some_and(|function| function.param(name).is_some());
    param || scope.code.exprs.iter().any(|expr| matches!(expr, Expr::Name(own) if *own == name))
}

fn mentions_typing(scope: Scope<'_>) -> bool {
    scope.document.module().code.block.iter().any(|stmt| {
        matches!(&stmt.kind, StmtKind::ImportFrom(import) if import.level == 0 && import.module.is_some_and(|own| own == "typing"))
    })
}

fn binds(scope: Scope<'_>, stmt: &Stmt, name: Name) -> bool {
    let is_name = |expr: ExprId| matches!(&scope.code[expr], Expr::Name(own) if *own == name);
    match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets.iter().any(|target| is_name(*target)),
        StmtKind::AnnAssign { target, .. } => is_name(*target),
        _ => false,
    }
}

fn is_close(scope: Scope<'_>, stmt: &Stmt, session: Name) -> bool {
    let StmtKind::Expr(expr) = stmt.kind else { return false };
    let Some(call) = auditline_syntax::python::Call::awaited(scope.code, expr) else { return false };
    call.method(scope.code).is_some_and(|(object, method)| {
        method == "close" && matches!(&scope.code[object], Expr::Name(name) if *name == session)
    })
}
