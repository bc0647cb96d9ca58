//! AUD106: another system is told of a change before the commit that makes it: a worker is given a task about a row, what a row
//! names is removed.

mod removed;

use std::sync::Arc;

use auditline_model::eval::value::{OnCommit, RowOrigin, RowValue, SessionValue};
use auditline_model::unit::{EventKind, FrameKind, Reach, SessionAction, Unit, same_session, started, unit_of};
use auditline_model::{Db, FunctionRef, classes, function};

use auditline_syntax::TextRange;

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, Story, symbol};

/// AUD106.
pub const HAZARD: Hazard = Hazard {
    code: "AUD106",
    name: "dual-write",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "A worker is given a task about a row, or a file that a row names is removed, before the commit",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    removed::check(db, of, &unit, findings);
    let is_async = function(db, of).is_some_and(|body| body.is_async);
    for (ordinal, event) in unit.numbered() {
        let (path, by, pending) = match &event.kind {
            EventKind::External { reach: Reach::Enqueue, about, path, by, .. } => {
                (path, by, about.iter().find_map(|row| pending(&unit, ordinal, row)))
            }
            // Whoever gets it looks for the row; of one that was there before it may want to know nothing new.
            EventKind::Message { about, path, by } => {
                let mut new = about.iter().filter(|row| row.origin == RowOrigin::Created);
                (path, by, new.find_map(|row| pending(&unit, ordinal, row)))
            }
            _ => continue,
        };
        let Some(pending) = pending else { continue };
        let to = To { path: path.as_str(), is_here: by.is_none(), taker: "the worker" };
        findings.push(finding(of, &unit, ordinal, &to, &pending, is_async));
    }
    for task in started(db, of) {
        let Some(pending) = pending(&unit, task.ordinal, &task.row) else { continue };
        // Until the function awaits something, no task runs: a synchronous session has committed by then.
        let waits = match pending.commit {
            Commit::Event(commit) => {
                pending.session.is_async == Some(true)
                    || unit.numbered().any(|(at, event)| {
                        event.kind == EventKind::Await
                            && at > task.ordinal
                            && at < commit
                            && unit.can_follow(task.ordinal, at)
                    })
            }
            Commit::Scope(_) => pending.session.is_async == Some(true),
        };
        if waits {
            let to = To { path: classes::simple(task.function.path), is_here: true, taker: "the task" };
            findings.push(finding(of, &unit, task.ordinal, &to, &pending, is_async));
        }
    }
}

/// Who is told of a change.
struct To<'a> {
    /// What is called.
    path: &'a str,
    /// Whether the function calls it itself.
    is_here: bool,
    /// What acts on it.
    taker: &'static str,
}

/// A change that nobody else can see yet.
struct Pending {
    row: Arc<RowValue>,
    session: Arc<SessionValue>,
    /// The ordinal of the change.
    change: u32,
    /// The commit that makes it visible.
    commit: Commit,
}

/// The commit that makes a change visible.
#[derive(Debug, Clone, Copy)]
enum Commit {
    /// That event.
    Event(u32),
    /// Leaving the block that is opened there.
    Scope(TextRange),
}

/// The change of the row that nobody but this transaction can see yet, and the commit behind the event.
fn pending(unit: &Unit, event: u32, row: &Arc<RowValue>) -> Option<Pending> {
    let session = session_of(unit, event, row)?;
    let mut change = None;
    for ordinal in 0..event {
        match &unit.events.get(ordinal as usize)?.kind {
            EventKind::Add { row: Some(added), session: into, .. }
                if added.id == row.id && matches!(added.origin, RowOrigin::Created) && same_session(into, &session) =>
            {
                change = Some(ordinal);
            }
            EventKind::Write { row: written, .. } if written.id == row.id => change = change.or(Some(ordinal)),
            EventKind::Session { session: own, action, .. } if same_session(own, &session) => match action {
                SessionAction::Commit | SessionAction::Rollback | SessionAction::Close
                    if unit.can_follow(ordinal, event) =>
                {
                    change = None;
                }
                _ => {}
            },
            _ => {}
        }
    }
    let change = change.filter(|change| unit.can_follow(*change, event))?;
    // In a loop the next round's commit is not this row's.
    let by_event = unit.numbered().find_map(|(ordinal, later)| match &later.kind {
        EventKind::Session { session: own, action: SessionAction::Commit, maybe: false, .. } => {
            (ordinal > event && same_session(own, &session) && unit.can_follow(event, ordinal))
                .then_some(Commit::Event(ordinal))
        }
        _ => None,
    });
    let commit = by_event.or_else(|| committing_scope(unit, event, &session))?;
    Some(Pending { row: Arc::clone(row), session, change, commit })
}

