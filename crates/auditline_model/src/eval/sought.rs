//! By what a statement finds its rows, and how it sorts them: what an index would help with.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, BinaryOp, Code, CompareOp, Expr, ExprId, UnaryOp};
use smallvec::SmallVec;

use crate::db::ClassRef;
use crate::symbols::Symbol;

use super::Evaluator;
use super::constants::{constant_name, is_constant};

/// By what a statement finds its rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sought {
    /// The columns that each row must fit, all together: compared for equality, for order, or with a list.
    pub columns: SmallVec<[Name; 2]>,
    /// Those that must be what is written there: `Item.state == "open"`, `Item.deleted_at.is_(None)`, `Item.active`. Mostly
    /// many rows fit.
    pub fixed: SmallVec<[Name; 1]>,
    /// Those that must be one and the same for all who look, whatever else is asked: a constant, a member of an enum.
    pub same: SmallVec<[Name; 1]>,
    /// Those of them that must be NULL.
    pub nulls: SmallVec<[Name; 1]>,
    /// Those of them that must be in one state, as written, or in one of several (`None`): `Item.state == "open"`.
    pub states: SmallVec<[(Name, Option<Name>); 1]>,
    /// The column by which it sorts first.
    pub order: Option<Name>,
    /// Whether it wants some of the rows only: `limit`.
    pub limited: bool,
    /// Whether something else narrows its rows, or may: alternatives, other tables, patterns, what is not understood.
    pub open: bool,
    /// Whether it compares columns that cannot be told: `getattr(Item, key) == value`, `filter(*conditions)`.
    pub untold: bool,
}

/// Methods of statements that bring in other rows than those of the model.
const WIDENS: &[&str] = &[
    "cte",
    "except_",
    "from_self",
    "from_statement",
    "intersect",
    "join",
    "join_from",
    "outerjoin",
    "params",
    "select_entity_from",
    "select_from",
    "subquery",
    "union",
    "union_all",
    "with_hint",
    "with_loader_criteria",
];

impl Sought {
    /// What is known after either of two paths.
    #[must_use]
    pub(crate) fn join(&self, other: &Self) -> Self {
        let within = |one: &Self, two: &Self| {
            one.columns.iter().all(|name| two.columns.contains(name))
                && one.fixed.iter().all(|name| two.fixed.contains(name))
        };
        // Where neither asks for less than the other, each has an index of its own perhaps.
        let apart = !within(self, other) && !within(other, self);
        let mut columns = self.columns.clone();
        columns.retain(|name| other.columns.contains(name));
        let mut fixed = self.fixed.clone();
        fixed.retain(|name| other.fixed.contains(name));
        let mut same = self.same.clone();
        same.retain(|name| other.same.contains(name));
        let mut nulls = self.nulls.clone();
        nulls.retain(|name| other.nulls.contains(name));
        let mut states = self.states.clone();
        states.retain(|state| other.states.contains(state));
        Self {
            columns,
            fixed,
            same,
            nulls,
            states,
            order: self.order.filter(|order| other.order == Some(*order)),
            limited: self.limited && other.limited,
            open: self.open || other.open || apart,
            untold: self.untold || other.untold,
        }
    }

    /// What a caller of a function that looks for rows sees of it: only whether it knows all columns.
    pub(crate) fn seen_elsewhere(&self) -> Self {
        Self { untold: self.untold, ..Self::default() }
    }

    /// With what a callee adds to it.
    pub(crate) fn extend(&mut self, added: &Self) {
        added.columns.iter().for_each(|name| self.push(*name, false));
        added.fixed.iter().for_each(|name| self.push(*name, true));
        added.same.iter().for_each(|name| self.push_same(*name));
        added.nulls.iter().for_each(|name| self.push_null(*name));
        added.states.iter().for_each(|(name, state)| self.push_state(*name, *state));
        self.order = self.order.or(added.order);
        self.limited |= added.limited;
        self.open |= added.open;
        self.untold |= added.untold;
    }

    fn push(&mut self, name: Name, is_fixed: bool) {
        if self.columns.contains(&name) || self.fixed.contains(&name) {
            return;
        }
        if is_fixed {
            self.fixed.push(name);
        } else {
            self.columns.push(name);
        }
    }

    fn push_same(&mut self, name: Name) {
        if !self.same.contains(&name) {
            self.same.push(name);
        }
    }

    fn push_null(&mut self, name: Name) {
        self.push(name, true);
        if !self.nulls.contains(&name) {
            self.nulls.push(name);
        }
    }

    fn push_state(&mut self, name: Name, state: Option<Name>) {
        self.push(name, true);
        if !self.states.contains(&(name, state)) {
            self.states.push((name, state));
        }
    }

    /// A column that is compared with something else than NULL.
    fn push_compared(&mut self, code: &Code, name: Name, with: ExprId) {
        match &code[with] {
            // A switch has no states.
            Expr::Bool(_) => self.push(name, true),
            _ if is_constant(code, with) => self.push_state(name, constant_name(code, with)),
            _ => self.push(name, false),
        }
    }
}

