//! Module-level variables that a function sets when the program starts: `repo = None` … `global repo; repo = Repo(db)`.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Stmt, StmtKind};
use auditline_syntax::python::walk_statements;

use super::Evaluator;
use super::value::{InstanceOrigin, InstanceValue, Value};
use crate::db::{Db, FunctionRef, VariableRef, function, parsed};

/// What the one function that sets a variable by `global` makes of it: a factory of sessions, an engine, an object. Nothing that only
/// a call of that function knows, and nothing where several functions set it.
pub(super) fn set_late(db: &dyn Db, of: VariableRef) -> Option<Value> {
    let module = &parsed(db, of.file).module;
    let mut setting = module.functions.iter().filter_map(|function| {
        let code = &function.code;
        let mut is_global = false;
        let mut value = None;
        walk_statements(&code.block, &mut |stmt| {
            is_global |= matches!(&stmt.kind, StmtKind::Global(names) if names.contains(&of.name));
            value = value.or_else(|| set_to(code, stmt, of.name));
        });
        Some((FunctionRef { file: of.file, path: function.path }, value.filter(|_| is_global)?))
    });
    let (setter, value) = setting.next()?;
    if setting.next().is_some() {
        return None;
    }
    let body = function(db, setter)?;
    let mut evaluator = Evaluator::new(db, setter, Arc::clone(&body), None);
    evaluator.bind_params();
    prepare(&mut evaluator, &body.code.block, value);
    kept(&evaluator.expr(&body.code, value).value, of)
}

/// The value that a statement gives a variable, other than `None`.
fn set_to(code: &Code, stmt: &Stmt, name: Name) -> Option<ExprId> {
    let ([target], value) = stmt.kind.assignment()? else { return None };
    let is_it = matches!(&code[*target], Expr::Name(own) if *own == name) && !matches!(code[value], Expr::None);
    is_it.then_some(value)
}

/// Runs the assignments that stand before the value: `engine = create_engine(url)`.
fn prepare(evaluator: &mut Evaluator<'_>, block: &Block, value: ExprId) {
    for stmt in block {
        match stmt.kind.assignment() {
            Some((_, own)) if own == value => return,
            Some(_) => {
                evaluator.stmt(stmt);
            }
            None => {}
        }
    }
}

/// What of a value is so wherever the variable is read.
fn kept(value: &Value, of: VariableRef) -> Option<Value> {
    match value {
        Value::Factory(_) | Value::Engine | Value::Made(_) | Value::Symbol(_) => Some(value.clone()),
        Value::Instance(instance) => {
            let arguments = &instance.arguments;
            let kept = arguments.iter().filter_map(|(name, value)| Some((*name, kept(value, of)?))).collect();
            Some(Value::Instance(Arc::new(InstanceValue {
                class: instance.class,
                arguments: kept,
                origin: InstanceOrigin::Global(of),
            })))
        }
        _ => None,
    }
}
