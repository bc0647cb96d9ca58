//! AUD212: a row is locked, and keeps the values it had before the lock.

use auditline_model::eval::value::{Lock, QueryKind};
use auditline_model::unit::{Condition, EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{Db, FunctionRef, entry};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::dependence::{Dependence, dependence};
use super::{identity, isolation, rows};

mod fix;

/// AUD212.
pub const HAZARD: Hazard = Hazard {
    code: "AUD212",
    name: "stale-locked-read",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A row that the session has loaded before is selected again with a lock, and keeps its old values",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// What is made of the values of a locked row.
struct Reliance {
    /// The ordinal of the event that relies on them.
    at: u32,
    column: Name,
    decides: bool,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    for (ordinal, event) in unit.numbered() {
        let EventKind::Load { query, row: Some(row), .. } = &event.kind else { continue };
        if query.lock != Lock::Yes || query.populates || !query.entities || query.kind != QueryKind::Select {
            continue;
        }
        let Some(reliance) = reliance(db, of, &unit, *row) else { continue };
        let Some(held) = identity::held_before(db, of, &unit, ordinal) else { continue };
        if entry::is_command(db, of) || isolation::is_strict(db, of, query.session.as_deref()) {
            continue;
        }
        let name = query.model.map_or("row", |class| auditline_model::classes::simple(class.path));
        let column = reliance.column;
        let mut evidence = vec![held];
        if let Some(relying) = unit.events.get(reliance.at as usize) {
            evidence.push(Evidence {
                place: Place::InFunction(of, relying.range),
                message: if reliance.decides {
                    format!("the old `{column}` decides here")
                } else {
                    format!("the new `{column}` is made from the old one here")
                },
            });
        }
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Warning,
            message: format!(
                "`{name}` is locked here, but the session holds it already: `{column}` keeps the value that was read before the lock"
            ),
            place: Place::InFunction(of, event.range),
            symbol: symbol(of.path),
            evidence,
            story: Some(story(name, column, reliance.decides)),
            fixes: fix::fixes(db, of, &unit, ordinal),
        });
    }
}

/// The first write from an old value of the row, or decision about one, that is committed afterwards.
fn reliance(db: &dyn Db, of: FunctionRef, unit: &Unit, row: u32) -> Option<Reliance> {
    unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Write { row: written, column, .. } if written.id == row => {
            let dependence = dependence(db, of, unit, ordinal)?;
            if rows::is_protected(db, of, unit, ordinal, written) {
                return None;
            }
            rows::durable(db, of, unit, ordinal, written)?;
            Some(match dependence {
                Dependence::OwnValue(_) => Reliance { at: ordinal, column: *column, decides: false },
                Dependence::State(read) | Dependence::Checked(read) => {
                    Reliance { at: read, column: *column, decides: true }
                }
                // The query that locks it may ask for the state again.
                Dependence::Sought(_) => return None,
            })
        }
        // Another row is made or deleted because of what this one holds.
        EventKind::Add { row: Some(other), .. } | EventKind::Delete { row: Some(other), .. } if other.id != row => {
            let decisive = unit.ancestors(event.frame).find_map(|(_, frame)| match &frame.kind {
                FrameKind::Branch { conditions, .. } => conditions.iter().find_map(|condition| state(condition, row)),
                _ => None,
            })?;
            rows::durable(db, of, unit, ordinal, other)?;
            Some(decisive)
        }
        _ => None,
    })
}

/// What a condition on a column of the row relies on.
fn state(condition: &Condition, row: u32) -> Option<Reliance> {
    match condition.subject {
        Subject::Field { row: tested, column }
            if tested == row && matches!(condition.test, Test::EqualsConstant | Test::Order) =>
        {
            Some(Reliance { at: condition.at, column, decides: true })
        }
        _ => None,
    }
}

fn story(model: &str, column: Name, decides: bool) -> Story {
    let (use_a, use_b, outcome) = if decides {
        (
            format!("`{column}` is still *v*: goes on, changes it, commits"),
            format!("gets the lock; its session keeps `{column}` = *v*, and goes on too"),
            "What was to happen once has happened twice, although both took the lock.".to_owned(),
        )
    } else {
        (
            format!("writes a `{column}` made from *v*, commits"),
            format!("gets the lock; its session keeps `{column}` = *v*, and writes what it makes of that"),
            "The change of request A is lost, although both took the lock.".to_owned(),
        )
    };
    Story {
        actors: vec!["Request A".to_owned(), "Request B".to_owned()],
        steps: vec![
            (0, format!("loads `{model}`: `{column}` = *v*")),
            (1, format!("loads `{model}`: `{column}` = *v*")),
            (0, format!("selects `{model}` again `FOR UPDATE`")),
            (1, format!("selects `{model}` again `FOR UPDATE`: waits")),
            (0, use_a),
            (1, use_b),
        ],
        outcome,
    }
}
