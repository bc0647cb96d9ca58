//! Loading a row again behind what expired it.

use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Expr, ExprId, Stmt, StmtKind};
use auditline_syntax::python::{walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange, TextSize};

use super::insert::{insert_after, insert_after_simple, insert_before};
use super::{Scope, block::Siblings};

/// How a row is loaded again.
#[derive(Debug, Clone, Copy)]
pub struct Reload<'a> {
    /// The variable that holds it.
    pub row: Name,
    /// The session, as it is called in this scope.
    pub session: &'a str,
    /// Whether the session is an `AsyncSession`.
    pub is_async: bool,
}

impl Reload<'_> {
    fn statement(self) -> String {
        let wait = if self.is_async { "await " } else { "" };
        format!("{wait}{}.refresh({})", self.session, self.row)
    }
}

/// Refreshes the row behind the statement that commits or rolls back at `ended`, for a read of it at `read`. Where the
/// variable is bound only behind that, by a loop around the read, it is refreshed in each round of that loop.
#[must_use]
pub fn refresh_behind(
    scope: Scope<'_>,
    ended: TextRange,
    read: TextRange,
    reload: Reload<'_>,
) -> Option<Vec<TextEdit>> {
    if is_inner(scope, read, reload.row) {
        return None;
    }
    let bound = bindings(scope, reload.row);
    if !bound.iter().any(|at| ended.end() <= *at && *at < read.start()) {
        let before = bound.iter().any(|at| *at < ended.end()) || is_param(scope, reload.row);
        let run = Siblings::at(scope, ended)?;
        return match run.block[run.last].kind {
            _ if !before => None,
            // The scope whose leaving ended it.
            StmtKind::With { .. } => insert_after(scope, ended, &reload.statement()),
            _ => insert_after_simple(scope, ended, &reload.statement()),
        };
    }
    refresh_each_round(scope, read, reload)
        .filter(|_| bound.iter().filter(|at| ended.end() <= **at && **at < read.start()).count() == 1)
}

/// As [`refresh_behind`], for a session that is closed before the read: only there it can be refreshed.
#[must_use]
pub fn refresh_just_behind(
    scope: Scope<'_>,
    ended: TextRange,
    read: TextRange,
    reload: Reload<'_>,
) -> Option<Vec<TextEdit>> {
    let rebound = bindings(scope, reload.row).into_iter().any(|at| ended.end() <= at && at < read.start());
    if rebound {
        return None;
    }
    refresh_behind(scope, ended, read, reload)
}

/// Refreshes the row at the start of each round of the innermost loop around the read that binds its variable, or of the
/// innermost loop where none does.
#[must_use]
pub fn refresh_each_round(scope: Scope<'_>, read: TextRange, reload: Reload<'_>) -> Option<Vec<TextEdit>> {
    if is_inner(scope, read, reload.row) {
        return None;
    }
    let mut loops: Vec<&Stmt> = Vec::new();
    walk_statements(&scope.code.block, &mut |stmt| {
        if let StmtKind::For { body, .. } | StmtKind::While { body, .. } = &stmt.kind
            && body.iter().any(|inner| inner.range.contains_range(read))
        {
            loops.push(stmt);
        }
    });
    let binds = |stmt: &&Stmt| match &stmt.kind {
        StmtKind::For { target, .. } => names(scope, *target, reload.row),
        _ => false,
    };
    let found = loops.iter().rev().find(|stmt| binds(stmt)).or(loops.last())?;
    let (StmtKind::For { body, .. } | StmtKind::While { body, .. }) = &found.kind else { return None };
    let first = body.first()?.range;
    // What the body binds before the read is another row.
    let rebound = bindings(scope, reload.row).into_iter().any(|at| first.start() <= at && at < read.start());
    if rebound {
        return None;
    }
    insert_before(scope, first, &reload.statement())
}

/// Whether a name at a place is the variable of a comprehension or `lambda` around it, which no statement can name.
fn is_inner(scope: Scope<'_>, at: TextRange, name: Name) -> bool {
    scope.code.exprs.iter().zip(&scope.code.ranges).filter(|(_, range)| range.contains_range(at)).any(|(expr, _)| {
        match expr {
            Expr::Comprehension { clauses, .. } => clauses.iter().any(|clause| names(scope, clause.target, name)),
            Expr::Lambda { params, .. } => params.iter().any(|param| param.name == name),
            _ => false,
        }
    })
}

fn is_param(scope: Scope<'_>, name: Name) -> bool {
    scope.function.is_some_and(|function| function.params.iter().any(|param| param.name == name))
}

fn names(scope: Scope<'_>, target: ExprId, name: Name) -> bool {
    let mut found = false;
    walk_expression(scope.code, target, &mut |part| {
        found |= matches!(&scope.code[part], Expr::Name(own) if *own == name)
    });
    found
}

/// Where a variable is bound in this code.
pub(super) fn bindings(scope: Scope<'_>, name: Name) -> Vec<TextSize> {
    let mut found = Vec::new();
    let mut bind = |target: ExprId| {
        walk_expression(scope.code, target, &mut |part| {
            if matches!(&scope.code[part], Expr::Name(own) if *own == name) {
                found.push(scope.code.range(part).start());
            }
        });
    };
    let is_variable = |target: &ExprId| !matches!(scope.code[*target], Expr::Attribute { .. } | Expr::Subscript { .. });
    walk_statements(&scope.code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets.iter().copied().filter(is_variable).for_each(&mut bind),
        StmtKind::AnnAssign { target, value: Some(_), .. } | StmtKind::AugAssign { target, .. } => {
            Some(*target).filter(is_variable).into_iter().for_each(&mut bind);
        }
        StmtKind::For { target, .. } => bind(*target),
        StmtKind::With { items, .. } => items.iter().filter_map(|item| item.target).for_each(&mut bind),
        StmtKind::Delete(targets) => targets.iter().copied().for_each(&mut bind),
        _ => {}
    });
    for (expr, range) in scope.code.exprs.iter().zip(&scope.code.ranges) {
        if matches!(expr, Expr::Named { target, .. } if *target == name) {
            found.push(range.start());
        }
    }
    found
}
