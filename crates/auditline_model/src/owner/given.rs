//! Session factories that arrive as arguments without a type: `Repository(SessionLocal)`, and `self.factory()` in its methods.

use std::ops::ControlFlow;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::libraries::{Known, known};
use crate::eval::value::{FactoryValue, OnCommit, Value};
use crate::eval::variable;
use crate::names::{self, Scope};
use crate::symbols::Symbol;

use super::asked::{Asked, kept_by_constructor};

/// The session factory that is handed in for a parameter. What is handed in is looked up by name, and not evaluated: whoever
/// hands it in calls what is asked here.
pub(crate) fn given_factory(db: &dyn Db, of: FunctionRef, index: u32) -> Option<FactoryValue> {
    given_factory_query(db, of, index)
}

/// The session factory that a constructor is handed for an attribute in which it keeps it.
pub(crate) fn kept_factory(db: &dyn Db, class: ClassRef, attribute: Name) -> Option<FactoryValue> {
    let (init, kept) = kept_by_constructor(db, class, attribute)?;
    given_factory(db, init, kept)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn given_factory_query(db: &dyn Db, of: FunctionRef, index: u32) -> Option<FactoryValue> {
    let asked = Asked::of(db, of, index)?;
    let mut found: Option<FactoryValue> = None;
    let surely_none = asked.each_call(db, &mut |scope, code, args| {
        match asked.argument(args).and_then(|given| factory(db, scope, code, given)) {
            Some(None) => return ControlFlow::Break(()),
            Some(Some(one)) => found = Some(found.map_or(one, |before| both(before, one))),
            None => {}
        }
        ControlFlow::Continue(())
    });
    if surely_none.is_break() {
        return None;
    }
    // `def __init__(self, factory=SessionLocal)`
    found.or_else(|| {
        let body = head(db, of)?;
        factory(db, Scope::Module(of.file), &body.code, body.params.get(index as usize)?.default?).flatten()
    })
}

/// What is known of a factory that is this one or that one.
fn both(one: FactoryValue, two: FactoryValue) -> FactoryValue {
    FactoryValue {
        is_async: if one.is_async == two.is_async { one.is_async } else { None },
        scoped: one.scoped || two.scoped,
        on_commit: one.on_commit.join(two.on_commit),
        class: one.class.join(two.class),
        variable: one.variable.filter(|_| one.variable == two.variable),
        opaque: one.opaque || two.opaque,
    }
}

/// The session factory that an argument is; `None` inside where it is surely none.
fn factory(db: &dyn Db, scope: Scope, code: &Code, given: ExprId) -> Option<Option<FactoryValue>> {
    match names::resolve(db, scope, code, given) {
        Symbol::Variable(held) => match variable(db, held) {
            Value::Factory(factory) => Some(Some(factory)),
            Value::Unknown => None,
            _ => Some(None),
        },
        Symbol::Class(_) | Symbol::Function(_) | Symbol::Module(_) | Symbol::Namespace(_) => Some(None),
        Symbol::External(_) => None,
        Symbol::Unknown => {
            if let Some(made) = made(db, scope, code, given) {
                return Some(Some(made));
            }
            let (Scope::Function(of), Expr::Name(name)) = (scope, &code[given]) else { return None };
            let body = function(db, of)?;
            // A parameter that is handed on.
            if let Some((index, _)) = (0u32..).zip(&body.params).find(|(_, param)| param.name == *name) {
                return given_factory(db, of, index).map(Some);
            }
            // `factory = sessionmaker(engine)`
            let mut local = None;
            walk_statements(&body.code.block, &mut |stmt| {
                let StmtKind::Assign { targets, value } = &stmt.kind else { return };
                if targets.iter().any(|target| matches!(&body.code[*target], Expr::Name(own) if own == name)) {
                    local = made(db, scope, &body.code, *value);
                }
            });
            local.map(Some)
        }
    }
}

/// The factory that a call makes: `sessionmaker(engine)`.
fn made(db: &dyn Db, scope: Scope, code: &Code, expr: ExprId) -> Option<FactoryValue> {
    let Expr::Call { func, args } = &code[expr] else { return None };
    let Symbol::External(path) = names::resolve(db, scope, code, *func) else { return None };
    let Some(Known::FactoryClass(is_async)) = known(&names::canonical(path)) else { return None };
    let said = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "expire_on_commit"));
    let on_commit = match said.map(|arg| &code[arg.value]) {
        None if args.iter().all(|arg| arg.kind != ArgKind::DoubleStarred) => OnCommit::Expires,
        Some(Expr::Bool(true)) => OnCommit::Expires,
        Some(Expr::Bool(false)) => OnCommit::Keeps,
        _ => OnCommit::Unknown,
    };
    // `class_=AsyncSession` makes others.
    let is_async = if args.iter().any(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "class_")) {
        is_async.then_some(true)
    } else {
        Some(is_async)
    };
    Some(FactoryValue { on_commit, ..FactoryValue::new(is_async) })
}
