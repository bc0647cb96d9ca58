//! Rows that a bot's middleware hands to the handlers of an update: `data["user"] = user`, and then `await handler(event, data)`.
//!
//! aiogram calls a handler with the entries of that dictionary as keywords
//! (<https://docs.aiogram.dev/en/latest/dispatcher/middlewares.html>).

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, Function, StmtKind};
use auditline_syntax::python::walk_statements;

use super::rows_on_request::is_found;
use crate::db::{Db, FunctionRef, Settings, SourceFile, parsed};
use crate::eval::value::{RowValue, Value};
use crate::names::files_mentioning_both;
use crate::unit::{EventKind, unit_of};

use super::RowOnRequest;

/// The row that a middleware hands to handlers under a name; `None` where none does, or where several do.
#[must_use]
pub fn row_on_update(db: &dyn Db, name: Name) -> Option<RowOnRequest> {
    row_on_update_query(db, Settings::get(db), name)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn row_on_update_query(db: &dyn Db, _settings: Settings, name: Name) -> Option<RowOnRequest> {
    let mut found: Option<RowOnRequest> = None;
    for file in files_mentioning_both(db, "aiogram", &name) {
        if crate::entry::is_test(db, file) {
            continue;
        }
        for (_, by) in hands(db, file, ()).iter().filter(|(handed, _)| *handed == name) {
            let Some(row) = stored(db, *by, name) else { continue };
            if found.as_ref().is_some_and(|earlier| earlier.by != *by) {
                return None;
            }
            found = Some(RowOnRequest { by: *by, row });
        }
    }
    found
}

/// The row that a function puts into a dictionary under a name, if it has loaded it.
fn stored(db: &dyn Db, by: FunctionRef, name: Name) -> Option<Arc<RowValue>> {
    unit_of(db, by).events.iter().find_map(|event| match &event.kind {
        EventKind::Store { attribute, value: Value::Row(row), .. } if *attribute == name && is_found(row) => {
            Some(Arc::clone(row))
        }
        _ => None,
    })
}

/// The middlewares of a file, with the names under which they hand something on.
#[salsa::tracked(returns(clone))]
fn hands(db: &dyn Db, file: SourceFile, _key: ()) -> Arc<[(Name, FunctionRef)]> {
    let mut found = Vec::new();
    for body in &parsed(db, file).module.functions {
        let Some(data) = handed_on(body) else { continue };
        walk_statements(&body.code.block, &mut |stmt| {
            let StmtKind::Assign { targets, .. } = &stmt.kind else { return };
            for target in targets {
                if let Expr::Subscript { value, index } = &body.code[*target]
                    && matches!(&body.code[*value], Expr::Name(object) if *object == data)
                    && let Expr::Str(key) = &body.code[*index]
                {
                    found.push((Name::new(key), FunctionRef { file, path: body.path }));
                }
            }
        });
    }
    found.into()
}

/// The parameter that a middleware hands to what it calls, beside the event: `handler(event, data)`.
fn handed_on(body: &Function) -> Option<Name> {
    let code: &Code = &body.code;
    let param = |name: &Name| body.params.iter().any(|param| param.name == *name).then_some(*name);
    code.exprs.iter().find_map(|expr| {
        let Expr::Call { func, args } = expr else { return None };
        let Expr::Name(handler) = &code[*func] else { return None };
        param(handler)?;
        match &args[..] {
            [_, data] => match &code[data.value] {
                Expr::Name(data) => param(data),
                _ => None,
            },
            _ => None,
        }
    })
}
