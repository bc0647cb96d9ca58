//! Hooks behind each request, which may commit what its handlers have written: Flask's `@app.teardown_request`.

use std::sync::Arc;

use auditline_syntax::python::ir::Expr;

use crate::db::{Db, FunctionRef, Settings, VariableRef, function};
use crate::eval::value::{SessionOrigin, SessionValue};
use crate::names::files_mentioning;
use crate::unit::{EventKind, SessionAction, unit_of};

/// The decorators of Flask's applications and blueprints that register a function to be called behind a request.
const HOOKS: [&str; 4] = ["after_request", "after_app_request", "teardown_request", "teardown_appcontext"];

/// Whether a hook behind each request commits the session, one that all who ask for it in a request share.
pub(super) fn commits_behind_request(db: &dyn Db, session: &SessionValue) -> bool {
    match session.origin {
        SessionOrigin::Registry(registry) => committed(db, Settings::get(db), ()).contains(&registry),
        _ => false,
    }
}

/// The registries whose sessions hooks commit.
#[salsa::tracked(returns(clone), cycle_result = nothing)]
fn committed(db: &dyn Db, _settings: Settings, _key: ()) -> Arc<[Option<VariableRef>]> {
    let mut found = Vec::new();
    for hook in HOOKS {
        for file in files_mentioning(db, hook).iter().filter(|file| !crate::entry::is_test(db, **file)) {
            for of in &crate::db::parsed(db, *file).module.functions {
                let of = FunctionRef { file: *file, path: of.path };
                if is_registered(db, of, hook) {
                    found.extend(unit_of(db, of).events.iter().filter_map(|event| match &event.kind {
                        EventKind::Session { session, action: SessionAction::Commit, .. } => match session.origin {
                            SessionOrigin::Registry(registry) => Some(registry),
                            _ => None,
                        },
                        _ => None,
                    }));
                }
            }
        }
    }
    found.into()
}

fn nothing(_db: &dyn Db, _id: salsa::Id, _settings: Settings, _key: ()) -> Arc<[Option<VariableRef>]> {
    Arc::default()
}

/// `@app.teardown_request`
fn is_registered(db: &dyn Db, of: FunctionRef, hook: &str) -> bool {
    function(db, of).is_some_and(|body| {
        let names_it = |expr: &Expr| matches!(expr, Expr::Attribute { attr, .. } if *attr == hook);
        body.decorators.iter().any(|decorator| names_it(&body.code[*decorator]))
    })
}