/// The `with` around the event whose leaving commits the session.
fn committing_scope(unit: &Unit, event: u32, session: &SessionValue) -> Option<Commit> {
    unit.ancestors(unit.events.get(event as usize)?.frame).find_map(|(_, frame)| match &frame.kind {
        FrameKind::WithTransaction(held, kind) if kind.commits() && same_session(held, session) => {
            let opening = unit.events.get(frame.first.checked_sub(1)? as usize)?;
            Some(Commit::Scope(opening.range))
        }
        _ => None,
    })
}

/// The session that saves the row.
fn session_of(unit: &Unit, event: u32, row: &RowValue) -> Option<Arc<SessionValue>> {
    unit.events[..event as usize]
        .iter()
        .rev()
        .find_map(|event| match &event.kind {
            EventKind::Add { row: Some(added), session, .. } if added.id == row.id => Some(Arc::clone(session)),
            _ => None,
        })
        .or_else(|| row.session.clone())
}

fn finding(
    of: FunctionRef,
    unit: &Unit,
    ordinal: u32,
    &To { path, is_here, taker }: &To<'_>,
    pending: &Pending,
    is_async: bool,
) -> Finding {
    let Pending { row, session, change, commit } = pending;
    let change = *change;
    let name = classes::simple(of.path);
    let model = row.model.map_or("row", |class| classes::simple(class.path));
    let at = |ordinal: u32, message: String| {
        unit.events.get(ordinal as usize).map(|event| Evidence { place: Place::InFunction(of, event.range), message })
    };
    let evidence = [
        at(change, format!("the `{model}` is written here, and only this transaction sees it")),
        match *commit {
            Commit::Event(at_commit) => at(at_commit, "it becomes visible here, behind the task".to_owned()),
            Commit::Scope(opening) => Some(Evidence {
                place: Place::InFunction(of, opening),
                message: "it becomes visible when this block is left, behind the task".to_owned(),
            }),
        },
    ];
    let place = unit.events.get(ordinal as usize).map_or_else(Default::default, |event| event.range);
    let last = match *commit {
        Commit::Event(commit) => unit.events.get(commit as usize).map(|event| (event.range, event.frame)),
        // Behind the block the session is closed, or the row expired.
        Commit::Scope(_) => None,
    };
    let mut fixes = Vec::new();
    // Behind the commit the row is expired, and an `AsyncSession` cannot load it where an attribute is read.
    let readable = session.on_commit == OnCommit::Keeps || session.is_async == Some(false) || !is_async;
    if is_here
        && readable
        && let Some((behind, frame)) = last
        && unit.events.get(ordinal as usize).is_some_and(|event| event.frame == frame)
    {
        fixes.push(Fix::new("Move the task behind the commit", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::move_statement_behind(scope, place, behind))
        }));
    }
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: if matches!(row.origin, RowOrigin::Created) {
            format!(
                "`{name}` hands `{path}` a `{model}` that is not committed yet: {taker} may start before the row is there, \
                 and starts even if the commit fails"
            )
        } else {
            format!(
                "`{name}` hands `{path}` a `{model}` whose change is not committed yet: {taker} may find it as it was \
                 before, and starts even if the commit fails"
            )
        },
        place: Place::InFunction(of, place),
        symbol: symbol(of.path),
        evidence: evidence.into_iter().flatten().collect(),
        story: Some(Story {
            actors: vec!["Request".to_owned(), "Worker".to_owned()],
            steps: vec![
                (0, format!("writes the `{model}`")),
                (0, format!("calls `{path}`")),
                (1, format!("looks for the `{model}` as it was before: not there, or unchanged")),
                (0, "commits".to_owned()),
            ],
            outcome: "The task has failed, or worked with old values, and nobody starts it again.".to_owned(),
        }),
        fixes,
    }
}
