//! AUD214: a lock that locks nothing of what it was to protect.

use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::{Db, FunctionRef, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::rows;

mod autocommit;
mod creation;
mod late;
mod related;
mod unused;

/// AUD214.
pub const HAZARD: Hazard = Hazard {
    code: "AUD214",
    name: "ineffective-lock",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A row lock is asked for in a way that locks nothing of what it was to protect",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// A lock that does not do what it was taken for.
struct Futile {
    /// The ordinal of the event at which the finding stands.
    at: u32,
    severity: Severity,
    message: String,
    evidence: Vec<Evidence>,
    steps: Vec<(usize, String)>,
    outcome: String,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut found = Vec::new();
    unused::find(db, of, &unit, &mut found);
    creation::find(db, of, &unit, &mut found);
    late::find(db, of, &unit, &mut found);
    autocommit::find(db, of, &unit, &mut found);
    related::find(db, of, &unit, &mut found);
    if found.is_empty() || entry::is_command(db, of) {
        return;
    }
    for futile in found {
        let Some(event) = unit.events.get(futile.at as usize) else { continue };
        findings.push(Finding {
            hazard: &HAZARD,
            severity: futile.severity,
            message: futile.message,
            place: Place::InFunction(of, event.range),
            symbol: symbol(of.path),
            evidence: futile.evidence,
            story: Some(Story {
                actors: vec!["Request A".to_owned(), "Request B".to_owned()],
                steps: futile.steps,
                outcome: futile.outcome,
            }),
            fixes: Vec::new(),
        });
    }
}

/// The evidence at an event of the function.
fn evidence(of: FunctionRef, unit: &Unit, ordinal: u32, message: impl Into<String>) -> Option<Evidence> {
    let event = unit.events.get(ordinal as usize)?;
    Some(Evidence { place: Place::InFunction(of, event.range), message: message.into() })
}

/// The first write of a row that satisfies a condition, behind an event.
fn write_behind(
    unit: &Unit,
    at: u32,
    is_it: impl Fn(&auditline_model::eval::value::RowValue) -> bool,
) -> Option<(u32, auditline_syntax::Name)> {
    unit.numbered().skip(at as usize).find_map(|(ordinal, event)| match &event.kind {
        EventKind::Write { row, column, .. } if is_it(row) && unit.can_follow(at, ordinal) => Some((ordinal, *column)),
        _ => None,
    })
}
