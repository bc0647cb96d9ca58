//! What code is told of a row: the columns that it reads itself, by properties and methods of the row, and through the
//! functions that it hands the row to.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, CompareOp, Expr, ExprId, StmtKind, UnaryOp};
use auditline_syntax::python::{dotted, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::value::{RowOrigin, Value};
use crate::names::resolve_in;
use crate::symbols::Symbol;
use crate::unit::{EventKind, Unit, unit_of};

use super::orm_model;

/// What code is told of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The columns that it reads.
    pub columns: Vec<Name>,
    /// Whether the row goes where it cannot be followed, or is handed back.
    pub open: bool,
}

impl Told {
    fn column(&mut self, column: Name) {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
    }

    fn more(&mut self, more: &Self) {
        more.columns.iter().for_each(|column| self.column(*column));
        self.open |= more.open;
    }

    /// Whether it may read one of the columns.
    #[must_use]
    pub fn may_read(&self, columns: &[Name]) -> bool {
        self.open || self.reads(columns)
    }

    /// Whether it is seen to read one of the columns.
    #[must_use]
    pub fn reads(&self, columns: &[Name]) -> bool {
        self.columns.iter().any(|column| columns.contains(column))
    }
}

/// What a function is told of a row of that class where it calls it by a name, in the parts of its text that are asked for.
#[must_use]
pub fn told(db: &dyn Db, of: FunctionRef, row: Name, class: ClassRef, within: impl Fn(TextRange) -> bool) -> Told {
    let Some(body) = function(db, of) else { return Told::default() };
    let code = &body.code;
    let unit = unit_of(db, of);
    let asked = presence_tests(code, row);
    let mut told = Told::default();
    let mut followed: Vec<ExprId> = Vec::new();
    let ids = || (0..code.exprs.len()).filter_map(|at| u32::try_from(at).ok()).map(ExprId);
    for id in ids().filter(|id| within(code.range(*id))) {
        match &code[id] {
            Expr::Attribute { value, attr } if is_called(code, *value, row) => {
                followed.push(*value);
                match classes::method(db, class, *attr) {
                    Some(method) => told.more(&by_parameter(db, method, 0, class)),
                    None => told.column(*attr),
                }
            }
            Expr::Call { func, args } => {
                for (arg, position) in args.iter().zip(0u32..) {
                    if !is_called(code, arg.value, row) {
                        continue;
                    }
                    followed.push(arg.value);
                    if keeps_to_itself(code, *func) {
                        continue;
                    }
                    match callee(db, of, &unit, code, (id, *func)) {
                        Some((callee, shift)) => match parameter(db, callee, arg, position + shift) {
                            Some(index) => told.more(&by_parameter(db, callee, index, class)),
                            None => told.open = true,
                        },
                        None => told.open = true,
                    }
                }
            }
            _ => {}
        }
    }
    told.open |= ids().any(|id| {
        within(code.range(id)) && is_called(code, id, row) && !followed.contains(&id) && !asked.contains(&id)
    });
    told
}

/// What a function is told of the row that it loads and returns, or yields, before it does.
#[must_use]
pub fn told_of_returned(db: &dyn Db, of: FunctionRef, class: ClassRef) -> Arc<Told> {
    told_of_returned_query(db, of, class)
}

/// A query of its own: its answer is small, and the function's body is not.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn told_of_returned_query(db: &dyn Db, of: FunctionRef, class: ClassRef) -> Arc<Told> {
    let mut all = Told::default();
    let Some(body) = function(db, of) else { return Arc::default() };
    let code = &body.code;
    let mut names: Vec<Name> = Vec::new();
    let mut hand_out = |value: ExprId| {
        if let Expr::Name(name) = &code[value]
            && !names.contains(name)
        {
            names.push(*name);
        }
    };
    walk_statements(&code.block, &mut |stmt| {
        if let StmtKind::Return(Some(value)) = stmt.kind {
            hand_out(value);
        }
    });
    for expr in &code.exprs {
        if let Expr::Yield(Some(value)) = expr {
            hand_out(*value);
        }
    }
    for name in names {
        all.more(&told(db, of, name, class, |_| true));
    }
    let unit = unit_of(db, of);
    let inner = [&unit.returns, &unit.yields].into_iter().find_map(Value::row).map(|row| &row.origin);
    match inner {
        Some(RowOrigin::Loaded { by: Some(by), .. }) | Some(RowOrigin::Dependency(Symbol::Function(by))) => {
            all.more(&told_of_returned(db, *by, class));
        }
        _ => {}
    }
    Arc::new(all)
}

