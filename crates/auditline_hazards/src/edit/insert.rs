//! Inserting a statement before or behind another.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Stmt, StmtKind};

use super::block::Siblings;
use super::layout::{indent, is_first, line_end};
use super::{Scope, offset};

/// Inserts a simple statement before the one in which `range` stands, at its indentation. Before an `elif` means before
/// its `if`.
#[must_use]
pub fn insert_before(scope: Scope<'_>, range: TextRange, statement: &str) -> Option<Vec<TextEdit>> {
    let at = Siblings::at(scope, range)?.start(scope);
    let text = scope.document.text();
    let inserted = if is_first(text, at) {
        format!("{statement}{}{}", scope.document.line_end(), indent(text, at))
    } else {
        format!("{statement}; ")
    };
    scope.document.checked(vec![TextEdit::insert(offset(at), inserted)])
}

/// Inserts a simple statement behind the one in which `range` stands, at its indentation.
#[must_use]
pub fn insert_after(scope: Scope<'_>, range: TextRange, statement: &str) -> Option<Vec<TextEdit>> {
    let run = Siblings::at(scope, range)?;
    scope.document.checked(vec![behind(scope, run, statement)?])
}

/// As [`insert_after`], where the statement in which `range` stands is an expression or an assignment, behind which control
/// always comes.
#[must_use]
pub fn insert_after_simple(scope: Scope<'_>, range: TextRange, statement: &str) -> Option<Vec<TextEdit>> {
    let run = Siblings::at(scope, range)?;
    let goes_on = matches!(
        run.block.get(run.last)?.kind,
        StmtKind::Expr(_) | StmtKind::Assign { .. } | StmtKind::AnnAssign { .. } | StmtKind::AugAssign { .. }
    );
    if !goes_on {
        return None;
    }
    insert_after(scope, range, statement)
}

/// The edit that inserts a simple statement behind a run of siblings.
pub(crate) fn behind(scope: Scope<'_>, run: Siblings<'_>, statement: &str) -> Option<TextEdit> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let end = run.end(scope);
    let shares_line = run.block.get(run.last + 1).is_some_and(|next| line_end(text, end) > scope.span(next.range).0);
    if shares_line || !is_first(text, run.start(scope)) {
        // `a; b` on one line, or the block of a header on its line; a compound statement ends such a line.
        return is_simple(&run.block[run.last]).then(|| TextEdit::insert(offset(end), format!("; {statement}")));
    }
    let indent = indent(text, run.start(scope));
    Some(TextEdit::insert(offset(run.last_line_end(scope)?), format!("{eol}{indent}{statement}")))
}

fn is_simple(stmt: &Stmt) -> bool {
    !matches!(
        stmt.kind,
        StmtKind::If(_)
            | StmtKind::While { .. }
            | StmtKind::For { .. }
            | StmtKind::With { .. }
            | StmtKind::Try(_)
            | StmtKind::Match { .. }
            | StmtKind::Function(_)
            | StmtKind::Class(_)
    )
}
