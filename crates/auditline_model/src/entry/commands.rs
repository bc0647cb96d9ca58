//! Commands: functions that a person starts from a terminal, so that their process ends with a failure.

use std::sync::Arc;

use auditline_syntax::python::ir::Expr;

use crate::classes;
use crate::db::{Db, FunctionRef, function, head};
use crate::eval::own_class;
use crate::owner::{callers, constructions};
use crate::symbols::Symbol;

/// How many calls lie between a command and what it is taken to reach.
const DEPTH: u32 = 4;

/// Whether a function is only reached from commands, scripts, migrations and tests.
#[must_use]
pub fn is_command(db: &dyn Db, of: FunctionRef) -> bool {
    reached_only(db, of, DEPTH)
}

fn reached_only(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if is_declared(db, of) || super::is_script(db, of.file) && !is_driven(db, of) || super::is_migration(db, of.file) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let mut any = false;
    let made = match own_class(db, of) {
        Some(class) if classes::simple(of.path) == "__init__" => constructions(db, class),
        _ => Arc::default(),
    };
    for site in callers(db, of).iter().chain(made.iter()) {
        if site.function == of || super::is_test(db, site.function.file) {
            continue;
        }
        any = true;
        if !reached_only(db, site.function, depth) {
            return false;
        }
    }
    any
}

/// Whether a function is a coroutine of an object that another library drives: a bot that is started by name answers many at
/// once.
fn is_driven(db: &dyn Db, of: FunctionRef) -> bool {
    head(db, of).is_some_and(|body| body.is_async)
        && own_class(db, of).is_some_and(|class| !classes::external_bases(db, class).is_empty())
}

/// Whether a decorator registers the function as a command: of click, typer or Flask.
fn is_declared(db: &dyn Db, of: FunctionRef) -> bool {
    let by_library = classes::decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::External(path) => {
            matches!(path.split('.').next(), Some("click" | "typer" | "asyncclick" | "cyclopts" | "rich_click"))
        }
        _ => false,
    });
    let Some(body) = function(db, of) else { return false };
    by_library
        || !super::is_update_handler(db, of)
            && body.decorators.iter().any(|decorator| {
                let target = match &body.code[*decorator] {
                    Expr::Call { func, .. } => *func,
                    _ => *decorator,
                };
                matches!(&body.code[target], Expr::Attribute { attr, .. } if *attr == "command")
            })
}
