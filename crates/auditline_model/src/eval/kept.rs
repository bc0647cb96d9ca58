//! What a constructor keeps without saying what it is (`def __init__(self, db): self.db = db`), told by how the class uses it, or
//! by what everybody hands in.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Expr, ExprId, Function};
use auditline_syntax::python::{walk_expression, walk_statements};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function};
use crate::names::{Scope, resolve};
use crate::owner::is_given_extension;
use crate::symbols::Symbol;
use crate::tables::orm_model;

use super::libraries::{self, Known};
use super::value::{OnCommit, SessionClass, SessionOrigin, SessionValue, Value};

/// Methods that end or send what a session holds. Connections of drivers have the first two.
const ENDS: &[&str] = &["commit", "rollback", "flush"];

/// Methods that a session has, and a connection of a driver has not.
const HOLDS: &[&str] = &["add", "add_all", "begin_nested", "expunge", "merge", "refresh", "scalars"];

/// Methods that are handed a statement or a mapped class.
const ASKS: &[&str] = &["exec", "execute", "get", "get_one", "query", "scalar", "scalars", "stream", "stream_scalars"];

/// What an attribute holds that a constructor sets to a parameter of which nothing is said: a session, Flask-SQLAlchemy's object.
pub(super) fn kept(
    db: &dyn Db,
    class: ClassRef,
    constructor: FunctionRef,
    name: Name,
    parameter: u32,
) -> Option<Value> {
    if classes::simple(constructor.path) != "__init__" {
        return None;
    }
    if let Some(is_async) = used_as_session(db, class, name) {
        return Some(Value::Session(Arc::new(SessionValue {
            origin: SessionOrigin::Param(parameter),
            is_async,
            id: 0,
            on_commit: OnCommit::Unknown,
            class: SessionClass::Unknown,
        })));
    }
    is_given_extension(db, constructor, parameter).then(|| Value::Made(Name::new(libraries::FLASK)))
}

/// Whether the methods of a class use an attribute as a session, and whether as an asynchronous one, where that can be told.
///
/// By what is written alone: what the methods do with it is known only once this is.
#[salsa::tracked(returns(copy))]
#[allow(clippy::option_option)] // Three answers: no session, one of either kind, one of a kind.
fn used_as_session(db: &dyn Db, class: ClassRef, name: Name) -> Option<Option<bool>> {
    let (mut asks, mut ends, mut holds, mut awaited, mut plain) = (false, false, false, false, false);
    for method in classes::all_methods(db, class) {
        let Some(body) = function(db, method) else { continue };
        let code = &body.code;
        let waits: Vec<usize> = code
            .exprs
            .iter()
            .filter_map(|expr| match expr {
                Expr::Await(inner) => Some(inner.index()),
                _ => None,
            })
            .collect();
        for (at, call, args) in calls_of(&body, name) {
            let own_asks = ASKS.contains(&call.as_str()) && names_table(db, method, &body, args);
            let own_ends = ENDS.contains(&call.as_str()) && args.is_empty();
            asks |= own_asks;
            ends |= own_ends;
            holds |= HOLDS.contains(&call.as_str());
            let is_sent = own_ends || own_asks && call != "query";
            awaited |= is_sent && waits.contains(&at);
            plain |= is_sent && !waits.contains(&at);
        }
    }
    let is_async = match (awaited, plain) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    };
    (asks || ends && holds).then_some(is_async)
}

/// The calls of methods of `self.name` in a method, with their places among its expressions.
fn calls_of(body: &Function, name: Name) -> impl Iterator<Item = (usize, Name, &[Arg])> {
    let code = &body.code;
    let this = body.params.first().map(|param| param.name);
    let is_it = move |object: ExprId| match &code[object] {
        Expr::Attribute { value, attr } => {
            *attr == name && matches!(&code[*value], Expr::Name(object) if Some(*object) == this)
        }
        _ => false,
    };
    code.exprs.iter().enumerate().filter_map(move |(at, expr)| match expr {
        Expr::Call { func, args } => match &code[*func] {
            Expr::Attribute { value, attr } if is_it(*value) => Some((at, *attr, &args[..])),
            _ => None,
        },
        _ => None,
    })
}

/// Whether the first argument of a call names a mapped class, or is a statement of SQLAlchemy, also one that a variable holds.
fn names_table(db: &dyn Db, of: FunctionRef, body: &Function, args: &[Arg]) -> bool {
    let Some(first) = args.first().filter(|first| first.kind == ArgKind::Positional) else { return false };
    let code = &body.code;
    let speaks = |root: ExprId| {
        let mut found = false;
        walk_expression(code, root, &mut |id| {
            found |= match resolve(db, Scope::Function(of), code, id) {
                Symbol::Class(class) => orm_model(db, class).is_some_and(|model| model.is_table()),
                Symbol::External(path) => matches!(
                    libraries::known(&path),
                    Some(Known::Select | Known::Update | Known::Delete | Known::Insert | Known::Text)
                ),
                _ => false,
            };
        });
        found
    };
    let Expr::Name(variable) = &code[first.value] else { return speaks(first.value) };
    let mut found = false;
    walk_statements(&code.block, &mut |stmt| {
        if let Some((targets, value)) = stmt.kind.assignment()
            && targets.iter().any(|target| matches!(&code[*target], Expr::Name(name) if name == variable))
        {
            found |= speaks(value);
        }
    });
    found || speaks(first.value)
}
