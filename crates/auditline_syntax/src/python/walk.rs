//! Walking over lowered code.

use crate::Name;

use super::ir::{Arg, ArgKind, Block, Code, Expr, ExprId, FStringPart, Param, Stmt, StmtKind};

/// Calls `visit` for every statement of a block and of the blocks nested in it, in source order; a statement comes
/// before those inside it. Bodies of functions and classes are code of their own and are not entered.
pub fn walk_statements<'a>(block: &'a Block, visit: &mut impl FnMut(&'a Stmt)) {
    // A list of blocks to come, not recursion: an `elif` chain may be thousands of blocks deep.
    let mut rest: Vec<std::slice::Iter<'a, Stmt>> = vec![block.iter()];
    while let Some(iter) = rest.last_mut() {
        let Some(stmt) = iter.next() else {
            rest.pop();
            continue;
        };
        visit(stmt);
        let from = rest.len();
        blocks(stmt, |block| rest.push(block.iter()));
        rest[from..].reverse();
    }
}

/// Calls `visit` for each block that stands directly in a statement, in source order.
pub fn blocks<'a>(stmt: &'a Stmt, mut visit: impl FnMut(&'a Block)) {
    match &stmt.kind {
        StmtKind::If(stmt) => {
            visit(&stmt.body);
            visit(&stmt.orelse);
        }
        StmtKind::While { body, orelse, .. } | StmtKind::For { body, orelse, .. } => {
            visit(body);
            visit(orelse);
        }
        StmtKind::With { body, .. } => visit(body),
        StmtKind::Try(stmt) => {
            visit(&stmt.body);
            for handler in &stmt.handlers {
                visit(&handler.body);
            }
            visit(&stmt.orelse);
            visit(&stmt.finally);
        }
        StmtKind::Match { cases, .. } => {
            for case in cases {
                visit(&case.body);
            }
        }
        _ => {}
    }
}

/// Calls `visit` for each expression that stands directly in a statement, in source order; not for those of nested
/// statements, nor for parts of expressions.
pub fn statement_expressions(stmt: &Stmt, mut visit: impl FnMut(ExprId)) {
    match &stmt.kind {
        StmtKind::Expr(expr) => visit(*expr),
        StmtKind::Assign { targets, value } => {
            targets.iter().copied().for_each(&mut visit);
            visit(*value);
        }
        StmtKind::AnnAssign { target, annotation, value } => {
            visit(*target);
            visit(*annotation);
            value.iter().copied().for_each(visit);
        }
        StmtKind::AugAssign { target, value, .. } => {
            visit(*target);
            visit(*value);
        }
        StmtKind::Return(value) => value.iter().copied().for_each(visit),
        StmtKind::Raise { exception, cause } => exception.iter().chain(cause).copied().for_each(visit),
        StmtKind::Delete(targets) => targets.iter().copied().for_each(visit),
        StmtKind::Assert { test, message } => {
            visit(*test);
            message.iter().copied().for_each(visit);
        }
        StmtKind::If(stmt) => visit(stmt.test),
        StmtKind::While { test, .. } => visit(*test),
        StmtKind::For { target, iter, .. } => {
            visit(*target);
            visit(*iter);
        }
        StmtKind::With { items, .. } => {
            for item in items {
                visit(item.context);
                item.target.iter().copied().for_each(&mut visit);
            }
        }
        StmtKind::Try(stmt) => {
            for handler in &stmt.handlers {
                handler.exceptions.iter().copied().for_each(&mut visit);
            }
        }
        StmtKind::Match { subject, cases } => {
            visit(*subject);
            for case in cases {
                visit(case.pattern);
                case.guard.iter().copied().for_each(&mut visit);
            }
        }
        StmtKind::TypeAlias { value, .. } => visit(*value),
        StmtKind::Pass
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Global(_)
        | StmtKind::Nonlocal(_)
        | StmtKind::Import(_)
        | StmtKind::ImportFrom(_)
        | StmtKind::Function(_)
        | StmtKind::Class(_)
        | StmtKind::Broken => {}
    }
}

/// Calls `visit` for each expression that stands directly in an expression, in source order.
pub fn children(expr: &Expr, mut visit: impl FnMut(ExprId)) {
    let params = |params: &[Param], visit: &mut dyn FnMut(ExprId)| {
        for param in params {
            param.annotation.into_iter().chain(param.default).for_each(&mut *visit);
        }
    };
    match expr {
        Expr::Name(_)
        | Expr::Str(_)
        | Expr::Bytes
        | Expr::Int(_)
        | Expr::Float
        | Expr::Bool(_)
        | Expr::None
        | Expr::Ellipsis => {}
        Expr::Attribute { value, .. } => visit(*value),
        Expr::Call { func, args } => {
            visit(*func);
            args.iter().for_each(|arg| visit(arg.value));
        }
        Expr::Subscript { value, index } => {
            visit(*value);
            visit(*index);
        }
        Expr::Slice(parts)
        | Expr::Tuple(parts)
        | Expr::List(parts)
        | Expr::Set(parts)
        | Expr::Opaque(parts)
        | Expr::BoolOp { values: parts, .. } => parts.iter().copied().for_each(visit),
        Expr::FString(parts) => {
            for part in parts {
                if let FStringPart::Hole(hole) = part {
                    visit(*hole);
                }
            }
        }
        Expr::Unary { operand: value, .. }
        | Expr::Await(value)
        | Expr::YieldFrom(value)
        | Expr::Named { value, .. }
        | Expr::Starred(value) => visit(*value),
        Expr::Yield(value) => value.iter().copied().for_each(visit),
        Expr::Binary { left, right, .. } => {
            visit(*left);
            visit(*right);
        }
        Expr::Compare { left, rest } => {
            visit(*left);
            rest.iter().for_each(|(_, right)| visit(*right));
        }
        Expr::Conditional { test, body, orelse } => {
            visit(*body);
            visit(*test);
            visit(*orelse);
        }
        Expr::Lambda { params: own, body } => {
            params(own, &mut visit);
            visit(*body);
        }
        Expr::Dict(entries) => {
            for (key, value) in entries {
                key.iter().copied().for_each(&mut visit);
                visit(*value);
            }
        }
        Expr::Comprehension { element, clauses, .. } => {
            visit(*element);
            for clause in clauses {
                visit(clause.target);
                visit(clause.iter);
                clause.conditions.iter().copied().for_each(&mut visit);
            }
        }
    }
}

