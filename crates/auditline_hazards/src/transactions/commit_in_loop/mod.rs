//! AUD105: a commit for each item of what one request asked for.

use auditline_model::eval::value::{QueryKind, RowOrigin, RowValue, SessionValue};
use auditline_model::unit::{
    Condition, EventKind, Frame, FrameId, FrameKind, SessionAction, Unit, Use, same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};
use crate::races::served;

/// AUD105.
pub const HAZARD: Hazard = Hazard {
    code: "AUD105",
    name: "commit-in-loop",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "A request commits item by item what it was asked to do as a whole",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut loops: Vec<FrameId> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Session { session, action: SessionAction::Commit, by, maybe: false } = &event.kind else {
            continue;
        };
        let Some((id, looped)) = loop_of(&unit, event.frame) else { continue };
        if loops.contains(&id) {
            continue;
        }
        let Some(write) = item_write(&unit, ordinal, session, id, looped) else { continue };
        let Some(endpoint) = entry::request(db, of) else { continue };
        loops.push(id);
        let name = classes::simple(of.path);
        let what = match by {
            Some(callee) => format!("`{}`, which `{name}` calls for each item, commits", classes::simple(callee.path)),
            None => format!("`{name}` commits once for each item"),
        };
        let mut evidence = Vec::new();
        if let Some(write) = unit.events.get(write as usize) {
            evidence.push(Evidence {
                place: Place::InFunction(of, write.range),
                message: "each item is written here, and saved before the next one is tried".to_owned(),
            });
        }
        if endpoint != of {
            evidence.push(Evidence {
                place: Place::Function(endpoint),
                message: format!("the request that `{}` answers reaches it", classes::simple(endpoint.path)),
            });
        }
        let guard = served::administrators_only(db, of, event.range).map(|place| Evidence {
            place,
            message: "only administrators get past this: who sees it fail can look what is left".to_owned(),
        });
        let is_looked_after = guard.is_some();
        evidence.extend(guard);
        let mut fixes = Vec::new();
        if by.is_none() && event.frame == id {
            let call = event.range;
            let flush = needs_flush(&unit, ordinal, session, looped);
            fixes.push(Fix::new("Commit once behind the loop", Safety::Unsafe, move |db| {
                edit::in_function(db, of, |scope| edit::move_behind_loop(scope, call, flush.then_some("flush")))
            }));
        }
        findings.push(Finding {
            hazard: &HAZARD,
            // A helper's commit in a loop is often one of things that stand for themselves, and where asking again does what is
            // left, nothing is lost.
            severity: if by.is_some() || is_looked_after || is_repeatable(&unit, session, id, looped) {
                Severity::Information
            } else {
                Severity::Warning
            },
            message: format!("{what}: when one fails, those before it stay saved, and the request reports a failure"),
            place: Place::InFunction(of, event.range),
            symbol: symbol(of.path),
            evidence,
            story: None,
            fixes,
        });
    }
}

/// The loop over items in whose body a frame stands, without a `try` between that looks after a failed item.
fn loop_of(unit: &Unit, frame: FrameId) -> Option<(FrameId, &Frame)> {
    for (id, frame) in unit.ancestors(frame) {
        match &frame.kind {
            FrameKind::Loop { over_items, .. } => return over_items.then_some((id, frame)),
            FrameKind::Try(_)
            | FrameKind::Handler(..)
            | FrameKind::Else(_)
            | FrameKind::Finally(_)
            | FrameKind::WithSession(_)
            | FrameKind::WithTransaction(..)
            | FrameKind::WithSuppress
            | FrameKind::WithLock
            | FrameKind::Handed
            | FrameKind::WithApart
            | FrameKind::With => return None,
            FrameKind::Branch { .. } | FrameKind::Function => {}
        }
    }
    None
}

