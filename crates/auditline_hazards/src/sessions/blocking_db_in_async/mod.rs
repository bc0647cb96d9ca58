//! AUD303: waiting for the database on the event loop.

use auditline_model::eval::own_class;
use auditline_model::eval::value::QueryValue;
use auditline_model::unit::{Blocking, Event, EventKind, SessionAction, blocking, unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, function};

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
    let Some(first) = blocking(db, of, own_class(db, of)) else { return };
    if entry::is_startup(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let Some(event) = unit.events.get(first.ordinal as usize) else { return };
    let name = classes::simple(of.path);
    let chain = chain(db, first);
    let message = match chain.last() {
        None => format!(
            "`{name}` is asynchronous and {} with a synchronous session: until the database answers, no other request moves on",
            what(event)
        ),
        Some(last) => {
            let names: Vec<String> =
                chain.iter().map(|step| format!("`{}`", classes::simple(step.function.path))).collect();
            format!(
                "`{name}` is asynchronous and calls {}, which {} with a synchronous session: until the database answers, no \
                 other request moves on",
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
        severity: Severity::Warning,
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: Some(Story {
            actors: vec!["Request A".to_owned(), "Request B".to_owned()],
            steps: vec![
                (0, format!("runs `{name}` on the event loop, and sends a statement")),
                (1, "arrives, and is not even read: the one thread of the event loop waits for the database".to_owned()),
                (0, "gets its answer, and goes on".to_owned()),
                (1, "starts".to_owned()),
            ],
            outcome: "Requests run one behind the other, health checks included; a statement that waits for a lock stops the whole process."
                .to_owned(),
        }),
        fixes: fix::plain_def(db, of),
    });
}

/// A function on the way to the call that waits.
struct Step {
    function: FunctionRef,
    place: Place,
    what: String,
}

/// The functions from the one that is called to the one that waits.
fn chain(db: &dyn Db, first: Blocking) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut next = first.through;
    while let Some((callee, receiver)) = next {
        let Some(blocked) = blocking(db, callee, receiver) else { break };
        if steps.iter().any(|step| step.function == callee) {
            break;
        }
        let (place, what) = in_callee(db, callee, receiver, blocked.ordinal);
        steps.push(Step { function: callee, place, what });
        next = blocked.through;
    }
    steps
}

fn in_callee(db: &dyn Db, callee: FunctionRef, receiver: Option<ClassRef>, ordinal: u32) -> (Place, String) {
    // Events are numbered anew for each class whose objects a method serves.
    let place = if receiver.is_none() || receiver == own_class(db, callee) {
        Place::Event(callee, ordinal)
    } else {
        Place::Function(callee)
    };
    let unit = unit(db, callee, receiver);
    (place, unit.events.get(ordinal as usize).map(what).unwrap_or_default())
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
