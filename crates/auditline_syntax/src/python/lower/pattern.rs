//! `match` statements and their patterns.

use super::super::ir::{Arg, ArgKind, BinaryOp, Block, Case, Expr, ExprId, StmtKind, UnaryOp};
use super::kind::Kind;
use super::{Lowerer, MAX_EXPRESSION_DEPTH};
use crate::Name;

impl Lowerer<'_> {
    pub(super) fn match_statement(&mut self) {
        let start = self.start();
        let mark = self.scratch.ids.len();
        let mut comma = false;
        let mut cases = Vec::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => {
                this.blocks += 1;
                this.children(|this, kind| match kind {
                    Kind::CaseClause if this.blocks < super::MAX_BLOCK_DEPTH => {
                        let case = this.case();
                        cases.push(case);
                    }
                    Kind::Error => this.frame.has_errors = true,
                    _ => {}
                });
                this.blocks -= 1;
            }
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                comma |= kind == Kind::Comma;
                if kind.is_expression() {
                    let id = this.expr(kind);
                    this.scratch.ids.push(id);
                }
                header = this.end();
            }
        });
        let subject = self.index(mark, comma);
        let end = self.last_end.max(header);
        self.add(start, end, StmtKind::Match { subject, cases });
    }

    fn case(&mut self) -> Case {
        let mark = self.scratch.ids.len();
        let mut comma = false;
        let mut guard = None;
        let mut body = Block::new();
        self.children(|this, kind| match kind {
            Kind::Comma => comma = true,
            Kind::CasePattern => {
                let id = this.pattern(kind);
                this.scratch.ids.push(id);
            }
            Kind::IfClause => {
                let end = this.end();
                guard = Some(this.only(end));
            }
            Kind::Block => body = this.block(),
            Kind::Error => this.frame.has_errors = true,
            Kind::Colon => this.reach(),
            _ => {}
        });
        let parts = self.cut_ids(mark);
        let pattern = match parts[..] {
            [] => {
                let start = self.start();
                self.absent(start)
            }
            [one] if !comma => one,
            [first, .., last] | [first @ last] => {
                let range = self.range_of(first).cover(self.range_of(last));
                self.push(Expr::Opaque(parts), range)
            }
        };
        Case { pattern, guard, body }
    }

    /// Lowers the pattern under the cursor.
    fn pattern(&mut self, kind: Kind) -> ExprId {
        let range = self.range();
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return self.push(Expr::Opaque(Vec::new()), range);
        }
        self.depth += 1;
        let expr = match kind {
            Kind::CasePattern => {
                let mark = self.scratch.ids.len();
                self.patterns();
                let parts = self.cut_ids(mark);
                self.depth -= 1;
                return match parts[..] {
                    [one] => one,
                    _ => self.push(Expr::Opaque(parts), range),
                };
            }
            Kind::UnionPattern => {
                let mark = self.scratch.ids.len();
                self.patterns();
                let parts = self.cut_ids(mark);
                self.alternatives(parts)
            }
            Kind::ClassPattern => self.class_pattern(),
            Kind::TuplePattern => {
                let mut comma = false;
                self.children(|_, kind| comma |= kind == Kind::Comma);
                let mark = self.scratch.ids.len();
                self.patterns();
                let parts = self.cut_ids(mark);
                match parts[..] {
                    [one] if !comma => {
                        self.depth -= 1;
                        return one;
                    }
                    _ => Expr::Opaque(parts),
                }
            }
            Kind::ComplexPattern => Expr::Float,
            Kind::Underscore => Expr::Name(Name::new("_")),
            Kind::DottedName
            | Kind::Identifier
            | Kind::String
            | Kind::ConcatenatedString
            | Kind::Integer
            | Kind::Float
            | Kind::True
            | Kind::False
            | Kind::None => {
                self.depth -= 1;
                return self.expr(kind);
            }
            _ => {
                let mark = self.scratch.ids.len();
                self.patterns();
                Expr::Opaque(self.cut_ids(mark))
            }
        };
        self.depth -= 1;
        self.push(expr, range)
    }

    /// Lowers the patterns among the children onto the stack.
    fn patterns(&mut self) {
        let mut minus = None;
        self.children(|this, kind| {
            let id = match kind {
                Kind::Minus => {
                    minus = Some(this.start());
                    return;
                }
                Kind::CasePattern
                | Kind::UnionPattern
                | Kind::ClassPattern
                | Kind::KeywordPattern
                | Kind::DictPattern
                | Kind::SplatPattern
                | Kind::ComplexPattern
                | Kind::Underscore => this.pattern(kind),
                _ if kind.is_expression() => this.pattern(kind),
                _ => return,
            };
            let id = match minus.take() {
                Some(start) => {
                    let range = this.relative(start, this.end());
                    this.push(Expr::Unary { op: UnaryOp::Minus, operand: id }, range)
                }
                None => id,
            };
            this.scratch.ids.push(id);
        });
    }

    /// `a | b | c`, nested to the left; too many of them stay side by side.
    pub(super) fn alternatives(&mut self, parts: Vec<ExprId>) -> Expr {
        if parts.len() as u32 > MAX_EXPRESSION_DEPTH / 2 {
            return Expr::Opaque(parts);
        }
        let mut parts = parts.into_iter();
        let (Some(first), Some(second)) = (parts.next(), parts.next()) else { return Expr::Opaque(Vec::new()) };
        let mut expr = Expr::Binary { op: BinaryOp::BitOr, left: first, right: second };
        let mut range = self.range_of(first).cover(self.range_of(second));
        for right in parts {
            let left = self.push(expr, range);
            range = range.cover(self.range_of(right));
            expr = Expr::Binary { op: BinaryOp::BitOr, left, right };
        }
        expr
    }

    fn class_pattern(&mut self) -> Expr {
        let mut func = None;
        let mut args = Vec::new();
        self.children(|this, kind| match kind {
            Kind::DottedName if func.is_none() => func = Some(this.expr(kind)),
            Kind::CasePattern => {
                let range = this.range();
                let (kind, value) = match this.keyword_pattern() {
                    Some((name, value)) => (ArgKind::Keyword(name), value),
                    None => (ArgKind::Positional, this.pattern(kind)),
                };
                args.push(Arg { kind, value, range });
            }
            _ => {}
        });
        let start = self.start();
        Expr::Call { func: func.unwrap_or_else(|| self.absent(start)), args }
    }

    /// `name=pattern` inside a case pattern.
    fn keyword_pattern(&mut self) -> Option<(Name, ExprId)> {
        let mut found = None;
        self.children(|this, kind| {
            if kind == Kind::KeywordPattern {
                let mut name = None;
                let mark = this.scratch.ids.len();
                this.children(|this, kind| {
                    if name.is_none() && kind == Kind::Identifier {
                        name = Some(this.name());
                    }
                });
                this.patterns();
                // The first is the name itself.
                let value = this.cut_ids(mark).into_iter().nth(1);
                let end = this.end();
                let value = value.unwrap_or_else(|| this.absent(end));
                found = Some((name.unwrap_or_else(|| Name::new("")), value));
            }
        });
        found
    }
}