/// The write of one item that the commit saves.
fn item_write(unit: &Unit, commit: u32, session: &SessionValue, id: FrameId, looped: &Frame) -> Option<u32> {
    let event = unit.events.get(commit as usize)?;
    // An endless loop around it is a worker's; what reaches out saves what it has done; a session of its own, an exit from the
    // loop and a rollback are signs that the items stand for themselves.
    let apart =
        unit.ancestors(id).skip(1).any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { over_items: false, .. }))
            || (looped.first..looped.end).any(|ordinal| {
                unit.events.get(ordinal as usize).is_some_and(|event| match &event.kind {
                    EventKind::External { .. } | EventKind::Yield(_) | EventKind::ExternalLock(_) => true,
                    EventKind::Open(opened) => same_session(opened, session),
                    EventKind::Session {
                        session: own, action: SessionAction::Rollback | SessionAction::Close, ..
                    } => same_session(own, session),
                    // A commit whose branch leaves the loop happens once.
                    EventKind::Return(_) => {
                        unit.leads_to(event.frame, event.frame) && event.frame == unit.events[commit as usize].frame
                    }
                    _ => false,
                })
            });
    if apart {
        return None;
    }
    // Under a condition of its own the commit may close a batch.
    let home = unit
        .ancestors(event.frame)
        .take_while(|(frame, _)| *frame != id)
        .find(|(_, frame)| matches!(frame.kind, FrameKind::Branch { rest: false, .. }))
        .map(|(frame, _)| frame);
    let scope = home.map_or((looped.first, looped.end), |home| {
        unit.frames.get(home.0 as usize).map_or((0, 0), |frame| (frame.first, frame.end))
    });
    let exits = home
        .and_then(|home| unit.frames.get(home.0 as usize))
        .is_some_and(|frame| matches!(frame.kind, FrameKind::Branch { exits: true, .. }));
    if exits {
        return None;
    }
    let callee = matches!(event.kind, EventKind::Session { by: Some(_), .. });
    let mut found = None;
    for ordinal in scope.0..scope.1 {
        let Some(other) = unit.events.get(ordinal as usize) else { continue };
        let nested = unit.in_loop_within(other.frame, id);
        let writes = match &other.kind {
            EventKind::Add { session: own, .. } | EventKind::Delete { session: own, .. } => same_session(own, session),
            EventKind::Write { row, .. } => row.session.as_ref().is_some_and(|own| same_session(own, session)),
            EventKind::Execute(query) => {
                // A bulk statement for each item is how batches are worked off.
                if query.session.as_ref().is_some_and(|own| same_session(own, session)) {
                    return None;
                }
                false
            }
            _ => false,
        };
        if writes && nested {
            // The item is a batch.
            return None;
        }
        if writes && found.is_none() && (!callee || other.range == event.range || ordinal < commit) {
            found = Some(ordinal);
        }
    }
    found
}

/// Whether the same request again does what is left, and changes nothing that was done: rows get constants, or are made where
/// a lookup in the loop found none.
fn is_repeatable(unit: &Unit, session: &SessionValue, id: FrameId, looped: &Frame) -> bool {
    let is_looked_up = |row: &RowValue| {
        let made = unit.events.get(row.id as usize);
        row.model.is_some()
            && made.is_some_and(|made| {
                unit.ancestors(made.frame).take_while(|(frame, _)| *frame != id).any(|(_, frame)| {
                    let FrameKind::Branch { conditions, .. } = &frame.kind else { return false };
                    conditions.iter().filter_map(Condition::missed_row).any(|found| {
                        (looped.first..looped.end).contains(&found)
                            && matches!(unit.events.get(found as usize).map(|event| &event.kind),
                                Some(EventKind::Load { query, .. }) if query.model == row.model)
                    })
                })
            })
    };
    (looped.first..looped.end).filter_map(|ordinal| unit.events.get(ordinal as usize)).all(|event| match &event.kind {
        EventKind::Write { row, constant, .. } => match row.origin {
            RowOrigin::Created => is_looked_up(row),
            _ => constant.is_some(),
        },
        EventKind::Create(row) => is_looked_up(row),
        EventKind::Add { row: Some(row), .. } => row.origin != RowOrigin::Created || is_looked_up(row),
        EventKind::Add { .. } | EventKind::Overwrite { .. } | EventKind::SetEach { .. } | EventKind::Updates { .. } => {
            false
        }
        EventKind::Delete { session: own, .. } => !same_session(own, session),
        EventKind::Execute(query) => query.kind == QueryKind::Select,
        _ => true,
    })
}

/// Whether what follows in the loop needs what the commit sent: keys, a refresh, a query.
fn needs_flush(unit: &Unit, commit: u32, session: &SessionValue, looped: &Frame) -> bool {
    (commit + 1..looped.end).any(|ordinal| {
        unit.use_of(ordinal, session) == Some(Use::Statement)
            || matches!(
                unit.events.get(ordinal as usize).map(|event| &event.kind),
                Some(EventKind::Read { .. } | EventKind::Call { .. })
            )
    })
}
