//! What the decorators of a function do around it: commit behind it, or swallow what it raises.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId, Function, Handler, StmtKind};
use auditline_syntax::python::{walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{Db, FunctionRef, function};
use crate::eval::value::{SessionOrigin, SessionValue, Value};
use crate::symbols::Symbol;
use crate::unit::{EventKind, FrameKind, SessionAction, Unit, unit_of};

use super::{inner_functions, is_outer_param};

/// Which sessions a decorator commits behind the function under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Any that it has not opened for itself.
    Any,
    /// The one that the object whose method is decorated keeps in that attribute.
    Kept(Name),
}

/// Whether a decorator of a function commits behind it a session that the function may use: `@transactional`.
pub(super) fn commits_around(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> bool {
    around(db, of, ()).iter().any(|committed| match committed {
        Around::Any => true,
        Around::Kept(name) => !matches!(session.origin, SessionOrigin::SelfAttribute(_, own) if own != *name),
    })
}

/// The functions of the project that decorate a function.
fn decorators(db: &dyn Db, of: FunctionRef) -> impl Iterator<Item = FunctionRef> {
    classes::decorator_symbols(db, of).into_iter().filter_map(|symbol| match symbol {
        Symbol::Function(function) => Some(function),
        // `@Transactional()`
        Symbol::Class(class) => classes::method(db, class, Name::new("__call__")),
        _ => None,
    })
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn around(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[Around]> {
    decorators(db, of).flat_map(|decorator| decorated(db, decorator, ()).to_vec()).collect()
}

/// A query of its own: one decorator stands over many functions.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn decorated(db: &dyn Db, decorator: FunctionRef, _key: ()) -> Arc<[Around]> {
    let mut found = Vec::new();
    for by in inner_functions(db, decorator) {
        let Some(body) = function(db, by) else { continue };
        if let Some((call, args)) = call_of_decorated(db, by, &body) {
            found.extend(commits_behind(&unit_of(db, by), &body, call, args));
        }
    }
    found.into()
}

/// Whether a decorator of the project swallows what the function under it raises: `@quiet`.
#[must_use]
pub(crate) fn is_quieted(db: &dyn Db, of: FunctionRef) -> bool {
    quieted_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn quieted_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    decorators(db, of).flat_map(|decorator| inner_functions(db, decorator)).any(|by| {
        let Some(body) = function(db, by) else { return false };
        let mut swallows = false;
        walk_statements(&body.code.block, &mut |stmt| {
            let StmtKind::Try(statement) = &stmt.kind else { return };
            let calls = call_of_decorated(db, by, &body)
                .is_some_and(|(call, _)| statement.body.iter().any(|inner| inner.range.contains_range(call)));
            // What an earlier handler lets through is not seen by a later one: `except HTTPException: raise`.
            let mut seen = statement.handlers.iter().take_while(|handler| !raises(handler));
            swallows |= calls && seen.any(|handler| catches_all(&body.code, handler));
        });
        swallows
    })
}

fn raises(handler: &Handler) -> bool {
    let mut raises = false;
    walk_statements(&handler.body, &mut |stmt| raises |= matches!(stmt.kind, StmtKind::Raise { .. }));
    raises
}

/// `except:`, `except Exception:`.
fn catches_all(code: &Code, handler: &Handler) -> bool {
    let is_broad = |expr: &ExprId| matches!(&code[*expr], Expr::Name(name) if matches!(name.as_str(), "Exception" | "BaseException"));
    handler.exceptions.is_empty() || handler.exceptions.iter().any(is_broad)
}

/// Where a function inside of a decorator calls what is decorated, and with what.
fn call_of_decorated<'a>(db: &dyn Db, by: FunctionRef, body: &'a Function) -> Option<(TextRange, &'a [Arg])> {
    body.code.exprs.iter().zip(&body.code.ranges).find_map(|(expr, range)| {
        let Expr::Call { func, args } = expr else { return None };
        let Expr::Name(name) = &body.code[*func] else { return None };
        is_outer_param(db, by, *name).then_some((*range, &args[..]))
    })
}

/// What is committed behind that call, or by a transaction around it. A session that the function has opened has nothing to do
/// with those that the decorated function uses, and what only is called `commit` may be a consumer's.
fn commits_behind(unit: &Unit, body: &Function, call: TextRange, args: &[Arg]) -> Vec<Around> {
    let code = &body.code;
    let mut found = Vec::new();
    for (expr, range) in code.exprs.iter().zip(&code.ranges) {
        let Expr::Call { func, args: none } = expr else { continue };
        let Expr::Attribute { value, attr } = &code[*func] else { continue };
        if !none.is_empty() || range.start() < call.end() || *attr != "commit" {
            continue;
        }
        let session = unit.events.iter().find_map(|event| match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit, .. } if event.range == *range => Some(session),
            _ => None,
        });
        match session {
            Some(session) if !is_foreign(&session.origin) => {}
            _ => {
                let known = session.and_then(|session| committed(body, args, session));
                let is_argument = || args.iter().any(|arg| is_same_name(&code[arg.value], &code[*value]));
                let is_theirs = || is_argument() || is_handed(body, *value, DEPTH);
                found.extend(known.or_else(|| is_theirs().then_some(Around::Any)));
            }
        }
    }
    let in_transaction = unit.events.iter().filter(|event| call.contains_range(event.range)).any(|event| {
        unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
            FrameKind::WithTransaction(session, kind) => kind.commits() && is_foreign(&session.origin),
            _ => false,
        })
    });
    if in_transaction {
        found.push(Around::Any);
    }
    found
}

