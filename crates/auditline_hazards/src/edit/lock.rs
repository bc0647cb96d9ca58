//! Row locks.

use auditline_model::{Db, FunctionRef};
use auditline_syntax::python::ir::{Expr, ExprId, StmtKind};
use auditline_syntax::{TextRange, TextSize};

use crate::finding::FileEdit;

use super::{Scope, block_of, insert, lines};

/// Appends `.with_for_update()` to a statement expression; in a chain over several lines, on a line of its own.
pub(crate) fn add_with_for_update(db: &dyn Db, of: FunctionRef, statement: TextRange) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let code = &scope.function.code;
    let expr = code.ranges.iter().position(|range| *range == statement)?;
    if !matches!(code.exprs.get(expr)?, Expr::Name(_) | Expr::Call { .. } | Expr::Attribute { .. }) {
        return None;
    }
    let text = scope.text();
    let range = scope.absolute(statement);
    let end = range.end();
    let lock = ".with_for_update()";
    // The next link of the chain stands on a line of its own: so does the lock.
    let rest = text.get(usize::from(end)..)?;
    let trimmed = rest.trim_start();
    let gap = &rest[..rest.len() - trimmed.len()];
    let own_line = |at: TextSize| {
        let indent = lines::indentation(text, at);
        format!("{}{indent}{lock}", scope.line_end())
    };
    if trimmed.starts_with('.') && gap.contains(['\n', '\r']) {
        let next = end + TextSize::of(gap);
        return scope.edits(vec![insert(end, own_line(next))]);
    }
    // The last link of the statement itself stands on a line of its own.
    let last_line = lines::line_start(text, end);
    if last_line > range.start() {
        let mut line = last_line;
        // The line of the dot that starts the last link, which may be a call over several lines.
        loop {
            let content = text.get(usize::from(line)..usize::from(end))?.trim_start();
            if content.starts_with('.') {
                return scope.edits(vec![insert(end, own_line(line))]);
            }
            if line <= range.start() {
                break;
            }
            let before = line.checked_sub(TextSize::new(1))?;
            line = lines::line_start(text, before);
        }
    }
    scope.edits(vec![insert(end, lock)])
}

/// Loads the row that a statement binds again with a lock, behind the check that it exists.
///
/// `session_use` is a call on the session in the same function, which tells how it is called.
pub(crate) fn refresh_locked_after(
    db: &dyn Db,
    of: FunctionRef,
    statement: TextRange,
    session_use: TextRange,
    awaited: bool,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let session = scope.receiver(session_use)?;
    let code = &scope.function.code;
    let (block, index) = block_of(&code.block, statement)?;
    let StmtKind::Assign { targets, .. } = &block.get(index)?.kind else { return None };
    let [target] = targets.as_slice() else { return None };
    let Expr::Name(row) = &code[*target] else { return None };
    let guarded = block.get(index + 1).is_some_and(|next| match &next.kind {
        StmtKind::If(guard) => guard.orelse.is_empty() && mentions(code, guard.test, *row),
        _ => false,
    });
    let after = block.get(if guarded { index + 1 } else { index })?;
    let text = scope.text();
    let indent = lines::own_indentation(text, scope.absolute(block.get(index)?.range).start())?.to_owned();
    let end = scope.absolute(after.range).end();
    if !lines::ends_line(text, end) {
        return None;
    }
    let awaits = if awaited { "await " } else { "" };
    let newline = scope.line_end();
    scope.edits(vec![insert(
        lines::line_end(text, end),
        format!("{newline}{indent}{awaits}{session}.refresh({row}, with_for_update=True)"),
    )])
}

fn mentions(code: &auditline_syntax::python::ir::Code, root: ExprId, name: auditline_syntax::Name) -> bool {
    let mut found = false;
    auditline_syntax::python::walk_expression(code, root, &mut |expr| {
        found |= matches!(&code[expr], Expr::Name(used) if *used == name);
    });
    found
}

/// Makes an `async def` that awaits nothing a plain `def`, and locks a load in it.
pub(crate) fn make_plain_def(
    db: &dyn Db,
    of: FunctionRef,
    lock: impl Fn(&dyn Db) -> Option<Vec<FileEdit>>,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let range = scope.absolute(scope.function.def_range);
    let text = scope.text().get(usize::from(range.start())..)?;
    let rest = text.strip_prefix("async")?;
    let blanks = rest.len() - rest.trim_start().len();
    let removed = TextRange::at(range.start(), TextSize::of(&text[..5 + blanks]));
    let mut edits = lock(db)?;
    let own = edits.iter_mut().find(|edit| edit.file == of.file)?;
    own.edits.insert(0, auditline_source::TextEdit { range: removed, text: String::new() });
    own.edits.sort_by_key(|edit| edit.range.start());
    Some(edits)
}
