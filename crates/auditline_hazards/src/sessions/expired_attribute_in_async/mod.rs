//! AUD307: an attribute of an expired row is read in a coroutine.

use auditline_model::unit::{Expired, Expiry, FrameId, FrameKind, How, Unit, is_coroutine, unit_of};
use auditline_model::{Db, FunctionRef, classes};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Finding, Place, Severity, Story, symbol};
use crate::transactions::failing;

use super::reload::{Told, evidence, fixes, is_answer, reader, reads, told};

/// AUD307.
pub const HAZARD: Hazard = Hazard {
    code: "AUD307",
    name: "expired-attribute-in-async",
    family: Family::Sessions,
    severity: Severity::Warning,
    summary: "An attribute of a row is read when a commit or rollback of its AsyncSession has expired it",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if !is_coroutine(db, of) {
        return;
    }
    let found = reads(db, of);
    if found.is_empty() {
        return;
    }
    let unit = unit_of(db, of);
    for read in found {
        let is_async = match read.expiry {
            Expiry::Handed(_, handed) => handed.is_async,
            _ => read.session.as_ref().is_some_and(|session| session.is_async == Some(true)),
        };
        if read.closed.is_none() && is_async {
            findings.extend(finding(db, of, &unit, &read));
        }
    }
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, read: &Expired) -> Option<Finding> {
    let told = told(db, of, unit, read)?;
    let Told { row, .. } = told;
    let by = match read.expiry {
        Expiry::Commit(_) => "a commit",
        Expiry::Rollback(_) => "a rollback",
        Expiry::Scope(_) => "leaving its transaction",
        Expiry::Handed(_, handed) => match handed.how {
            How::Commit | How::Scope => "a commit",
            How::Rollback => "a rollback",
        },
    };
    let expired_by = match read.expiry {
        Expiry::Handed(_, handed) => format!("{by} in `{}`", classes::simple(handed.by.path)),
        _ if read.next_round => format!("{by} in the round before"),
        _ => by.to_owned(),
    };
    let reader = reader(read);
    let there = reader.as_ref().map_or("", |(there, _)| there.as_str());
    let message = match read.column {
        Some(column) => format!(
            "`{row}.{column}` is read{there} when {expired_by} has expired `{row}`: an `AsyncSession` cannot load it there, and raises \
             `MissingGreenlet`"
        ),
        None if !is_answer(unit, read) => format!(
            "a Pydantic model is made of `{row}` when {expired_by} has expired it: reading it raises `MissingGreenlet`"
        ),
        None => format!(
            "`{row}` is the answer when {expired_by} has expired it: FastAPI finds no attributes in it, or fails with \
             `MissingGreenlet`"
        ),
    };
    let reads = match read.column {
        Some(column) => {
            format!("reads `{row}.{column}`: SQLAlchemy wants to load the row, and there is no `await` to do it in")
        }
        None if !is_answer(unit, read) => {
            format!(
                "makes a Pydantic model of `{row}`: each attribute is read, and there is no `await` to load them in"
            )
        }
        None => format!("returns `{row}`: FastAPI reads its attributes, and there is no `await` to load them in"),
    };
    Some(Finding {
        hazard: &HAZARD,
        severity: if is_unlikely(db, of, unit, read.expiry) { Severity::Information } else { HAZARD.severity },
        message,
        place: Place::InFunction(of, told.range),
        symbol: symbol(of.path),
        evidence: evidence(of, unit, told, read.expiry).into_iter().chain(reader.map(|(_, reads)| reads)).collect(),
        story: Some(Story {
            actors: vec!["The request".to_owned()],
            steps: vec![
                (0, format!("has `{row}` with its values")),
                (0, format!("goes through {expired_by}: the values of `{row}` are forgotten")),
                (0, reads),
            ],
            outcome: "The request fails with `MissingGreenlet` behind what it has done, and is done again.".to_owned(),
        }),
        fixes: fixes(of, unit, read, told),
    })
}

/// Whether it takes a lost connection to get there: the rollback stands in a handler, and nothing else makes what it guards fail.
fn is_unlikely(db: &dyn Db, of: FunctionRef, unit: &Unit, expiry: Expiry) -> bool {
    let Expiry::Rollback(rollback) = expiry else { return false };
    let Some(event) = unit.events.get(rollback as usize) else { return false };
    let guarded = unit.ancestors(event.frame).find_map(|(_, frame)| match frame.kind {
        FrameKind::Handler(guarded, index) => Some((guarded, index)),
        _ => None,
    });
    let Some((guarded, index)) = guarded else { return false };
    let handler = unit.tries.get(guarded.0 as usize).and_then(|info| info.handlers.get(index as usize));
    // What is caught by that name is not the connection.
    if handler.is_some_and(|handler| handler.catches.iter().any(|caught| *caught == "IntegrityError")) {
        return false;
    }
    let ids = (0u32..).map(FrameId);
    let body = unit.frames.iter().zip(ids).find(|(frame, _)| matches!(frame.kind, FrameKind::Try(id) if id == guarded));
    body.is_some_and(|(_, body)| !failing::may_fail(db, of, unit, unit.events_in(body).map(|(ordinal, _)| ordinal)))
}
