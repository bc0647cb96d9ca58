//! Generator dependencies: `try: yield … finally: close()`.

use auditline_model::{Db, FunctionRef};
use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Code, Expr, Stmt, StmtKind};

use crate::finding::FileEdit;

use super::{Scope, block_of, find_statement, insert, lines};

/// Closes the session that a statement yields in a `finally`.
pub(crate) fn yield_in_try_finally(
    db: &dyn Db,
    of: FunctionRef,
    statement: TextRange,
    awaited: bool,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let code = &scope.function.code;
    let (block, index) = block_of(&code.block, statement)?;
    let StmtKind::Expr(expr) = &block.get(index)?.kind else { return None };
    let Expr::Yield(Some(value)) = &code[*expr] else { return None };
    let Expr::Name(session) = &code[*value] else { return None };
    let text = scope.text();
    let unit = scope.indent_unit();
    let newline = scope.line_end();
    let awaits = if awaited { "await " } else { "" };
    // A `try` around the `yield` without a `finally` gets one.
    let around = find_statement(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Try(inner) => inner.body.iter().any(|inner| inner.range == statement),
        _ => false,
    });
    if let Some(around) = around {
        let StmtKind::Try(inner) = &around.kind else { return None };
        if !inner.finally.is_empty() {
            return None;
        }
        let range = scope.absolute(around.range);
        let indent = lines::own_indentation(text, range.start())?;
        if !lines::ends_line(text, range.end()) {
            return None;
        }
        let close = format!("{newline}{indent}finally:{newline}{indent}{unit}{awaits}{session}.close()");
        return scope.edits(vec![insert(lines::line_end(text, range.end()), close)]);
    }
    let start = scope.absolute(block[index].range).start();
    let indent = lines::own_indentation(text, start)?.to_owned();
    // A `close()` that runs only when nothing fails moves into the `finally`.
    let closing = block.last().filter(|last| last.range.start() > statement.start() && closes(code, last, *session));
    let last = match closing {
        Some(_) => block.get(block.len().checked_sub(2)?)?,
        None => block.last()?,
    };
    let end = scope.absolute(last.range).end();
    if !lines::ends_line(text, end) {
        return None;
    }
    let mut edits = Vec::new();
    for (line_index, line) in lines::indentable_lines(text, TextRange::new(start, end)).into_iter().enumerate() {
        let head = if line_index == 0 { format!("{indent}try:{newline}{unit}") } else { unit.clone() };
        edits.push(insert(line, head));
    }
    match closing {
        Some(closing) => {
            let range = scope.absolute(closing.range);
            let line = lines::line_start(text, range.start());
            edits.push(insert(line, format!("{indent}finally:{newline}{unit}")));
        }
        None => edits.push(insert(
            lines::line_end(text, end),
            format!("{newline}{indent}finally:{newline}{indent}{unit}{awaits}{session}.close()"),
        )),
    }
    scope.edits(edits)
}

fn closes(code: &Code, stmt: &Stmt, session: auditline_syntax::Name) -> bool {
    let StmtKind::Expr(expr) = &stmt.kind else { return false };
    let call = match &code[*expr] {
        Expr::Await(inner) => *inner,
        _ => *expr,
    };
    let Expr::Call { func, .. } = &code[call] else { return false };
    match &code[*func] {
        Expr::Attribute { value, attr } => {
            *attr == "close" && matches!(&code[*value], Expr::Name(name) if *name == session)
        }
        _ => false,
    }
}

/// Yields a session that was returned, and closes it in a `finally`.
pub(crate) fn return_to_yield_in_try_finally(
    db: &dyn Db,
    of: FunctionRef,
    statement: TextRange,
    awaited: bool,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    // A return annotation would be wrong for a generator.
    if scope.function.returns.is_some() {
        return None;
    }
    let code = &scope.function.code;
    let (block, index) = block_of(&code.block, statement)?;
    let StmtKind::Return(Some(value)) = &block.get(index)?.kind else { return None };
    let text = scope.text();
    let range = scope.absolute(statement);
    let indent = lines::own_indentation(text, range.start())?.to_owned();
    let unit = scope.indent_unit();
    let newline = scope.line_end();
    let awaits = if awaited { "await " } else { "" };
    let (head, session) = match &code[*value] {
        Expr::Name(name) => (String::new(), name.as_str().to_owned()),
        _ => {
            let made = scope.slice(code.range(*value))?;
            (format!("db = {made}{newline}{indent}"), "db".to_owned())
        }
    };
    let body = format!(
        "{head}try:{newline}{indent}{unit}yield {session}{newline}{indent}finally:{newline}{indent}{unit}{awaits}{session}.close()"
    );
    scope.edits(vec![TextEdit { range, text: body }])
}
