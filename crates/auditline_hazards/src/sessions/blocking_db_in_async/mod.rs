//! AUD303: waiting for the database on the event loop.

use auditline_model::eval::own_class;
use auditline_model::eval::value::QueryValue;
use auditline_model::unit::{Event, EventKind, SessionAction, Waypoint, blocking, blocking_way, unit, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, function};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

mod fix;

/// AUD303.
pub const HAZARD: Hazard = Hazard {
    code: "AUD303",
    name: "blocking-db-in-async",
    family: Family::Sessions,
    severity: Severity::Warning,
    summary: "An `async def` waits for the database with a synchronous session, and every other request waits too",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// How many calls of a chain are shown as evidence.
const SHOWN: usize = 8;

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    let Some(body) = function(db, of) else { return };
    if !body.is_async || entry::is_test(db, of.file) {
        return;
    }
    if blocking(db, of, own_class(db, of)).is_none() || entry::is_startup(db, of) || entry::has_own_loop(db, of) {
        return;
    }
    let Some(way) = blocking_way(db, of, own_class(db, of)) else { return };
    let unit = unit_of(db, of);
    let Some((first, chain)) = way.split_first() else { return };
    let Some(event) = unit.events.get(first.ordinal as usize) else { return };
    let name = classes::simple(of.path);
    let chain: Vec<Step> = chain.iter().map(|point| step(db, *point)).collect();
    let stands_still = if entry::is_job(db, of) {
        "until the database answers, no other job of the worker moves on"
    } else {
        "until the database answers, no other request moves on"
    };
    let message = match chain.last() {
        None => format!("`{name}` is asynchronous and {} with a synchronous session: {stands_still}", what(event)),
        Some(last) => {
            let names: Vec<String> =
                chain.iter().map(|step| format!("`{}`", classes::simple(step.function.path))).collect();
            format!(
                "`{name}` is asynchronous and calls {}, which {} with a synchronous session: {stands_still}",
                names.join(" → "),
                last.what
            )
        }
    };
    let on_the_loop = Evidence {
        place: Place::Function(of),
        message: format!("`{name}` is an `async def`: it runs on the event loop, which has one thread"),
    };
    let chained = chain.iter().enumerate().take(SHOWN).map(|(at, step)| Evidence {
        place: step.place,
        message: match chain.get(at + 1) {
            Some(next) => {
                format!("`{}` calls `{}`", classes::simple(step.function.path), classes::simple(next.function.path))
            }
            None => format!("`{}` {} here, and waits", classes::simple(step.function.path), step.what),
        },
    });
    let evidence = std::iter::once(on_the_loop).chain(chained).collect();
    findings.push(Finding {
        hazard: &HAZARD,
        // Nobody waits on a loop that nobody comes to.
        severity: if entry::is_unused(db, of) { Severity::Information } else { Severity::Warning },
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: Some(story(name, entry::is_job(db, of))),
        fixes: fix::plain_def(db, of),
    });
}

/// What happens, step by step.
fn story(name: &str, is_job: bool) -> Story {
    let (actor, arrives, outcome) = if is_job {
        (
            "Job",
            "is due, and does not start: the one thread of the event loop waits for the database",
            "The jobs of the worker run one behind the other; a statement that waits for a lock stops the whole worker.",
        )
    } else {
        (
            "Request",
            "arrives, and is not even read: the one thread of the event loop waits for the database",
            "Requests run one behind the other, health checks included; a statement that waits for a lock stops the whole process.",
        )
    };
    Story {
        actors: vec![format!("{actor} A"), format!("{actor} B")],
        steps: vec![
            (0, format!("runs `{name}` on the event loop, and sends a statement")),
            (1, arrives.to_owned()),
            (0, "gets its answer, and goes on".to_owned()),
            (1, "starts".to_owned()),
        ],
        outcome: outcome.to_owned(),
    }
}

/// A function on the way to the call that waits.
struct Step {
    function: FunctionRef,
    place: Place,
    what: String,
}

fn step(db: &dyn Db, point: Waypoint) -> Step {
    let Waypoint { function, receiver, ordinal } = point;
    let unit = unit(db, function, receiver);
    // Events are numbered anew for each class whose objects a method serves; the range is that of the method.
    match unit.events.get(ordinal as usize) {
        Some(event) => Step { function, place: Place::InFunction(function, event.range), what: what(event) },
        None => Step { function, place: Place::Function(function), what: String::new() },
    }
}

/// What a statement does, in words.
fn what(event: &Event) -> String {
    let model = |query: &QueryValue| query.model.map(|model| classes::simple(model.path));
    match &event.kind {
        EventKind::Load { query, .. } => match model(query) {
            Some(model) => format!("loads `{model}`"),
            None => "executes a statement".to_owned(),
        },
        EventKind::Refresh { .. } => "loads a row again".to_owned(),
        EventKind::Session { action: SessionAction::Commit, .. } => "commits".to_owned(),
        EventKind::Session { action: SessionAction::Flush, .. } => "flushes".to_owned(),
        _ => "executes a statement".to_owned(),
    }
}
