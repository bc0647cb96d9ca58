//! What a local name rules out: where it says that something has happened, what asks it goes another way.

use auditline_syntax::python::ir::{
    Arg, Block, CompareOp, Expr, ExprId, FStringPart, Function, Stmt, StmtKind, UnaryOp,
};
use auditline_syntax::python::{blocks, walk_statements};
use auditline_syntax::{Name, TextRange};
use rustc_hash::FxHashMap;

use crate::db::{Db, FunctionRef, function};

/// Whether what stands in a place of a function never runs behind what stands in another, by what local names say of that:
///
/// ```python
/// if is_expired:
///     send_again(db)
///     message = "a new link is on its way"
/// if message:
///     raise ValueError(message)
/// account.claimed = True
/// ```
#[must_use]
pub fn is_ruled_out(db: &dyn Db, of: FunctionRef, earlier: TextRange, later: TextRange) -> bool {
    let Some(body) = function(db, of) else { return false };
    later.start() > earlier.end() && Way { body: &body, earlier, later }.is_ruled_out()
}

/// The way from one place of a function to a later one.
struct Way<'a> {
    body: &'a Function,
    earlier: TextRange,
    later: TextRange,
}

impl Way<'_> {
    fn is_ruled_out(&self) -> bool {
        let mut foreign = false;
        walk_statements(&self.body.code.block, &mut |stmt| {
            foreign |= matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Global(_) | StmtKind::Nonlocal(_));
        });
        let mut known = FxHashMap::default();
        let Some(behind) = self.come(&mut known).filter(|_| !foreign) else { return false };
        for stmt in behind {
            if stmt.range.contains_range(self.later) {
                return self.leads_past(stmt, &mut known);
            }
            if self.stops(stmt, &known) {
                return true;
            }
            self.pass(stmt, &mut known);
        }
        false
    }

    /// Comes to the first place, with what is known there, and gives what follows it, in it and in the blocks around it; `None`
    /// where it stands in a loop, or where an error may lead from there to the later place.
    fn come(&self, known: &mut FxHashMap<Name, bool>) -> Option<Vec<&Stmt>> {
        let holds = |block: &Block, at: TextRange| block.iter().any(|stmt| stmt.range.contains_range(at));
        let mut levels: Vec<&[Stmt]> = Vec::new();
        let mut block = &self.body.code.block;
        while let Some(at) = block.iter().position(|stmt| stmt.range.contains_range(self.earlier)) {
            let (before, rest) = block.split_at(at);
            let (stmt, behind) = rest.split_first()?;
            before.iter().for_each(|stmt| self.pass(stmt, known));
            levels.push(behind);
            let mut inner = None;
            blocks(stmt, |one| {
                if holds(one, self.earlier) {
                    inner = Some(one);
                }
            });
            let Some(inner) = inner else { break };
            match &stmt.kind {
                StmtKind::For { .. } | StmtKind::While { .. } => return None,
                StmtKind::If(_) => {}
                _ if !holds(inner, self.later) => return None,
                _ => self.forget(stmt, known),
            }
            // What was asked still holds where nobody else gets at it.
            let asked = self.asked(stmt, self.earlier).into_iter();
            known.extend(asked.filter(|(name, _)| self.is_kept_to_itself(*name)));
            block = inner;
        }
        Some(levels.into_iter().rev().flatten().collect())
    }

    /// Goes on inside of a statement that holds the later place.
    fn leads_past(&self, stmt: &Stmt, known: &mut FxHashMap<Name, bool>) -> bool {
        let mut stmt = stmt;
        loop {
            // A round before may have set what is asked, or what is guarded have come to any of its statements.
            if !matches!(stmt.kind, StmtKind::If(_)) {
                self.forget(stmt, known);
            }
            if self
                .asked(stmt, self.later)
                .iter()
                .any(|(name, truth)| known.get(name).is_some_and(|held| held != truth))
            {
                return true;
            }
            let mut inner = None;
            blocks(stmt, |one| {
                if one.iter().any(|stmt| stmt.range.contains_range(self.later)) {
                    inner = Some(one);
                }
            });
            let Some(block) = inner else { return false };
            let mut next = None;
            for one in block {
                if one.range.contains_range(self.later) {
                    next = Some(one);
                    break;
                }
                if self.stops(one, known) {
                    return true;
                }
                self.pass(one, known);
            }
            match next {
                Some(one) => stmt = one,
                None => return false,
            }
        }
    }

    /// Whether a statement leaves the function, by what is known.
    fn stops(&self, stmt: &Stmt, known: &FxHashMap<Name, bool>) -> bool {
        let StmtKind::If(test) = &stmt.kind else { return false };
        leaves(&test.body)
            && test.orelse.is_empty()
            && self.said(test.test, false).iter().any(|(name, truth)| known.get(name).is_some_and(|held| held != truth))
    }

    /// What a statement does to what is known.
    fn pass(&self, stmt: &Stmt, known: &mut FxHashMap<Name, bool>) {
        match &stmt.kind {
            // What it binds is gone with it.
            StmtKind::If(test) if leaves(&test.body) && test.orelse.is_empty() => {
                known.retain(|name, _| !self.names(test.test, *name));
            }
            _ => self.forget(stmt, known),
        }
        if let Some(([target], value)) = stmt.kind.assignment()
            && let Expr::Name(name) = &self.body.code[*target]
            && let Some(truth) = self.truth(value)
        {
            known.insert(*name, truth);
        }
    }

    /// Forgets what a statement, or one inside of it, may bind.
    fn forget(&self, stmt: &Stmt, known: &mut FxHashMap<Name, bool>) {
        let code = &self.body.code;
        let binds = |target: ExprId, name: Name| {
            let within = code.range(target);
            code.exprs
                .iter()
                .zip(&code.ranges)
                .any(|(expr, range)| within.contains_range(*range) && matches!(expr, Expr::Name(own) if *own == name))
        };
        let one = |stmt: &Stmt, name: Name| match &stmt.kind {
            StmtKind::Assign { targets, .. } | StmtKind::Delete(targets) => {
                targets.iter().any(|target| binds(*target, name))
            }
            StmtKind::AnnAssign { target, .. } | StmtKind::AugAssign { target, .. } | StmtKind::For { target, .. } => {
                binds(*target, name)
            }
            StmtKind::With { items, .. } => {
                items.iter().filter_map(|item| item.target).any(|target| binds(target, name))
            }
            StmtKind::Try(inner) => inner.handlers.iter().any(|handler| handler.name == Some(name)),
            StmtKind::Match { .. }
            | StmtKind::Import(_)
            | StmtKind::ImportFrom(_)
            | StmtKind::Class(_)
            | StmtKind::TypeAlias { .. }
            | StmtKind::Broken => true,
            _ => false,
        };
        known.retain(|name, _| {
            let mut bound = one(stmt, *name) || self.names_in(stmt.range, *name);
            blocks(stmt, |block| walk_statements(block, &mut |inner| bound |= one(inner, *name)));
            !bound
        });
    }

    /// Whether `name := …` stands in an expression.
    fn names(&self, expr: ExprId, name: Name) -> bool {
        self.names_in(self.body.code.range(expr), name)
    }

    fn names_in(&self, within: TextRange, name: Name) -> bool {
        let code = &self.body.code;
        code.exprs.iter().zip(&code.ranges).any(|(expr, range)| {
            within.contains_range(*range) && matches!(expr, Expr::Named { target, .. } if *target == name)
        })
    }

    /// What a statement has asked where control comes to a place inside of it: `if name:`, `a if name else b`.
    fn asked(&self, stmt: &Stmt, at: TextRange) -> Vec<(Name, bool)> {
        let holds = |block: &Block| block.iter().any(|stmt| stmt.range.contains_range(at));
        let code = &self.body.code;
        match &stmt.kind {
            StmtKind::If(test) if holds(&test.body) => self.said(test.test, true),
            StmtKind::If(test) if holds(&test.orelse) => self.said(test.test, false),
            _ => {
                let mut found = Vec::new();
                for (expr, range) in code.exprs.iter().zip(&code.ranges) {
                    if let Expr::Conditional { test, body, orelse } = expr
                        && stmt.range.contains_range(*range)
                        && range.contains_range(at)
                    {
                        let in_body = code.range(*body).contains_range(at);
                        if in_body || code.range(*orelse).contains_range(at) {
                            found.extend(self.said(*test, in_body));
                        }
                    }
                }
                found
            }
        }
    }

    /// What a test says of names where it holds, or does not.
    fn said(&self, test: ExprId, holds: bool) -> Vec<(Name, bool)> {
        let code = &self.body.code;
        match &code[test] {
            Expr::Name(name) => vec![(*name, holds)],
            Expr::Unary { op: UnaryOp::Not, operand } => self.said(*operand, !holds),
            Expr::BoolOp { is_and, values } if *is_and == holds => {
                values.iter().flat_map(|value| self.said(*value, holds)).collect()
            }
            Expr::Compare { left, rest } => match (&code[*left], rest.as_slice()) {
                (Expr::Name(name), [(op, right)]) if matches!(code[*right], Expr::None) => match (op, holds) {
                    (CompareOp::Is | CompareOp::Eq, true) | (CompareOp::IsNot | CompareOp::NotEq, false) => {
                        vec![(*name, false)]
                    }
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The truth of a constant.
    fn truth(&self, value: ExprId) -> Option<bool> {
        match &self.body.code[value] {
            Expr::Bool(truth) => Some(*truth),
            Expr::None => Some(false),
            Expr::Str(text) => Some(!text.is_empty()),
            Expr::Int(number) => number.map(|number| number != 0),
            Expr::FString(parts) => {
                parts.iter().any(|part| matches!(part, FStringPart::Text(text) if !text.is_empty())).then_some(true)
            }
            _ => None,
        }
    }

    /// Whether a name of the function's own holds what a call has given, and is only asked and read by index before the later
    /// place: nobody else gets at what it holds.
    fn is_kept_to_itself(&self, name: Name) -> bool {
        let code = &self.body.code;
        if self.body.params.iter().any(|param| param.name == name) {
            return false;
        }
        let mut is_fresh = true;
        let mut statement = self.later.start();
        walk_statements(&code.block, &mut |stmt| {
            if stmt.range.contains_range(self.later) && blocks_of(stmt) == 0 {
                statement = stmt.range.start();
            }
            if let Some((targets, value)) = stmt.kind.assignment()
                && targets.iter().any(|target| matches!(&code[*target], Expr::Name(own) if *own == name))
            {
                is_fresh &= self.is_given(value);
            }
        });
        let is_it = |expr: ExprId| {
            code.range(expr).start() < statement && matches!(&code[expr], Expr::Name(own) if *own == name)
        };
        let takes = |args: &[Arg]| args.iter().any(|arg| is_it(arg.value));
        let has_it = |within: TextRange| {
            code.exprs.iter().zip(&code.ranges).any(|(expr, range)| {
                within.contains_range(*range)
                    && range.start() < statement
                    && matches!(expr, Expr::Name(own) if *own == name)
            })
        };
        let is_handed_on = code.exprs.iter().zip(&code.ranges).any(|(expr, range)| match expr {
            Expr::Call { func, args } => is_it(*func) || takes(args),
            Expr::Attribute { value, .. } | Expr::Await(value) => is_it(*value),
            Expr::Named { target, .. } => *target == name,
            Expr::Tuple(items) | Expr::List(items) | Expr::Set(items) => items.iter().any(|item| is_it(*item)),
            Expr::Conditional { body, orelse, .. } => is_it(*body) || is_it(*orelse),
            Expr::BoolOp { .. }
            | Expr::Dict(_)
            | Expr::Comprehension { .. }
            | Expr::Lambda { .. }
            | Expr::Yield(_)
            | Expr::YieldFrom(_)
            | Expr::Starred(_)
            | Expr::Opaque(_) => has_it(*range),
            _ => false,
        });
        is_fresh && !is_handed_on && !self.is_aliased(name, &is_it)
    }

    /// Whether a value is what a call gives, or a constant.
    fn is_given(&self, value: ExprId) -> bool {
        match &self.body.code[value] {
            Expr::Call { .. } => true,
            Expr::Await(value) => self.is_given(*value),
            Expr::Conditional { body, orelse, .. } => self.is_given(*body) && self.is_given(*orelse),
            _ => self.truth(value).is_some(),
        }
    }

    /// Whether a statement gives it another name, binds it otherwise than by `=`, or changes what it holds.
    fn is_aliased(&self, name: Name, is_it: &dyn Fn(ExprId) -> bool) -> bool {
        let code = &self.body.code;
        let within = |target: ExprId| {
            let within = code.range(target);
            !matches!(&code[target], Expr::Name(_))
                && code.exprs.iter().zip(&code.ranges).any(|(expr, range)| {
                    within.contains_range(*range) && matches!(expr, Expr::Name(own) if *own == name)
                })
        };
        let mut found = false;
        walk_statements(&code.block, &mut |stmt| {
            found |= match &stmt.kind {
                StmtKind::Assign { targets, value } => is_it(*value) || targets.iter().any(|target| within(*target)),
                StmtKind::AnnAssign { target, value, .. } => value.is_some_and(is_it) || within(*target),
                StmtKind::AugAssign { target, .. } => is_it(*target) || within(*target),
                StmtKind::For { target, iter, .. } => is_it(*iter) || is_it(*target) || within(*target),
                StmtKind::With { items, .. } => items.iter().any(|item| {
                    is_it(item.context) || item.target.is_some_and(|target| is_it(target) || within(target))
                }),
                StmtKind::Delete(targets) => targets.iter().any(|target| is_it(*target) || within(*target)),
                StmtKind::Match { subject, .. } => is_it(*subject),
                StmtKind::Return(_) | StmtKind::Raise { .. } => false,
                _ => false,
            };
        });
        found
    }
}

/// How many blocks stand in a statement.
fn blocks_of(stmt: &Stmt) -> usize {
    let mut count = 0;
    blocks(stmt, |_| count += 1);
    count
}

/// Whether a block always leaves the function at its end.
fn leaves(block: &Block) -> bool {
    matches!(block.last().map(|stmt| &stmt.kind), Some(StmtKind::Return(_) | StmtKind::Raise { .. }))
}
