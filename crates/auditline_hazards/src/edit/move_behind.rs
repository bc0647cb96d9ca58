//! Moving a statement behind another of the same block.

use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Block, Expr, Stmt, StmtKind};
use auditline_syntax::python::walk_block_expressions;
use auditline_syntax::{Name, TextRange};

use super::block::Siblings;
use super::insert::behind;
use super::layout::{indent, is_first, is_last, line_start, next_line};
use super::{Scope, range};

/// Moves the expression statement in which `moved` stands behind the one in which `target` stands, both in one block. Comments
/// on lines of their own stay where they are; a comment on the statement's line refuses the move.
#[must_use]
pub fn move_statement_behind(scope: Scope<'_>, moved: TextRange, target: TextRange) -> Option<Vec<TextEdit>> {
    let run = Crossed::of(scope, moved, target)?;
    if !matches!(run.stmt.kind, StmtKind::Expr(_)) || run.rebinds(scope, &reads(scope, run.stmt)) {
        return None;
    }
    let text = scope.document.text();
    let (start, end) = scope.span(run.stmt.range);
    if !is_first(text, start) || !is_last(text, end) || text[end..next_line(text, end)].contains(['#', ';']) {
        return None;
    }
    let removed = TextEdit::delete(range(line_start(text, start), next_line(text, end)));
    let inserted = behind(scope, run.target, scope.text(run.stmt.range))?;
    scope.document.checked(vec![removed, inserted])
}

/// As [`move_statement_behind`], where the attributes at `kept` cannot be read any more behind the target: they are read
/// where the statement stood, into a variable. All of them must be written alike, and nothing else of the object be used. A
/// test or a guard that stands around nothing but the call moves with it.
#[must_use]
pub fn move_reading_behind(
    scope: Scope<'_>,
    moved: TextRange,
    target: TextRange,
    kept: &[TextRange],
) -> Option<Vec<TextEdit>> {
    let run = Crossed::of(scope, moved, target)?;
    if !is_alone(run.stmt, moved) {
        return None;
    }
    let text = scope.document.text();
    let (start, end) = scope.span(run.stmt.range);
    if !is_first(text, start) || !is_last(text, end) || text[end..next_line(text, end)].contains(['#', ';']) {
        return None;
    }
    let kept: Vec<TextRange> = kept.iter().copied().filter(|one| run.stmt.range.contains_range(*one)).collect();
    let mut statement = scope.text(run.stmt.range).to_owned();
    let mut names = reads(scope, run.stmt);
    let mut assignment = String::new();
    if let Some(first) = kept.first() {
        let source = scope.text(*first);
        if kept.iter().any(|other| scope.text(*other) != source) {
            return None;
        }
        let (object, attribute) = source.split_once('.')?;
        let is_name = |part: &str| part.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name(object) || !is_name(attribute) {
            return None;
        }
        // What else is done with the object would be done behind the target.
        let mut whole = false;
        walk_block_expressions(scope.code, &vec![run.stmt.clone()], &mut |id| {
            let at = scope.code.range(id);
            whole |= matches!(&scope.code[id], Expr::Name(name) if *name == object)
                && !kept.iter().any(|one| one.contains_range(at));
        });
        if whole {
            return None;
        }
        let variable =
            [attribute.to_owned(), format!("{object}_{attribute}")].into_iter().find(|name| !is_used(scope, name))?;
        let mut places: Vec<TextRange> = kept.clone();
        places.sort_by_key(|one| std::cmp::Reverse(one.start()));
        places.dedup();
        for place in places {
            let from = usize::from(place.start() - run.stmt.range.start());
            statement.replace_range(from..from + usize::from(place.len()), &variable);
        }
        names.retain(|name| *name != object);
        assignment = format!("{}{variable} = {source}{}", indent(text, start), scope.document.line_end());
    }
    if run.rebinds(scope, &names) {
        return None;
    }
    let replaced = TextEdit::replace(range(line_start(text, start), next_line(text, end)), &assignment);
    let inserted = behind(scope, run.target, &statement)?;
    scope.document.checked(vec![replaced, inserted])
}

/// A statement, and those that it is moved across.
struct Crossed<'a> {
    stmt: &'a Stmt,
    crossed: &'a [Stmt],
    target: Siblings<'a>,
}

impl<'a> Crossed<'a> {
    fn of(scope: Scope<'a>, moved: TextRange, target: TextRange) -> Option<Self> {
        let run = Siblings::covering(scope, moved, target)?;
        let block: &'a Block = run.block;
        let from = block.iter().position(|stmt| stmt.range.contains_range(moved))?;
        let to = block.iter().position(|stmt| stmt.range.contains_range(target))?;
        let stmt = block.get(from)?;
        (from < to).then(|| Self {
            stmt,
            crossed: &block[from + 1..=to],
            target: Siblings { first: to, last: to, ..run },
        })
    }

    /// Whether what the statement reads is given another value on the way, or may be.
    fn rebinds(&self, scope: Scope<'_>, reads: &[Name]) -> bool {
        let rebinds = self.crossed.iter().any(|stmt| match &stmt.kind {
            StmtKind::Expr(_) => false,
            StmtKind::Assign { targets, .. } => targets.iter().any(|target| match &scope.code[*target] {
                Expr::Name(name) => reads.contains(name),
                _ => false,
            }),
            // What may leave the block, or rebind in a way that is not looked into.
            _ => true,
        });
        let mut named = false;
        walk_block_expressions(scope.code, &self.crossed.to_vec(), &mut |id| {
            named |= matches!(scope.code[id], Expr::Named { .. });
        });
        rebinds || named
    }
}

/// The names that a statement reads.
fn reads(scope: Scope<'_>, stmt: &Stmt) -> Vec<Name> {
    let mut names = Vec::new();
    walk_block_expressions(scope.code, &vec![stmt.clone()], &mut |id| {
        if let Expr::Name(name) = &scope.code[id] {
            names.push(*name);
        }
    });
    names
}

/// Whether a statement is the call at that range, or does nothing but that call: under a test, with what it raises passed
/// over.
fn is_alone(stmt: &Stmt, call: TextRange) -> bool {
    let all = |block: &Block| block.iter().all(|stmt| matches!(stmt.kind, StmtKind::Pass) || is_alone(stmt, call));
    stmt.range.contains_range(call)
        && match &stmt.kind {
            StmtKind::Expr(_) => true,
            StmtKind::If(branch) => branch.orelse.is_empty() && all(&branch.body),
            StmtKind::With { body, .. } => all(body),
            StmtKind::Try(guarded) => {
                all(&guarded.body)
                    && guarded.orelse.is_empty()
                    && guarded.finally.is_empty()
                    && guarded.handlers.iter().all(|handler| all(&handler.body))
            }
            _ => false,
        }
}

/// Whether a name means something in the function already.
fn is_used(scope: Scope<'_>, name: &str) -> bool {
    let param = scope.function.is_some_and(|function| function.params.iter().any(|param| param.name == name));
    let mut used = false;
    walk_block_expressions(scope.code, &scope.code.block, &mut |id| {
        used |= matches!(&scope.code[id], Expr::Name(other) if *other == name);
    });
    param || used
}