/// How the row is called that a call passes for a parameter.
#[must_use]
pub fn called_for(db: &dyn Db, of: FunctionRef, call: TextRange, callee: FunctionRef, index: u32) -> Option<Name> {
    let body = function(db, of)?;
    let code = &body.code;
    let (func, args) = code.exprs.iter().zip(&code.ranges).find_map(|(expr, range)| match expr {
        Expr::Call { func, args } if *range == call => Some((*func, args)),
        _ => None,
    })?;
    let own = head(db, callee)?;
    let shift = u32::from(own.class.is_some() && !classes::is_static(&own));
    if index < shift {
        let Expr::Attribute { value, .. } = &code[func] else { return None };
        return dotted(code, *value);
    }
    let given =
        args.iter().zip(0u32..).find(|(arg, position)| parameter(db, callee, arg, position + shift) == Some(index));
    given.and_then(|(arg, _)| dotted(code, arg.value))
}

/// What a function is told of the row that fills one of its parameters.
fn by_parameter(db: &dyn Db, of: FunctionRef, index: u32, class: ClassRef) -> Arc<Told> {
    match head(db, of).and_then(|head| head.params.get(index as usize).map(|param| param.name)) {
        Some(name) => by_name(db, of, name, class),
        None => Arc::new(Told { columns: Vec::new(), open: true }),
    }
}

/// A query of its own for the same reason as [`told_of_returned_query`].
#[salsa::tracked(returns(clone), cycle_result = nothing_told)]
fn by_name(db: &dyn Db, of: FunctionRef, row: Name, class: ClassRef) -> Arc<Told> {
    let mut told = told(db, of, row, class, |_| true);
    // The row itself is its caller's already.
    told.columns.retain(|column| orm_model(db, class).is_none_or(|model| model.attribute(*column).is_some()));
    Arc::new(told)
}

fn nothing_told(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _row: Name, _class: ClassRef) -> Arc<Told> {
    Arc::default()
}

fn is_called(code: &Code, expr: ExprId, row: Name) -> bool {
    matches!(&code[expr], Expr::Name(_) | Expr::Attribute { .. }) && dotted(code, expr) == Some(row)
}

/// Where a row is named only to ask if it is there, or to bind it.
fn presence_tests(code: &Code, row: Name) -> Vec<ExprId> {
    let mut found = Vec::new();
    let mut ask = |expr: ExprId| {
        if is_called(code, expr, row) {
            found.push(expr);
        }
    };
    for expr in &code.exprs {
        match expr {
            Expr::Unary { op: UnaryOp::Not, operand } => ask(*operand),
            Expr::BoolOp { values, .. } => values.iter().copied().for_each(&mut ask),
            Expr::Compare { left, rest } => match rest.as_slice() {
                [(CompareOp::Is | CompareOp::IsNot | CompareOp::Eq | CompareOp::NotEq, right)]
                    if matches!(code[*right], Expr::None) =>
                {
                    ask(*left);
                }
                _ => {}
            },
            _ => {}
        }
    }
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::If(branch) => ask(branch.test),
        StmtKind::While { test, .. } | StmtKind::Assert { test, .. } => ask(*test),
        StmtKind::Assign { targets, .. } => targets.iter().copied().for_each(&mut ask),
        StmtKind::AnnAssign { target, .. } | StmtKind::For { target, .. } => ask(*target),
        _ => {}
    });
    found
}

/// Whether a call reads nothing of a row that it is handed: a session's own methods, or a question of what it is.
fn keeps_to_itself(code: &Code, func: ExprId) -> bool {
    match &code[func] {
        Expr::Attribute { attr, .. } => {
            matches!(attr.as_str(), "add" | "delete" | "expire" | "expunge" | "flush" | "refresh")
        }
        Expr::Name(name) => matches!(name.as_str(), "isinstance" | "id" | "type"),
        _ => false,
    }
}

/// The function of the workspace that a call calls, and how many of its parameters the object fills.
fn callee(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    code: &Code,
    (call, func): (ExprId, ExprId),
) -> Option<(FunctionRef, u32)> {
    let range = code.range(call);
    let seen = unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Call { callee, object, .. } if event.range == range => {
            let own = head(db, *callee)?;
            let bound = own.class.is_some() && !classes::is_static(&own) && !matches!(object, Value::Unknown);
            Some((*callee, u32::from(bound)))
        }
        _ => None,
    });
    seen.or_else(|| match resolve_in(db, of, code, func) {
        Symbol::Function(callee) => Some((callee, 0)),
        _ => None,
    })
}

/// The parameter that an argument fills, of which the position counts what the object fills.
fn parameter(db: &dyn Db, callee: FunctionRef, arg: &Arg, position: u32) -> Option<u32> {
    let head = head(db, callee)?;
    match arg.kind {
        ArgKind::Positional => (position < u32::try_from(head.params.len()).ok()?).then_some(position),
        ArgKind::Keyword(name) => head.params.iter().position(|param| param.name == name)?.try_into().ok(),
        _ => None,
    }
}
