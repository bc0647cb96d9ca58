//! AUD102: a database error is caught, nobody rolls back, and the session is used again.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, SessionOrigin, SessionValue, TransactionKind, Value};
use auditline_model::owner::{Ownership, argument_of, callers, heals, owner};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{
    Breadth, EventKind, FrameId, FrameKind, HandlerInfo, SessionAction, TryId, Unit, Use, aftermath_of_call,
    captured_write, refused_behind, same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, entry, function};
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

mod fix;
mod refusable;

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
            if !handler.raises
                && let Some(finding) = swallowed(db, of, &unit, frame, handler)
            {
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
    let failing = |ways: fn(&Way) -> bool| {
        unit.events_in(guarded.frame).find_map(|(ordinal, event)| {
            let failure = failure(db, of, unit, &event.kind)?;
            let way = way(db, unit, ordinal, &failure.session, guarded, handler).filter(ways)?;
            Some((ordinal, failure, way))
        })
    };
    // What comes to the handler by itself tells more than what a callee has swallowed.
    let direct = failing(|way| matches!(way, Way::Direct));
    let (failing, failure, way) = direct.or_else(|| failing(|way| matches!(way, Way::Refused { .. })))?;
    let session = failure.session;
    let finally = unit.tries.get(guarded.id.0 as usize)?.finally;
    if unit.ends_in(handler.frame, &session)
        || finally.is_some_and(|finally| unit.ends_in(finally, &session))
        || opened_in(unit, guarded.frame, &session)
    {
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
    let mut evidence =
        vec![Evidence { place: Place::InFunction(of, event.range), message: format!("this {what} may fail") }];
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
        Reach::Once if refusable::is_refusable(unit, failing, &session) => Severity::Warning,
        Reach::Rounds => Severity::Warning,
        Reach::Once | Reach::Answered => Severity::Information,
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
/// nothing is broken.
fn failure(db: &dyn Db, of: FunctionRef, unit: &Unit, kind: &EventKind) -> Option<Failure> {
    let ended = |session: &Arc<SessionValue>, action: SessionAction, inside| {
        let what = match action {
            SessionAction::Commit => "commit",
            SessionAction::Flush => "flush",
            _ => return None,
        };
        (!heals(db, of, session, action)).then(|| Failure { session: Arc::clone(session), what, inside })
    };
    match kind {
        EventKind::Session { session, action, .. } => ended(session, *action, None),
        EventKind::Execute(query)
            if matches!(query.kind, QueryKind::Insert | QueryKind::Update | QueryKind::Delete | QueryKind::Text) =>
        {
            let session = Arc::clone(query.session.as_ref()?);
            Some(Failure { session, what: "statement", inside: None })
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

/// A use of the broken session.
struct Again {
    consequence: String,
    evidence: Evidence,
    reach: Reach,
}

/// How far the use of a broken session reaches.
enum Reach {
    /// It fails.
    Once,
    /// It fails in the next round of a loop, and in all that follow.
    Rounds,
    /// It fails when the request has been answered with the failure.
    Answered,
}

fn used_again(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    guarded: Guarded,
    handler: &HandlerInfo,
    session: &SessionValue,
) -> Option<Again> {
    let fails = "fails as well";
    let at = |ordinal: u32, message: &str| {
        unit.events
            .get(ordinal as usize)
            .map(|event| Evidence { place: Place::InFunction(of, event.range), message: message.to_owned() })
    };
    // In the handler itself.
    let inside =
        unit.events_in(handler.frame).find(|(ordinal, _)| unit.use_of(*ordinal, session) == Some(Use::Statement));
    if let Some((ordinal, _)) = inside {
        return Some(Again {
            reach: Reach::Once,
            consequence: format!("the next statement, in the handler itself, {fails}"),
            evidence: at(ordinal, "this uses the session whose transaction has failed")?,
        });
    }
    // The scope that ends the transaction, if one stands around the `try`.
    let limit = limit(unit, guarded, session);
    let behind = end_of_try(unit, guarded);
    if !handler.exits {
        for (ordinal, event) in unit.numbered() {
            if ordinal < behind || ordinal >= limit.end || !unit.leads_to(handler.frame, event.frame) {
                continue;
            }
            match unit.use_of(ordinal, session) {
                Some(Use::Statement) if is_unreachable(unit, guarded, behind, event.frame) => {}
                Some(Use::Statement) if is_cleaned_up(unit, guarded, session, behind..ordinal) => break,
                Some(Use::Statement) => {
                    return Some(Again {
                        reach: Reach::Once,
                        consequence: format!("the next statement on the session {fails}"),
                        evidence: at(ordinal, "this uses the session whose transaction has failed")?,
                    });
                }
                Some(Use::End) => return None,
                Some(Use::Pending) | None => {}
            }
        }
    }
    if (!handler.exits || handler.repeats)
        && let Some((_, looped)) = unit
            .ancestors(guarded.frame)
            .take_while(|(id, _)| Some(*id) != limit.frame)
            .find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }))
    {
        let of_round = |ordinal: &u32| (looped.first..looped.end).contains(ordinal);
        let goes_round = handler.repeats || !leaves_loop(unit, guarded, behind..looped.end);
        let fresh = unit.numbered().any(|(ordinal, event)| {
            of_round(&ordinal) && matches!(&event.kind, EventKind::Open(opened) if same_session(opened, session))
        });
        let first = (looped.first..looped.end)
            .map(|ordinal| (ordinal, unit.use_of(ordinal, session)))
            .find(|(_, used)| matches!(used, Some(Use::Statement | Use::End)));
        if goes_round
            && !fresh
            && let Some((ordinal, Some(Use::Statement))) = first
        {
            return Some(Again {
                reach: Reach::Rounds,
                consequence: format!("in the next round of the loop, the session {fails}, and so for all the rest"),
                evidence: at(ordinal, "the next round uses the session whose transaction has failed")?,
            });
        }
    }
    if handler.exits && handler.breaks && !handler.repeats {
        return None;
    }
    if limit.frame.is_some() {
        return lost_with_scope(of, unit, guarded, session, &limit);
    }
    by_provider(db, of, unit, session, handler).or_else(|| by_caller(db, of, unit, session))
}

/// Whether a frame is the handler of a `try` around this one in which nothing follows that could come to it.
fn is_unreachable(unit: &Unit, guarded: Guarded, behind: u32, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| {
        let FrameKind::Handler(outer, _) = frame.kind else { return false };
        unit.ancestors(guarded.frame).any(|(_, around)| {
            matches!(around.kind, FrameKind::Try(own) if own == outer && own != guarded.id) && around.end <= behind
        })
    })
}

/// Whether the next use, which fails, only comes to the handler of a `try` around both, which rolls back, and nothing has been
/// written between that is lost with it.
fn is_cleaned_up(unit: &Unit, guarded: Guarded, session: &SessionValue, between: std::ops::Range<u32>) -> bool {
    let Some(again) = unit.events.get(between.end as usize) else { return false };
    let is_written = between.filter_map(|ordinal| unit.events.get(ordinal as usize)).any(|event| {
        matches!(
            event.kind,
            EventKind::Write { .. }
                | EventKind::Create(_)
                | EventKind::Add { .. }
                | EventKind::Delete { .. }
                | EventKind::Execute(_)
                | EventKind::External { .. }
        )
    });
    let commits = matches!(again.kind, EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. });
    commits
        && !is_written
        && unit.ancestors(again.frame).any(|(_, frame)| {
            let FrameKind::Try(outer) = frame.kind else { return false };
            let around = unit.ancestors(guarded.frame).any(|(_, own)| own.kind == FrameKind::Try(outer));
            let rolls_back =
                |handler: &HandlerInfo| handler.breadth >= Breadth::AllDatabase && unit.ends_in(handler.frame, session);
            around && unit.tries.get(outer.0 as usize).is_some_and(|info| info.handlers.iter().any(rolls_back))
        })
}