impl Evaluator<'_> {
    /// What a method of a statement adds to what it looks for; `ordered` where an earlier one sorts already.
    pub(crate) fn seek(
        &self,
        code: &Code,
        method: &str,
        args: &[Arg],
        (model, ordered): (Option<ClassRef>, bool),
        into: &mut Sought,
    ) {
        match method {
            "filter" | "where" => args.iter().for_each(|arg| self.seek_by(code, arg, model, into)),
            "filter_by" => {
                for arg in args {
                    match arg.kind {
                        ArgKind::Keyword(name) if matches!(code[arg.value], Expr::None) => into.push_null(name),
                        ArgKind::Keyword(name) => into.push_compared(code, name, arg.value),
                        _ => into.open = true,
                    }
                }
            }
            "order_by" if !ordered => {
                into.order = args.first().and_then(|arg| self.sorted_by(code, arg.value, model));
            }
            "limit" | "slice" | "first" => into.limited = true,
            name if WIDENS.contains(&name) => into.open = true,
            _ => {}
        }
    }

    fn seek_by(&self, code: &Code, arg: &Arg, model: Option<ClassRef>, into: &mut Sought) {
        if arg.kind == ArgKind::Positional {
            self.seek_in(code, arg.value, model, into);
            into.untold |= self.is_untold(code, arg.value);
        } else {
            into.open = true;
            into.untold = true;
        }
    }

    /// The columns that a condition asks for. One that no index helps with (`!=`, `IS NULL`, a truth value) narrows
    /// nothing; what is not understood may.
    fn seek_in(&self, code: &Code, expr: ExprId, model: Option<ClassRef>, into: &mut Sought) {
        match &code[expr] {
            Expr::Binary { left, right, op: BinaryOp::BitAnd } => {
                self.seek_in(code, *left, model, into);
                self.seek_in(code, *right, model, into);
            }
            Expr::Unary { op: UnaryOp::Invert, operand } => self.seek_in(code, *operand, model, into),
            Expr::Attribute { .. } => match self.own_column(code, expr, model) {
                Some(name) => into.push(name, true),
                None => into.open = true,
            },
            Expr::Compare { left, rest } => {
                let [(op, right)] = rest[..] else { return into.open = true };
                let (column, other) = match (self.own_column(code, *left, model), self.own_column(code, right, model)) {
                    (Some(name), None) => (name, right),
                    (None, Some(name)) => (name, *left),
                    _ => return into.open = true,
                };
                if op == CompareOp::Eq && is_constant(code, other) {
                    into.push_same(column);
                }
                if self.speaks_of_columns(code, other) {
                    return into.open = true;
                }
                match op {
                    CompareOp::Eq if matches!(code[other], Expr::None) => into.push_null(column),
                    CompareOp::Eq => into.push_compared(code, column, other),
                    CompareOp::Less | CompareOp::LessEq | CompareOp::Greater | CompareOp::GreaterEq => {
                        into.push(column, is_constant(code, other))
                    }
                    CompareOp::NotEq => {}
                    _ => into.open = true,
                }
            }
            Expr::Call { func, args } => {
                if matches!(self.symbol(code, *func), Symbol::External(path) if path.ends_with(".and_")) {
                    return args.iter().for_each(|arg| self.seek_by(code, arg, model, into));
                }
                let Expr::Attribute { value, attr } = &code[*func] else { return into.open = true };
                let Some(column) = self.own_column(code, *value, model) else { return into.open = true };
                match attr.as_str() {
                    "in_" if args.iter().all(|arg| is_constant(code, arg.value)) => into.push_state(column, None),
                    "in_" | "between" => into.push(column, args.iter().all(|arg| is_constant(code, arg.value))),
                    "is_" if args.iter().all(|arg| matches!(code[arg.value], Expr::None)) => into.push_null(column),
                    "is_" => into.push(column, true),
                    "is_not" | "isnot" | "not_in" | "notin_" => {}
                    _ => into.open = true,
                }
            }
            _ => into.open = true,
        }
    }

    /// Whether a condition is about a column whose name is a value: `getattr(Item, key)`.
    fn is_untold(&self, code: &Code, expr: ExprId) -> bool {
        if let Expr::Call { func, args } = &code[expr]
            && matches!(&code[*func], Expr::Name(name) if *name == "getattr")
            && args.first().is_some_and(|of| matches!(self.symbol(code, of.value), Symbol::Class(_)))
        {
            return true;
        }
        let mut children = Vec::new();
        auditline_syntax::python::children(&code[expr], |child| children.push(child));
        children.into_iter().any(|child| self.is_untold(code, child))
    }

    /// Whether an expression has a mapped column in it, so that a comparison with it joins.
    fn speaks_of_columns(&self, code: &Code, expr: ExprId) -> bool {
        if self.own_column(code, expr, None).is_some() {
            return true;
        }
        let mut children = Vec::new();
        auditline_syntax::python::children(&code[expr], |child| children.push(child));
        children.into_iter().any(|child| self.speaks_of_columns(code, child))
    }

    /// The column by which a key of `order_by` sorts: `Item.created_at`, `Item.created_at.desc()`, `desc(Item.created_at)`.
    fn sorted_by(&self, code: &Code, expr: ExprId, model: Option<ClassRef>) -> Option<Name> {
        if let Some(name) = self.own_column(code, expr, model) {
            return Some(name);
        }
        match &code[expr] {
            Expr::Unary { op: UnaryOp::Minus, operand } => self.sorted_by(code, *operand, model),
            Expr::Call { func, args } => match (&code[*func], &args[..]) {
                (Expr::Attribute { value, attr }, [])
                    if matches!(attr.as_str(), "desc" | "asc" | "nulls_first" | "nulls_last") =>
                {
                    self.sorted_by(code, *value, model)
                }
                (_, [arg]) => {
                    let turns = matches!(self.symbol(code, *func), Symbol::External(path)
                        if path.ends_with(".desc") || path.ends_with(".asc"));
                    turns.then(|| self.sorted_by(code, arg.value, model)).flatten()
                }
                _ => None,
            },
            _ => None,
        }
    }
}
