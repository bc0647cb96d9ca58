//! Guards that let only administrators pass: dependencies, decorators, and statements that refuse everybody else.
//!
//! Who is an administrator is told by the word: frameworks have no type for it (FastAPI's docs call it a dependency of one's own, Flask a
//! decorator of one's own), and projects write `is_superuser`, `Role.ADMIN`, `@admin_required`, `get_current_admin`.

mod refusal;
mod routers;
mod word;

use auditline_syntax::python::ir::{ArgKind, Block, Code, Expr, ExprId, Stmt, StmtKind};
use auditline_syntax::python::walk_expression;
use auditline_syntax::{TextRange, TextSize};

use crate::classes::simple;
use crate::db::{Db, FunctionRef, function, head};
use crate::eval::libraries::{Known, known};
use crate::eval::{Depended, dependency_of_param};
use crate::names::{Scope, canonical, resolve};
use crate::symbols::Symbol;

use refusal::{refuses_others, turns_away};
use word::{is_administrators, is_answer, is_demand, is_of_administrators};

/// How many functions a guard may lie behind: a decorator or dependency that calls another one that looks.
const DEPTH: u32 = 3;

/// Where a function lets only administrators pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdministratorGuard {
    /// What refuses the others, in the function.
    pub range: TextRange,
    /// Where in the function only administrators get to.
    pub from: TextSize,
}

/// What lets only administrators pass in a function, if anything does for sure: one of its decorators or dependencies, or a statement of
/// its body that nothing stands around.
#[must_use]
pub fn administrator_guard(db: &dyn Db, of: FunctionRef) -> Option<AdministratorGuard> {
    administrator_guard_query(db, of, ())
}

/// A query of its own: its answer is small, and the body that it is read from is not.
#[salsa::tracked(returns(copy))]
fn administrator_guard_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<AdministratorGuard> {
    guard(db, of, DEPTH)
}

fn guard(db: &dyn Db, of: FunctionRef, depth: u32) -> Option<AdministratorGuard> {
    let depth = depth.checked_sub(1)?;
    let at_start = |range| AdministratorGuard { range, from: TextSize::new(0) };
    in_head(db, of, depth)
        .or_else(|| demanded_below(db, of))
        .map(at_start)
        .or_else(|| {
            let attached = super::attached_closely_to(db, of);
            let by_router = || super::router_of(db, of).is_some_and(|router| routers::is_guarded(db, router));
            let is_attached = attached.iter().any(|dependency| is_guard(db, *dependency, depth)) || by_router();
            is_attached.then(|| function(db, of).map(|body| at_start(body.name_range)))?
        })
        .or_else(|| {
            let body = function(db, of)?;
            in_block(db, of, &body.code, &body.code.block, depth)
        })
}

/// The decorator or dependency of a function that lets only administrators pass.
fn in_head(db: &dyn Db, of: FunctionRef, depth: u32) -> Option<TextRange> {
    let body = head(db, of)?;
    let code = &body.code;
    let scope = Scope::Function(of);
    for decorator in &body.decorators {
        let is_guard = decorates(db, of, code, *decorator, depth)
            || depended_in(db, scope, code, *decorator).into_iter().any(|on| depends(db, scope, code, on, depth));
        if is_guard {
            return Some(code.range(*decorator));
        }
    }
    body.params.iter().enumerate().find_map(|(index, param)| {
        let mut written = [param.default, param.annotation].into_iter().flatten();
        let on = written.find_map(|expr| {
            let on = depended_in(db, scope, code, expr);
            on.into_iter().any(|on| depends(db, scope, code, on, depth)).then_some(code.range(expr))
        });
        on.or_else(|| match dependency_of_param(db, of, index)? {
            Depended::On(Symbol::Function(dependency)) => {
                let range = param.annotation.or(param.default).map(|expr| code.range(expr))?;
                is_guard(db, dependency, depth).then_some(range)
            }
            Depended::On(_) | Depended::OnAnnotation => None,
        })
    })
}

/// The decorator or dependency of a route below a path of administrators (`APIRouter(prefix="/admin")`) that demands something, of
/// whomever: `Depends(require_permission("users:edit"))`.
fn demanded_below(db: &dyn Db, of: FunctionRef) -> Option<TextRange> {
    if !super::is_endpoint(db, of) {
        return None;
    }
    let body = head(db, of)?;
    let code = &body.code;
    let is_below = |path: &str| path.split('/').any(is_of_administrators);
    let registered = body.decorators.iter().any(|decorator| match &code[*decorator] {
        Expr::Call { args, .. } => {
            args.first().is_some_and(|path| matches!(&code[path.value], Expr::Str(path) if is_below(path)))
        }
        _ => false,
    });
    let by_router = || {
        let router = crate::classes::variable(db, super::router_of(db, of)?)?;
        let made = router.value.as_ref()?;
        made.keyword("prefix").or_else(|| made.keyword("url_prefix"))?.text()
    };
    if !registered && !by_router().is_some_and(|path| is_below(&path)) {
        return None;
    }
    let scope = Scope::Function(of);
    let demanding = |expr: ExprId| named(code, expr).is_some_and(is_demand);
    let decorating = body.decorators.iter().copied().filter(|decorator| demanding(*decorator));
    let depending = body
        .params
        .iter()
        .flat_map(|param| [param.default, param.annotation])
        .flatten()
        .filter(|expr| depended_in(db, scope, code, *expr).into_iter().any(demanding));
    decorating.chain(depending).next().map(|expr| code.range(expr))
}