/// Whether what stands behind the `try` in its loop always ends the loop: a `return` or `raise` of a block around the `try`.
fn leaves_loop(unit: &Unit, guarded: Guarded, behind: std::ops::Range<u32>) -> bool {
    let around: Vec<FrameId> = unit.ancestors(guarded.frame).map(|(id, _)| id).collect();
    behind.filter_map(|ordinal| unit.events.get(ordinal as usize)).any(|event| {
        // The rest of a block behind an `if` that leaves it is that block.
        let block = unit
            .ancestors(event.frame)
            .find(|(_, frame)| !matches!(frame.kind, FrameKind::Branch { rest: true, .. }))
            .map(|(id, _)| id);
        matches!(event.kind, EventKind::Return(_) | EventKind::Raise) && block.is_some_and(|id| around.contains(&id))
    })
}

/// What ends the transaction around a `try`: the frame, and where its events end.
struct Limit {
    frame: Option<FrameId>,
    end: u32,
}

fn limit(unit: &Unit, guarded: Guarded, session: &SessionValue) -> Limit {
    let mut inner = true;
    for (id, frame) in unit.ancestors(guarded.frame) {
        let ends = match &frame.kind {
            FrameKind::WithSession(held) | FrameKind::WithTransaction(held, _) => same_session(held, session),
            FrameKind::Try(of) if !inner => unit
                .tries
                .get(of.0 as usize)
                .and_then(|info| info.finally)
                .is_some_and(|finally| unit.ends_in(finally, session)),
            _ => false,
        };
        inner = false;
        if ends {
            return Limit { frame: Some(id), end: frame.end };
        }
    }
    Limit { frame: None, end: u32::MAX }
}

/// The ordinal of the first event behind a `try` with its handlers.
fn end_of_try(unit: &Unit, guarded: Guarded) -> u32 {
    unit.frames
        .iter()
        .filter(|frame| match frame.kind {
            FrameKind::Try(id) | FrameKind::Handler(id, _) | FrameKind::Else(id) | FrameKind::Finally(id) => {
                id == guarded.id
            }
            _ => false,
        })
        .map(|frame| frame.end)
        .max()
        .unwrap_or_default()
}

