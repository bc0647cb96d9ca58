//! AUD204: a webhook handler changes a row that it loaded without a lock.

use std::sync::Arc;

use auditline_model::eval::value::{RowOrigin, RowValue};
use auditline_model::unit::{FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, listed, symbol};

use super::dependence::{Dependence, dependence, has_other_effects};
use super::rows;
use super::written::{Written, written};
use super::{alike, isolation};

mod clock;

/// AUD204.
pub const HAZARD: Hazard = Hazard {
    code: "AUD204",
    name: "webhook-state-race",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A webhook handler changes a row that it loaded without a lock",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

struct Changed {
    row: Arc<RowValue>,
    write: u32,
    columns: Vec<Name>,
    /// Whether it is the same for every column whichever of two deliveries comes last.
    is_harmless: bool,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut changed: Vec<Changed> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let Some(Written { row, column, in_sql: false, .. }) = written(&event.kind) else { continue };
        // Who hands a row in hears of it.
        if matches!(row.origin, RowOrigin::Param(_))
            || matches!(dependence(db, of, &unit, ordinal), Some(Dependence::OwnValue(_)))
            || is_settled(db, &unit, ordinal, row.id)
            || !rows::is_unlocked(db, of, row)
            || rows::is_protected(db, of, &unit, ordinal, row)
        {
            continue;
        }
        let is_harmless = is_harmless(db, of, &unit, ordinal);
        if let Some(known) = changed.iter_mut().find(|known| known.row.id == row.id) {
            known.is_harmless &= is_harmless;
            if !known.columns.contains(&column) {
                known.columns.push(column);
            }
            continue;
        }
        if rows::durable(db, of, &unit, ordinal, row).is_none() {
            continue;
        }
        changed.push(Changed { row: Arc::clone(row), write: ordinal, columns: vec![column], is_harmless });
    }
    if changed.is_empty() {
        return;
    }
    let Some(handler) = entry::webhook(db, of) else { return };
    for change in changed {
        if isolation::is_strict(db, of, change.row.session.as_deref()) {
            continue;
        }
        let Some(event) = unit.events.get(change.write as usize) else { continue };
        let model = rows::row_name(&change.row);
        let listed = listed(&change.columns);
        let mut evidence = Vec::new();
        evidence.extend(rows::load_evidence(db, of, &unit, &change.row));
        if handler != of {
            evidence.push(Evidence {
                place: Place::Function(handler),
                message: format!("the webhook handler `{}` calls this", classes::simple(handler.path)),
            });
        }
        for (other, place) in super::writers::others(db, of, change.row.model, change.columns[0]) {
            evidence.push(Evidence { place, message: format!("`{other}` writes `{model}.{}` too", change.columns[0]) });
        }
        let column = change.columns[0];
        findings.push(Finding {
            hazard: &HAZARD,
            severity: if change.is_harmless { Severity::Information } else { Severity::Warning },
            message: format!(
                "`{model}` is loaded without a lock in a webhook that changes {listed}: deliveries come twice, at once and out of order"
            ),
            place: Place::InFunction(of, event.statement),
            symbol: symbol(of.path),
            evidence,
            story: Some(Story {
                actors: vec!["Delivery A".to_owned(), "Delivery B".to_owned()],
                steps: vec![
                    (0, format!("loads `{model}`")),
                    (1, format!("loads the same `{model}`")),
                    (1, format!("sets `{column}` for the newer event, commits")),
                    (0, format!("sets `{column}` for the older event, commits")),
                ],
                outcome: format!("`{model}` ends in the older state, and nothing tells."),
            }),
            fixes: super::unlocked_read_modify_write::lock_fixes(db, of, &unit, &change.row),
        });
    }
}

/// Whether a column holds the same whichever of two deliveries writes it last: the one state that all deliveries lead to, or the
/// time at which one came.
fn is_harmless(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> bool {
    let event = unit.events.get(write as usize);
    let Some(own) = event.and_then(|event| written(&event.kind)) else { return false };
    own.row.model.is_some_and(|class| clock::only_tells_when(db, of, unit, class, own.column))
        || alike::only_sets_the_same(db, of, unit, write)
}

/// Whether a write happens only on the way into a state that the handler does not touch again (`if log.status == "failed":
/// return`), and nothing else comes of it: a second delivery at once writes the same.
fn is_settled(db: &dyn Db, unit: &Unit, write: u32, row: u32) -> bool {
    let Some(event) = unit.events.get(write as usize) else { return false };
    let into = unit.ancestors(event.frame).find_map(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions.iter().find_map(|condition| match condition.subject {
            Subject::Field { row: tested, column } if tested == row => {
                let left = !condition.holds && condition.test == Test::EqualsConstant;
                condition.constant.filter(|_| left).map(|state| (column, state))
            }
            _ => None,
        }),
        _ => None,
    });
    let Some((state_column, state)) = into else { return false };
    let enters = unit.events.iter().any(|event| {
        written(&event.kind).is_some_and(|written| {
            written.row.id == row && written.column == state_column && written.constant == Some(state)
        })
    });
    enters && !has_other_effects(db, unit, row, write, None)
}