/// `@admin_required`, `@requires(Permissions.administrator)`; not what registers the function under such a name.
fn decorates(db: &dyn Db, of: FunctionRef, code: &Code, decorator: ExprId, depth: u32) -> bool {
    let Expr::Call { func, .. } = &code[decorator] else {
        return named(code, decorator).is_some_and(is_of_administrators);
    };
    let symbol = resolve(db, Scope::Module(of.file), code, *func);
    demands(code, decorator)
        || matches!(symbol, Symbol::Function(made) if depth > 0 && named(code, *func).is_some_and(is_of_administrators) && turns_away(db, made, depth))
}

/// The arguments of the `Depends(…)` and `Security(…)` in an expression.
fn depended_in(db: &dyn Db, scope: Scope, code: &Code, root: ExprId) -> Vec<ExprId> {
    let mut found = Vec::new();
    walk_expression(code, root, &mut |expr| {
        let Expr::Call { func, args } = &code[expr] else { return };
        let is_depends = matches!(resolve(db, scope, code, *func),
            Symbol::External(path) if known(&canonical(path)) == Some(Known::Depends));
        let on = args.iter().find(|arg| match arg.kind {
            ArgKind::Positional => true,
            ArgKind::Keyword(name) => name == "dependency",
            _ => false,
        });
        if let Some(on) = on.filter(|_| is_depends) {
            found.push(on.value);
        }
        // `Security(current_user, scopes=["admin"])`
        if is_depends && args.iter().any(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "scopes")) {
            found.push(expr);
        }
    });
    found
}

/// Whether a dependency, as it is written, lets only administrators pass: `get_current_admin`, `require_role("admin")`,
/// `RoleChecker([Role.ADMIN])`.
fn depends(db: &dyn Db, scope: Scope, code: &Code, on: ExprId, depth: u32) -> bool {
    match &code[on] {
        Expr::Call { func, .. } => {
            demands(code, on)
                || named(code, on).is_some_and(is_of_administrators)
                    && match resolve(db, scope, code, *func) {
                        Symbol::Function(made) => turns_away(db, made, depth),
                        _ => true,
                    }
        }
        _ => match resolve(db, scope, code, on) {
            Symbol::Function(dependency) => is_guard(db, dependency, depth),
            // `fastapi_users.current_user(active=True, superuser=True)`, kept in a variable.
            Symbol::Variable(_) => named(code, on).is_some_and(is_of_administrators),
            _ => false,
        },
    }
}

/// Whether a function lets only administrators pass: it says so and refuses somebody, or it is seen to look.
fn is_guard(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    is_of_administrators(simple(of.path)) && turns_away(db, of, depth) || guard(db, of, depth).is_some()
}

/// Whether a call demands something of administrators by its name and arguments: `require_role(user, Role.ADMIN)`,
/// `admin_required()`.
fn demands(code: &Code, call: ExprId) -> bool {
    let Expr::Call { args, .. } = &code[call] else { return false };
    let Some(name) = named(code, call).filter(|name| is_demand(name)) else { return false };
    is_of_administrators(name) || is_administrators(code, args.iter().map(|arg| arg.value))
}

/// The last name of what is called, or of what is named.
fn named(code: &Code, expr: ExprId) -> Option<&str> {
    match &code[expr] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => Some(name.as_str()),
        Expr::Call { func, .. } => named(code, *func),
        _ => None,
    }
}

/// The first statement of a block that lets only administrators pass.
fn in_block(db: &dyn Db, of: FunctionRef, code: &Code, block: &Block, depth: u32) -> Option<AdministratorGuard> {
    block.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Try(one) => in_block(db, of, code, &one.body, depth),
        StmtKind::With { body, .. } => in_block(db, of, code, body, depth),
        _ => is_refusing(db, of, code, stmt, depth)
            .then_some(AdministratorGuard { range: stmt.range, from: stmt.range.end() }),
    })
}

/// Whether a statement refuses everybody but administrators.
fn is_refusing(db: &dyn Db, of: FunctionRef, code: &Code, stmt: &Stmt, depth: u32) -> bool {
    let called = match &stmt.kind {
        StmtKind::If(one) => return refuses_others(code, one),
        StmtKind::Expr(value) => *value,
        // `is_admin = check_admin(user)` may only ask.
        StmtKind::Assign { targets, value } if !targets.iter().any(|target| asks(code, *target)) => *value,
        _ => return false,
    };
    let called = match &code[called] {
        Expr::Await(inner) => *inner,
        _ => called,
    };
    let Expr::Call { func, .. } = &code[called] else { return false };
    let Some(name) = named(code, *func).filter(|name| is_demand(name)) else { return false };
    match resolve(db, Scope::Function(of), code, *func) {
        Symbol::Function(callee) => {
            demands(code, called) && turns_away(db, callee, depth)
                || is_of_administrators(name) && is_guard(db, callee, depth)
        }
        // `self.auth.assert_admin(user)`: a method of what is not known.
        _ => demands(code, called),
    }
}

/// Whether a variable is named like an answer: `is_admin`, `has_admin_role`, `allowed`.
fn asks(code: &Code, target: ExprId) -> bool {
    named(code, target).is_none_or(is_answer)
}
