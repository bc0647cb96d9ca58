//! AUD203: an empty column leads to creating something elsewhere, without a lock.

use auditline_model::unit::{EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{Db, FunctionRef};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::rows;
use super::written::{Written, written};

/// AUD203.
pub const HAZARD: Hazard = Hazard {
    code: "AUD203",
    name: "check-then-external-call",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "An empty column leads to creating something in another system, without a lock on the row",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut reported: Vec<u32> = Vec::new();
    for event in &unit.events {
        let Some(Written { row, column, from, .. }) = written(&event.kind) else { continue };
        let Some(call) = from.external else { continue };
        if reported.contains(&call)
            || !matches!(
                unit.events.get(call as usize).map(|event| &event.kind),
                Some(EventKind::External { creates: true, .. })
            )
        {
            continue;
        }
        let Some(tested) = tested_empty(&unit, call, row.id, column) else { continue };
        if !rows::is_unlocked(db, of, row) || rows::is_protected(db, of, &unit, call, row) {
            continue;
        }
        reported.push(call);
        let Some(EventKind::External { path, .. }) = unit.events.get(call as usize).map(|event| &event.kind) else {
            continue;
        };
        let model = rows::row_name(row);
        let called = path.as_str();
        let mut evidence = Vec::new();
        evidence.extend(rows::load_evidence(db, of, &unit, row));
        if let Some(test) = unit.events.get(tested as usize) {
            evidence.push(Evidence {
                place: Place::InFunction(of, test.range),
                message: format!("`{column}` is found empty here"),
            });
        }
        evidence.push(Evidence {
            place: Place::InFunction(of, event.statement),
            message: "what was made is stored here".to_owned(),
        });
        let place = unit.events.get(call as usize).map_or(event.range, |call| call.range);
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Warning,
            message: format!(
                "`{called}` runs when `{model}.{column}` is empty, but the row is not locked: two requests create two, and one is lost"
            ),
            place: Place::InFunction(of, place),
            symbol: symbol(of.path),
            evidence,
            story: Some(Story {
                actors: vec!["Request A".to_owned(), "Request B".to_owned()],
                steps: vec![
                    (0, format!("finds `{model}.{column}` empty")),
                    (1, format!("finds `{model}.{column}` empty as well")),
                    (0, format!("calls `{called}`, stores the first id, commits")),
                    (1, format!("calls `{called}`, stores the second id, commits")),
                ],
                outcome: "Two exist in the other system, and nothing knows the first one any more.".to_owned(),
            }),
            fixes: super::unlocked_read_modify_write::lock_fixes(db, of, &unit, row),
        });
    }
}

/// The test that found the column empty, if it decides whether the event happens.
fn tested_empty(unit: &Unit, event: u32, row: u32, column: auditline_syntax::Name) -> Option<u32> {
    let event = unit.events.get(event as usize)?;
    unit.ancestors(event.frame).find_map(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions.iter().find_map(|condition| {
            let same = matches!(&condition.subject, Subject::Field { row: tested, column: name }
                if *tested == row && *name == column);
            (same && condition.test == Test::Present && !condition.holds).then_some(condition.at)
        }),
        _ => None,
    })
}
