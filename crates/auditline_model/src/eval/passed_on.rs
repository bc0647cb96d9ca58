//! Functions that only pass their arguments on to another one: `async def get_user(*args, **kwargs): return await users.get_user(*args,
//! **kwargs)`. Whoever calls the first calls the second.

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId, Function, ParamKind, StmtKind};

use crate::db::{Db, FunctionRef, function, head};
use crate::unit::{EventKind, unit_of};

/// The function to which one passes on whatever it is handed, and from which it returns whatever that gives.
pub(crate) fn passes_on(db: &dyn Db, of: FunctionRef) -> Option<FunctionRef> {
    let body = head(db, of)?;
    let takes_anything = !body.params.is_empty()
        && body.params.iter().all(|param| matches!(param.kind, ParamKind::VarArgs | ParamKind::KwArgs));
    let is_plain = body.class.is_none() && body.outer.is_none() && body.decorators.is_empty() && !body.is_generator;
    if takes_anything && is_plain { passes_on_query(db, of, ()) } else { None }
}

/// A query of its own: its answer is small, and the unit that it is read from is not.
#[salsa::tracked(returns(copy), cycle_result = to_nobody)]
fn passes_on_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<FunctionRef> {
    let body = function(db, of)?;
    let call = only_call(&body)?;
    let range = body.code.range(call);
    let unit = unit_of(db, of);
    unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Call { callee, .. } => (event.range == range && *callee != of).then_some(*callee),
        _ => None,
    })
}

fn to_nobody(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Option<FunctionRef> {
    None
}

/// The call with all that the function was handed, where nothing but imports and what names the callee stands before it.
fn only_call(body: &Function) -> Option<ExprId> {
    let code = &body.code;
    let (last, before) = code.block.split_last()?;
    let StmtKind::Return(Some(value)) = &last.kind else { return None };
    let says_nothing = before.iter().all(|stmt| match &stmt.kind {
        StmtKind::Import(_) | StmtKind::ImportFrom(_) | StmtKind::Pass => true,
        StmtKind::Expr(text) => matches!(code[*text], Expr::Str(_)),
        StmtKind::Assign { value, .. } => imports(code, *value),
        _ => false,
    });
    let call = match &code[*value] {
        Expr::Await(inner) => *inner,
        _ => *value,
    };
    let Expr::Call { args, .. } = &code[call] else { return None };
    let hands_on = |arg: &Arg| {
        let kind = match arg.kind {
            ArgKind::Starred => ParamKind::VarArgs,
            ArgKind::DoubleStarred => ParamKind::KwArgs,
            ArgKind::Positional | ArgKind::Keyword(_) => return false,
        };
        let Expr::Name(name) = &code[arg.value] else { return false };
        body.params.iter().any(|param| param.kind == kind && param.name == *name)
    };
    (says_nothing && args.len() == body.params.len() && args.iter().all(hands_on)).then_some(call)
}

/// `import_module("app.crud.users")`
fn imports(code: &Code, value: ExprId) -> bool {
    let Expr::Call { func, .. } = &code[value] else { return false };
    match &code[*func] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => *name == "import_module",
        _ => false,
    }
}
