//! An insert that passes over a row that is there already.

use auditline_source::TextEdit;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Expr, ExprId, Stmt, StmtKind};

use super::block::{Layout, Siblings};
use super::layout::{indent, is_first, is_last};
use super::savepoint::{Reload, adds, assigned, moved};
use super::{Scope, range};

/// Makes `row = Model(…)` and the `session.add(row)` behind it an `INSERT … ON CONFLICT DO NOTHING`, and looks for the row
/// again where nothing was inserted. `insert` is how PostgreSQL's `insert` is called in the file; `unique` are the attributes
/// of the constraint; `is_column` says which keywords of the constructor are columns.
#[must_use]
pub fn insert_or_nothing(
    scope: Scope<'_>,
    reload: Reload,
    insert: &str,
    unique: &[Name],
    is_column: &dyn Fn(Name) -> bool,
) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let session = scope.receiver(reload.call)?;
    let lookup = Siblings::at(scope, reload.lookup)?;
    let create = Siblings::at(scope, reload.create)?;
    let add = Siblings::at(scope, reload.add)?;
    let (looked, made) = (&lookup.block[lookup.first], &create.block[create.first]);
    let name = assigned(scope, looked)?;
    let before = add.first.checked_sub(1).and_then(|at| add.block.get(at))?;
    if assigned(scope, made)? != name || !adds(scope, &add.block[add.first], name) || before.range != made.range {
        return None;
    }
    let (call, func, args) = constructed(scope, made)?;
    let supplies = |arg: &Arg| matches!(arg.kind, ArgKind::Keyword(keyword) if is_column(keyword));
    if args.is_empty() || !args.iter().all(supplies) {
        return None;
    }
    let model = scope.source(func);
    let again = scope.text(looked.range);
    let (start, stop) = scope.span(add.block[add.first].range);
    let from = scope.span(looked.range).0;
    let Layout::Lines { indent: outer, unit } = add.layout(scope)? else { return None };
    let is_movable = |text: &str| !text.contains("\"\"\"") && !text.contains("'''");
    if !is_movable(again) || !is_first(text, from) || !is_first(text, start) || !is_last(text, stop) {
        return None;
    }
    let inner = format!("{outer}{unit}");
    let again = moved(again, eol, indent(text, from), &inner);
    let wait = if reload.is_async { "await " } else { "" };
    let columns: Vec<String> = unique.iter().map(|column| format!("{model}.{column}")).collect();
    let open = format!("{wait}{session}.scalar({insert}({model}).values(");
    let close = format!(").on_conflict_do_nothing(index_elements=[{}]).returning({model}))", columns.join(", "));
    let (call_start, call_end) = scope.span(scope.code.range(call));
    let func_end = scope.span(scope.code.range(func)).1;
    let arguments = func_end + text.get(func_end..call_end)?.find('(')? + 1;
    scope.document.checked(vec![
        TextEdit::replace(range(call_start, arguments), open),
        TextEdit::replace(range(call_end.checked_sub(1)?, call_end), close),
        TextEdit::replace(range(start, stop), format!("if {name} is None:{eol}{inner}{again}")),
    ])
}

/// The call on the right of an assignment: itself, what is called, and its arguments.
fn constructed<'a>(scope: Scope<'a>, stmt: &Stmt) -> Option<(ExprId, ExprId, &'a [Arg])> {
    let value = match &stmt.kind {
        StmtKind::Assign { value, .. } => *value,
        StmtKind::AnnAssign { value: Some(value), .. } => *value,
        _ => return None,
    };
    match &scope.code[value] {
        Expr::Call { func, args } if matches!(scope.code[*func], Expr::Name(_)) => Some((value, *func, args)),
        _ => None,
    }
}
