//! Calls and expressions.

use auditline_model::names::resolve_global;
use auditline_model::symbols::Symbol;
use auditline_model::{Db, FunctionRef};
use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Arg, BinaryOp, Code, Expr, ExprId, StmtKind};
use auditline_syntax::{Name, TextRange};

use crate::finding::FileEdit;

use super::{Scope, find_statement, insert, lines};

/// The arguments of the call at that range.
fn call_at(code: &Code, call: TextRange) -> Option<&[Arg]> {
    code.exprs.iter().zip(&code.ranges).find_map(|(expr, range)| match expr {
        Expr::Call { args, .. } if *range == call => Some(args.as_slice()),
        _ => None,
    })
}

/// Adds a keyword argument at the end of a call.
pub(crate) fn add_keyword(
    db: &dyn Db,
    of: FunctionRef,
    call: TextRange,
    keyword: &str,
    value: &str,
) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let args = call_at(&scope.function.code, call)?;
    let present = args
        .iter()
        .find(|arg| matches!(arg.kind, auditline_syntax::python::ir::ArgKind::Keyword(name) if name == keyword));
    if let Some(present) = present {
        let range = scope.absolute(scope.function.code.range(present.value));
        return scope.edits(vec![TextEdit { range, text: value.to_owned() }]);
    }
    let range = scope.absolute(call);
    let text = scope.text();
    if !text.get(std::ops::Range::<usize>::from(range))?.ends_with(')') {
        return None;
    }
    let Some(last) = args.last() else {
        let at = range.end().checked_sub(1.into())?;
        return scope.edits(vec![insert(at, format!("{keyword}={value}"))]);
    };
    if matches!(last.kind, auditline_syntax::python::ir::ArgKind::DoubleStarred) {
        return None;
    }
    let end = scope.absolute(last.range).end();
    let tail = text.get(usize::from(end)..usize::from(range.end()))?;
    match tail.find(',') {
        // A trailing comma: the call stands over several lines, one argument each.
        Some(comma) if tail[..comma].trim().is_empty() && tail.contains(['\n', '\r']) => {
            let indent = lines::indentation(text, scope.absolute(last.range).start()).to_owned();
            let at = end + auditline_syntax::TextSize::of(&tail[..=comma]);
            let at = if lines::ends_line(text, at) { lines::line_end(text, at) } else { at };
            scope.edits(vec![insert(at, format!("{}{indent}{keyword}={value},", scope.line_end()))])
        }
        Some(comma) if tail[..comma].trim().is_empty() => {
            let at = end + auditline_syntax::TextSize::of(&tail[..=comma]);
            scope.edits(vec![insert(at, format!(" {keyword}={value}"))])
        }
        _ => scope.edits(vec![insert(end, format!(", {keyword}={value}"))]),
    }
}

/// Removes an argument of a call, with the comma that belongs to it, and its line where it stands alone on it.
pub(crate) fn remove_argument(db: &dyn Db, of: FunctionRef, argument: TextRange) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let code = &scope.function.code;
    let (args, index) = code.exprs.iter().find_map(|expr| match expr {
        Expr::Call { args, .. } => {
            args.iter().position(|arg| arg.range == argument).map(|index| (args.as_slice(), index))
        }
        _ => None,
    })?;
    let text = scope.text();
    let own = scope.absolute(argument);
    let after = text.get(usize::from(own.end())..)?;
    let comma = after.trim_start().starts_with(',').then(|| after.find(',')).flatten();
    let range = match (index, comma) {
        // On a line of its own, with its comma: the whole line goes.
        (_, Some(comma))
            if lines::own_indentation(text, own.start()).is_some()
                && lines::ends_line(text, own.end() + auditline_syntax::TextSize::of(&after[..=comma])) =>
        {
            let start = lines::line_start(text, own.start());
            TextRange::new(start, lines::next_line(text, own.end())?)
        }
        (index, _) if index + 1 < args.len() => {
            TextRange::new(own.start(), scope.absolute(args[index + 1].range).start())
        }
        (0, Some(comma)) => TextRange::new(own.start(), own.end() + auditline_syntax::TextSize::of(&after[..=comma])),
        (0, None) => own,
        (index, _) => TextRange::new(scope.absolute(args[index - 1].range).end(), own.end()),
    };
    scope.edits(vec![TextEdit { range, text: String::new() }])
}

/// Replaces a range of a function.
pub(crate) fn replace(db: &dyn Db, of: FunctionRef, range: TextRange, text: &str) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let range = scope.absolute(range);
    scope.edits(vec![TextEdit { range, text: text.to_owned() }])
}

/// Lets the database compute the new value: `row.x += n` and `row.x = row.x - n` become `row.x = Model.x - n`.
pub(crate) fn atomic_sql_expression(
    db: &dyn Db,
    of: FunctionRef,
    statement: TextRange,
    model: &str,
) -> Option<Vec<FileEdit>> {
    if !matches!(resolve_global(db, of.file, Name::new(model)), Symbol::Class(_)) {
        return None;
    }
    let scope = Scope::of(db, of)?;
    let function = scope.function.clone();
    let code = &function.code;
    let stmt = find_statement(&code.block, &mut |stmt| stmt.range == statement)?;
    match &stmt.kind {
        StmtKind::AugAssign { target, op, value } => {
            let sign = match op {
                BinaryOp::Add => "+",
                BinaryOp::Sub => "-",
                _ => return None,
            };
            let Expr::Attribute { attr, .. } = &code[*target] else { return None };
            let target = scope.slice(code.range(*target))?.to_owned();
            let value_text = scope.slice(code.range(*value))?;
            let value = if is_atom(code, *value) { value_text.to_owned() } else { format!("({value_text})") };
            let range = scope.absolute(statement);
            scope.edits(vec![TextEdit { range, text: format!("{target} = {model}.{attr} {sign} {value}") }])
        }
        StmtKind::Assign { targets, value } => {
            let [target] = targets.as_slice() else { return None };
            let Expr::Attribute { attr, .. } = &code[*target] else { return None };
            let Expr::Binary { op: BinaryOp::Add | BinaryOp::Sub, left, .. } = &code[*value] else { return None };
            if scope.slice(code.range(*left))? != scope.slice(code.range(*target))? {
                return None;
            }
            let range = scope.absolute(code.range(*left));
            scope.edits(vec![TextEdit { range, text: format!("{model}.{attr}") }])
        }
        _ => None,
    }
}

fn is_atom(code: &Code, expr: ExprId) -> bool {
    matches!(
        code[expr],
        Expr::Name(_)
            | Expr::Attribute { .. }
            | Expr::Call { .. }
            | Expr::Int(_)
            | Expr::Float
            | Expr::Subscript { .. }
    )
}
