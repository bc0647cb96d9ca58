//! Operators.

use super::super::ir::{BinaryOp, CompareOp, Expr, UnaryOp};
use super::Lowerer;
use super::kind::Kind;

impl Lowerer<'_> {
    pub(super) fn binary(&mut self) -> Expr {
        let mut op = None;
        let mut left = None;
        let mut right = None;
        self.children(|this, kind| {
            if kind.is_expression() {
                let side = if op.is_none() { &mut left } else { &mut right };
                *side = Some(this.expr(kind));
            } else if op.is_none() {
                op = binary_operator(kind);
            }
        });
        self.binary_of(op, left, right)
    }

    /// Puts a binary expression together, as far as it is there.
    pub(super) fn binary_of(
        &mut self,
        op: Option<BinaryOp>,
        left: Option<super::ExprId>,
        right: Option<super::ExprId>,
    ) -> Expr {
        match (op, left, right) {
            (Some(op), Some(left), Some(right)) => Expr::Binary { op, left, right },
            _ => Expr::Opaque(left.into_iter().chain(right).collect()),
        }
    }

    pub(super) fn unary(&mut self) -> Expr {
        let mut op = UnaryOp::Minus;
        self.children(|_, kind| match kind {
            Kind::Plus => op = UnaryOp::Plus,
            Kind::Tilde => op = UnaryOp::Invert,
            _ => {}
        });
        let end = self.end();
        let operand = self.only(end);
        Expr::Unary { op, operand }
    }

    /// A chain of one operator is nested to the left in the tree; it is walked down and up again, not recursed into.
    pub(super) fn boolean(&mut self) -> Expr {
        let is_and = self.boolean_operator() == Some(Kind::KeywordAnd);
        let mut levels = 0;
        while self.kind() == Kind::BooleanOperator
            && (levels == 0 || (self.boolean_operator() == Some(Kind::KeywordAnd)) == is_and)
            && self.down()
        {
            levels += 1;
        }
        let mark = self.scratch.ids.len();
        for level in 0..levels {
            // Below, the left side has been read; what follows it is read on the way up.
            let mut more = level == 0 || self.next();
            while more {
                let kind = self.kind();
                if kind.is_expression() {
                    let id = self.expr(kind);
                    self.scratch.ids.push(id);
                }
                more = self.next();
            }
            self.up();
        }
        let values = self.cut_ids(mark);
        Expr::BoolOp { is_and, values }
    }

    fn boolean_operator(&mut self) -> Option<Kind> {
        let mut found = None;
        self.children(|_, kind| {
            if matches!(kind, Kind::KeywordAnd | Kind::KeywordOr) {
                found = Some(kind);
            }
        });
        found
    }

    pub(super) fn comparison(&mut self) -> Expr {
        let mut left = None;
        let mut op = None;
        let mut rest = Vec::with_capacity(1);
        self.children(|this, kind| {
            if kind.is_expression() {
                let id = this.expr(kind);
                match op.take() {
                    Some(op) => rest.push((op, id)),
                    None => left = left.or(Some(id)),
                }
            } else if let Some(found) = compare_operator(kind) {
                op = Some(found);
            }
        });
        match left {
            Some(left) => Expr::Compare { left, rest },
            None => Expr::Opaque(rest.into_iter().map(|(_, id)| id).collect()),
        }
    }

    pub(super) fn conditional(&mut self, end: u32) -> Expr {
        let mark = self.scratch.ids.len();
        self.children(|this, kind| {
            if kind.is_expression() {
                let id = this.expr(kind);
                this.scratch.ids.push(id);
            }
        });
        let mut parts = self.cut_ids(mark).into_iter();
        let body = parts.next().unwrap_or_else(|| self.absent(end));
        let test = parts.next().unwrap_or_else(|| self.absent(end));
        let orelse = parts.next().unwrap_or_else(|| self.absent(end));
        Expr::Conditional { test, body, orelse }
    }
}

pub(super) fn binary_operator(kind: Kind) -> Option<BinaryOp> {
    Some(match kind {
        Kind::Plus | Kind::PlusEqual => BinaryOp::Add,
        Kind::Minus | Kind::MinusEqual => BinaryOp::Sub,
        Kind::Star | Kind::StarEqual => BinaryOp::Mul,
        Kind::At | Kind::AtEqual => BinaryOp::MatMul,
        Kind::Slash | Kind::SlashEqual => BinaryOp::Div,
        Kind::DoubleSlash | Kind::DoubleSlashEqual => BinaryOp::FloorDiv,
        Kind::Percent | Kind::PercentEqual => BinaryOp::Mod,
        Kind::DoubleStar | Kind::DoubleStarEqual => BinaryOp::Pow,
        Kind::ShiftLeft | Kind::ShiftLeftEqual => BinaryOp::LeftShift,
        Kind::ShiftRight | Kind::ShiftRightEqual => BinaryOp::RightShift,
        Kind::Pipe | Kind::PipeEqual => BinaryOp::BitOr,
        Kind::Caret | Kind::CaretEqual => BinaryOp::BitXor,
        Kind::Ampersand | Kind::AmpersandEqual => BinaryOp::BitAnd,
        _ => return None,
    })
}

fn compare_operator(kind: Kind) -> Option<CompareOp> {
    Some(match kind {
        Kind::Less => CompareOp::Less,
        Kind::LessEqual => CompareOp::LessEq,
        Kind::EqualEqual => CompareOp::Eq,
        Kind::NotEqual | Kind::LessGreater => CompareOp::NotEq,
        Kind::GreaterEqual => CompareOp::GreaterEq,
        Kind::Greater => CompareOp::Greater,
        Kind::KeywordIn => CompareOp::In,
        Kind::KeywordNotIn => CompareOp::NotIn,
        Kind::KeywordIs => CompareOp::Is,
        Kind::KeywordIsNot => CompareOp::IsNot,
        _ => return None,
    })
}
