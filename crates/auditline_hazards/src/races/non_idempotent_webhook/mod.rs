//! AUD205: a webhook changes something, and never asks whether it has seen the event before.

use auditline_model::entry::{knows_delivery, takes_delivery, webhook};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::rows;

mod repeated;

use repeated::{Effect, repeated_effect};

/// AUD205.
pub const HAZARD: Hazard = Hazard {
    code: "AUD205",
    name: "non-idempotent-webhook",
    family: Family::Races,
    severity: Severity::Information,
    summary: "A webhook changes something and never looks at the event's id: a repeated delivery is done again",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) || !entry::is_endpoint(db, of) || webhook(db, of) != Some(of) {
        return;
    }
    if !takes_delivery(db, of) || knows_delivery(db, of) {
        return;
    }
    let Some(repeated) = repeated_effect(db, of) else { return };
    let name = classes::simple(of.path);
    let model = repeated.model.map_or("the database", |class| classes::simple(class.path));
    let (does, again) = match repeated.effect {
        Effect::Adds => (format!("adds a `{model}`"), "adds a second one".to_owned()),
        Effect::Computes(column) => {
            (format!("changes `{model}.{column}` from its old value"), format!("changes `{model}.{column}` once more"))
        }
        Effect::Sets(column) => {
            (format!("sets `{model}.{column}`"), format!("sets `{model}.{column}` back to what it was then"))
        }
        Effect::Executes => (format!("writes to {model}"), "writes it once more".to_owned()),
    };
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message: format!(
            "The webhook `{name}` {does} and never looks at the event's id: a delivery that comes again is done again"
        ),
        place: Place::Function(of),
        symbol: symbol(of.path),
        evidence: vec![Evidence {
            place: Place::Event(repeated.by, repeated.at),
            message: if repeated.by == of {
                "it does so here".to_owned()
            } else {
                format!("`{}` does so, called by it", classes::simple(repeated.by.path))
            },
        }],
        story: Some(Story {
            actors: vec!["Delivery".to_owned(), "The same, again".to_owned()],
            steps: vec![
                (0, format!("{does}, commits")),
                (0, "the answer is lost, or comes too late for the provider".to_owned()),
                (1, again),
            ],
            outcome: "Providers deliver at least once: what one event was to do is done as often as it comes."
                .to_owned(),
        }),
        fixes: Vec::new(),
    });
}
