//! AUD102: a database error is caught, nobody rolls back, and the session is used again.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, SessionValue};
use auditline_model::owner::heals;
use auditline_model::unit::{
    Breadth, EventKind, FrameId, FrameKind, HandlerInfo, SessionAction, TryId, Unit, aftermath_of_call, captured_write,
    refused_behind, same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes};
use auditline_syntax::TextRange;

use crate::catalogue::{Check, Family, Hazard};
use crate::databases::Database;
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

mod again;
mod fix;

use super::refusable::{self, Cause, Refusal};
use again::{Reach, used_again};

/// AUD102.
pub const HAZARD: Hazard = Hazard {
    code: "AUD102",
    name: "swallowed-db-error",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "A database error is caught without a rollback, and the same session is used again",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    for (frame, info) in unit.frames.iter().zip(0u32..).filter_map(|(frame, id)| match frame.kind {
        FrameKind::Try(of) => Some((Guarded { id: of, frame: FrameId(id) }, unit.tries.get(of.0 as usize)?)),
        _ => None,
    }) {
        // The first handler that catches what a failed statement raises is the one that runs.
        for handler in &info.handlers {
            if handler.breadth == Breadth::Narrow {
                continue;
            }
            if let Some(finding) = swallowed(db, of, &unit, frame, handler) {
                findings.push(finding);
            }
            if handler.breadth >= Breadth::AllDatabase {
                break;
            }
        }
    }
}

/// The guarded block of a `try`.
#[derive(Debug, Clone, Copy)]
struct Guarded {
    id: TryId,
    frame: FrameId,
}

fn swallowed(db: &dyn Db, of: FunctionRef, unit: &Unit, guarded: Guarded, handler: &HandlerInfo) -> Option<Finding> {
    let finally = unit.tries.get(guarded.id.0 as usize)?.finally;
    let is_looked_after = |session: &SessionValue| {
        unit.ends_in(handler.frame, session)
            || finally.is_some_and(|finally| unit.ends_in(finally, session))
            || opened_in(unit, guarded.frame, session)
    };
    let failing: Vec<(u32, Failure, Way)> = unit
        .events_in(guarded.frame)
        .filter_map(|(ordinal, _)| {
            let failure = failure(db, of, unit, ordinal)?;
            let way = way(db, unit, ordinal, &failure.session, guarded, handler)?;
            Some((ordinal, failure, way))
        })
        .collect();
    if failing.iter().all(|(_, failure, _)| is_looked_after(&failure.session)) {
        return None;
    }
    // What comes to the handler by itself tells more than what a callee has swallowed; what data can refuse, more than what only
    // fails with the connection.
    let ranked = failing.into_iter().map(|(at, failure, way)| (refusable::refused(db, of, at), at, failure, way));
    let (refusal, failing, failure, way) =
        ranked.min_by_key(|(refusal, _, _, way)| (!matches!(way, Way::Direct), std::cmp::Reverse(refusal.rank())))?;
    // What only catches a refusal does not see the connection fail.
    let only_refusals = !handler.catches.is_empty() && handler.catches.iter().all(|caught| *caught == "IntegrityError");
    // Who catches it knows that two may come at once.
    let is_expected = matches!(refusal, Refusal::Unseen | Refusal::Unknown | Refusal::For(Cause::Raced(..)));
    let is_refusable = refusal.is_for_data() || only_refusals && is_expected;
    let session = failure.session;
    if is_looked_after(&session) {
        return None;
    }
    let again = used_again(db, of, unit, guarded, handler, &session)?;
    let name = classes::simple(of.path);
    let event = unit.events.get(failing as usize)?;
    let what = failure.what;
    let caught = handler.catches.first().map_or_else(|| "everything".to_owned(), |caught| format!("`{caught}`"));
    let message = match way {
        Way::Direct => {
            format!("`{name}` catches {caught} of this {what} and goes on without a rollback: {}", again.consequence)
        }
        Way::Refused { callee, .. } => format!(
            "`{name}` catches {caught} of a session that a failed {what} in `{}` has left broken, and goes on without a rollback: \
             {}",
            classes::simple(callee.path),
            again.consequence
        ),
    };
    let reason = match &refusal {
        Refusal::For(cause) => format!(": {}", cause.sentence()),
        Refusal::No => ": only a lost connection is seen that refuses it".to_owned(),
        Refusal::Unseen | Refusal::Unknown => String::new(),
    };
    let mut evidence =
        vec![Evidence { place: Place::InFunction(of, event.range), message: format!("this {what} may fail{reason}") }];
    if let Some((inner, range)) = failure.inside {
        let message = format!("`{}` sends the {what} here", classes::simple(inner.path));
        evidence.push(Evidence { place: Place::InFunction(inner, range), message });
    }
    if let Way::Refused { callee, at } = way {
        let swallowed = format!("`{}` catches the error, and rolls nothing back", classes::simple(callee.path));
        evidence.push(Evidence { place: Place::Function(callee), message: swallowed });
        let refused = unit.events.get(at as usize)?;
        let message = "this then fails, and its error comes to the handler".to_owned();
        evidence.push(Evidence { place: Place::InFunction(of, refused.range), message });
    }
    evidence.push(again.evidence);
    let severity = match again.reach {
        Reach::Rounds | Reach::Once | Reach::Handler if is_refusable => Severity::Warning,
        Reach::Rounds | Reach::Once | Reach::Handler | Reach::Answered => Severity::Information,
    };
    Some(Finding {
        hazard: &HAZARD,
        severity,
        message,
        place: Place::InFunction(of, handler.head),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: fix::fix(db, of, unit, failing, &session, handler).into_iter().collect(),
    })
}