fn is_same_name(one: &Expr, two: &Expr) -> bool {
    matches!((one, two), (Expr::Name(one), Expr::Name(two)) if one == two)
}

fn is_foreign(origin: &SessionOrigin) -> bool {
    !matches!(
        origin,
        SessionOrigin::Opened(_)
            | SessionOrigin::Scoped(_)
            | SessionOrigin::Begun(_)
            | SessionOrigin::Context(_)
            | SessionOrigin::ContextClass(_)
    )
}

/// What a commit of that session saves for the decorated function.
fn committed(body: &Function, args: &[Arg], session: &SessionValue) -> Option<Around> {
    match &session.origin {
        SessionOrigin::ObjectAttribute(object, name) => {
            let Some(index) = root(object) else { return session.is_async.map(|_| Around::Any) };
            let first = args.first().filter(|arg| arg.kind == ArgKind::Positional).map(|arg| &body.code[arg.value]);
            let is_self = body.params.get(index as usize).is_some_and(|param| {
                **object == Value::Param(index) && matches!(first, Some(Expr::Name(own)) if *own == param.name)
            });
            Some(if is_self { Around::Kept(*name) } else { Around::Any })
        }
        // Something of which nothing is known is taken for a session because it is used like one.
        SessionOrigin::Unknown => session.is_async.map(|_| Around::Any),
        _ => Some(Around::Any),
    }
}

/// The parameter of which a value is an attribute.
fn root(value: &Value) -> Option<u32> {
    match value {
        Value::Param(index) => Some(*index),
        Value::Attribute(object, _) => root(object),
        _ => None,
    }
}

/// How many variables lie between what a function is handed and what is made of it.
const DEPTH: u32 = 3;

/// Whether an object is, or was taken out of, what the decorated function is called with: `kwargs["db"].commit()`.
fn is_handed(body: &Function, expr: ExprId, depth: u32) -> bool {
    let code = &body.code;
    let is_given = |name: Name| {
        body.params.iter().any(|param| param.name == name)
            || depth > 0 && {
                let mut handed = false;
                walk_statements(&code.block, &mut |stmt| {
                    let Some((targets, value)) = stmt.kind.assignment() else { return };
                    let binds = targets.iter().any(|target| matches!(&code[*target], Expr::Name(own) if *own == name));
                    handed |= binds && is_handed(body, value, depth - 1);
                });
                handed
            }
    };
    match &code[expr] {
        Expr::Name(name) => is_given(*name),
        Expr::Attribute { value, .. } | Expr::Subscript { value, .. } | Expr::Await(value) => {
            is_handed(body, *value, depth)
        }
        Expr::Call { func, args } => match &code[*func] {
            Expr::Attribute { value, .. } if is_handed(body, *value, depth) => true,
            _ => args.iter().any(|arg| {
                let mut handed = false;
                walk_expression(code, arg.value, &mut |inner| {
                    handed |= matches!(&code[inner], Expr::Name(name) if is_given(*name));
                });
                handed
            }),
        },
        _ => false,
    }
}
