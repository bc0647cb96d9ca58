//! A lock that is taken after the read that decides.

use auditline_model::eval::value::Lock;
use auditline_model::tables::{TypeFamily, orm_model};
use auditline_model::unit::{Condition, EventKind, FrameKind, Subject, Test, Unit};
use auditline_model::{Db, FunctionRef};
use auditline_syntax::Name;

use crate::finding::Severity;
use crate::races::{identity, rows};

use super::{Futile, evidence};

pub(super) fn find(db: &dyn Db, of: FunctionRef, unit: &Unit, found: &mut Vec<Futile>) {
    for (lock, event) in unit.numbered() {
        // The row as it is called before the lock, and behind it.
        let (before, behind) = match &event.kind {
            EventKind::Refresh { row: Some(row), lock: Lock::Yes, .. } => (row.id, row.id),
            // Without it the values behind the lock are the old ones too, which is another hazard.
            EventKind::Load { query, row: Some(row), .. } if query.lock == Lock::Yes && query.populates => {
                match identity::earlier_load(db, unit, lock) {
                    Some(earlier) => (earlier, *row),
                    None => continue,
                }
            }
            _ => continue,
        };
        let Some((write, column, condition)) = decided_before(db, unit, lock, before, behind) else { continue };
        let Some(EventKind::Write { row, .. }) = unit.events.get(write as usize).map(|event| &event.kind) else {
            continue;
        };
        if is_locked_before(unit, before, lock)
            || rows::is_protected(db, of, unit, write, row)
            || rows::durable(db, of, unit, write, row).is_none()
        {
            continue;
        }
        let name = rows::row_name(row);
        let mut proof = Vec::new();
        proof.extend(evidence(of, unit, condition.at, format!("`{column}` decides here, before the lock")));
        proof.extend(evidence(of, unit, write, "and is changed here, without being looked at again"));
        found.push(Futile {
            at: lock,
            severity: Severity::Warning,
            message: format!(
                "`{name}` is locked only after `{column}` has decided: two requests can both pass the check, and then wait for one another in good order"
            ),
            evidence: proof,
            steps: vec![
                (0, format!("checks `{column}`: passes")),
                (1, format!("checks `{column}`: passes as well")),
                (0, format!("locks `{name}`, changes `{column}`, commits")),
                (1, format!("waits for the lock, gets it, and changes `{column}` without another look")),
            ],
            outcome: "What was to happen once has happened twice, although both took the lock.".to_owned(),
        });
    }
}

/// A write behind the lock of a column whose value has decided before it and is not looked at again.
fn decided_before(db: &dyn Db, unit: &Unit, lock: u32, before: u32, behind: u32) -> Option<(u32, Name, Condition)> {
    unit.numbered().skip(lock as usize + 1).find_map(|(write, event)| {
        let EventKind::Write { row, column, constant, in_sql: false, .. } = &event.kind else { return None };
        if row.id != before && row.id != behind || !unit.can_follow(lock, write) {
            return None;
        }
        let family = orm_model(db, row.model?)?.column(*column)?.family;
        let tests = |condition: &Condition, id: u32| {
            matches!(&condition.subject, Subject::Field { row, column: tested } if *row == id && tested == column)
        };
        let conditions: Vec<&Condition> = unit
            .ancestors(event.frame)
            .filter_map(|(_, frame)| match &frame.kind {
                FrameKind::Branch { conditions, .. } => Some(conditions),
                _ => None,
            })
            .flatten()
            .collect();
        let decisive = conditions.iter().find(|condition| {
            tests(condition, before)
                && condition.at < lock
                && match condition.test {
                    // What it is set to again does no harm.
                    Test::EqualsConstant => condition.holds || condition.constant != *constant,
                    Test::Order => !matches!(family, TypeFamily::DateTime | TypeFamily::Date),
                    Test::Present | Test::EqualsOther | Test::Class => false,
                }
        })?;
        // Another column that is set together with it says as much: `if locked.is_paid: return`.
        let is_set_too = |name: Name| {
            name == *column
                || unit.numbered().skip(lock as usize + 1).any(|(_, event)| match &event.kind {
                    EventKind::Write { row, column: other, .. } => {
                        (row.id == before || row.id == behind) && *other == name
                    }
                    _ => false,
                })
        };
        let again = conditions.iter().any(|condition| match condition.subject {
            Subject::Field { row, column } => {
                condition.at > lock && (row == before || row == behind) && is_set_too(column)
            }
            _ => false,
        });
        (!again).then(|| (write, *column, (*decisive).clone()))
    })
}

/// Whether the row had been locked already when the lock was taken.
fn is_locked_before(unit: &Unit, row: u32, lock: u32) -> bool {
    unit.numbered().take(lock as usize).any(|(ordinal, event)| {
        let locked = event.kind.row_lock().and_then(|lock| lock.row);
        locked == Some(row) && unit.can_follow(ordinal, lock)
    })
}
