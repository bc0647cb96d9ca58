//! Compound statements.

use text_size::TextRange;

use super::super::ir::{Block, Expr, ExprId, Handler, If, Stmt, StmtKind, Try, WithItem};
use super::super::walk::children;
use super::Lowerer;
use super::kind::Kind;
use crate::Name;

/// How many `elif`s nest in one another; those that follow stand one behind the other in the last `else`. A chain of
/// thousands must not become a tree that overflows the stack of whoever walks it, or drops it.
const MAX_ELIFS: usize = 100;

/// A test with its block.
struct Branch {
    start: u32,
    test: ExprId,
    body: Block,
    end: u32,
}

impl Lowerer<'_> {
    /// The end of a compound statement: that of its last statement, or of its header where there is none.
    fn stop(&self, header: u32) -> u32 {
        self.last_end.max(header)
    }

    /// Counts the token under the cursor, of a clause that may have no statement, to the statement at hand.
    pub(super) fn reach(&mut self) {
        self.last_end = self.last_end.max(self.end());
    }

    /// Lowers a clause that is only a block: `else:`, `finally:`.
    fn clause_block(&mut self) -> Block {
        let mut block = Block::new();
        self.children(|this, kind| match kind {
            Kind::Block => block = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => this.reach(),
        });
        block
    }

    pub(super) fn if_statement(&mut self) {
        let start = self.start();
        let mut branches: Vec<Branch> = Vec::with_capacity(1);
        let mut orelse = Block::new();
        let mut test = None;
        let mut body = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::ElifClause => {
                if branches.is_empty() {
                    let test = test.take().unwrap_or_else(|| this.absent(header));
                    branches.push(Branch { start, test, body: std::mem::take(&mut body), end: this.stop(header) });
                }
                branches.push(this.elif());
            }
            Kind::ElseClause => orelse = this.clause_block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                if test.is_none() && kind.is_expression() {
                    test = Some(this.expr(kind));
                }
                header = this.end();
            }
        });
        let stop = self.stop(header);
        if branches.is_empty() {
            let test = test.unwrap_or_else(|| self.absent(header));
            return self.add(start, stop, StmtKind::If(If { test, body, orelse, is_elif: false }));
        }
        let chain = self.chain(branches, orelse, stop);
        self.scratch.stmts.extend(chain);
        self.last_end = self.last_end.max(stop);
    }

    /// Nests the branches of a chain: each but the first becomes the `else` of the one before it.
    fn chain(&self, mut branches: Vec<Branch>, orelse: Block, stop: u32) -> Option<Stmt> {
        let flat = branches.split_off(branches.len().min(MAX_ELIFS));
        let mut rest = Block::with_capacity(flat.len().max(1));
        let tail = flat.len();
        let mut orelse = Some(orelse);
        for (at, branch) in flat.into_iter().enumerate() {
            let orelse = if at + 1 == tail { orelse.take().unwrap_or_default() } else { Block::new() };
            let end = if at + 1 == tail { stop } else { branch.end };
            rest.push(self.branch(branch, orelse, end, true));
        }
        let mut nested = if tail == 0 { orelse.unwrap_or_default() } else { rest };
        while let Some(branch) = branches.pop() {
            let is_elif = !branches.is_empty();
            nested = vec![self.branch(branch, nested, stop, is_elif)];
        }
        nested.pop()
    }

    fn branch(&self, branch: Branch, orelse: Block, stop: u32, is_elif: bool) -> Stmt {
        let Branch { start, test, body, .. } = branch;
        Stmt { range: self.relative(start, stop), kind: StmtKind::If(If { test, body, orelse, is_elif }) }
    }

    fn elif(&mut self) -> Branch {
        let start = self.start();
        let mut test = None;
        let mut body = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                if test.is_none() && kind.is_expression() {
                    test = Some(this.expr(kind));
                }
                header = this.end();
            }
        });
        let test = test.unwrap_or_else(|| self.absent(header));
        self.last_end = self.stop(header);
        Branch { start, test, body, end: self.last_end }
    }

    pub(super) fn while_statement(&mut self) {
        let start = self.start();
        let mut test = None;
        let mut body = Block::new();
        let mut orelse = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::ElseClause => orelse = this.clause_block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                if test.is_none() && kind.is_expression() {
                    test = Some(this.expr(kind));
                }
                header = this.end();
            }
        });
        let test = test.unwrap_or_else(|| self.absent(header));
        self.add(start, self.stop(header), StmtKind::While { test, body, orelse });
    }

    pub(super) fn for_statement(&mut self) {
        let start = self.start();
        let mut is_async = false;
        let mut inside = false;
        let mut target = None;
        let mut iter = None;
        let mut body = Block::new();
        let mut orelse = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::ElseClause => orelse = this.clause_block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                match kind {
                    Kind::KeywordAsync => is_async = true,
                    Kind::KeywordIn => inside = true,
                    _ if !kind.is_expression() => {}
                    _ if inside => iter = Some(this.expr(kind)),
                    _ => target = Some(this.expr(kind)),
                }
                header = this.end();
            }
        });
        let target = target.unwrap_or_else(|| self.absent(header));
        let iter = iter.unwrap_or_else(|| self.absent(header));
        self.add(start, self.stop(header), StmtKind::For { is_async, target, iter, body, orelse });
    }

    pub(super) fn with_statement(&mut self) {
        let start = self.start();
        let mut is_async = false;
        let mut items = Vec::with_capacity(1);
        let mut body = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                match kind {
                    Kind::KeywordAsync => is_async = true,
                    Kind::WithClause => this.children(|this, kind| {
                        if kind == Kind::WithItem {
                            this.children(|this, kind| this.with_item(kind, &mut items));
                        }
                    }),
                    _ => {}
                }
                header = this.end();
            }
        });
        self.add(start, self.stop(header), StmtKind::With { is_async, items, body });
    }

    /// An item as the grammar sees it may be several: it takes `(a as b, c as d)` for a tuple where it can.
    fn with_item(&mut self, kind: Kind, items: &mut Vec<WithItem>) {
        match kind {
            Kind::Tuple => self.children(|this, kind| this.with_item(kind, items)),
            Kind::ParenthesizedExpression if self.holds_as() => {
                self.children(|this, kind| this.with_item(kind, items));
            }
            _ if kind.is_expression() => {
                self.target = None;
                let context = self.expr(kind);
                let target = self.target.take();
                if let Some(target) = target {
                    self.end_before_target(context, target);
                }
                items.push(WithItem { context, target });
            }
            _ => {}
        }
    }

    /// `a if b else c as d`: the grammar takes `c as d` for an operand, so that all around it ends too late.
    fn end_before_target(&mut self, context: ExprId, target: ExprId) {
        let limit = self.range_of(target).start();
        let mut last = context;
        loop {
            let range = self.range_of(last);
            if range.end() <= limit {
                break;
            }
            let mut inner = None;
            children(&self.scratch.exprs[self.frame.exprs + last.index()], |child| inner = Some(child));
            let Some(inner) = inner else { break };
            last = inner;
        }
        let end = self.range_of(last).end();
        let mut at = context;
        while at != last {
            let index = self.frame.exprs + at.index();
            let start = self.scratch.ranges[index].start();
            self.scratch.ranges[index] = TextRange::new(start, end.max(start));
            let mut inner = last;
            children(&self.scratch.exprs[index], |child| inner = child);
            at = inner;
        }
    }

    /// Whether a child is written with `as`.
    fn holds_as(&mut self) -> bool {
        let mut found = false;
        self.children(|_, kind| found |= kind == Kind::AsPattern);
        found
    }

    /// `value as target`.
    pub(super) fn as_pattern(&mut self) -> (ExprId, Option<ExprId>) {
        let mut value = None;
        let mut target = None;
        self.children(|this, kind| match kind {
            Kind::AsPatternTarget => target = Some(this.expr(kind)),
            _ if value.is_none() && kind.is_expression() => value = Some(this.expr(kind)),
            _ => {}
        });
        let end = self.end();
        (value.unwrap_or_else(|| self.absent(end)), target)
    }

    pub(super) fn try_statement(&mut self) {
        let start = self.start();
        let mut parts = Try { body: Block::new(), handlers: Vec::new(), orelse: Block::new(), finally: Block::new() };
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => parts.body = this.block(),
            Kind::ExceptClause => {
                let handler = this.handler();
                parts.handlers.push(handler);
            }
            Kind::ElseClause => parts.orelse = this.clause_block(),
            Kind::FinallyClause => parts.finally = this.clause_block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => header = this.end(),
        });
        self.add(start, self.stop(header), StmtKind::Try(parts));
    }

    fn handler(&mut self) -> Handler {
        let start = self.start();
        let mark = self.scratch.ids.len();
        let mut name = None;
        let mut named = false;
        let mut body = Block::new();
        let mut header = start;
        self.children(|this, kind| match kind {
            Kind::Block => body = this.block(),
            Kind::Comment => {}
            Kind::Error => this.frame.has_errors = true,
            _ => {
                match kind {
                    Kind::KeywordAs => named = true,
                    _ if named && kind.is_expression() => name = Some(this.name()),
                    Kind::AsPattern => {
                        let (value, target) = this.as_pattern();
                        this.scratch.ids.push(value);
                        if let Some(Expr::Name(target)) =
                            target.map(|id| &this.scratch.exprs[this.frame.exprs + id.index()])
                        {
                            name = Some(*target);
                        }
                    }
                    _ if kind.is_expression() => {
                        let id = this.expr(kind);
                        this.scratch.ids.push(id);
                    }
                    _ => {}
                }
                header = this.end();
            }
        });
        let mut exceptions = Vec::with_capacity(1);
        for id in self.cut_ids(mark) {
            match &self.scratch.exprs[self.frame.exprs + id.index()] {
                Expr::Tuple(parts) => exceptions.extend_from_slice(parts),
                _ => exceptions.push(id),
            }
        }
        let name: Option<Name> = name.filter(|name| !name.is_empty());
        let end = self.stop(header);
        self.last_end = end;
        Handler { exceptions, name, body, range: self.relative(start, end) }
    }
}