/// Calls `visit` for an expression and every expression inside it; an expression comes before its parts, parts come
/// in source order.
pub fn walk_expression(code: &Code, root: ExprId, visit: &mut impl FnMut(ExprId)) {
    let mut rest = vec![root];
    while let Some(id) = rest.pop() {
        visit(id);
        let from = rest.len();
        children(&code[id], |child| rest.push(child));
        rest[from..].reverse();
    }
}

/// Calls `visit` for every expression of a statement, parts included; not for those of nested statements.
pub fn walk_statement_expressions(code: &Code, stmt: &Stmt, visit: &mut impl FnMut(ExprId)) {
    statement_expressions(stmt, |root| walk_expression(code, root, visit));
}

/// Calls `visit` for every expression that a block's statements and those nested in them hold, parts included.
pub fn walk_block_expressions(code: &Code, block: &Block, visit: &mut impl FnMut(ExprId)) {
    walk_statements(block, &mut |stmt| walk_statement_expressions(code, stmt, visit));
}

/// The text of a chain of names, `a.b.c`; `None` for anything else.
#[must_use]
pub fn dotted(code: &Code, expr: ExprId) -> Option<Name> {
    if let Expr::Name(name) = &code[expr] {
        return Some(*name);
    }
    let parts = chain(code, expr)?;
    let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&part);
    }
    Some(Name::new(&text))
}

/// The parts of a chain of names: `a`, `b`, `c` of `a.b.c`; `None` for anything else.
#[must_use]
pub fn chain(code: &Code, expr: ExprId) -> Option<Vec<Name>> {
    let mut parts = Vec::new();
    let mut at = expr;
    loop {
        match &code[at] {
            Expr::Name(name) => {
                parts.push(*name);
                parts.reverse();
                return Some(parts);
            }
            Expr::Attribute { value, attr } => {
                parts.push(*attr);
                at = *value;
            }
            _ => return None,
        }
    }
}

/// A call, seen by its arguments.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The call itself.
    pub id: ExprId,
    /// What is called.
    pub func: ExprId,
    /// The arguments, in source order.
    pub args: &'a [Arg],
}

impl<'a> Call<'a> {
    /// The expression as a call, if it is one.
    #[must_use]
    pub fn of(code: &'a Code, id: ExprId) -> Option<Self> {
        match &code[id] {
            Expr::Call { func, args } => Some(Self { id, func: *func, args }),
            _ => None,
        }
    }

    /// The call, or the call that is awaited.
    #[must_use]
    pub fn awaited(code: &'a Code, id: ExprId) -> Option<Self> {
        match &code[id] {
            Expr::Await(inner) => Self::of(code, *inner),
            _ => Self::of(code, id),
        }
    }

    /// The positional argument number `n`, from 0; `None` where a starred argument before it hides which one it is.
    #[must_use]
    pub fn positional(&self, n: usize) -> Option<ExprId> {
        let mut seen = 0;
        for arg in self.args {
            match arg.kind {
                ArgKind::Positional if seen == n => return Some(arg.value),
                ArgKind::Positional => seen += 1,
                ArgKind::Starred => return None,
                ArgKind::Keyword(_) | ArgKind::DoubleStarred => {}
            }
        }
        None
    }

    /// All positional arguments, starred ones left out.
    pub fn positionals(&self) -> impl Iterator<Item = ExprId> + use<'a> {
        self.args.iter().filter(|arg| arg.kind == ArgKind::Positional).map(|arg| arg.value)
    }

    /// The keyword argument of that name.
    #[must_use]
    pub fn keyword(&self, name: &str) -> Option<ExprId> {
        self.args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(own) if own == *name)).map(|arg| arg.value)
    }

    /// All keyword arguments, spreads left out.
    pub fn keywords(&self) -> impl Iterator<Item = (Name, ExprId)> + use<'a> {
        self.args.iter().filter_map(|arg| match arg.kind {
            ArgKind::Keyword(name) => Some((name, arg.value)),
            _ => None,
        })
    }

    /// The argument of that name, or the positional one at `n`.
    #[must_use]
    pub fn argument(&self, n: usize, name: &str) -> Option<ExprId> {
        self.keyword(name).or_else(|| self.positional(n))
    }

    /// Whether `*args` or `**kwargs` may bring more arguments than are written.
    #[must_use]
    pub fn has_spread(&self) -> bool {
        self.args.iter().any(|arg| matches!(arg.kind, ArgKind::Starred | ArgKind::DoubleStarred))
    }

    /// The object and the method, if what is called is an attribute: `db`, `commit` of `db.commit()`.
    #[must_use]
    pub fn method(&self, code: &Code) -> Option<(ExprId, Name)> {
        match &code[self.func] {
            Expr::Attribute { value, attr } => Some((*value, *attr)),
            _ => None,
        }
    }
}
