//! Statements: blocks, and the simple ones.

use text_size::TextRange;

use super::super::ir::{Arg, ArgKind, Block, Expr, ExprId, Stmt, StmtKind};
use super::kind::Kind;
use super::operator::binary_operator;
use super::{Lowerer, MAX_BLOCK_DEPTH, MAX_EXPRESSION_DEPTH};
use crate::Name;

impl Lowerer<'_> {
    /// Lowers the statements in the node under the cursor: a block or the module.
    pub(super) fn block(&mut self) -> Block {
        let mark = self.scratch.stmts.len();
        if self.blocks >= MAX_BLOCK_DEPTH {
            let (start, end) = (self.start(), self.end());
            self.broken(start, end);
        } else {
            self.statements();
        }
        self.cut_statements(mark)
    }

    /// Lowers the statements in the node under the cursor onto the stack.
    pub(super) fn statements(&mut self) {
        self.blocks += 1;
        self.children(|this, kind| {
            if kind.is_statement() {
                this.statement(kind);
            } else if kind == Kind::Error {
                this.broken_statements();
            }
        });
        self.blocks -= 1;
    }

    pub(super) fn cut_statements(&mut self, from: usize) -> Block {
        self.scratch.stmts.drain(from..).collect()
    }

    /// Adds a statement between two absolute offsets.
    pub(super) fn add(&mut self, start: u32, end: u32, kind: StmtKind) {
        let range = self.relative(start, end);
        self.last_end = self.last_end.max(end);
        self.scratch.stmts.push(Stmt { range, kind });
    }

    pub(super) fn broken(&mut self, start: u32, end: u32) {
        self.frame.has_errors = true;
        self.add(start, end, StmtKind::Broken);
    }

    /// Lowers the statement under the cursor.
    pub(super) fn statement(&mut self, kind: Kind) {
        let node = self.node;
        let (start, end) = (self.start(), self.end());
        let simple = match kind {
            Kind::FunctionDefinition | Kind::ClassDefinition | Kind::DecoratedDefinition => {
                return self.definition(kind);
            }
            Kind::If => return self.if_statement(),
            Kind::For => return self.for_statement(),
            Kind::While => return self.while_statement(),
            Kind::Try => return self.try_statement(),
            Kind::With => return self.with_statement(),
            Kind::Match => return self.match_statement(),
            // Python 2: readable, but no Python that runs.
            Kind::Print | Kind::Exec => {
                self.errors.push(TextRange::new(start.into(), end.into()));
                return self.broken(start, end);
            }
            Kind::ExpressionStatement => self.expression_statement(end),
            Kind::Return => StmtKind::Return(self.optional()),
            Kind::Raise => self.raise(),
            Kind::Delete => self.delete(),
            Kind::Assert => self.assert(end),
            Kind::Pass => StmtKind::Pass,
            Kind::Break => StmtKind::Break,
            Kind::Continue => StmtKind::Continue,
            Kind::Global => StmtKind::Global(self.names()),
            Kind::Nonlocal => StmtKind::Nonlocal(self.names()),
            Kind::Import => self.import(),
            Kind::FutureImport => self.future_import(),
            Kind::ImportFrom => self.import_from(),
            Kind::TypeAlias => self.type_alias(end),
            _ => StmtKind::Broken,
        };
        if node.has_error() {
            self.frame.has_errors = true;
        }
        self.add(start, end, simple);
    }

    fn optional(&mut self) -> Option<ExprId> {
        let mut found = None;
        self.children_until(|this, kind| {
            if kind.is_expression() {
                found = Some(this.expr(kind));
            }
            found.is_some()
        });
        found
    }

    fn names(&mut self) -> Vec<Name> {
        let mut names = Vec::with_capacity(1);
        self.children(|this, kind| {
            if kind == Kind::Identifier {
                names.push(this.name());
            }
        });
        names
    }

    fn expression_statement(&mut self, end: u32) -> StmtKind {
        let mark = self.scratch.ids.len();
        let mut comma = false;
        let mut assignment = None;
        self.children(|this, kind| match kind {
            Kind::Comma => comma = true,
            Kind::Assignment if assignment.is_none() => assignment = Some(this.assignment(end)),
            Kind::AugmentedAssignment if assignment.is_none() => assignment = Some(this.augmented(end)),
            _ if kind.is_expression() => {
                let id = this.expr(kind);
                this.scratch.ids.push(id);
            }
            _ => {}
        });
        if let Some(assignment) = assignment {
            self.scratch.ids.truncate(mark);
            return assignment;
        }
        let parts = self.cut_ids(mark);
        match parts[..] {
            [] => StmtKind::Broken,
            [one] if !comma => StmtKind::Expr(one),
            _ => {
                let range = self.range();
                StmtKind::Expr(self.push(Expr::Tuple(parts), range))
            }
        }
    }

    /// `a = b = value` is nested to the right in the tree; it is walked down and up again.
    fn assignment(&mut self, end: u32) -> StmtKind {
        let mark = self.scratch.ids.len();
        let mut levels = 0;
        let mut annotation = None;
        let mut value = None;
        while self.down() {
            levels += 1;
            let mut equal = false;
            let nested = loop {
                let kind = self.kind();
                match kind {
                    Kind::Equal => equal = true,
                    Kind::Assignment if equal && annotation.is_none() => break true,
                    Kind::Type if !equal && annotation.is_none() => annotation = Some(self.type_expr(kind)),
                    _ if !kind.is_expression() => {}
                    _ if equal => {
                        value = Some(self.expr(kind));
                        break false;
                    }
                    _ => {
                        let id = self.expr(kind);
                        self.scratch.ids.push(id);
                    }
                }
                if !self.next() {
                    break false;
                }
            };
            if !nested {
                break;
            }
        }
        for _ in 0..levels {
            self.up();
        }
        let mut targets = self.cut_ids(mark);
        match annotation {
            Some(annotation) => {
                // `a = b: int` is no Python; the last target is the one that has the annotation.
                let target = targets.pop().unwrap_or_else(|| self.absent(end));
                StmtKind::AnnAssign { target, annotation, value }
            }
            None => StmtKind::Assign { targets, value: value.unwrap_or_else(|| self.absent(end)) },
        }
    }

    fn augmented(&mut self, end: u32) -> StmtKind {
        let mut target = None;
        let mut op = None;
        let mut value = None;
        self.children(|this, kind| {
            if kind.is_expression() {
                let side = if op.is_none() { &mut target } else { &mut value };
                *side = Some(this.expr(kind));
            } else if op.is_none() {
                op = binary_operator(kind);
            }
        });
        let target = target.unwrap_or_else(|| self.absent(end));
        let value = value.unwrap_or_else(|| self.absent(end));
        match op {
            Some(op) => StmtKind::AugAssign { target, op, value },
            None => StmtKind::Broken,
        }
    }

    fn raise(&mut self) -> StmtKind {
        let mut from = false;
        let mut exception = None;
        let mut cause = None;
        self.children(|this, kind| match kind {
            Kind::KeywordFrom => from = true,
            _ if !kind.is_expression() => {}
            _ if from => cause = Some(this.expr(kind)),
            _ => exception = Some(this.expr(kind)),
        });
        StmtKind::Raise { exception, cause }
    }

    fn delete(&mut self) -> StmtKind {
        let mark = self.scratch.ids.len();
        self.children(|this, kind| match kind {
            Kind::ExpressionList => {
                let targets = this.list();
                this.scratch.ids.extend(targets);
            }
            _ if kind.is_expression() => {
                let id = this.expr(kind);
                this.scratch.ids.push(id);
            }
            _ => {}
        });
        StmtKind::Delete(self.cut_ids(mark))
    }

    fn assert(&mut self, end: u32) -> StmtKind {
        let mark = self.scratch.ids.len();
        self.children(|this, kind| {
            if kind.is_expression() {
                let id = this.expr(kind);
                this.scratch.ids.push(id);
            }
        });
        let mut parts = self.cut_ids(mark).into_iter();
        let test = parts.next().unwrap_or_else(|| self.absent(end));
        StmtKind::Assert { test, message: parts.next() }
    }

    fn type_alias(&mut self, end: u32) -> StmtKind {
        let mut name = None;
        let mut target = None;
        let mut value = None;
        let keyword = self.start();
        self.children(|this, kind| match kind {
            Kind::Type if name.is_none() && target.is_none() => {
                if this.slice().starts_with('(') {
                    target = Some(this.call_of_type(kind, keyword));
                } else {
                    name = Some(this.leading_name());
                }
            }
            Kind::Type if target.is_some() => value = Some(this.only(end)),
            _ if kind.is_expression() => value = Some(this.type_expr(kind)),
            _ => {}
        });
        let value = value.unwrap_or_else(|| self.absent(end));
        match target {
            Some(target) => StmtKind::Assign { targets: vec![target], value },
            None => StmtKind::TypeAlias { name: name.unwrap_or_else(|| Name::new("")), value },
        }
    }

    /// `type(x).y = z`: the grammar takes it for an alias of the strange name `(x).y`.
    fn call_of_type(&mut self, kind: Kind, keyword: u32) -> ExprId {
        let stop = self.end();
        let range = self.relative(keyword, stop);
        if self.depth >= MAX_EXPRESSION_DEPTH {
            return self.push(Expr::Opaque(Vec::new()), range);
        }
        self.depth += 1;
        let mut inner = None;
        let id = match kind {
            Kind::Type | Kind::MemberType | Kind::Attribute => {
                let mut attr = None;
                self.children(|this, kind| match kind {
                    Kind::Identifier if inner.is_some() => attr = Some(this.name()),
                    _ if inner.is_none() && kind.is_expression() => inner = Some(this.call_of_type(kind, keyword)),
                    _ => {}
                });
                let value = inner.unwrap_or_else(|| self.absent(stop));
                match attr {
                    Some(attr) => self.push(Expr::Attribute { value, attr }, range),
                    None => value,
                }
            }
            _ => {
                let word = self.relative(keyword, keyword + "type".len() as u32);
                let func = self.push(Expr::Name(Name::new("type")), word);
                let mut args = Vec::new();
                self.children(|this, kind| {
                    if kind.is_expression() {
                        let range = this.range();
                        args.push(Arg { kind: ArgKind::Positional, value: this.expr(kind), range });
                    }
                });
                self.push(Expr::Call { func, args }, range)
            }
        };
        self.depth -= 1;
        id
    }
}
