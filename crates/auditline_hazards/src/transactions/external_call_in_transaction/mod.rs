//! AUD110: a transaction waits for another system.

use auditline_model::eval::value::{Lock, QueryKind, SessionValue};
use auditline_model::unit::{EventKind, Reach, SessionAction, Unit, leaves_locked, same_session, surely_asks, unit_of};
use auditline_model::{Db, FunctionRef, classes};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// AUD110.
pub const HAZARD: Hazard = Hazard {
    code: "AUD110",
    name: "external-call-in-transaction",
    family: Family::Transactions,
    severity: Severity::Information,
    summary: "A transaction that holds row locks stays open across a call of another system",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut worst: Option<(Severity, u32, Held)> = None;
    for (ordinal, event) in unit.numbered() {
        // What a callee calls it may call at times only.
        let EventKind::External { reach: Reach::Call, by, .. } = &event.kind else { continue };
        if unit.in_handler(ordinal) || by.is_some() && !surely_asks(db, &unit, ordinal) {
            continue;
        }
        let Some(held) = held(db, &unit, ordinal) else { continue };
        // What a lock makes happen once is called under it on purpose.
        if held.locked && stored(&unit, ordinal) {
            continue;
        }
        let severity = if held.locked { Severity::Warning } else { Severity::Information };
        if worst.as_ref().is_none_or(|(before, ..)| severity > *before) {
            worst = Some((severity, ordinal, held));
        }
    }
    let Some((severity, ordinal, held)) = worst else { return };
    let Some(event) = unit.events.get(ordinal as usize) else { return };
    let EventKind::External { path, by, .. } = &event.kind else { return };
    let name = classes::simple(of.path);
    let what = if held.locked { "the row that it has locked" } else { "the rows that it has changed" };
    let mut evidence = Vec::new();
    if let Some(taken) = unit.events.get(held.at as usize) {
        let message = match &taken.kind {
            EventKind::Call { callee, .. } => format!("`{}` locks the row", classes::simple(callee.path)),
            _ if held.locked => "the row is locked here".to_owned(),
            _ => "the change is sent here, and locks its rows".to_owned(),
        };
        evidence.push(Evidence { place: Place::InFunction(of, taken.range), message });
        if let EventKind::Call { callee, .. } = &taken.kind {
            evidence
                .push(Evidence { place: Place::Function(*callee), message: "the lock is taken in here".to_owned() });
        }
    }
    let through = by.map(|by| format!(" in `{}`", classes::simple(by.path))).unwrap_or_default();
    if let Some(by) = by {
        evidence.push(Evidence {
            place: Place::Function(*by),
            message: format!("`{}` calls `{path}`", classes::simple(by.path)),
        });
    }
    findings.push(Finding {
        hazard: &HAZARD,
        severity,
        message: format!(
            "`{name}` waits for `{path}`{through} in an open transaction: whoever needs {what} waits for it too"
        ),
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: Vec::new(),
    });
}

/// What keeps others waiting.
struct Held {
    /// The ordinal of the statement that took the lock.
    at: u32,
    /// Whether by a locking load, not by a change.
    locked: bool,
}

/// The lock that is held when the event happens.
fn held(db: &dyn Db, unit: &Unit, event: u32) -> Option<Held> {
    let mut changed = None;
    for ordinal in (0..event).rev() {
        if !unit.can_follow(ordinal, event) {
            continue;
        }
        let Some((session, locked)) = takes(db, unit, ordinal, event) else { continue };
        if ended(unit, ordinal, event, session) {
            continue;
        }
        if locked {
            return Some(Held { at: ordinal, locked });
        }
        changed = Some(ordinal);
    }
    changed.map(|at| Held { at, locked: false })
}

/// The session whose transaction holds a lock behind the event, if it is told, and whether the event is a locking load.
fn takes<'a>(db: &dyn Db, unit: &'a Unit, ordinal: u32, call: u32) -> Option<(Option<&'a SessionValue>, bool)> {
    let event = unit.events.get(ordinal as usize)?;
    match &event.kind {
        // What one callee does, lock and call, is that function's to say.
        EventKind::Call { .. } if unit.events.get(call as usize)?.range != event.range => {
            leaves_locked(db, unit, ordinal).then_some((None, true))
        }
        EventKind::Load { query, .. } if query.lock == Lock::Yes => Some((Some(query.session.as_ref()?), true)),
        EventKind::Refresh { session, lock: Lock::Yes, .. } => Some((Some(session), true)),
        EventKind::Execute(query) if matches!(query.kind, QueryKind::Update | QueryKind::Delete) => {
            Some((Some(query.session.as_ref()?), false))
        }
        EventKind::Session { session, action: SessionAction::Flush, maybe: false, .. } => Some((Some(session), false)),
        _ => None,
    }
}

/// Whether the transaction of a session ends between two events, or its scope is left.
fn ended(unit: &Unit, from: u32, to: u32, session: Option<&SessionValue>) -> bool {
    let by_action = (from + 1..to).any(|ordinal| {
        unit.events.get(ordinal as usize).is_some_and(|event| {
            matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit | SessionAction::Rollback | SessionAction::Close, .. }
                if session.is_none_or(|session| same_session(own, session)))
        })
    });
    let Some((one, two)) = unit.events.get(from as usize).zip(unit.events.get(to as usize)) else { return true };
    // What a `with` around the first but not the second opened is over.
    let left = unit.ancestors(one.frame).any(|(id, frame)| {
        matches!(
            frame.kind,
            auditline_model::unit::FrameKind::WithSession(_)
                | auditline_model::unit::FrameKind::WithTransaction(..)
                | auditline_model::unit::FrameKind::With
        ) && !unit.ancestors(two.frame).any(|(other, _)| other == id)
    });
    by_action || left
}

/// Whether what the call brings is stored in a row.
fn stored(unit: &Unit, call: u32) -> bool {
    unit.events.iter().any(|event| matches!(&event.kind, EventKind::Write { from, .. } if from.external == Some(call)))
}