/// What breaks a session when it fails.
struct Failure {
    session: Arc<SessionValue>,
    what: &'static str,
    /// Where a function inside of this one does it.
    inside: Option<(FunctionRef, TextRange)>,
}

/// How a failure comes to a handler.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Its error does.
    Direct,
    /// A callee swallows the error and leaves the session broken; what the session refuses then fails, at that event.
    Refused { callee: FunctionRef, at: u32 },
}

/// What fails in an event: a write. A read that fails is a mistake in the query. Where the class of the session rolls it back,
/// nothing is broken. SQLite takes back the statement alone, and the session only knows of what a flush has sent.
fn failure(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> Option<Failure> {
    let ended = |session: &Arc<SessionValue>, action: SessionAction, inside| {
        let what = match action {
            SessionAction::Commit => "commit",
            SessionAction::Flush => "flush",
            _ => return None,
        };
        (!heals(db, of, session, action)).then(|| Failure { session: Arc::clone(session), what, inside })
    };
    match &unit.events.get(at as usize)?.kind {
        EventKind::Session { session, action, .. } => ended(session, *action, None),
        EventKind::Execute(query)
            if matches!(query.kind, QueryKind::Insert | QueryKind::Update | QueryKind::Delete | QueryKind::Text) =>
        {
            let session = Arc::clone(query.session.as_ref()?);
            let is_taken_back = refusable::sends_nothing_else(unit, at, &session) && Database::Sqlite.is_alone(db);
            (!is_taken_back).then_some(Failure { session, what: "statement", inside: None })
        }
        EventKind::Call { callee, .. } => {
            let write = captured_write(db, unit, *callee)?;
            ended(&write.session, write.action, Some((*callee, write.range)))
        }
        _ => None,
    }
}

/// How a failure of the event comes to the handler with the session still broken, if it does.
fn way(
    db: &dyn Db,
    unit: &Unit,
    ordinal: u32,
    session: &SessionValue,
    guarded: Guarded,
    handler: &HandlerInfo,
) -> Option<Way> {
    let event = unit.events.get(ordinal as usize)?;
    // What a broad handler around a call is there for is seldom what the callee only does at times.
    if handler.breadth >= Breadth::Exception
        && matches!(event.kind, EventKind::Session { by: Some(_), maybe: true, .. })
    {
        return None;
    }
    // A callee that rolls back looks after its own failure.
    let by_callee = |kind: &EventKind| matches!(kind, EventKind::Session { by: Some(_), .. });
    if by_callee(&event.kind)
        && unit.events.iter().any(|other| {
            other.range == event.range
                && matches!(&other.kind, EventKind::Session { session: own, action: SessionAction::Rollback | SessionAction::Restore | SessionAction::Close, .. }
                    if same_session(own, session))
        })
    {
        return None;
    }
    let of_call = aftermath_of_call(db, unit, ordinal);
    if of_call.is_none_or(|callee| callee.leaves) && reaches_handler(unit, event.frame, session, guarded, handler) {
        return Some(Way::Direct);
    }
    of_call.filter(|callee| callee.stays)?;
    let callee = unit.events.iter().find_map(|other| match &other.kind {
        EventKind::Call { callee, .. } if other.range == event.range => Some(*callee),
        _ => None,
    })?;
    let at = refused_behind(db, unit, ordinal, session).into_iter().find(|at| {
        let refused = unit.events.get(*at as usize);
        refused.is_some_and(|refused| reaches_handler(unit, refused.frame, session, guarded, handler))
    })?;
    Some(Way::Refused { callee, at })
}

/// Whether an error in a frame comes to the handler with the session still broken.
fn reaches_handler(
    unit: &Unit,
    frame: FrameId,
    session: &SessionValue,
    guarded: Guarded,
    handler: &HandlerInfo,
) -> bool {
    for (id, frame) in unit.ancestors(frame) {
        if id == guarded.frame {
            return true;
        }
        match &frame.kind {
            // A savepoint, a scope of its own, or a context manager that may be one.
            FrameKind::WithTransaction(..) | FrameKind::WithSession(_) | FrameKind::WithSuppress | FrameKind::With => {
                return false;
            }
            FrameKind::Try(inner) => {
                let Some(info) = unit.tries.get(inner.0 as usize) else { return false };
                let ends = |frame| unit.ends_in(frame, session);
                let caught = info.handlers.iter().any(|other| {
                    other.breadth >= handler.breadth.min(Breadth::AllDatabase) && (!other.raises || ends(other.frame))
                });
                if caught || info.finally.is_some_and(ends) {
                    return false;
                }
            }
            FrameKind::Handler(inner, _) | FrameKind::Else(inner)
                if unit
                    .tries
                    .get(inner.0 as usize)
                    .and_then(|info| info.finally)
                    .is_some_and(|finally| unit.ends_in(finally, session)) =>
            {
                return false;
            }
            _ => {}
        }
    }
    false
}

fn opened_in(unit: &Unit, frame: FrameId, session: &SessionValue) -> bool {
    unit.events_in(frame)
        .any(|(_, event)| matches!(&event.kind, EventKind::Open(opened) if same_session(opened, session)))
}
