//! Values that are written the same way twice in a function, with nothing between that makes them another.

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

/// The arguments of the call that stands at a range.
pub(super) fn arguments(code: &Code, at: TextRange) -> Option<&[Arg]> {
    code.exprs.iter().zip(&code.ranges).find_map(|(expr, range)| match expr {
        Expr::Call { args, .. } if *range == at => Some(&args[..]),
        _ => None,
    })
}

/// The argument that is given by a name.
pub(super) fn keyword(args: &[Arg], name: Name) -> Option<ExprId> {
    args.iter().find(|arg| arg.kind == ArgKind::Keyword(name)).map(|arg| arg.value)
}

/// Whether two expressions name the same value: a variable that is bound once, an attribute or an entry of one.
pub(super) fn is_same(code: &Code, one: ExprId, other: ExprId) -> bool {
    match (&code[one], &code[other]) {
        (Expr::Name(own), Expr::Name(name)) => own == name && is_kept(code, *name),
        (Expr::Attribute { value: own, attr: first }, Expr::Attribute { value, attr }) => {
            first == attr && is_same(code, *own, *value)
        }
        (Expr::Subscript { value: own, index: first }, Expr::Subscript { value, index }) => {
            matches!((&code[*first], &code[*index]), (Expr::Str(first), Expr::Str(index)) if first == index)
                && is_same(code, *own, *value)
        }
        _ => false,
    }
}

/// Whether what stands at a range names the same value as an expression.
pub(super) fn is_within(code: &Code, expr: ExprId, range: TextRange) -> bool {
    (0u32..).zip(&code.ranges).any(|(index, own)| range.contains_range(*own) && is_same(code, expr, ExprId(index)))
}

/// Whether a variable is bound once at most, and nothing is assigned to an attribute or entry of it by the same name.
fn is_kept(code: &Code, name: Name) -> bool {
    let mut bound = 0;
    walk_statements(&code.block, &mut |stmt| {
        let targets = stmt.kind.assignment().map_or(&[][..], |(targets, _)| targets);
        bound += targets.iter().filter(|target| matches!(&code[**target], Expr::Name(own) if *own == name)).count();
    });
    let is_walrus = |expr: &Expr| matches!(expr, Expr::Named { target, .. } if *target == name);
    bound <= 1 && !code.exprs.iter().any(is_walrus)
}
