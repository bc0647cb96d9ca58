//! Decorators that run the function under them in a thread.

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Expr, Function};

use crate::classes::decorator_symbols;
use crate::db::{Db, FunctionRef, function};
use crate::eval::libraries::{Known, known};
use crate::names;
use crate::owner::{inner_functions, is_outer_param};
use crate::symbols::Symbol;

/// Whether a decorator of the workspace hands the function to a thread instead of calling it:
/// `return await run_in_threadpool(fn, *args)`.
#[must_use]
pub fn runs_aside(db: &dyn Db, of: FunctionRef) -> bool {
    runs_aside_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn runs_aside_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::Function(decorator) => hands_to_thread(db, decorator),
        _ => false,
    })
}

fn hands_to_thread(db: &dyn Db, decorator: FunctionRef) -> bool {
    let inner = inner_functions(db, decorator);
    let bodies: Vec<_> = inner.iter().filter_map(|of| Some((*of, function(db, *of)?))).collect();
    // `def call(): return fn(*args)`, which is then handed on in its place.
    let callers: Vec<_> =
        bodies.iter().filter(|(of, body)| !body.is_async && !calls(db, *of, body).is_empty()).collect();
    let stands_for = |of: FunctionRef, expr: &Expr| match expr {
        Expr::Name(name) => is_outer_param(db, of, *name) || callers.iter().any(|(_, caller)| caller.name == *name),
        _ => false,
    };
    let mut aside = false;
    for (of, body) in &bodies {
        let handed = handed(db, *of, body);
        let is_handed = |range: TextRange| handed.iter().any(|other| other.contains_range(range));
        // A coroutine that calls the function itself keeps its loop waiting.
        if body.is_async && calls(db, *of, body).into_iter().any(|range| !is_handed(range)) {
            return false;
        }
        aside |= body
            .code
            .exprs
            .iter()
            .zip(&body.code.ranges)
            .any(|(expr, range)| stands_for(*of, expr) && is_handed(*range));
    }
    aside
}

/// The calls of what the decorator was handed that nothing waits for: a coroutine function is awaited.
fn calls(db: &dyn Db, of: FunctionRef, body: &Function) -> Vec<TextRange> {
    let code = &body.code;
    let awaited =
        |at: TextRange| code.exprs.iter().any(|expr| matches!(expr, Expr::Await(inner) if code.range(*inner) == at));
    let calls = code.exprs.iter().zip(&code.ranges).filter(|(expr, range)| match expr {
        Expr::Call { func, .. } => {
            matches!(&code[*func], Expr::Name(name) if is_outer_param(db, of, *name)) && !awaited(**range)
        }
        _ => false,
    });
    calls.map(|(_, range)| *range).collect()
}

/// What a function hands to a thread.
fn handed(db: &dyn Db, of: FunctionRef, body: &Function) -> Vec<TextRange> {
    let code = &body.code;
    let mut ranges = Vec::new();
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        let is_runner = match names::resolve_in(db, of, code, *func) {
            Symbol::External(path) => known(&names::canonical(path)) == Some(Known::ThreadRunner),
            _ => matches!(&code[*func], Expr::Attribute { attr, .. }
                if matches!(attr.as_str(), "run_in_executor" | "submit")),
        };
        if is_runner {
            ranges.extend(args.iter().map(|arg| code.range(arg.value)));
        }
    }
    ranges
}
