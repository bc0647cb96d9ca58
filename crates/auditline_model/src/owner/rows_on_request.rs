//! Rows that the code before an endpoint keeps for it: `g.user = User.query.get(…)`, `request.state.user = user`, and the user whom
//! Flask-Login's loader finds.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use super::on_request::keepers;
use crate::db::{Db, FunctionRef, Settings, parsed};
use crate::eval::value::{RowOrigin, RowValue, Value};
use crate::names::{Scope, files_mentioning, resolve};
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

/// What registers the function that finds the user of a request
/// (<https://flask-login.readthedocs.io/en/latest/#how-it-works>).
const LOADER: &str = "user_loader";

/// A row that a function has found for whoever works on the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOnRequest {
    /// The function.
    pub by: FunctionRef,
    /// The row, as that function sees it.
    pub row: Arc<RowValue>,
}

/// The row that stands in an attribute of `request.state` or of `g`; `None` where none does, or where several functions put one there.
#[must_use]
pub fn row_on_request(db: &dyn Db, attribute: Name) -> Option<RowOnRequest> {
    row_on_request_query(db, Settings::get(db), attribute)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn row_on_request_query(db: &dyn Db, _settings: Settings, attribute: Name) -> Option<RowOnRequest> {
    let files = files_mentioning(db, &attribute);
    let serving = files.iter().filter(|file| !crate::entry::is_test(db, **file));
    let mut found = None;
    for (_, by) in serving.flat_map(|file| keepers(db, *file, ()).to_vec()).filter(|(name, _)| *name == attribute) {
        let unit = unit_of(db, by);
        let mut kept = unit.events.iter().filter_map(|event| match &event.kind {
            EventKind::Store { attribute: name, value: Value::Row(row), .. } if *name == attribute => Some(row),
            _ => None,
        });
        let row = Arc::clone(kept.find(|row| is_found(row))?);
        if found.replace(RowOnRequest { by, row }).is_some_and(|earlier: RowOnRequest| earlier.by != by) {
            return None;
        }
    }
    found
}

/// The user of a request, whom the loader of Flask-Login finds; `None` where there are several loaders.
#[must_use]
pub fn current_user(db: &dyn Db) -> Option<RowOnRequest> {
    current_user_query(db, Settings::get(db), ())
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn current_user_query(db: &dyn Db, _settings: Settings, _key: ()) -> Option<RowOnRequest> {
    let files = files_mentioning(db, LOADER);
    let serving = files.iter().filter(|file| !crate::entry::is_test(db, **file));
    let mut loaders = Vec::new();
    for file in serving {
        let module = &parsed(db, *file).module;
        for function in &module.functions {
            let of = FunctionRef { file: *file, path: function.path };
            let is_loader = function
                .decorators
                .iter()
                .any(|decorator| matches!(&function.code[*decorator], Expr::Attribute { attr, .. } if *attr == LOADER));
            if is_loader {
                loaders.push(of);
            }
            // `login_manager.user_loader(load_user)`
            loaders.extend(function.code.exprs.iter().filter_map(|expr| match expr {
                Expr::Call { func, args } if matches!(&function.code[*func], Expr::Attribute { attr, .. } if *attr == LOADER) => {
                    match resolve(db, Scope::Function(of), &function.code, args.first()?.value) {
                        Symbol::Function(loader) => Some(loader),
                        _ => None,
                    }
                }
                _ => None,
            }));
        }
    }
    loaders.dedup();
    let [by] = loaders[..] else { return None };
    let row = Arc::clone(unit_of(db, by).returns.row()?);
    is_found(&row).then_some(RowOnRequest { by, row })
}

/// Whether a row was loaded where it is kept.
pub(super) fn is_found(row: &RowValue) -> bool {
    row.model.is_some() && matches!(row.origin, RowOrigin::Loaded { .. })
}
