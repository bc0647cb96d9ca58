//! AUD215: a synchronous session holds a row lock in `async def` while the event loop goes on.

use auditline_model::eval::value::SessionOrigin;
use auditline_model::owner::callers;
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, Taken, Unit, awaits_while, leaves_with, taken, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, head};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, Story, symbol};

/// AUD215.
pub const HAZARD: Hazard = Hazard {
    code: "AUD215",
    name: "blocking-lock-in-async",
    family: Family::Races,
    severity: Severity::Error,
    summary: "A synchronous session holds a row lock in `async def` while the event loop may go on with another request",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// Where the event loop goes on while the lock is held.
enum Gap {
    /// At that `await`.
    Await(u32),
    /// When the function is left, until the dependency closes the session.
    Open { exit: Option<u32>, dependency: FunctionRef },
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::rows::is_silent(db, of) || !head(db, of).is_some_and(|body| body.is_async && !body.is_generator) {
        return;
    }
    let unit = unit_of(db, of);
    let found = taken(db, &unit).into_iter().find_map(|taken| gap(db, &unit, &taken).map(|gap| (taken, gap)));
    let Some((taken, gap)) = found else { return };
    // One coroutine of a command or a task, in an event loop of its own, meets no other.
    if entry::is_command(db, of) || !super::served::is_served(db, of) {
        return;
    }
    let Some(event) = unit.events.get(taken.ordinal as usize) else { return };
    let name = classes::simple(of.path);
    let through = taken.through.map(|by| format!(" through `{}`", classes::simple(by.path))).unwrap_or_default();
    let (message, evidence) = match gap {
        Gap::Await(ordinal) => (
            format!(
                "`{name}` is async and takes a lock{through} with a synchronous session, and awaits before it commits: two requests can hang the whole process"
            ),
            unit.events.get(ordinal as usize).map(|event| Evidence {
                place: Place::InFunction(of, event.range),
                message: "the event loop may go on with another request here, while the lock is held".to_owned(),
            }),
        ),
        Gap::Open { exit, dependency } => {
            let dependency = classes::simple(dependency.path);
            let place = match exit.and_then(|exit| unit.events.get(exit as usize)) {
                Some(event) => Place::InFunction(of, event.range),
                None => Place::Function(of),
            };
            (
                format!(
                    "`{name}` is async and takes a lock{through} with a synchronous session, and leaves with the transaction open: two requests can hang the whole process"
                ),
                Some(Evidence {
                    place,
                    message: format!(
                        "the lock is still held here, and the event loop goes on before `{dependency}` closes the session"
                    ),
                }),
            )
        }
    };
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence: evidence.into_iter().collect(),
        story: Some(Story {
            actors: vec!["Request A".to_owned(), "Request B".to_owned()],
            steps: vec![
                (0, format!("`{name}` takes the lock, and gives the event loop away")),
                (1, format!("`{name}` asks for the same lock: the event loop's only thread waits in PostgreSQL")),
                (0, "could commit now, but there is no event loop to go on with it".to_owned()),
            ],
            outcome: "Neither ends, and no other request of this process is answered any more, health checks included."
                .to_owned(),
        }),
        fixes: fixes(db, of, &unit),
    });
}

fn gap(db: &dyn Db, unit: &Unit, taken: &Taken<'_>) -> Option<Gap> {
    // Flask gives each asynchronous view an event loop of its own.
    if taken.session.is_some_and(|session| matches!(session.origin, SessionOrigin::Registry(_))) {
        return None;
    }
    if let Some(ordinal) = awaits_while(db, unit, taken) {
        return Some(Gap::Await(ordinal));
    }
    // A generator that is no coroutine is closed in a thread, for which the event loop has to go on.
    let SessionOrigin::Dependency(Symbol::Function(dependency)) = taken.session?.origin else { return None };
    if !head(db, dependency).is_some_and(|body| !body.is_async && body.is_generator) {
        return None;
    }
    leaves_with(unit, taken).map(|exit| Gap::Open { exit: exit.ok(), dependency })
}

/// A plain `def` runs in a thread, where waiting is right.
fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit) -> Vec<Fix> {
    let awaits = unit.events.iter().any(|event| matches!(event.kind, EventKind::Await));
    // Who calls it awaits it, and could not await a plain function.
    if awaits || !entry::is_endpoint(db, of) || !callers(db, of).is_empty() {
        return Vec::new();
    }
    vec![Fix::new("Make this a plain `def`", Safety::Safe, move |db| {
        edit::in_function(db, of, |scope| edit::make_plain_def(scope, |_| Some(Vec::new())))
    })]
}