/// `begin()` that is left normally with a failed transaction rolls everything back, and says nothing.
fn lost_with_scope(
    of: FunctionRef,
    unit: &Unit,
    guarded: Guarded,
    session: &SessionValue,
    limit: &Limit,
) -> Option<Again> {
    let frame = unit.frames.get(limit.frame?.0 as usize)?;
    if !matches!(frame.kind, FrameKind::WithTransaction(_, TransactionKind::Begin)) {
        return None;
    }
    let other = (frame.first..frame.end).find(|ordinal| {
        let Some(event) = unit.events.get(*ordinal as usize) else { return false };
        let within = unit.ancestors(event.frame).any(|(id, _)| id == guarded.frame);
        !within
            && (unit.use_of(*ordinal, session) == Some(Use::Pending)
                || matches!(&event.kind, EventKind::Execute(_)) && unit.use_of(*ordinal, session).is_some())
    })?;
    let event = unit.events.get(other as usize)?;
    Some(Again {
        reach: Reach::Once,
        consequence: "the scope then rolls back everything, and reports no error".to_owned(),
        evidence: Evidence { place: Place::InFunction(of, event.range), message: "this is lost with it".to_owned() },
    })
}

/// The dependency or scope that commits when it is left.
fn by_provider(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    session: &SessionValue,
    handler: &HandlerInfo,
) -> Option<Again> {
    let provider = match &session.origin {
        SessionOrigin::Context(function) | SessionOrigin::Dependency(Symbol::Function(function)) => *function,
        _ => return None,
    };
    if owner(db, of, session) != (Ownership::Managed { commits: true }) {
        return None;
    }
    let name = classes::simple(provider.path);
    let is_answered = entry::is_endpoint(db, of) && answers_failure(db, of, unit, handler);
    Some(Again {
        reach: if is_answered { Reach::Answered } else { Reach::Once },
        consequence: format!("`{name}` then commits a transaction that has failed"),
        evidence: Evidence { place: Place::Function(provider), message: format!("`{name}` commits when it is left") },
    })
}

/// Whether a handler returns nothing but responses whose status it says itself.
fn answers_failure(db: &dyn Db, of: FunctionRef, unit: &Unit, handler: &HandlerInfo) -> bool {
    let Some(body) = function(db, of) else { return false };
    let code = &body.code;
    let says_status = |within: TextRange| {
        code.exprs.iter().zip(&code.ranges).any(|(expr, range)| match expr {
            Expr::Call { args, .. } if within.contains_range(*range) => args.iter().any(|arg| {
                let is_status = matches!(arg.kind, ArgKind::Keyword(name) if name == "status_code" || name == "status");
                is_status && is_error(code, arg.value)
            }),
            _ => false,
        })
    };
    let mut answers =
        unit.events_in(handler.frame).filter(|(_, event)| matches!(event.kind, EventKind::Return(_))).peekable();
    handler.exits
        && !handler.repeats
        && !handler.breaks
        && answers.peek().is_some()
        && answers.all(|(_, event)| says_status(event.statement))
}

/// Whether a status is one of an error: `500`, `status.HTTP_409_CONFLICT`.
fn is_error(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Int(Some(status)) => *status >= 400,
        Expr::Attribute { attr, .. } => attr.starts_with("HTTP_4") || attr.starts_with("HTTP_5"),
        _ => false,
    }
}

/// A caller that cannot know, and goes on with the session.
fn by_caller(db: &dyn Db, of: FunctionRef, unit: &Unit, session: &SessionValue) -> Option<Again> {
    let SessionOrigin::Param(index) = session.origin else { return None };
    // What is returned may tell the caller.
    let tells = unit.events.iter().any(|event| {
        matches!(&event.kind, EventKind::Return(value) if !matches!(value, Value::None))
            || matches!(event.kind, EventKind::Yield(_))
    });
    if tells {
        return None;
    }
    for site in callers(db, of).iter() {
        if entry::is_by_hand(db, site.function.file) {
            continue;
        }
        let Some(Value::Session(handed)) = argument_of(db, of, &site.event, index) else { continue };
        let caller = unit_of(db, site.function);
        let range = caller.events.get(site.ordinal as usize)?.range;
        let later = caller.numbered().find_map(|(ordinal, event)| {
            let behind = ordinal > site.ordinal && event.range != range && caller.can_follow(site.ordinal, ordinal);
            let used = if behind { caller.use_of(ordinal, &handed) } else { None };
            match used {
                Some(Use::Statement) => Some(Some(ordinal)),
                Some(Use::End) => Some(None),
                _ => None,
            }
        });
        // In the next round of a loop, or in a callee that only reads.
        let later = match later {
            Some(later) => later,
            None => refused_behind(db, &caller, site.ordinal, &handed).into_iter().next(),
        };
        if let Some(ordinal) = later {
            let name = classes::simple(site.function.path);
            return Some(Again {
                reach: Reach::Once,
                consequence: format!("`{name}`, which called it, goes on with a session that refuses everything"),
                evidence: Evidence {
                    place: Place::Event(site.function, ordinal),
                    message: format!("`{name}` uses the session again"),
                },
            });
        }
    }
    None
}
