//! AUD309: an expired row is read when its session is closed.

use auditline_model::unit::{Closing, Expired, Expiry, How, Unit, unit_of};
use auditline_model::{Db, FunctionRef, classes};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::reload::{Told, evidence, fixes, is_answer, reader, reads, told};

/// AUD309.
pub const HAZARD: Hazard = Hazard {
    code: "AUD309",
    name: "detached-after-scope",
    family: Family::Sessions,
    severity: Severity::Error,
    summary: "A row is read when the scope that loaded it has expired it and closed its session",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    let found = reads(db, of);
    if found.is_empty() {
        return;
    }
    let unit = unit_of(db, of);
    for read in found {
        if let Some(closing) = read.closed {
            findings.extend(finding(db, of, &unit, &read, closing));
        }
    }
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, read: &Expired, closing: Closing) -> Option<Finding> {
    let told = told(db, of, unit, read)?;
    let Told { row, .. } = told;
    let by = match read.expiry {
        Expiry::Commit(_) | Expiry::Scope(_) => "committed",
        Expiry::Rollback(_) => "rolled back",
        Expiry::Handed(_, handed) => match handed.how {
            How::Commit | How::Scope => "committed",
            How::Rollback => "rolled back",
        },
    };
    let whose = match read.expiry {
        Expiry::Handed(_, handed) => format!("`{}` has {by} and closed its session", classes::simple(handed.by.path)),
        _ => format!("its session was {by} and closed"),
    };
    let reader = reader(read);
    let there = reader.as_ref().map_or("", |(there, _)| there.as_str());
    let message = match read.column {
        Some(column) => format!("`{row}.{column}` is read{there} when {whose}: that raises `DetachedInstanceError`"),
        None if !is_answer(unit, read) => {
            format!("a Pydantic model is made of `{row}` when {whose}: reading it raises `DetachedInstanceError`")
        }
        None => format!(
            "`{row}` is the answer when {whose}: FastAPI finds no attributes in it, or fails with `DetachedInstanceError`"
        ),
    };
    let closes = match closing {
        Closing::Event(at) => Some((at, "the session is closed here")),
        Closing::Scope(at) => Some((at, "leaving this scope closes the session")),
        Closing::Handed => None,
    };
    let mut proof: Vec<Evidence> = evidence(of, unit, told, read.expiry).into_iter().collect();
    if let Some((at, message)) = closes
        && let Some(event) = unit.events.get(at as usize)
    {
        proof.push(Evidence { place: Place::InFunction(of, event.range), message: message.to_owned() });
    }
    proof.extend(reader.map(|(_, reads)| reads));
    Some(Finding {
        hazard: &HAZARD,
        severity: HAZARD.severity,
        message,
        place: Place::InFunction(of, told.range),
        symbol: symbol(of.path),
        evidence: proof,
        story: Some(Story {
            actors: vec![format!("`{}`", classes::simple(of.path))],
            steps: vec![
                (0, format!("has `{row}`, which its session expires when it is {by}")),
                (0, "the session is closed: nothing can load the row any more".to_owned()),
                (0, format!("reads `{row}`: the values are gone, and there is no session to ask")),
            ],
            outcome: "The call fails with `DetachedInstanceError`, every time.".to_owned(),
        }),
        fixes: fixes(of, unit, read, told),
    })
}
