//! Steps: whether a new value of a column lies above or below its old one.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, BinaryOp, Code, Expr, ExprId, UnaryOp};
use smallvec::SmallVec;

/// How a new value of a column lies to its old one, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Step {
    /// Above it: `row.used += 1`, `row.used = row.used + file.size`.
    Up,
    /// Below it: `row.used -= 1`, `max(0, row.used - 1)`.
    Down,
    /// Above it where the number that was handed in is none below zero: `row.used += size`.
    MaybeUp,
    /// Below it where that is so: `row.used -= size`.
    MaybeDown,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl Step {
    /// Whether it goes that way whatever is handed in.
    #[must_use]
    pub fn is_sure(self) -> bool {
        match self {
            Self::Up | Self::Down => true,
            Self::MaybeUp | Self::MaybeDown | Self::Unknown => false,
        }
    }

    fn reversed(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::MaybeUp => Self::MaybeDown,
            Self::MaybeDown => Self::MaybeUp,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// The step of `row.column op= value`.
pub(super) fn augmented(code: &Code, op: BinaryOp, value: ExprId) -> Step {
    match op {
        BinaryOp::Add => amount(code, value),
        BinaryOp::Sub => amount(code, value).reversed(),
        _ => Step::Unknown,
    }
}

/// The step of `row.column = value`.
pub(super) fn assigned(code: &Code, column: Name, value: ExprId) -> Step {
    match &code[value] {
        Expr::Binary { left, right, op: BinaryOp::Add } => {
            match (reads(code, column, *left), reads(code, column, *right)) {
                (true, false) => amount(code, *right),
                (false, true) => amount(code, *left),
                _ => Step::Unknown,
            }
        }
        Expr::Binary { left, right, op: BinaryOp::Sub }
            if reads(code, column, *left) && !reads(code, column, *right) =>
        {
            amount(code, *right).reversed()
        }
        // `max(0, row.used - 1)`, `func.greatest(Item.used - 1, 0)`
        Expr::Call { func, args } => {
            let bounds = match &code[*func] {
                Expr::Name(name) | Expr::Attribute { attr: name, .. } => {
                    matches!(name.as_str(), "max" | "min" | "greatest" | "least" | "coalesce" | "int")
                }
                _ => false,
            };
            let mut steps =
                args.iter().map(|arg| assigned(code, column, arg.value)).filter(|step| *step != Step::Unknown);
            match (bounds, steps.next(), steps.next()) {
                (true, Some(step), None) => step,
                _ => Step::Unknown,
            }
        }
        _ => Step::Unknown,
    }
}

/// The columns that `values(used=Item.used + 1)`, `values({"used": …})` and `update({Item.used: …})` set.
pub(super) fn set_by(code: &Code, args: &[Arg]) -> SmallVec<[(Name, Step); 1]> {
    let mut sets = SmallVec::new();
    for arg in args {
        match (arg.kind, &code[arg.value]) {
            (ArgKind::Keyword(name), _) => sets.push((name, assigned(code, name, arg.value))),
            (ArgKind::Positional, Expr::Dict(entries)) => {
                for (key, value) in entries {
                    let name = key.and_then(|key| match &code[key] {
                        Expr::Str(text) => Some(Name::new(text)),
                        Expr::Attribute { attr, .. } => Some(*attr),
                        _ => None,
                    });
                    sets.extend(name.map(|name| (name, assigned(code, name, *value))));
                }
            }
            _ => {}
        }
    }
    sets
}

/// Whether an expression reads a column of that name, perhaps with a value for where there is none: `(row.used or 0)`.
fn reads(code: &Code, column: Name, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Attribute { attr, .. } => *attr == column,
        Expr::BoolOp { values, .. } => values.first().is_some_and(|first| reads(code, column, *first)),
        Expr::Call { args, .. } => args.first().is_some_and(|first| reads(code, column, first.value)),
        _ => false,
    }
}

/// The sign of what is added. A number that was handed in may have any; a size that something has is taken for what it is.
fn amount(code: &Code, expr: ExprId) -> Step {
    match &code[expr] {
        Expr::Int(Some(value)) if *value > 0 => Step::Up,
        Expr::Unary { op: UnaryOp::Minus, operand } => amount(code, *operand).reversed(),
        Expr::Attribute { .. } => Step::Up,
        Expr::Call { func, .. } if matches!(&code[*func], Expr::Name(name) if *name == "len") => Step::Up,
        _ => Step::MaybeUp,
    }
}
