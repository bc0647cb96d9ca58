//! AUD104: one unit of work in two transactions.

use std::sync::Arc;

use auditline_model::eval::value::SessionValue;
use auditline_model::owner::example_of_convention;
use auditline_model::unit::{
    Breadth, EventKind, FrameId, FrameKind, SessionAction, Unit, same_session, unit_of, waits_elsewhere,
};
use auditline_model::{Db, FunctionRef, classes, entry};
use auditline_syntax::TextRange;

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, Story, symbol};

mod again;
mod written;

use super::failing;
use written::{What, Written};

/// AUD104.
pub const HAZARD: Hazard = Hazard {
    code: "AUD104",
    name: "split-transaction",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "Writes that belong together are saved by two commits",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// A commit.
#[derive(Debug, Clone)]
struct Commit {
    ordinal: u32,
    session: Arc<SessionValue>,
    /// The function that does it, where a callee does.
    by: Option<FunctionRef>,
    /// The commits before it that save what belongs to what this one saves.
    chain: Option<usize>,
}

/// Two commits between which a failure leaves half.
struct Split {
    /// The chain of commits that it is a part of.
    chain: usize,
    first: Commit,
    next: Commit,
    one: Written,
    two: Written,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let splits = splits(db, &unit);
    let Some(split) = splits.first() else { return };
    // Where every helper commits, AUD103 says so once for the project.
    let by_helper = split.first.by.is_some() || split.next.by.is_some();
    if by_helper && example_of_convention(db).is_some() {
        return;
    }
    // Who starts a command, or the application, sees what it leaves, and starts it again.
    if entry::is_startup(db, of) {
        return;
    }
    findings.push(finding(db, of, &unit, &splits, split));
}

/// The places where a unit of work is split.
fn splits(db: &dyn Db, unit: &Unit) -> Vec<Split> {
    let mut commits = commits(unit);
    let mut splits: Vec<Split> = Vec::new();
    for at in 0..commits.len() {
        let first = commits[at].clone();
        let Some(to) = (at + 1..commits.len()).find(|to| {
            same_session(&commits[*to].session, &first.session) && unit.can_follow(first.ordinal, commits[*to].ordinal)
        }) else {
            continue;
        };
        let next = commits[to].clone();
        if !always_follows(unit, &first, &next) || is_deliberate(db, unit, &first, &next) {
            continue;
        }
        let mut before = written::before(unit, first.ordinal, &first.session);
        let behind = written::between(unit, first.ordinal, next.ordinal, &first.session);
        if written::is_progress(unit, &before, &behind) {
            continue;
        }
        // What the commits before have saved belongs to it as well.
        for earlier in splits.iter().filter(|split| Some(split.chain) == first.chain) {
            before.extend(written::before(unit, earlier.first.ordinal, &first.session));
        }
        let pair = before.iter().find_map(|one| {
            let two = behind.iter().find(|two| written::are_tied(db, unit, one, two))?;
            Some((one.clone(), two.clone()))
        });
        let Some((one, two)) = pair else { continue };
        let chain = first.chain.unwrap_or(at);
        commits[to].chain = Some(chain);
        splits.push(Split { chain, first, next, one, two });
    }
    splits
}

/// The commits of a unit that certainly happen where control comes to them, in the order of the program.
fn commits(unit: &Unit) -> Vec<Commit> {
    let mut found: Vec<Commit> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Session { session, action: SessionAction::Commit, by, maybe: false } = &event.kind else {
            continue;
        };
        // A helper that commits twice is judged by itself.
        let same_call = by.is_some()
            && found
                .last()
                .is_some_and(|before| before.by.is_some() && unit.events[before.ordinal as usize].range == event.range);
        if same_call || unit.in_handler(ordinal) {
            continue;
        }
        found.push(Commit { ordinal, session: Arc::clone(session), by: *by, chain: None });
    }
    found
}

