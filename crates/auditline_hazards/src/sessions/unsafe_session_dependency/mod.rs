//! AUD305: a dependency that hands out a session and does not close it.

use auditline_model::eval::value::{SessionOrigin, Value};
use auditline_model::owner::{OnFailure, callers, provider, users_of_dependency};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, function};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};

/// AUD305.
pub const HAZARD: Hazard = Hazard {
    code: "AUD305",
    name: "unsafe-session-dependency",
    family: Family::Sessions,
    severity: Severity::Warning,
    summary: "A dependency hands out a session and does not close it when its user fails",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if entry::is_test(db, of.file) {
        return;
    }
    let Some(body) = function(db, of) else { return };
    if classes::is_context_manager(db, of) {
        return;
    }
    let name = classes::simple(of.path);
    let unit = unit_of(db, of);
    let (place, message, fixes) = if body.is_generator {
        let Some(provider) = provider(db, of) else { return };
        let Some(event) = unit.events.get(provider.yields_at as usize) else { return };
        let EventKind::Yield(Value::Session(session)) = &event.kind else { return };
        let message = match provider.on_failure {
            OnFailure::Nothing => {
                format!(
                    "`{name}` does not close its session when the request fails: there is no `finally` or `with` around the `yield`"
                )
            }
            OnFailure::RollsBack { everything: false } if body.is_async && session.is_async != Some(false) => {
                format!(
                    "`{name}` rolls back only after `except Exception`: a cancelled request passes it by, and nothing closes the session"
                )
            }
            OnFailure::RollsBack { .. } | OnFailure::Closes | OnFailure::Unknown => return,
        };
        let awaited = body.is_async && session.is_async == Some(true);
        let fix = Fix::new("Close the session in a `finally`", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::yield_to_try_finally(scope, awaited))
        });
        (Place::InFunction(of, event.range), message, vec![fix])
    } else {
        let Value::Session(session) = &unit.returns else { return };
        let SessionOrigin::Opened(_) = session.origin else { return };
        let opens = unit.events.iter().find(|event| matches!(&event.kind, EventKind::Return(Value::Session(_))));
        let Some(event) = opens else { return };
        let awaited = body.is_async && session.is_async == Some(true);
        let fix = Fix::new("Yield the session, and close it in a `finally`", Safety::Safe, move |db| {
            // Whoever calls it as a function would get a generator.
            if !callers(db, of).is_empty() {
                return None;
            }
            edit::in_function(db, of, |scope| edit::return_to_yield(scope, awaited))
        });
        (
            Place::InFunction(of, event.range),
            format!("`{name}` returns a session that nobody closes after the request"),
            vec![fix],
        )
    };
    let users = users_of_dependency(db, of);
    let users: Vec<&FunctionRef> = users.iter().filter(|user| !entry::is_test(db, user.file)).collect();
    let Some(first) = users.first() else { return };
    let evidence = vec![Evidence {
        place: Place::Function(**first),
        message: match users.len() {
            1 => format!("`{}` depends on it", classes::simple(first.path)),
            more => format!("`{}` and {} more depend on it", classes::simple(first.path), more - 1),
        },
    }];
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message,
        place,
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes,
    });
}
