//! Routers and applications that let only administrators in.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use rustc_hash::FxHashSet;

use super::{DEPTH, depended_in, depends};
use crate::db::{Db, FunctionRef, SourceFile, VariableRef, parsed};
use crate::names::{Scope, files_mentioning, resolve};
use crate::symbols::Symbol;

/// The method by which a router becomes a part of another one, or of an application
/// (<https://fastapi.tiangolo.com/tutorial/bigger-applications/#include-the-apirouters>).
const INCLUDE: &str = "include_router";

/// What a file says of routers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    /// Those that it gives a dependency which lets only administrators pass.
    guarded: Vec<VariableRef>,
    /// Which one it makes a part of which other.
    included: Vec<(VariableRef, VariableRef)>,
}

/// Whether a router or application lets only administrators in: by a dependency of its own, or by those of all that it is a part of.
pub(super) fn is_guarded(db: &dyn Db, router: VariableRef) -> bool {
    is_guarded_besides(db, router, &mut FxHashSet::default())
}

fn is_guarded_besides(db: &dyn Db, router: VariableRef, seen: &mut FxHashSet<VariableRef>) -> bool {
    if !seen.insert(router) {
        return false;
    }
    let files = files_mentioning(db, INCLUDE);
    let including = files.iter().filter(|file| !crate::entry::is_test(db, **file));
    let said: Vec<Arc<Said>> = including.chain(std::iter::once(&router.file)).map(|file| said(db, *file)).collect();
    if said.iter().any(|said| said.guarded.contains(&router)) {
        return true;
    }
    let mut parents: Vec<VariableRef> = Vec::new();
    for (child, parent) in said.iter().flat_map(|said| said.included.iter()) {
        if *child == router && !parents.contains(parent) {
            parents.push(*parent);
        }
    }
    !parents.is_empty() && parents.into_iter().all(|parent| is_guarded_besides(db, parent, seen))
}

/// A query of its own: its answer is small, and the file is not.
#[salsa::tracked(returns(clone), cycle_result = nothing_said)]
fn said(db: &dyn Db, file: SourceFile) -> Arc<Said> {
    let module = &parsed(db, file).module;
    let mut said = Said::default();
    let bodies = module.functions.iter().map(|function| {
        let of = FunctionRef { file, path: function.path };
        (Scope::Function(of), &function.code)
    });
    for (scope, code) in bodies.chain(std::iter::once((Scope::Module(file), &module.code))) {
        say(db, scope, code, &mut said);
    }
    said.into()
}

fn nothing_said(_db: &dyn Db, _id: salsa::Id, _file: SourceFile) -> Arc<Said> {
    Arc::default()
}

fn say(db: &dyn Db, scope: Scope, code: &Code, said: &mut Said) {
    let variable = |expr: ExprId| match resolve(db, scope, code, expr) {
        Symbol::Variable(variable) => Some(variable),
        _ => None,
    };
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let Expr::Attribute { value, attr } = &code[*func] else { continue };
        let Some(child) = args.first().filter(|_| *attr == INCLUDE).and_then(|child| variable(child.value)) else {
            continue;
        };
        if lets_in(db, scope, code, args) {
            said.guarded.push(child);
        } else if let Some(parent) = variable(*value) {
            said.included.push((child, parent));
        }
    }
    walk_statements(&code.block, &mut |stmt| {
        if let Some(([target, ..], value)) = stmt.kind.assignment()
            && let Expr::Call { args, .. } = &code[value]
            && lets_in(db, scope, code, args)
            && let Some(router) = variable(*target)
        {
            said.guarded.push(router);
        }
    });
}

/// Whether one of `dependencies=[…]` lets only administrators pass.
fn lets_in(db: &dyn Db, scope: Scope, code: &Code, args: &[Arg]) -> bool {
    let listed = args.iter().filter(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "dependencies"));
    listed.flat_map(|arg| depended_in(db, scope, code, arg.value)).any(|on| depends(db, scope, code, on, DEPTH))
}
