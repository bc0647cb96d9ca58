//! Expressions in type position, where a string is an expression too.

use super::super::ir::{Expr, ExprId};
use super::super::parse::parse;
use super::kind::Kind;
use super::string::Shape;
use super::{Lowerer, MAX_EXPRESSION_DEPTH};
use crate::Name;

impl Lowerer<'_> {
    /// Lowers the annotation, or part of one, under the cursor.
    pub(super) fn type_expr(&mut self, kind: Kind) -> ExprId {
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return self.expr(kind);
        }
        self.depth += 1;
        let id = match kind {
            Kind::Type | Kind::GenericType => self.type_node(kind),
            Kind::String => self.quoted(),
            Kind::ParenthesizedExpression => {
                let end = self.end();
                self.only_type(end)
            }
            Kind::Subscript => self.type_subscript(),
            Kind::UnionType => self.type_union(),
            Kind::BinaryOperator if self.is_union() => self.type_union(),
            // The parameters of a `Callable`.
            Kind::List => {
                let range = self.range();
                let mark = self.scratch.ids.len();
                self.children(|this, kind| this.type_item(kind));
                let parts = self.cut_ids(mark);
                self.push(Expr::List(parts), range)
            }
            _ => self.expr(kind),
        };
        self.depth -= 1;
        id
    }

    pub(super) fn type_node(&mut self, kind: Kind) -> ExprId {
        if kind == Kind::GenericType {
            return self.type_subscript();
        }
        let end = self.end();
        self.only_type(end)
    }

    fn only_type(&mut self, absent: u32) -> ExprId {
        let mut found = None;
        self.children(|this, kind| {
            if found.is_none() && kind.is_expression() {
                found = Some(this.type_expr(kind));
            }
        });
        found.unwrap_or_else(|| self.absent(absent))
    }

    fn type_item(&mut self, kind: Kind) {
        if kind.is_expression() {
            let id = self.type_expr(kind);
            self.scratch.ids.push(id);
        }
    }

    fn is_union(&mut self) -> bool {
        let mut found = false;
        self.children(|_, kind| found |= kind == Kind::Pipe);
        found
    }

    /// `a | b | c`: the grammar nests it to the right where it reads types, Python to the left.
    fn type_union(&mut self) -> ExprId {
        let range = self.range();
        let mark = self.scratch.ids.len();
        self.union_operands();
        let parts = self.cut_ids(mark);
        if let [only] = parts[..] {
            self.frame.has_errors = true;
            return only;
        }
        let expr = self.alternatives(parts);
        self.push(expr, range)
    }

    fn union_operands(&mut self) {
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return;
        }
        self.depth += 1;
        self.children(|this, kind| {
            let is_union = match kind {
                Kind::UnionType => true,
                Kind::BinaryOperator => this.is_union(),
                Kind::Type => this.wraps_union(),
                _ => false,
            };
            if is_union {
                this.union_operands();
            } else {
                this.type_item(kind);
            }
        });
        self.depth -= 1;
    }

    fn wraps_union(&mut self) -> bool {
        let mut found = false;
        self.children(|this, kind| {
            found |= kind == Kind::UnionType || (kind == Kind::BinaryOperator && this.is_union());
        });
        found
    }

    /// `Name[…]`, written as the grammar's generic type or as a subscript.
    fn type_subscript(&mut self) -> ExprId {
        let range = self.range();
        let mark = self.scratch.ids.len();
        let mut value = None;
        let mut comma = false;
        let mut quoting = Quoting::All;
        self.children(|this, kind| match kind {
            Kind::Comma => comma = true,
            Kind::TypeParameter => this.children(|this, kind| {
                comma |= kind == Kind::Comma;
                this.type_argument(kind, quoting, mark);
            }),
            _ if value.is_none() && kind.is_expression() => {
                let id = this.expr(kind);
                quoting = this.quoting(id);
                value = Some(id);
            }
            _ => this.type_argument(kind, quoting, mark),
        });
        let start = self.start();
        let value = value.unwrap_or_else(|| self.absent(start));
        let index = self.index(mark, comma);
        self.push(Expr::Subscript { value, index }, range)
    }

    fn type_argument(&mut self, kind: Kind, quoting: Quoting, mark: usize) {
        if !kind.is_expression() {
            return;
        }
        let is_type = match quoting {
            Quoting::All => true,
            Quoting::First => self.scratch.ids.len() == mark,
            Quoting::None => false,
        };
        let id = if is_type { self.type_expr(kind) } else { self.plain_argument(kind) };
        self.scratch.ids.push(id);
    }

    /// An argument that is a value, though the grammar calls it a type.
    fn plain_argument(&mut self, kind: Kind) -> ExprId {
        if kind != Kind::Type {
            return self.expr(kind);
        }
        let mut found = None;
        self.children(|this, kind| {
            if found.is_none() && kind.is_expression() {
                found = Some(this.expr(kind));
            }
        });
        let end = self.end();
        found.unwrap_or_else(|| self.absent(end))
    }

    fn quoting(&self, value: ExprId) -> Quoting {
        let name = match &self.scratch.exprs[self.frame.exprs + value.index()] {
            Expr::Name(name) | Expr::Attribute { attr: name, .. } => name.as_str(),
            _ => return Quoting::All,
        };
        match name {
            "Literal" => Quoting::None,
            "Annotated" => Quoting::First,
            _ => Quoting::All,
        }
    }

    /// A string in type position: the expression that it says, or the string where it says none.
    fn quoted(&mut self) -> ExprId {
        self.forward_reference().unwrap_or_else(|| {
            let range = self.range();
            self.string(range)
        })
    }

    fn forward_reference(&mut self) -> Option<ExprId> {
        let literal = self.slice();
        let shape = Shape::of(literal)?;
        if shape.is_bytes || shape.is_format {
            return None;
        }
        let content = &literal[shape.open..literal.len() - shape.close];
        if content.contains('\\') {
            return None;
        }
        let trimmed = content.trim();
        let at = self.start() + (shape.open + content.len() - content.trim_start().len()) as u32;
        if let Some(id) = self.dotted_reference(trimmed, at) {
            return Some(id);
        }
        let tree = parse(trimmed, None);
        let root = tree.root();
        if tree.has_errors() || root.child_count() != 1 {
            return None;
        }
        let scratch = std::mem::take(&mut self.scratch);
        let mut inner = Lowerer::new(trimmed, root, scratch, self.frame.base.wrapping_sub(at));
        inner.frame.exprs = self.frame.exprs;
        inner.depth = self.depth;
        let id = inner.sole_type();
        self.scratch = inner.scratch;
        id
    }

    /// The type, if the whole text is one expression.
    fn sole_type(&mut self) -> Option<ExprId> {
        self.down();
        if self.kind() != Kind::ExpressionStatement || self.node.child_count() != 1 {
            return None;
        }
        self.down();
        let kind = self.kind();
        let is_value = kind.is_expression() && !matches!(kind, Kind::Assignment | Kind::AugmentedAssignment);
        is_value.then(|| self.type_expr(kind))
    }

    /// `A` or `a.b.C`, without a parser: what most quoted annotations are.
    fn dotted_reference(&mut self, text: &str, at: u32) -> Option<ExprId> {
        let is_word = |part: &str| {
            !part.is_empty()
                && !part.starts_with(|char: char| char.is_ascii_digit())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !matches!(part, "None" | "True" | "False")
        };
        if !text.split('.').all(is_word) || text.split('.').count() as u32 > MAX_EXPRESSION_DEPTH {
            return None;
        }
        let mut end = at;
        let mut last = None;
        for part in text.split('.') {
            end += part.len() as u32;
            let range = self.relative(at, end);
            let expr = match last {
                None => Expr::Name(Name::new(part)),
                Some(value) => Expr::Attribute { value, attr: Name::new(part) },
            };
            last = Some(self.push(expr, range));
            end += 1;
        }
        last
    }

    /// The name with which a type starts: that of a type parameter or alias.
    pub(super) fn leading_name(&mut self) -> Name {
        let text = self.slice().trim_start_matches('*').trim_start();
        let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
        Name::new(&text[..end])
    }
}

/// Which of the arguments of a generic type are types.
#[derive(Clone, Copy)]
enum Quoting {
    All,
    First,
    None,
}