/// Whether the first commit happens wherever the second does, and the second is not tried for its own sake.
fn always_follows(unit: &Unit, first: &Commit, next: &Commit) -> bool {
    let (Some(one), Some(two)) = (unit.events.get(first.ordinal as usize), unit.events.get(next.ordinal as usize))
    else {
        return false;
    };
    // The frames around the one and not around the other.
    let apart = |from: FrameId, other: FrameId| {
        unit.ancestors(from)
            .take_while(|(id, _)| !unit.ancestors(other).any(|(around, _)| around == *id))
            .map(|(_, frame)| &frame.kind)
            .collect::<Vec<_>>()
    };
    let leaves = |id: auditline_model::unit::TryId, by_raise: bool| {
        unit.tries.get(id.0 as usize).is_some_and(|info| {
            info.handlers.iter().all(|handler| {
                handler.breadth < Breadth::Database || if by_raise { handler.raises } else { handler.exits }
            })
        })
    };
    apart(one.frame, two.frame).into_iter().all(|kind| match kind {
        FrameKind::Branch { rest, .. } => *rest,
        FrameKind::Try(id) => leaves(*id, false),
        FrameKind::With | FrameKind::WithApart | FrameKind::Else(_) => true,
        _ => false,
    }) && apart(two.frame, one.frame).into_iter().all(|kind| match kind {
        FrameKind::Branch { .. } | FrameKind::With | FrameKind::WithApart | FrameKind::Else(_) => true,
        FrameKind::Try(id) => leaves(*id, true),
        _ => false,
    }) && !is_undone(unit, two.frame, &first.session)
}

/// Whether a handler around the second commit writes in its turn: it takes back what the first has saved, or tells of it.
fn is_undone(unit: &Unit, frame: FrameId, session: &SessionValue) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| {
            info.handlers.iter().any(|handler| {
                unit.events_in(handler.frame).any(|(ordinal, event)| {
                    written::written(unit, ordinal, session).is_some()
                        || matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit, .. }
                            if same_session(own, session))
                })
            })
        }),
        _ => false,
    })
}

/// Whether something stands between two commits for which the first must have happened: another system is called, somebody
/// else is to see the rows, the transaction was rolled back.
fn is_deliberate(db: &dyn Db, unit: &Unit, first: &Commit, next: &Commit) -> bool {
    let call = unit.events.get(next.ordinal as usize).map(|event| event.range);
    (first.ordinal + 1..next.ordinal).any(|ordinal| {
        let Some(event) = unit.events.get(ordinal as usize) else { return true };
        if !unit.can_follow(first.ordinal, ordinal) || !unit.can_follow(ordinal, next.ordinal) {
            return false;
        }
        match &event.kind {
            EventKind::External { .. }
            | EventKind::ExternalLock(_)
            | EventKind::Yield(_)
            | EventKind::Given { .. }
            | EventKind::Open(_) => true,
            EventKind::Session { session, action, .. } => {
                matches!(action, SessionAction::Rollback | SessionAction::Close | SessionAction::Begin)
                    && same_session(session, &first.session)
            }
            EventKind::Call { callee, receiver, .. } => waits_elsewhere(db, *callee, *receiver),
            EventKind::Await => Some(event.range) != call && unit.awaits_unknown(ordinal),
            _ => false,
        }
    })
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, splits: &[Split], split: &Split) -> Finding {
    let Split { first, next, one, two, .. } = split;
    let name = classes::simple(of.path);
    let place_of =
        |ordinal: u32| unit.events.get(ordinal as usize).map_or_else(TextRange::default, |event| event.range);
    let at = |ordinal: u32, message: String| Evidence { place: Place::InFunction(of, place_of(ordinal)), message };
    let (kept, lost) = (said(one), said(two));
    let mut evidence = vec![
        at(one.ordinal, format!("{kept} is written here, and saved by the first commit")),
        at(two.ordinal, format!("{lost} belongs to it, and is written behind that commit")),
    ];
    for other in splits {
        let message = match other.next.by {
            Some(by) => format!("`{}` commits as well", classes::simple(by.path)),
            None => "what was written since is saved here, by itself".to_owned(),
        };
        evidence.push(at(other.next.ordinal, message));
    }
    let (often, later) = match splits.iter().filter(|other| other.chain == split.chain).count() {
        1 => ("two".to_owned(), "the second"),
        more => ((more + 1).to_string(), "a later one"),
    };
    let chained = splits.iter().filter(|other| other.chain == split.chain);
    let last = chained.clone().map(|other| other.next.ordinal).max().unwrap_or(next.ordinal);
    // Else only the connection or the process can go between the two, and the request is made again.
    let behind = (first.ordinal + 1..=last).filter(|ordinal| unit.can_follow(first.ordinal, *ordinal));
    let may_fail = chained.count() > 1
        || failing::may_fail(db, of, unit, behind)
        || one.model.is_some_and(|model| again::is_turned_away(unit, first.ordinal, model));
    let commits = match first.by {
        Some(by) => format!("`{}`, which `{name}` calls, commits", classes::simple(by.path)),
        None => format!("`{name}` commits"),
    };
    Finding {
        hazard: &HAZARD,
        // Who calls a helper that commits may have no other.
        severity: if first.by.is_some() || next.by.is_some() || entry::is_unused(db, of) || !may_fail {
            Severity::Information
        } else {
            Severity::Warning
        },
        message: format!(
            "`{name}` saves in {often} transactions what belongs together: when {later} fails, {kept} stays, without {lost}"
        ),
        place: Place::InFunction(of, place_of(first.ordinal)),
        symbol: symbol(of.path),
        evidence,
        story: Some(Story {
            actors: vec!["Request".to_owned()],
            steps: vec![
                (0, format!("{commits}: {kept} is saved")),
                (0, "fails behind it: a constraint, a lost connection, a restart".to_owned()),
                (0, "is answered with an error, and its session is rolled back".to_owned()),
            ],
            outcome: format!("{} is in the database without {lost}, and a second try meets it there.", capital(&kept)),
        }),
        fixes: fix(of, unit, splits).into_iter().collect(),
    }
}

