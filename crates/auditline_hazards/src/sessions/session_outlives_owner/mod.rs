//! AUD306: a session is used after its owner has closed it.

use auditline_model::entry::{DependencyEnd, dependency_end};
use auditline_model::owner::{Ender, ender};
use auditline_model::unit::{Later, Runner, later, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

/// AUD306.
pub const HAZARD: Hazard = Hazard {
    code: "AUD306",
    name: "session-outlives-owner",
    family: Family::Sessions,
    severity: Severity::Error,
    summary: "A session is used in a task, thread or stream that runs when its owner has closed it",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if entry::is_by_hand(db, of.file) {
        return;
    }
    let unit = unit_of(db, of);
    let mut reported = Vec::new();
    for work in later(db, of) {
        if reported.contains(&work.ordinal) {
            continue;
        }
        let Some(ender) = ender(db, of, &work.session) else { continue };
        let severity = match (ender, work.runner) {
            // A `with` may be left long behind the task that it starts in a loop.
            (Ender::Scope(_), Runner::Task | Runner::Thread) if in_loop(&unit, work.ordinal) => continue,
            (Ender::Scope(_), _) if !is_inside(&unit, &work) => continue,
            (Ender::Scope(_), _) | (Ender::Dependency(_), Runner::Task | Runner::Thread) => Severity::Error,
            (Ender::Dependency(_), Runner::Background | Runner::Stream) => match dependency_end(db) {
                DependencyEnd::BeforeAnswer => Severity::Error,
                DependencyEnd::Unknown => Severity::Information,
                DependencyEnd::AfterAnswer => continue,
            },
        };
        reported.push(work.ordinal);
        findings.extend(finding(of, &unit, &work, ender, severity));
    }
}

fn in_loop(unit: &auditline_model::unit::Unit, ordinal: u32) -> bool {
    unit.events.get(ordinal as usize).is_some_and(|event| unit.in_loop(event.frame))
}

/// Whether the work is handed over where the scope of its session still stands open.
fn is_inside(unit: &auditline_model::unit::Unit, work: &Later) -> bool {
    use auditline_model::eval::value::SessionOrigin;
    matches!(work.session.origin, SessionOrigin::Context(_)) || unit.in_scope_of(work.ordinal, &work.session)
}

fn finding(
    of: FunctionRef,
    unit: &auditline_model::unit::Unit,
    work: &Later,
    ender: Ender,
    severity: Severity,
) -> Option<Finding> {
    let event = unit.events.get(work.ordinal as usize)?;
    let runs = classes::simple(work.function.path);
    let (who, where_from) = match ender {
        Ender::Dependency(by) => (Place::Function(by), format!("the session of `{}`", classes::simple(by.path))),
        Ender::Scope(by) => {
            (Place::Function(by), format!("a session that a `with` in `{}` closes", classes::simple(by.path)))
        }
    };
    let what = match work.runner {
        Runner::Task => "a task of its own",
        Runner::Thread => "a thread of its own",
        Runner::Background => "a background task",
        Runner::Stream => "the body of a streamed answer",
    };
    let consequence = match (severity, ender) {
        (Severity::Information, _) => {
            "FastAPI 0.106 to 0.117 close it before that starts, and the project does not say that it runs with another"
        }
        (_, Ender::Dependency(_)) => "it may be closed when that runs, and what is sent then nobody ends",
        (_, Ender::Scope(_)) => "it is closed when that runs, and what is sent then nobody ends",
    };
    let closes = match (ender, severity) {
        (Ender::Dependency(by), _) => {
            format!("`{}` closes the session when its request ends", classes::simple(by.path))
        }
        (Ender::Scope(by), _) => format!("`{}` closes the session when it leaves the `with`", classes::simple(by.path)),
    };
    Some(Finding {
        hazard: &HAZARD,
        severity,
        message: format!("`{runs}` runs as {what} with {where_from}: {consequence}"),
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence: vec![
            Evidence { place: who, message: closes },
            Evidence {
                place: Place::InFunction(work.function, work.used),
                message: format!("`{runs}` uses it here"),
            },
        ],
        story: Some(Story {
            actors: vec!["The request".to_owned(), format!("`{runs}`")],
            steps: vec![
                (0, format!("hands its session to `{runs}`")),
                (0, "ends, and its session is closed: the connection goes back to the pool".to_owned()),
                (1, "sends a statement: the session takes another connection, and opens a transaction".to_owned()),
                (1, "ends; nobody closes the session again".to_owned()),
            ],
            outcome: "The connection stays in an open transaction until the session is collected; what was not committed is lost, and \
                      where both run at once they commit and roll back each other's rows."
                .to_owned(),
        }),
        fixes: Vec::new(),
    })
}
