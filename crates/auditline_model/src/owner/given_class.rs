//! Objects that arrive as arguments without a type: `Service(ItemRepo())`, and `self.repo.find(…)` in its methods.

use std::ops::ControlFlow;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, ParamKind, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::construct::session_class;
use crate::eval::{Depended, dependency_of_param};
use crate::names::{self, Scope};
use crate::symbols::Symbol;
use crate::tables::orm_model;

use super::asked::{Asked, kept_by_constructor};

/// The class of what is handed in for a parameter that says nothing of itself, where all calls hand in the same. One call that
/// is not understood is enough, and nothing is known.
pub(crate) fn given_class(db: &dyn Db, of: FunctionRef, index: u32) -> Option<ClassRef> {
    given_class_query(db, of, index)
}

/// The class of what a constructor is handed for an attribute in which it keeps it.
pub(crate) fn kept_class(db: &dyn Db, class: ClassRef, attribute: Name) -> Option<ClassRef> {
    let (init, kept) = kept_by_constructor(db, class, attribute)?;
    given_class(db, init, kept)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn given_class_query(db: &dyn Db, of: FunctionRef, index: u32) -> Option<ClassRef> {
    let body = head(db, of)?;
    let param = body.params.get(index as usize)?;
    // A method is called on objects, whose classes are not told here.
    let is_method = body.class.is_some() && !classes::is_static(&body);
    if param.annotation.is_some()
        || matches!(param.kind, ParamKind::VarArgs | ParamKind::KwArgs)
        || is_method && (index == 0 || body.name != "__init__")
    {
        return None;
    }
    let asked = Asked::of(db, of, index)?;
    let mut found: Option<ClassRef> = None;
    let differs = asked.each_call(db, &mut |scope, code, args| {
        let is_open = args.iter().any(|arg| matches!(arg.kind, ArgKind::Starred | ArgKind::DoubleStarred));
        let class = match asked.argument(args) {
            // Nothing is handed in: what is used then is the default.
            None if !is_open && param.default.is_some_and(|default| body.code[default] == Expr::None) => {
                return ControlFlow::Continue(());
            }
            Some(given) => class_of(db, scope, code, given),
            None => None,
        };
        match class {
            Some(class) if found.is_none_or(|before| before == class) => {
                found = Some(class);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    });
    found.filter(|_| differs.is_continue())
}

/// The class of the object that an argument is, as it is written.
fn class_of(db: &dyn Db, scope: Scope, code: &Code, given: ExprId) -> Option<ClassRef> {
    if let Expr::Await(inner) = &code[given] {
        return class_of(db, scope, code, *inner);
    }
    if let Expr::Call { func, .. } = &code[given] {
        return match names::resolve(db, scope, code, *func) {
            Symbol::Class(class) => is_plain(db, class).then_some(class),
            Symbol::Function(function) => returned_class(db, function, ()),
            _ => None,
        };
    }
    match names::resolve(db, scope, code, given) {
        // `repo = ItemRepo()` in a module.
        Symbol::Variable(held) => {
            let info = classes::variable(db, held)?;
            let (func, _) = info.value.as_ref().filter(|_| info.is_constant)?.call()?;
            match func.symbol() {
                Symbol::Class(class) => is_plain(db, class).then_some(class),
                _ => None,
            }
        }
        Symbol::Unknown => {
            let (Scope::Function(of), Expr::Name(name)) = (scope, &code[given]) else { return None };
            let body = function(db, of)?;
            // A parameter that is handed on.
            if let Some((index, param)) = (0u32..).zip(&body.params).find(|(_, param)| param.name == *name) {
                return match param.annotation {
                    Some(annotation) => typed(db, of, &body.code, annotation),
                    None => match dependency_of_param(db, of, index as usize) {
                        Some(Depended::On(dependency)) => class_of_dependency(db, dependency),
                        _ => given_class(db, of, index),
                    },
                };
            }
            // `repo = ItemRepo()`, and nothing else.
            let mut bound = Vec::new();
            walk_statements(&body.code.block, &mut |stmt| {
                let StmtKind::Assign { targets, value } = &stmt.kind else { return };
                if targets.iter().any(|target| matches!(&body.code[*target], Expr::Name(own) if own == name)) {
                    bound.push(*value);
                }
            });
            match bound[..] {
                [only] if matches!(body.code[only], Expr::Call { .. } | Expr::Await(_)) => {
                    class_of(db, scope, &body.code, only)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The class of what a dependency gives.
fn class_of_dependency(db: &dyn Db, dependency: Symbol) -> Option<ClassRef> {
    match dependency {
        Symbol::Function(function) => returned_class(db, function, ()),
        Symbol::Class(class) => is_plain(db, class).then_some(class),
        _ => None,
    }
}

/// The class of the object that a function returns: as its annotation says, or as all that it returns is written.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn returned_class(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<ClassRef> {
    let body = function(db, of)?;
    if let Some(returns) = body.returns {
        return typed(db, of, &body.code, returns);
    }
    let mut returned = Vec::new();
    walk_statements(&body.code.block, &mut |stmt| {
        if let StmtKind::Return(value) = &stmt.kind {
            returned.push(*value);
        }
    });
    let mut classes = returned.into_iter().map(|value| class_of(db, Scope::Function(of), &body.code, value?));
    let first = classes.next()??;
    (!body.is_generator && classes.all(|class| class == Some(first))).then_some(first)
}

fn typed(db: &dyn Db, of: FunctionRef, code: &Code, annotation: ExprId) -> Option<ClassRef> {
    let class = classes::type_expr(db, of.file, Some(of), code, annotation).class()?;
    is_plain(db, class).then(|| classes::implementation(db, class))
}

/// Whether objects of a class are neither rows nor sessions.
fn is_plain(db: &dyn Db, class: ClassRef) -> bool {
    orm_model(db, class).is_none() && session_class(db, class).is_none()
}