/// What a write leaves in the database, in words.
fn said(write: &Written) -> String {
    let model = write.model.map_or("row", |class| classes::simple(class.path));
    match &write.what {
        What::Added => format!("the new `{model}`"),
        What::Changed(column) => format!("`{column}` of the `{model}`"),
        What::Removed => format!("the deletion of the `{model}`"),
        What::Bulk => format!("the change of the `{model}`"),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A flush in the place of every commit but the last of each chain.
fn fix(of: FunctionRef, unit: &Unit, splits: &[Split]) -> Option<Fix> {
    if !splits.iter().all(|split| can_flush(unit, splits, split)) {
        return None;
    }
    let mut calls: Vec<TextRange> = splits
        .iter()
        .filter_map(|split| unit.events.get(split.first.ordinal as usize))
        .map(|event| event.range)
        .collect();
    calls.sort_by_key(|range| range.start());
    Some(Fix::new("Flush here, and commit once at the end", Safety::Unsafe, move |db| {
        edit::in_function(db, of, |scope| {
            let mut edits = Vec::new();
            for call in &calls {
                edits.extend(edit::call_other_method(scope, *call, "flush")?);
            }
            Some(edits)
        })
    }))
}

/// Whether every way from the first commit comes to the last of its chain, so that a flush there is enough.
fn can_flush(unit: &Unit, splits: &[Split], split: &Split) -> bool {
    if split.first.by.is_some() || split.next.by.is_some() {
        return false;
    }
    let Some(last) = splits.iter().filter(|other| other.chain == split.chain).map(|other| &other.next).next_back()
    else {
        return false;
    };
    let (Some(first), Some(end)) =
        (unit.events.get(split.first.ordinal as usize), unit.events.get(last.ordinal as usize))
    else {
        return false;
    };
    let around = unit.ancestors(first.frame).any(|(id, _)| id == end.frame)
        || unit
            .ancestors(end.frame)
            .take_while(|(id, _)| *id != first.frame)
            .all(|(_, frame)| matches!(frame.kind, FrameKind::Branch { rest: true, .. }));
    let leaves = (split.first.ordinal + 1..last.ordinal).any(|ordinal| {
        matches!(unit.events.get(ordinal as usize).map(|event| &event.kind), Some(EventKind::Return(_)))
            && unit.can_follow(split.first.ordinal, ordinal)
    });
    around && !leaves
}
