//! Blocks that only tell whoever asks that it has failed.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Block, Code, Expr, ExprId, StmtKind, UnaryOp};
use auditline_syntax::python::walk_expression;

use crate::symbols::Symbol;

use super::handlers::{is_refused, says};
use super::{Evaluator, Flow};

impl Evaluator<'_> {
    /// Whether an arm of an `if` does nothing but say an error (`flash("taken", "error")`, an answer of 4xx), and gives nothing
    /// back of what was tested. One that does not leave must not let what it has found be used behind the `if`.
    pub(super) fn denies(&self, code: &Code, test: ExprId, block: &Block, flow: Flow) -> bool {
        let mut tested = Vec::new();
        bound_in(code, test, &mut tested);
        let mut says_error = false;
        for stmt in block {
            match &stmt.kind {
                StmtKind::Expr(expr) if self.flashes_error(code, *expr) => says_error = true,
                StmtKind::Expr(expr) if says(code, *expr) => {}
                StmtKind::Return(Some(answer)) => {
                    says_error |= is_error(code, *answer);
                    let mut names_it = false;
                    walk_expression(code, *answer, &mut |inner| {
                        names_it |= matches!(&code[inner], Expr::Name(name) if tested.contains(name));
                    });
                    if names_it {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        says_error && (flow == Flow::Leaves || tested.is_empty())
    }

    /// `flash("taken", "error")` of Flask.
    fn flashes_error(&self, code: &Code, expr: ExprId) -> bool {
        let Expr::Call { func, args } = &code[expr] else { return false };
        let category = args.get(1).filter(|arg| match arg.kind {
            ArgKind::Positional => true,
            ArgKind::Keyword(name) => name == "category",
            _ => false,
        });
        matches!(self.symbol(code, *func), Symbol::External(path) if path == "flask.flash")
            && category
                .is_some_and(|arg| matches!(&code[arg.value], Expr::Str(text) if matches!(&**text, "error" | "danger")))
    }
}

/// The variables that a test asks for what they hold.
fn bound_in(code: &Code, test: ExprId, into: &mut Vec<Name>) {
    match &code[test] {
        Expr::Name(name) => into.push(*name),
        Expr::Named { target, .. } => into.push(*target),
        Expr::Attribute { value, .. } | Expr::Subscript { value, .. } => bound_in(code, *value, into),
        Expr::Unary { op: UnaryOp::Not, operand } => bound_in(code, *operand, into),
        Expr::BoolOp { values, .. } => values.iter().for_each(|value| bound_in(code, *value, into)),
        Expr::Compare { left, rest } => {
            bound_in(code, *left, into);
            rest.iter().for_each(|(_, right)| bound_in(code, *right, into));
        }
        _ => {}
    }
}

/// Whether an answer has a status that says that the request is to blame: `{"error": "taken"}, 409`,
/// `JSONResponse({…}, status_code=409)`.
fn is_error(code: &Code, answer: ExprId) -> bool {
    match &code[answer] {
        Expr::Tuple(items) => matches!(items[..], [_, status] | [_, status, _] if is_refused(code, status)),
        Expr::Call { args, .. } => args.iter().any(|arg| {
            matches!(arg.kind, ArgKind::Keyword(name) if name == "status_code" || name == "status")
                && is_refused(code, arg.value)
        }),
        _ => false,
    }
}
