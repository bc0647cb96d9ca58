//! Functions that keep what they hand out.

use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use super::block::Siblings;
use super::layout::{is_last, line_start, next_line};
use super::{Scope, range};

/// Makes an accessor that keeps what it made in a global return a fresh one: its body, the docstring excepted, becomes
/// `return <made>`. `None` where it does anything else.
#[must_use]
pub fn return_fresh(scope: Scope<'_>, global: Name) -> Option<Vec<TextEdit>> {
    let function = scope.function?;
    let code = &function.code;
    let mut made = None;
    let mut only_this = true;
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } => {
            let binds = targets.iter().all(|target| matches!(&code[*target], Expr::Name(name) if *name == global));
            only_this &= binds && made.is_none();
            made = Some(*value);
        }
        // `with lock:` around the making.
        StmtKind::Global(_) | StmtKind::If(_) | StmtKind::Return(_) | StmtKind::With { .. } => {}
        _ => only_this &= super::imports::is_docstring(code, stmt),
    });
    if !only_this {
        return None;
    }
    let made = scope.source(made?);
    let block = &code.block;
    let first = block.get(usize::from(super::imports::is_docstring(code, block.first()?)))?;
    let run = Siblings::covering(scope, first.range, block.last()?.range)?;
    let whole = range(run.start(scope), run.end(scope));
    scope.document.checked(vec![TextEdit::replace(whole, format!("return {made}"))])
}

/// Removes a decorator with its line; the range is that of the expression behind the `@`.
#[must_use]
pub fn remove_decorator(scope: Scope<'_>, decorator: TextRange) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let (start, end) = scope.span(decorator);
    let line = line_start(text, start);
    if text[line..start].trim() != "@" || !is_last(text, end) {
        return None;
    }
    scope.document.checked(vec![TextEdit::delete(range(line, next_line(text, end)))])
}
