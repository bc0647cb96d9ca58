//! AUD213: a row is locked, and the transaction that holds the lock ends before the write that it was to protect.

use std::sync::Arc;

use auditline_model::eval::value::{Lock, RowOrigin, RowValue};
use auditline_model::unit::{EventKind, FrameKind, SessionAction, Unit, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::dependence::{Dependence, dependence};
use super::isolation;
use super::rows;

/// AUD213.
pub const HAZARD: Hazard = Hazard {
    code: "AUD213",
    name: "lock-released-early",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A commit stands between the load that locks a row and the write that the lock was to protect",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// What ends the transaction that holds a lock.
#[derive(Clone, Copy)]
enum Release {
    /// A commit or rollback: its ordinal.
    Event(u32),
    /// The end of the `with` on the transaction.
    Scope,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut reported: Vec<u32> = Vec::new();
    for (write, event) in unit.numbered() {
        let EventKind::Write { row, column, .. } = &event.kind else { continue };
        if reported.contains(&row.id) || !matches!(row.origin, RowOrigin::Loaded { lock: Lock::Yes, single: true, .. })
        {
            continue;
        }
        let Some(dependence) = dependence(db, of, &unit, write) else { continue };
        let Some(lock) = last_lock(&unit, row, write) else { continue };
        let Some(release) = release(&unit, row, lock, write) else { continue };
        if rows::is_protected(db, of, &unit, write, row)
            || rows::durable(db, of, &unit, write, row).is_none()
            || isolation::is_strict(db, of, row.session.as_deref())
            || entry::is_command(db, of)
        {
            continue;
        }
        reported.push(row.id);
        findings.push(finding(db, of, &unit, (row, *column), lock, release, write, dependence));
    }
}

/// Whether a lock that were taken at that event would be gone before a write of the row that depends on what it held.
pub(super) fn is_in_vain(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, lock: u32) -> bool {
    unit.numbered().skip(lock as usize + 1).any(|(write, event)| {
        matches!(&event.kind, EventKind::Write { row: own, .. } if own.id == row.id)
            && release(unit, row, lock, write).is_some()
            && dependence(db, of, unit, write).is_some()
    })
}

/// The last lock on the row before a write: its load, or a `refresh` with a lock.
fn last_lock(unit: &Unit, row: &RowValue, write: u32) -> Option<u32> {
    let refreshed = unit.numbered().take(write as usize).filter(|(ordinal, event)| {
        matches!(&event.kind, EventKind::Refresh { row: Some(own), lock: Lock::Yes, .. } if own.id == row.id)
            && unit.can_follow(*ordinal, write)
    });
    let loaded = matches!(
        unit.events.get(row.id as usize).map(|event| &event.kind),
        Some(EventKind::Load { query, .. }) if query.lock == Lock::Yes
    );
    refreshed.map(|(ordinal, _)| ordinal).last().or(loaded.then_some(row.id))
}

/// What ends the transaction between a lock and a write that the lock alone was to protect. A row that was changed under the
/// lock is claimed: nobody else may be meant to touch it.
fn release(unit: &Unit, row: &RowValue, lock: u32, write: u32) -> Option<Release> {
    let session = row.session.as_deref()?;
    let claimed = |until: u32| {
        unit.numbered().take(until as usize).skip(lock as usize + 1).any(|(ordinal, event)| match &event.kind {
            EventKind::Write { row: own, .. } => own.id == row.id && unit.can_follow(lock, ordinal),
            EventKind::Execute(_) => true,
            EventKind::Call { arguments, object, .. } => {
                let is_it =
                    |value: &auditline_model::eval::value::Value| value.row().is_some_and(|own| own.id == row.id);
                is_it(object) || arguments.iter().any(|(_, value)| is_it(value))
            }
            _ => false,
        })
    };
    let ended =
        unit.numbered().take(write as usize).skip(lock as usize + 1).find(|(ordinal, event)| match &event.kind {
            EventKind::Session {
                session: own,
                action: SessionAction::Commit | SessionAction::Rollback,
                maybe: false,
                ..
            } => same_session(own, session) && unit.can_follow(lock, *ordinal) && unit.can_follow(*ordinal, write),
            _ => false,
        });
    if let Some((ordinal, _)) = ended {
        return (!claimed(ordinal)).then_some(Release::Event(ordinal));
    }
    let at = unit.events.get(write as usize)?.frame;
    let left = unit.ancestors(unit.events.get(lock as usize)?.frame).find(|(id, frame)| {
        matches!(&frame.kind, FrameKind::WithTransaction(own, kind) if kind.commits() && same_session(own, session))
            && !unit.ancestors(at).any(|(other, _)| other == *id)
    });
    let (_, frame) = left?;
    (unit.can_follow(lock, write) && !claimed(frame.end)).then_some(Release::Scope)
}

/// The callees that have loaded and locked a row, from the first to the one that did it.
fn lockers(db: &dyn Db, row: &RowValue) -> Vec<FunctionRef> {
    let by = |row: &RowValue| match row.origin {
        RowOrigin::Loaded { by, .. } => by,
        _ => None,
    };
    let mut lockers: Vec<FunctionRef> = by(row).into_iter().collect();
    while let Some(last) = lockers.last() {
        match unit_of(db, *last).returns.row().and_then(|row| by(row)) {
            Some(next) if !lockers.contains(&next) => lockers.push(next),
            _ => break,
        }
    }
    lockers
}

#[allow(clippy::too_many_arguments)]
fn finding(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    (row, column): (&Arc<RowValue>, Name),
    lock: u32,
    release: Release,
    write: u32,
    dependence: Dependence,
) -> Finding {
    let model = rows::row_name(row);
    let lock_event = &unit.events[lock as usize];
    let write_event = &unit.events[write as usize];
    let mut evidence =
        vec![Evidence { place: Place::InFunction(of, lock_event.range), message: "the row is locked here".to_owned() }];
    if row.id == lock {
        evidence.extend(
            lockers(db, row)
                .into_iter()
                .map(|by| Evidence { place: Place::Function(by), message: "the lock is taken in here".to_owned() }),
        );
    }
    let (place, how) = match release {
        Release::Event(ordinal) => {
            let event = &unit.events[ordinal as usize];
            let how = match &event.kind {
                EventKind::Session { by: Some(by), action: SessionAction::Commit, .. } => {
                    evidence.push(Evidence {
                        place: Place::Function(*by),
                        message: format!("`{}` commits", classes::simple(by.path)),
                    });
                    format!("`{}` commits here", classes::simple(by.path))
                }
                EventKind::Session { action: SessionAction::Rollback, .. } => "this rolls back".to_owned(),
                _ => "this commits".to_owned(),
            };
            (Place::InFunction(of, event.range), how)
        }
        Release::Scope => {
            (Place::InFunction(of, write_event.statement), "the transaction that locked it has ended".to_owned())
        }
    };
    let what = match dependence {
        Dependence::OwnValue(_) => format!("`{column}` is written from its old value here, without the lock"),
        Dependence::State(_) | Dependence::Sought(_) | Dependence::Checked(_) => {
            format!("`{column}` is changed here, without the lock, because of its old state")
        }
    };
    evidence.push(Evidence { place: Place::InFunction(of, write_event.range), message: what });
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!(
            "`{model}` is locked, but {how}, which ends the lock before `{column}` is written: a concurrent change is lost"
        ),
        place,
        symbol: symbol(of.path),
        evidence,
        story: Some(story(&model, column, dependence)),
        fixes: Vec::new(),
    }
}

fn story(model: &str, column: Name, dependence: Dependence) -> Story {
    let (seen, outcome) = match dependence {
        Dependence::OwnValue(_) => {
            (format!("`{column}` = *v*"), "The change of request A is lost, although both took the lock.")
        }
        Dependence::State(_) | Dependence::Sought(_) | Dependence::Checked(_) => {
            (format!("the same `{column}`"), "What was to happen once has happened twice, although both took the lock.")
        }
    };
    Story {
        actors: vec!["Request A".to_owned(), "Request B".to_owned()],
        steps: vec![
            (0, format!("locks `{model}`, sees {seen}")),
            (0, "commits: the lock is gone".to_owned()),
            (1, format!("locks `{model}`, sees {seen}")),
            (1, "commits: the lock is gone".to_owned()),
            (0, format!("writes `{column}`, commits")),
            (1, format!("writes `{column}` from what it saw, commits")),
        ],
        outcome: outcome.to_owned(),
    }
}
