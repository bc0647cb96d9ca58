//! Moving a statement behind another of the same block.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Block, Expr, StmtKind};
use auditline_syntax::python::{walk_block_expressions, walk_statement_expressions};

use super::block::Siblings;
use super::insert::behind;
use super::layout::{is_first, is_last, line_start, next_line};
use super::{Scope, range};

/// Moves the expression statement in which `moved` stands behind the one in which `target` stands, both in one block. Comments
/// on lines of their own stay where they are; a comment on the statement's line refuses the move.
#[must_use]
pub fn move_statement_behind(scope: Scope<'_>, moved: TextRange, target: TextRange) -> Option<Vec<TextEdit>> {
    let run = Siblings::covering(scope, moved, target)?;
    let block: &Block = run.block;
    let from = block.iter().position(|stmt| stmt.range.contains_range(moved))?;
    let to = block.iter().position(|stmt| stmt.range.contains_range(target))?;
    let stmt = block.get(from)?;
    if from >= to || !matches!(stmt.kind, StmtKind::Expr(_)) {
        return None;
    }
    // What the statement reads must not be given another value on the way.
    let mut reads = Vec::new();
    walk_statement_expressions(scope.code, stmt, &mut |id| {
        if let Expr::Name(name) = &scope.code[id] {
            reads.push(*name);
        }
    });
    let crossed = &block[from + 1..=to];
    let rebinds = crossed.iter().any(|stmt| match &stmt.kind {
        StmtKind::Expr(_) => false,
        StmtKind::Assign { targets, .. } => targets.iter().any(|target| match &scope.code[*target] {
            Expr::Name(name) => reads.contains(name),
            _ => false,
        }),
        // What may leave the block, or rebind in a way that is not looked into.
        _ => true,
    });
    let mut named = false;
    walk_block_expressions(scope.code, &crossed.to_vec(), &mut |id| {
        named |= matches!(scope.code[id], Expr::Named { .. });
    });
    if rebinds || named {
        return None;
    }
    let text = scope.document.text();
    let (start, end) = scope.span(stmt.range);
    if !is_first(text, start) || !is_last(text, end) || text[end..next_line(text, end)].contains(['#', ';']) {
        return None;
    }
    let removed = TextEdit::delete(range(line_start(text, start), next_line(text, end)));
    let target = Siblings { first: to, last: to, ..run };
    let inserted = behind(scope, target, scope.text(stmt.range))?;
    scope.document.checked(vec![removed, inserted])
}
