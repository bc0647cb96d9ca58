//! Where the session whose transaction has failed is used again.

use auditline_model::eval::value::{SessionOrigin, SessionValue, TransactionKind, Value};
use auditline_model::owner::{Ownership, argument_of, callers, owner};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{
    Breadth, EventKind, FrameId, FrameKind, HandlerInfo, SessionAction, Unit, Use, aftermath_of_call, refused_behind,
    same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, entry, function};
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};

use super::{Guarded, opened_in};
use crate::finding::{Evidence, Place};

/// A use of the broken session.
pub(super) struct Again {
    pub(super) consequence: String,
    pub(super) evidence: Evidence,
    pub(super) reach: Reach,
}

/// How far the use of a broken session reaches.
pub(super) enum Reach {
    /// The handler itself fails, whenever it runs.
    Handler,
    /// It fails.
    Once,
    /// It fails in the next round of a loop, and in all that follow.
    Rounds,
    /// It fails when the request has been answered with the failure.
    Answered,
}

pub(super) fn used_again(
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
    let inside = unit.events_in(handler.frame).find(|(ordinal, event)| {
        // What only some failures lead to, and where the handler raises anyway, what it tries besides.
        let is_sure =
            unit.ancestors(event.frame).take_while(|(id, _)| *id != handler.frame).all(|(_, frame)| match frame.kind {
                FrameKind::Branch { rest, .. } => rest,
                FrameKind::Try(_) | FrameKind::WithSuppress => !handler.raises,
                _ => true,
            });
        is_sure && unit.use_of(*ordinal, session) == Some(Use::Statement)
    });
    if let Some((ordinal, _)) = inside {
        return Some(Again {
            reach: Reach::Handler,
            consequence: format!("the next statement, in the handler itself, {fails}"),
            evidence: at(ordinal, "this uses the session whose transaction has failed")?,
        });
    }
    if handler.raises {
        return None;
    }
    // The scope that ends the transaction, if one stands around the `try`.
    let limit = limit(unit, guarded, session);
    let behind = end_of_try(unit, guarded);
    let next = if handler.exits { Next::Nothing } else { next(unit, guarded, handler, session, behind..limit.end) };
    let round = next_round(unit, guarded, handler, session, behind, &limit);
    match (next, round) {
        (Next::Ended, _) => return None,
        (Next::Statement(ordinal), round) if round.as_ref().is_none_or(|round| ordinal < round.end) => {
            return Some(Again {
                reach: Reach::Once,
                consequence: format!("the next statement on the session {fails}"),
                evidence: at(ordinal, "this uses the session whose transaction has failed")?,
            });
        }
        (_, Some(round)) => {
            return Some(Again {
                reach: Reach::Rounds,
                consequence: format!("in the next round of the loop, the session {fails}, and so for all the rest"),
                evidence: at(round.first, "the next round uses the session whose transaction has failed")?,
            });
        }
        (Next::Statement(_) | Next::Nothing, None) => {}
    }
    if handler.exits && handler.breaks && !handler.repeats {
        return None;
    }
    if limit.frame.is_some() {
        return lost_with_scope(of, unit, guarded, session, &limit);
    }
    by_provider(db, of, unit, session, handler).or_else(|| by_caller(db, of, unit, session))
}

/// What becomes of a broken session behind a `try`.
enum Next {
    /// That event uses it.
    Statement(u32),
    /// It is rolled back or closed.
    Ended,
    /// Nothing that is seen.
    Nothing,
}

fn next(
    unit: &Unit,
    guarded: Guarded,
    handler: &HandlerInfo,
    session: &SessionValue,
    part: std::ops::Range<u32>,
) -> Next {
    let behind = part.start;
    for (ordinal, event) in unit.numbered() {
        if !part.contains(&ordinal) || !unit.leads_to(handler.frame, event.frame) {
            continue;
        }
        match unit.use_of(ordinal, session) {
            Some(Use::Statement) if is_unreachable(unit, guarded, behind, event.frame) => {}
            Some(Use::Statement) if is_cleaned_up(unit, guarded, session, behind..ordinal) => return Next::Nothing,
            Some(Use::Statement) => return Next::Statement(ordinal),
            Some(Use::End) => return Next::Ended,
            Some(Use::Pending) | None => {}
        }
    }
    Next::Nothing
}

/// The next round of a loop around a `try`, which meets the broken session.
struct Round {
    /// Its first use of the session.
    first: u32,
    /// Where the events of the loop end.
    end: u32,
}

fn next_round(
    unit: &Unit,
    guarded: Guarded,
    handler: &HandlerInfo,
    session: &SessionValue,
    behind: u32,
    limit: &Limit,
) -> Option<Round> {
    if handler.exits && !handler.repeats {
        return None;
    }
    let (id, looped) = unit
        .ancestors(guarded.frame)
        .take_while(|(id, _)| Some(*id) != limit.frame)
        .find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }))?;
    if opened_in(unit, id, session) || !handler.repeats && leaves_loop(unit, guarded, behind..looped.end) {
        return None;
    }
    let first = (looped.first..looped.end)
        .map(|ordinal| (ordinal, unit.use_of(ordinal, session)))
        .find(|(_, used)| matches!(used, Some(Use::Statement | Use::End)));
    match first {
        Some((first, Some(Use::Statement))) => Some(Round { first, end: looped.end }),
        _ => None,
    }
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
    let is_answered = entry::is_endpoint(db, of) && (handler.tells || answers_failure(db, of, unit, handler));
    Some(Again {
        reach: if is_answered { Reach::Answered } else { Reach::Once },
        consequence: format!("`{name}` then commits a transaction that has failed"),
        evidence: Evidence { place: Place::Function(provider), message: format!("`{name}` commits when it is left") },
    })
}

/// Whether the session of a call, which leaves it broken and says nothing, is there for all rounds of a loop around the call.
fn goes_round(db: &dyn Db, unit: &Unit, call: u32, session: &SessionValue) -> bool {
    let Some(event) = unit.events.get(call as usize) else { return false };
    // The call stands before what its callee does.
    let stays = aftermath_of_call(db, unit, call + 1).is_none_or(|callee| callee.stays);
    if !stays {
        return false;
    }
    let looped = unit.ancestors(event.frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }));
    looped.is_some_and(|(id, looped)| {
        let is_ended = (looped.first..looped.end).any(|ordinal| unit.use_of(ordinal, session) == Some(Use::End));
        !is_ended && !opened_in(unit, id, session)
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
        let refused = refused_behind(db, &caller, site.ordinal, &handed);
        let rounds = goes_round(db, &caller, site.ordinal, &handed);
        let later = match later {
            Some(later) => later,
            None => refused.first().copied().or_else(|| rounds.then_some(site.ordinal)),
        };
        if let Some(ordinal) = later {
            let name = classes::simple(site.function.path);
            // A callee that swallows what the session refuses lets the next one meet it too.
            let is_heard = refused.iter().any(|other| {
                let range = |ordinal: u32| caller.events.get(ordinal as usize).map(|event| event.range);
                range(*other) == range(ordinal)
            });
            return Some(Again {
                reach: if rounds || !is_heard { Reach::Rounds } else { Reach::Once },
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
