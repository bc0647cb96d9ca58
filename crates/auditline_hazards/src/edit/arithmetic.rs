//! Arithmetic on a column, moved into SQL.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{ArgKind, BinaryOp, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_expression;

use super::block::Siblings;
use super::{Scope, offset, range};

/// Turns `row.x += n` and `row.x = row.x + n` into `row.x = Model.x + n`. `model` is how the class is called in this
/// scope. Only addition, subtraction and multiplication: they mean the same on both sides.
#[must_use]
pub fn atomic_sql_expression(scope: Scope<'_>, statement: TextRange, model: &str) -> Option<Vec<TextEdit>> {
    let siblings = Siblings::at(scope, statement)?;
    let stmt = &siblings.block[siblings.first];
    match &stmt.kind {
        StmtKind::AugAssign { target, op, value } => augmented(scope, stmt.range, *target, *op, *value, model),
        StmtKind::Assign { targets, value } => match targets[..] {
            [target] => assigned(scope, target, *value, model),
            _ => None,
        },
        _ => None,
    }
}

fn augmented(
    scope: Scope<'_>,
    statement: TextRange,
    target: ExprId,
    op: BinaryOp,
    value: ExprId,
    model: &str,
) -> Option<Vec<TextEdit>> {
    let sign = sign(op)?;
    let Expr::Attribute { attr, .. } = &scope.code[target] else { return None };
    if holds(scope, value, scope.source(target)) {
        return None;
    }
    let text = scope.document.text();
    let (_, target_end) = scope.span(scope.code.range(target));
    let (_, end) = scope.span(statement);
    let (_, value_end) = scope.span(scope.code.range(value));
    let right = text.get(target_end..end)?;
    let written = right.trim_start().strip_prefix(sign)?.strip_prefix('=')?.trim_start();
    let start = end - written.len();
    if text[target_end..start].contains(['#', '\\']) {
        return None;
    }
    let mut edits = vec![TextEdit::replace(range(target_end, start), format!(" = {model}.{attr} {sign} "))];
    // Parentheses around the whole value end behind it.
    if value_end == end && !is_primary(&scope.code[value]) {
        edits[0].text.push('(');
        edits.push(TextEdit::insert(offset(end), ")"));
    }
    scope.document.checked(edits)
}

fn assigned(scope: Scope<'_>, target: ExprId, value: ExprId, model: &str) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let Expr::Attribute { attr, .. } = &code[target] else { return None };
    computed(scope, value, scope.source(target), &format!("{model}.{attr}"))
}

/// Lets the database compute what an UPDATE statement sets: `values(stock=item.stock - 1)` becomes
/// `values(stock=Item.stock - 1)`. `read` is where the old value is read.
#[must_use]
pub fn atomic_update(scope: Scope<'_>, read: TextRange, model: &str) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let old = scope.expr_at(read)?;
    let Expr::Attribute { attr, .. } = &code[old] else { return None };
    let holds_read = |value: ExprId| code.range(value).contains_range(read);
    let value = code.exprs.iter().find_map(|expr| match expr {
        Expr::Call { func, args } if matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == "values") => {
            args.iter().find_map(|arg| {
                let sets = matches!(arg.kind, ArgKind::Keyword(name) if name == *attr);
                (sets && holds_read(arg.value)).then_some(arg.value)
            })
        }
        Expr::Dict(entries) => entries.iter().find_map(|(key, value)| {
            let sets = match &code[(*key)?] {
                Expr::Str(name) => **name == **attr,
                Expr::Attribute { attr: name, .. } => name == attr,
                _ => false,
            };
            (sets && holds_read(*value)).then_some(*value)
        }),
        _ => None,
    })?;
    computed(scope, value, scope.source(old), &format!("{model}.{attr}"))
}

/// An expression with a column in place of its old value.
fn computed(scope: Scope<'_>, value: ExprId, own: &str, column: &str) -> Option<Vec<TextEdit>> {
    let code = scope.code;
    let is_own = |expr: ExprId| is_attribute(scope, expr, own);
    // Only operands of sums and products: inside a call, the column would be an argument of Python code.
    let mut edits = Vec::new();
    let mut rest = vec![value];
    while let Some(expr) = rest.pop() {
        match &code[expr] {
            Expr::Binary { op, left, right } if sign(*op).is_some() => rest.extend([*left, *right]),
            _ if is_own(expr) => {
                edits.push(TextEdit::replace(scope.absolute(code.range(expr)), column.to_owned()));
            }
            _ if holds(scope, expr, own) => return None,
            _ => {}
        }
    }
    if edits.is_empty() || is_own(value) { None } else { scope.document.checked(edits) }
}

/// Whether the old value goes into an expression.
fn holds(scope: Scope<'_>, expr: ExprId, own: &str) -> bool {
    let mut found = false;
    walk_expression(scope.code, expr, &mut |inner| found |= is_attribute(scope, inner, own));
    found
}

fn is_attribute(scope: Scope<'_>, expr: ExprId, own: &str) -> bool {
    matches!(scope.code[expr], Expr::Attribute { .. }) && scope.source(expr) == own
}

fn sign(op: BinaryOp) -> Option<&'static str> {
    match op {
        BinaryOp::Add => Some("+"),
        BinaryOp::Sub => Some("-"),
        BinaryOp::Mul => Some("*"),
        _ => None,
    }
}

/// Whether an expression needs no parentheses as an operand.
fn is_primary(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Name(_)
            | Expr::Attribute { .. }
            | Expr::Call { .. }
            | Expr::Subscript { .. }
            | Expr::Int(_)
            | Expr::Float
            | Expr::Await(_)
    )
}
