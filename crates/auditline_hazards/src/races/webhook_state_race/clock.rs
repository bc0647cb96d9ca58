//! Columns that only tell when a delivery came: whichever of two is written last, it says no more.

use auditline_model::tables::{self, TypeFamily};
use auditline_model::unit::{Event, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, function};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId, Stmt};
use auditline_syntax::python::walk_statements;

use crate::races::written::written;

/// Whether a function sets a column to nothing but what the clock says, wherever it sets it: not to a time that is so long
/// before or behind that, and not to nothing.
pub(super) fn only_tells_when(db: &dyn Db, of: FunctionRef, unit: &Unit, class: ClassRef, column: Name) -> bool {
    let declared = tables::orm_model(db, class);
    let family = declared.and_then(|model| model.column(column).map(|column| column.family));
    if !matches!(family, Some(TypeFamily::DateTime)) {
        return false;
    }
    let Some(body) = function(db, of) else { return false };
    let writes =
        |event: &&Event| written(&event.kind).is_some_and(|own| own.row.model == Some(class) && own.column == column);
    unit.events.iter().filter(writes).all(|event| {
        let is_clock = written(&event.kind).is_some_and(|own| {
            let from = own.from;
            let is_alone = from.fields.is_empty() && from.parts.is_empty() && from.counts.is_empty();
            own.by.is_none() && from.fresh && is_alone
        });
        is_clock
            && assigned(&body.code, |stmt| stmt.range == event.statement)
                .is_some_and(|value| is_read(&body.code, value))
    })
}

/// Whether an expression is the call of a clock, or a variable that holds what one said.
fn is_read(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Name(name) => {
            let binds = |stmt: &Stmt| {
                let targets = stmt.kind.assignment().map_or(&[][..], |(targets, _)| targets);
                targets.iter().any(|target| matches!(&code[*target], Expr::Name(own) if own == name))
            };
            assigned(code, binds).is_some_and(|value| is_called(code, value))
        }
        _ => is_called(code, expr),
    }
}

/// Whether an expression is a call, in which nothing is added, taken away or chosen.
fn is_called(code: &Code, expr: ExprId) -> bool {
    let range = code.range(expr);
    let changes = |inner: &Expr| {
        matches!(inner, Expr::Binary { .. } | Expr::BoolOp { .. } | Expr::Conditional { .. } | Expr::Named { .. })
    };
    let mut within = code.exprs.iter().zip(&code.ranges).filter(|(_, inner)| range.contains_range(**inner));
    matches!(code[expr], Expr::Call { .. }) && !within.any(|(inner, _)| changes(inner))
}

/// The value of the only assignment of which something is so.
fn assigned(code: &Code, is_it: impl Fn(&Stmt) -> bool) -> Option<ExprId> {
    let mut values = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        if is_it(stmt) {
            values.push(stmt.kind.assignment().map(|(_, value)| value));
        }
    });
    match values[..] {
        [only] => only,
        _ => None,
    }
}
