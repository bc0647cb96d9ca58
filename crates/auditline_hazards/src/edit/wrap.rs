//! `try` around statements, and the rollback in a handler.

use auditline_model::{Db, FunctionRef};
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::StmtKind;

use crate::finding::FileEdit;

use super::{Scope, common_block, find_statement, insert, lines};

/// Wraps the statements from one that holds `first` to one that holds `last` in `try`, with a handler that rolls back
/// the session of `call` and raises.
pub(crate) fn wrap_in_try(
    db: &dyn Db,
    of: FunctionRef,
    first: TextRange,
    last: TextRange,
    call: TextRange,
    awaited: bool,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let session = scope.receiver(call)?;
    let (block, from, to) = common_block(&scope.function.code.block, first, last)?;
    let start = scope.absolute(block.get(from)?.range).start();
    let end = scope.absolute(block.get(to)?.range).end();
    let text = scope.text();
    let indent = lines::own_indentation(text, start)?.to_owned();
    if !lines::ends_line(text, end) {
        return None;
    }
    let unit = scope.indent_unit();
    let newline = scope.line_end();
    let mut edits = Vec::new();
    for (index, line) in lines::indentable_lines(text, TextRange::new(start, end)).into_iter().enumerate() {
        let head = if index == 0 { format!("{indent}try:{newline}{unit}") } else { unit.clone() };
        edits.push(insert(line, head));
    }
    let awaits = if awaited { "await " } else { "" };
    let handler = format!(
        "{newline}{indent}except Exception:{newline}{indent}{unit}{awaits}{session}.rollback(){newline}{indent}{unit}raise"
    );
    edits.push(insert(lines::line_end(text, end), handler));
    scope.edits(edits)
}

/// Puts the rollback first in a handler.
pub(crate) fn add_rollback_to_handler(
    db: &dyn Db,
    of: FunctionRef,
    handler: TextRange,
    call: TextRange,
    awaited: bool,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let session = scope.receiver(call)?;
    let function = scope.function.clone();
    let statement = find_statement(&function.code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Try(inner) => inner.handlers.iter().any(|other| other.range == handler),
        _ => false,
    })?;
    let StmtKind::Try(statement) = &statement.kind else { return None };
    let body = &statement.handlers.iter().find(|other| other.range == handler)?.body;
    let first = scope.absolute(body.first()?.range).start();
    let indent = lines::own_indentation(scope.text(), first)?.to_owned();
    let awaits = if awaited { "await " } else { "" };
    let at = lines::line_start(scope.text(), first);
    let newline = scope.line_end();
    scope.edits(vec![insert(at, format!("{indent}{awaits}{session}.rollback(){newline}"))])
}
