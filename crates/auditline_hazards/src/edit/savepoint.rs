//! An insert under a savepoint, with a second look where it fails.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Expr, Stmt, StmtKind};

use super::block::{Layout, Siblings};
use super::layout::{indent, is_first, is_last, line_start};
use super::wrap::deeper;
use super::{Scope, offset};

/// A row that is looked for, made and added, each in a statement of its own; ranges of the function.
#[derive(Debug, Clone, Copy)]
pub struct Reload {
    /// The statement that looks for the row and binds it.
    pub lookup: TextRange,
    /// The statement that makes it and binds it to the same name.
    pub create: TextRange,
    /// The statement that adds it.
    pub add: TextRange,
    /// The call that adds it.
    pub call: TextRange,
    /// Whether the session is awaited.
    pub is_async: bool,
}

/// Puts the statement that adds a row, and a `flush` right behind it, under a savepoint, and looks for the row again where
/// the insert fails. `error` is how `IntegrityError` is called in the file.
#[must_use]
pub fn insert_or_reload(scope: Scope<'_>, reload: Reload, error: &str) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let session = scope.receiver(reload.call)?;
    let lookup = Siblings::at(scope, reload.lookup)?;
    let create = Siblings::at(scope, reload.create)?;
    let mut run = Siblings::at(scope, reload.add)?;
    let name = assigned(scope, &lookup.block[lookup.first])?;
    if assigned(scope, &create.block[create.first])? != name || !adds(scope, &run.block[run.first], name) {
        return None;
    }
    let flush = format!("{session}.flush()");
    if let Some(next) = run.block.get(run.last + 1)
        && matches!(next.kind, StmtKind::Expr(_))
        && scope.text(next.range).trim_start_matches("await").trim() == flush
    {
        run.last += 1;
    }
    let whole = run.whole_lines(scope);
    let again = scope.text(lookup.block[lookup.first].range);
    let (start, stop) = (run.start(scope), run.last_line_end(scope)?);
    // A second look over several lines keeps their indentation against the first.
    let looked = scope.span(lookup.block[lookup.first].range).0;
    if (whole.first, whole.last) != (run.first, run.last)
        || again.contains("\"\"\"")
        || again.contains("'''")
        || !is_first(text, looked)
        || !is_last(text, scope.span(lookup.block[lookup.first].range).1)
    {
        return None;
    }
    let Layout::Lines { indent: outer, unit } = run.layout(scope)? else { return None };
    let inner = format!("{outer}{unit}");
    let moved = moved(again, eol, indent(text, looked), &inner);
    let with = if reload.is_async { "async with" } else { "with" };
    let line = line_start(text, start);
    let mut edits =
        vec![TextEdit::insert(offset(line), format!("{outer}try:{eol}{inner}{with} {session}.begin_nested():{eol}"))];
    edits.extend(deeper(text, line, start, stop, outer, &format!("{unit}{unit}")));
    edits.push(TextEdit::insert(offset(stop), format!("{eol}{outer}except {error}:{eol}{inner}{moved}")));
    scope.document.checked(edits)
}

/// A statement of several lines, with their indentation against the first kept.
pub(super) fn moved(statement: &str, eol: &str, from: &str, to: &str) -> String {
    let mut lines = statement.split(eol);
    let mut moved = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        moved.push_str(eol);
        match line.strip_prefix(from) {
            Some(rest) => moved.push_str(&format!("{to}{rest}")),
            None => moved.push_str(line),
        }
    }
    moved
}

/// The one name that a plain assignment binds.
pub(super) fn assigned(scope: Scope<'_>, stmt: &Stmt) -> Option<auditline_syntax::Name> {
    let (&[target], _) = stmt.kind.assignment()? else { return None };
    match scope.code[target] {
        Expr::Name(name) => Some(name),
        _ => None,
    }
}

/// Whether a statement is `session.add(name)` and nothing else.
pub(super) fn adds(scope: Scope<'_>, stmt: &Stmt, name: auditline_syntax::Name) -> bool {
    let StmtKind::Expr(expr) = &stmt.kind else { return false };
    let Expr::Call { func, args } = &scope.code[*expr] else { return false };
    matches!(&scope.code[*func], Expr::Attribute { attr, .. } if *attr == "add")
        && matches!(args[..], [ref arg] if matches!(scope.code[arg.value], Expr::Name(added) if added == name))
}
