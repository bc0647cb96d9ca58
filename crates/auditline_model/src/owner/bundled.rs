//! Objects of one constructor that work with one session: `Service(ItemRepo(db), OrderRepo(db))`.

use std::ops::ControlFlow;
use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::chain;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, Param, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::value::{SessionOrigin, SessionValue};
use crate::eval::{Depended, dependency_of_param, dependency_value, handed_session, session_of_type};
use crate::names::{self, Scope};
use crate::symbols::Symbol;

use super::asked::Asked;

/// The one parameter of a class's constructor that takes a session, by its annotation.
pub(crate) fn session_parameter(db: &dyn Db, class: ClassRef) -> Option<(u32, Name, Arc<SessionValue>)> {
    let init = classes::method(db, class, Name::new("__init__"))?;
    let body = head(db, init)?;
    let session = |(index, param): (u32, &Param)| {
        let ty = classes::type_expr(db, init.file, Some(init), &body.code, param.annotation?);
        Some((index, param.name, session_of_type(db, &ty, index)?))
    };
    let mut found = (0u32..).zip(&body.params).filter_map(session);
    found.next().filter(|_| found.next().is_none())
}

/// The first parameter of a constructor that brings the session which an object handed in for another one works with, where
/// every call says so; `None` where no two of them are known to share one.
pub(crate) fn first_with_session_of(db: &dyn Db, init: FunctionRef, index: u32) -> Option<u32> {
    first_query(db, init, index)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn first_query(db: &dyn Db, init: FunctionRef, index: u32) -> Option<u32> {
    let count = u32::try_from(head(db, init)?.params.len()).ok()?;
    let others = (1..count).filter(|other| *other != index && shares(db, init, index, *other));
    others.min().map(|other| other.min(index))
}

/// Whether two parameters of a constructor bring the same session in every call.
fn shares(db: &dyn Db, init: FunctionRef, one: u32, two: u32) -> bool {
    let (Some(first), Some(second)) = (Asked::of(db, init, one), Asked::of(db, init, two)) else { return false };
    let mut calls = 0usize;
    let differs = first.each_call(db, &mut |scope, code, args| {
        let source = |asked: &Asked| source(db, scope, code, asked.argument(args)?);
        match (source(&first), source(&second)) {
            (Some(a), Some(b)) if a == b => calls += 1,
            _ => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    });
    differs.is_continue() && calls > 0
}

/// What gives a session, in the scope of a call.
#[derive(PartialEq)]
enum Source {
    /// What that dependency gives.
    Dependency(Symbol),
    /// What is written like that: a parameter, a variable that is bound once, an attribute.
    Path(Vec<Name>),
}

/// The session with which an argument works: that of the object that it makes, or it is one itself.
fn source(db: &dyn Db, scope: Scope, code: &Code, given: ExprId) -> Option<Source> {
    if let Expr::Call { func, args } = &code[given] {
        let Symbol::Class(class) = names::resolve(db, scope, code, *func) else { return None };
        let (index, name, _) = session_parameter(db, class)?;
        let by_name = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(own) if own == name));
        let mut positional = args.iter().take_while(|arg| arg.kind == ArgKind::Positional);
        let session = by_name.or_else(|| positional.nth(index.checked_sub(1)? as usize))?;
        return written(db, scope, code, session.value);
    }
    let (Scope::Function(of), Expr::Name(name)) = (scope, &code[given]) else {
        return written(db, scope, code, given);
    };
    let body = function(db, of)?;
    let bound = bound_to(&body, *name);
    match bound[..] {
        [] => written(db, scope, code, given),
        [only] if matches!(body.code[only], Expr::Call { .. }) => source(db, scope, &body.code, only),
        _ => None,
    }
}

/// A session as it is written.
fn written(db: &dyn Db, scope: Scope, code: &Code, given: ExprId) -> Option<Source> {
    let path = chain(code, given)?;
    if let (Scope::Function(of), [name]) = (scope, &path[..]) {
        let body = function(db, of)?;
        let param = body.params.iter().position(|param| param.name == *name);
        match (param, &bound_to(&body, *name)[..]) {
            (Some(index), []) => {
                if let Some(Depended::On(dependency)) = dependency_of_param(db, of, index) {
                    let session = handed_session(&dependency_value(db, dependency, None))?;
                    return match session.origin {
                        SessionOrigin::Dependency(by) if session.is_of_request() => Some(Source::Dependency(by)),
                        _ => None,
                    };
                }
            }
            (None, [_]) => {}
            _ => return None,
        }
    }
    Some(Source::Path(path.to_vec()))
}

/// What the assignments of a function bind to a name.
fn bound_to(body: &auditline_syntax::python::ir::Function, name: Name) -> Vec<ExprId> {
    let mut bound = Vec::new();
    walk_statements(&body.code.block, &mut |stmt| {
        let StmtKind::Assign { targets, value } = &stmt.kind else { return };
        if targets.iter().any(|target| matches!(&body.code[*target], Expr::Name(own) if *own == name)) {
            bound.push(*value);
        }
    });
    bound
}
