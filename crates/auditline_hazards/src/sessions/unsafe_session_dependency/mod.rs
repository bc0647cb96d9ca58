//! AUD305: a dependency that hands out a session and does not close it.

use auditline_model::eval::value::{SessionOrigin, SessionValue, Value};
use auditline_model::owner::{OnFailure, callers, handed_out, provider, users_of_dependency};
use auditline_model::unit::{EventKind, SessionAction, Unit, same_session, unit_of};
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
        let EventKind::Yield(value) = &event.kind else { return };
        let Some(session) = handed_out(db, value) else { return };
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
            OnFailure::RollsBack { .. } if !is_given_back(&unit, provider.yields_at, session) => {
                format!(
                    "`{name}` rolls back when the request fails, and never closes its session: after a request that only reads, its connection stays out"
                )
            }
            OnFailure::RollsBack { .. } | OnFailure::Closes | OnFailure::Unknown => return,
        };
        let awaited = body.is_async && session.is_async == Some(true);
        let fix = Fix::new("Close the session in a `finally`", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::yield_to_try_finally(scope, awaited))
        });
        let fixes = if matches!(value, Value::Session(_)) { vec![fix] } else { Vec::new() };
        (Place::InFunction(of, event.range), message, fixes)
    } else {
        let Some(session) = handed_out(db, &unit.returns) else { return };
        let SessionOrigin::Opened(_) = session.origin else { return };
        let is_whole = matches!(unit.returns, Value::Session(_));
        let opens = unit.events.iter().find(|event| match &event.kind {
            EventKind::Return(Value::Session(_)) => is_whole,
            EventKind::Return(Value::Instance(_)) => !is_whole,
            _ => false,
        });
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
            match &unit.returns {
                Value::Instance(instance) => format!(
                    "`{name}` returns a `{}` with a session that nobody closes after the request",
                    classes::simple(instance.class.path)
                ),
                _ => format!("`{name}` returns a session that nobody closes after the request"),
            },
            if is_whole { vec![fix] } else { Vec::new() },
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

/// Whether the connection is given back where nothing fails: by a close, or a commit or rollback behind the `yield`.
fn is_given_back(unit: &Unit, yielded: u32, session: &SessionValue) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        ordinal > yielded
            && !unit.in_except(ordinal)
            && matches!(&event.kind, EventKind::Session { session: own, action, .. }
                if same_session(own, session)
                    && matches!(action, SessionAction::Close | SessionAction::Commit | SessionAction::Rollback))
    })
}
