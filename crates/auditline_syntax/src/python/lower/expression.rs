//! Expressions.

use super::super::ir::{Clause, ComprehensionKind, Expr, ExprId, UnaryOp};
use super::kind::Kind;
use super::{Lowerer, MAX_EXPRESSION_DEPTH, number};
use crate::Name;

impl Lowerer<'_> {
    /// Lowers the expression under the cursor.
    pub(super) fn expr(&mut self, kind: Kind) -> ExprId {
        let (start, end) = (self.start(), self.end());
        let range = self.relative(start, end);
        if start == end {
            // What the parser put in because something must stand here.
            self.frame.has_errors = true;
            return self.push(Expr::Opaque(Vec::new()), range);
        }
        match kind {
            Kind::Identifier => {
                let name = Name::new(self.text_of(start, end));
                return self.push(Expr::Name(name), range);
            }
            Kind::String => return self.string(range),
            Kind::Integer => {
                let value = number::integer(self.slice());
                return self.push(value, range);
            }
            Kind::Float => return self.push(Expr::Float, range),
            Kind::True => return self.push(Expr::Bool(true), range),
            Kind::False => return self.push(Expr::Bool(false), range),
            Kind::None => return self.push(Expr::None, range),
            Kind::Ellipsis => return self.push(Expr::Ellipsis, range),
            Kind::ParenthesizedExpression | Kind::ParenthesizedListSplat => return self.parenthesized(),
            _ => {}
        }
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return self.push(Expr::Opaque(Vec::new()), range);
        }
        self.depth += 1;
        let expr = self.nested(kind, start, end);
        self.depth -= 1;
        match expr {
            Lowered::New(expr) => self.push(expr, range),
            Lowered::Same(id) => id,
        }
    }

    /// An expression with parts.
    fn nested(&mut self, kind: Kind, start: u32, end: u32) -> Lowered {
        Lowered::New(match kind {
            Kind::Attribute | Kind::MemberType => self.attribute(start, end),
            Kind::Call => self.call(start),
            Kind::Subscript => self.subscript(),
            Kind::ConcatenatedString => self.concatenated(),
            Kind::BinaryOperator | Kind::UnionType => self.binary(),
            Kind::UnaryOperator => self.unary(),
            Kind::NotOperator => {
                let operand = self.only(start);
                Expr::Unary { op: UnaryOp::Not, operand }
            }
            Kind::BooleanOperator => self.boolean(),
            Kind::ComparisonOperator => self.comparison(),
            Kind::ConditionalExpression => self.conditional(end),
            Kind::Lambda => self.lambda(end),
            Kind::NamedExpression => self.named(end),
            Kind::Await => Expr::Await(self.only(end)),
            Kind::Yield => self.yields(end),
            Kind::Tuple | Kind::TuplePattern => return self.tuple(),
            Kind::ExpressionList | Kind::PatternList => Expr::Tuple(self.list()),
            Kind::List | Kind::ListPattern => Expr::List(self.list()),
            Kind::Set => Expr::Set(self.list()),
            Kind::Dictionary => self.dictionary(),
            Kind::ListComprehension => self.comprehension(ComprehensionKind::List, end),
            Kind::SetComprehension => self.comprehension(ComprehensionKind::Set, end),
            Kind::DictionaryComprehension => self.comprehension(ComprehensionKind::Dict, end),
            Kind::GeneratorExpression => self.comprehension(ComprehensionKind::Generator, end),
            Kind::ListSplat | Kind::ListSplatPattern | Kind::SplatType => Expr::Starred(self.only(end)),
            Kind::Slice | Kind::ConstrainedType => Expr::Slice(self.list()),
            Kind::AsPattern => {
                let (value, target) = self.as_pattern();
                self.target = target.or(self.target);
                return Lowered::Same(value);
            }
            Kind::AsPatternTarget => return Lowered::Same(self.only(start)),
            Kind::Type | Kind::GenericType => return Lowered::Same(self.type_node(kind)),
            Kind::DottedName => self.dotted_name(),
            _ => Expr::Opaque(self.list()),
        })
    }

    /// Lowers the first child that is an expression.
    pub(super) fn only(&mut self, absent: u32) -> ExprId {
        let mut found = None;
        self.children_until(|this, kind| {
            if kind.is_expression() {
                found = Some(this.expr(kind));
            }
            found.is_some()
        });
        found.unwrap_or_else(|| self.absent(absent))
    }

    /// Lowers the children that are expressions. What could not be parsed among them becomes one opaque element, if
    /// there is an expression in it.
    pub(super) fn list(&mut self) -> Vec<ExprId> {
        let mark = self.scratch.ids.len();
        self.children(|this, kind| this.list_item(kind));
        self.cut_ids(mark)
    }

    fn list_item(&mut self, kind: Kind) {
        if kind.is_expression() {
            let id = self.expr(kind);
            self.scratch.ids.push(id);
        } else if kind == Kind::Error
            && let Some(id) = self.unparsed()
        {
            self.scratch.ids.push(id);
        }
    }

    /// The expressions in what could not be parsed, as one; `None` if there are none.
    pub(super) fn unparsed(&mut self) -> Option<ExprId> {
        self.frame.has_errors = true;
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return None;
        }
        self.depth += 1;
        let parts = self.list();
        self.depth -= 1;
        let range = self.range();
        (!parts.is_empty()).then(|| self.push(Expr::Opaque(parts), range))
    }

    /// Parentheses leave no trace, however many there are.
    fn parenthesized(&mut self) -> ExprId {
        let at = self.start();
        let mut levels = 0;
        let found = loop {
            if !self.down() {
                break None;
            }
            levels += 1;
            let kind = loop {
                let kind = self.kind();
                if kind.is_expression() {
                    break Some(kind);
                }
                if !self.next() {
                    break None;
                }
            };
            match kind {
                Some(Kind::ParenthesizedExpression | Kind::ParenthesizedListSplat) => {}
                Some(kind) => break Some(self.expr(kind)),
                None => break None,
            }
        };
        for _ in 0..levels {
            self.up();
        }
        found.unwrap_or_else(|| self.absent(at))
    }

    fn attribute(&mut self, start: u32, end: u32) -> Expr {
        if !self.node.has_error() {
            // The most frequent of all nodes with parts: the attribute is the word at its end.
            let mut value = None;
            self.children_until(|this, kind| {
                if kind.is_expression() {
                    value = Some(this.expr(kind));
                }
                value.is_some()
            });
            let attr = last_word(self.text_of(start, end));
            if let Some(value) = value
                && !attr.is_empty()
            {
                return Expr::Attribute { value, attr: Name::new(attr) };
            }
        }
        let mut value = None;
        let mut attr = None;
        let mut dot = false;
        self.children(|this, kind| match kind {
            Kind::Dot => dot = true,
            Kind::Identifier if dot => attr = Some((this.name(), this.end())),
            _ if kind.is_expression() && value.is_none() => value = Some(this.expr(kind)),
            _ => {}
        });
        let value = value.unwrap_or_else(|| self.absent(start));
        match attr {
            Some((attr, stop)) if !attr.is_empty() && stop == end => Expr::Attribute { value, attr },
            // `db.` while it is typed.
            _ => {
                self.frame.has_errors = true;
                Expr::Opaque(vec![value])
            }
        }
    }

    fn dotted_name(&mut self) -> Expr {
        let mut last: Option<Expr> = None;
        let start = self.start();
        let mut stop = start;
        self.children(|this, kind| {
            if kind == Kind::Identifier {
                let attr = this.name();
                last = Some(match last.take() {
                    None => Expr::Name(attr),
                    Some(left) => {
                        let range = this.relative(start, stop);
                        let value = this.push(left, range);
                        Expr::Attribute { value, attr }
                    }
                });
                stop = this.end();
            }
        });
        last.unwrap_or(Expr::Opaque(Vec::new()))
    }

    fn subscript(&mut self) -> Expr {
        let mut value = None;
        let mark = self.scratch.ids.len();
        let mut comma = false;
        self.children(|this, kind| match kind {
            Kind::Comma => comma = true,
            _ if value.is_none() && kind.is_expression() => value = Some(this.expr(kind)),
            _ => this.list_item(kind),
        });
        let at = self.start();
        let value = value.unwrap_or_else(|| self.absent(at));
        let index = self.index(mark, comma);
        Expr::Subscript { value, index }
    }

    /// The index made of the expressions gathered from `mark` on.
    pub(super) fn index(&mut self, mark: usize, comma: bool) -> ExprId {
        let parts = self.cut_ids(mark);
        match parts[..] {
            [] => {
                let end = self.end();
                self.absent(end)
            }
            [one] if !comma => one,
            [first, .., last] | [first @ last] => {
                let range = self.range_of(first).cover(self.range_of(last));
                self.push(Expr::Tuple(parts), range)
            }
        }
    }

    fn tuple(&mut self) -> Lowered {
        let mark = self.scratch.ids.len();
        let mut comma = false;
        self.children(|this, kind| {
            comma |= kind == Kind::Comma;
            this.list_item(kind);
        });
        let parts = self.cut_ids(mark);
        match parts[..] {
            [one] if !comma => Lowered::Same(one),
            _ => Lowered::New(Expr::Tuple(parts)),
        }
    }

    fn dictionary(&mut self) -> Expr {
        let mut entries = Vec::new();
        self.children(|this, kind| match kind {
            Kind::Pair => entries.push(this.pair()),
            Kind::DictionarySplat => {
                let end = this.end();
                entries.push((None, this.only(end)));
            }
            Kind::Error => {
                if let Some(id) = this.unparsed() {
                    entries.push((None, id));
                }
            }
            _ => {}
        });
        entries.shrink_to_fit();
        Expr::Dict(entries)
    }

    fn pair(&mut self) -> (Option<ExprId>, ExprId) {
        let mut key = None;
        let mut value = None;
        let mut colon = false;
        self.children(|this, kind| match kind {
            Kind::Colon => colon = true,
            _ if !kind.is_expression() => {}
            _ if colon => value = Some(this.expr(kind)),
            _ => key = Some(this.expr(kind)),
        });
        let end = self.end();
        let key = key.unwrap_or_else(|| self.absent(end));
        let value = value.unwrap_or_else(|| self.absent(end));
        (Some(key), value)
    }

    fn comprehension(&mut self, kind: ComprehensionKind, end: u32) -> Expr {
        let mut element = None;
        let mut clauses: Vec<Clause> = Vec::with_capacity(1);
        self.children(|this, child| match child {
            Kind::ForInClause => {
                let clause = this.clause();
                clauses.push(clause);
            }
            Kind::IfClause => {
                let end = this.end();
                let condition = this.only(end);
                if let Some(clause) = clauses.last_mut() {
                    clause.conditions.push(condition);
                }
            }
            Kind::Pair => {
                let range = this.range();
                let entry = this.pair();
                element = Some(this.push(Expr::Dict(vec![entry]), range));
            }
            _ if element.is_none() && child.is_expression() => element = Some(this.expr(child)),
            _ => {}
        });
        let element = element.unwrap_or_else(|| self.absent(end));
        Expr::Comprehension { kind, element, clauses }
    }

    fn clause(&mut self) -> Clause {
        let mut is_async = false;
        let mut target = None;
        let mut inside = false;
        let mut comma = false;
        let mark = self.scratch.ids.len();
        self.children(|this, kind| match kind {
            Kind::KeywordAsync => is_async = true,
            Kind::KeywordIn => inside = true,
            Kind::Comma => comma = true,
            _ if inside => this.list_item(kind),
            _ if kind.is_expression() => target = Some(this.expr(kind)),
            _ => {}
        });
        let end = self.end();
        let target = target.unwrap_or_else(|| self.absent(end));
        let iter = self.index(mark, comma);
        Clause { is_async, target, iter, conditions: Vec::new() }
    }

    fn lambda(&mut self, end: u32) -> Expr {
        let mut params = Vec::new();
        let mut body = None;
        self.children(|this, kind| match kind {
            Kind::LambdaParameters => params = this.params(),
            _ if kind.is_expression() => {
                this.frame.lambdas += 1;
                body = Some(this.expr(kind));
                this.frame.lambdas -= 1;
            }
            _ => {}
        });
        let body = body.unwrap_or_else(|| self.absent(end));
        Expr::Lambda { params, body }
    }

    fn named(&mut self, end: u32) -> Expr {
        let mut target = None;
        let mut value = None;
        self.children(|this, kind| match kind {
            Kind::Identifier if target.is_none() => target = Some(this.name()),
            _ if kind.is_expression() => value = Some(this.expr(kind)),
            _ => {}
        });
        let value = value.unwrap_or_else(|| self.absent(end));
        Expr::Named { target: target.unwrap_or_else(|| Name::new("")), value }
    }

    fn yields(&mut self, end: u32) -> Expr {
        if self.frame.lambdas == 0 {
            self.frame.is_generator = true;
        }
        let mut from = false;
        let mut value = None;
        self.children(|this, kind| match kind {
            Kind::KeywordFrom => from = true,
            _ if kind.is_expression() => value = Some(this.expr(kind)),
            _ => {}
        });
        if from { Expr::YieldFrom(value.unwrap_or_else(|| self.absent(end))) } else { Expr::Yield(value) }
    }
}

/// The identifier with which a text ends.
fn last_word(text: &str) -> &str {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    let len = text.bytes().rev().take_while(|byte| is_word(byte)).count();
    text.get(text.len() - len..).unwrap_or_default()
}

/// What became of a node.
pub(super) enum Lowered {
    /// An expression of its own.
    New(Expr),
    /// What is inside it.
    Same(ExprId),
}
