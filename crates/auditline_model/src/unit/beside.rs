//! Coroutines that run beside one another: `gather`, task groups.

use std::sync::Arc;

use auditline_syntax::TextRange;

use crate::db::{Db, FunctionRef, head};
use crate::eval::value::SessionValue;

use super::kept::statement_at;
use super::waiting::is_awaited;
use super::{EventKind, FrameKind, Unit, same_session, sessions_of_call, unit_of};

/// One session that several coroutines use at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// The session.
    pub session: Arc<SessionValue>,
    /// The ordinal of the event that runs the coroutines: `gather`, or the first task.
    pub at: u32,
    /// The coroutines; one alone is made in a loop.
    pub coroutines: Vec<Beside>,
}

/// A coroutine that runs beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beside {
    /// The ordinal of the event that makes it.
    pub made: u32,
    /// The function of the workspace that it runs, and where that uses the session; `None` for a method of the session.
    pub runs: Runs,
}

/// The function of the workspace that a coroutine runs, and where that uses the session.
type Runs = Option<(FunctionRef, TextRange)>;

/// What runs coroutines beside one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// `asyncio.gather`, which takes them all.
    Gather,
    /// A task group, which takes one at a time and is waited for when its `with` is left.
    Group,
    /// A task of the event loop.
    Task,
}

/// The sessions that a function hands to several coroutines which it runs at a time.
#[must_use]
pub fn together(db: &dyn Db, of: FunctionRef) -> Vec<Together> {
    let unit = unit_of(db, of);
    let mut found: Vec<Together> = Vec::new();
    let starts: Vec<(u32, Start)> = unit
        .numbered()
        .filter_map(|(ordinal, event)| match &event.kind {
            EventKind::Given { to, .. } => starts(to).map(|start| (ordinal, start)),
            _ => None,
        })
        .collect();
    if starts.is_empty() {
        return found;
    }
    for (ordinal, event) in unit.numbered() {
        let made: Vec<(Arc<SessionValue>, Runs)> = match &event.kind {
            EventKind::Call { callee, .. } => {
                let is_coroutine = head(db, *callee).is_some_and(|body| body.is_async && !body.is_generator);
                if !is_coroutine {
                    continue;
                }
                sessions_of_call(db, &unit, ordinal)
                    .into_iter()
                    .map(|(session, used)| (session, Some((*callee, used))))
                    .collect()
            }
            _ => own_statement(&unit, ordinal).map(|session| (session, None)).into_iter().collect(),
        };
        if made.is_empty() || is_awaited(&unit, ordinal) {
            continue;
        }
        let Some(start) = taker(&unit, ordinal, &starts) else { continue };
        for (session, runs) in made {
            // A session that is opened in the round of the loop is that round's own.
            if session.is_async != Some(true) || is_opened_per_round(&unit, ordinal, &session) {
                continue;
            }
            let known = found.iter_mut().find(|together| {
                same_session(&together.session, &session) && same_start(&unit, together.at, start, &starts)
            });
            let coroutine = Beside { made: ordinal, runs };
            match known {
                Some(together) if together.coroutines.iter().any(|known| known.made == ordinal) => {}
                Some(together) => together.coroutines.push(coroutine),
                None => found.push(Together { session, at: start, coroutines: vec![coroutine] }),
            }
        }
    }
    found.retain(|together| is_several(&unit, &together.coroutines));
    found
}

/// The session through which the function itself sends a statement in an event, and not a callee.
fn own_statement(unit: &Unit, ordinal: u32) -> Option<Arc<SessionValue>> {
    let event = unit.events.get(ordinal as usize)?;
    let inherited = unit.events[..ordinal as usize]
        .iter()
        .any(|other| other.range == event.range && matches!(other.kind, EventKind::Call { .. }));
    // `(await db.execute(statement)).all()`
    let has_run = unit
        .events
        .iter()
        .any(|other| matches!(other.kind, EventKind::Await) && event.range.contains_range(other.range));
    if inherited || has_run {
        return None;
    }
    statement_at(unit, ordinal)
}

/// What a call of that path runs coroutines in.
fn starts(path: &str) -> Option<Start> {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "gather" if path == "asyncio.gather" => Some(Start::Gather),
        "create_task" | "start_soon" if path.rsplit('.').nth(1) == Some("TaskGroup") => Some(Start::Group),
        "create_task" | "ensure_future" if path.starts_with("asyncio.") => Some(Start::Task),
        _ => None,
    }
}

/// What runs the coroutine that a call makes: what it is an argument of, or a `gather` behind it that it can reach.
fn taker(unit: &Unit, call: u32, starts: &[(u32, Start)]) -> Option<u32> {
    let range = unit.events.get(call as usize)?.range;
    let around = starts
        .iter()
        .find(|(start, _)| unit.events.get(*start as usize).is_some_and(|event| event.range.contains_range(range)));
    if let Some((start, _)) = around {
        return Some(*start);
    }
    // Another call takes it that may well wait for it: `await asyncio.wait_for(load(db), 5)`.
    let taken = unit.events.iter().any(|event| {
        matches!(event.kind, EventKind::Given { .. } | EventKind::Await | EventKind::Call { .. })
            && event.range != range
            && event.range.contains_range(range)
    });
    if taken {
        return None;
    }
    // A list of coroutines is gathered where nothing else is awaited between.
    starts
        .iter()
        .find(|(start, kind)| {
            *kind == Start::Gather
                && *start > call
                && unit.can_follow(call, *start)
                && !unit.events[call as usize..*start as usize]
                    .iter()
                    .any(|event| matches!(event.kind, EventKind::Await))
        })
        .map(|(start, _)| *start)
}

/// Whether what two starts run runs at a time: they are one `gather`, tasks of groups in one `with`, or tasks between which
/// nothing is awaited.
fn same_start(unit: &Unit, one: u32, two: u32, starts: &[(u32, Start)]) -> bool {
    if one == two {
        return true;
    }
    let is = |kind: Start| {
        [one, two].iter().all(|ordinal| starts.iter().any(|(start, other)| start == ordinal && *other == kind))
    };
    let scope = |ordinal: u32| {
        let frame = unit.events.get(ordinal as usize)?.frame;
        unit.ancestors(frame).find(|(_, frame)| matches!(frame.kind, FrameKind::With)).map(|(id, _)| id)
    };
    let (first, last) = (one.min(two) as usize, one.max(two) as usize);
    (is(Start::Group) && scope(one).is_some() && scope(one) == scope(two))
        || (is(Start::Task) && !unit.events[first..last].iter().any(|event| matches!(event.kind, EventKind::Await)))
}

/// Whether more than one coroutine runs: two calls of which one does not exclude the other, or one in a loop.
fn is_several(unit: &Unit, coroutines: &[Beside]) -> bool {
    let in_loop = |ordinal: u32| {
        unit.events.get(ordinal as usize).is_some_and(|event| {
            unit.ancestors(event.frame)
                .take_while(|(_, frame)| !matches!(frame.kind, FrameKind::Loop { endless: true, .. }))
                .any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { over_items: true, .. }))
        })
    };
    match coroutines {
        [only] => in_loop(only.made) && loops_inside(unit, only.made),
        many => many
            .iter()
            .enumerate()
            .any(|(at, one)| many[at + 1..].iter().any(|two| unit.can_follow(one.made, two.made))),
    }
}

/// Whether the loop around a call ends before its coroutines are waited for: `gather(*[load(db, x) for x in xs])`, and not a
/// `gather(load(db, x), other())` in each round.
fn loops_inside(unit: &Unit, call: u32) -> bool {
    let Some(frame) = unit.events.get(call as usize).map(|event| event.frame) else { return false };
    let Some((id, _)) = unit.ancestors(frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. })) else {
        return false;
    };
    // What waits stands outside of the loop: the loop holds no `await` behind the call.
    !unit.events_in(id).any(|(ordinal, event)| ordinal > call && matches!(event.kind, EventKind::Await))
}

fn is_opened_per_round(unit: &Unit, call: u32, session: &SessionValue) -> bool {
    let Some(frame) = unit.events.get(call as usize).map(|event| event.frame) else { return true };
    let innermost = unit.ancestors(frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }));
    let Some((id, _)) = innermost else { return false };
    unit.events_in(id).any(|(_, event)| matches!(&event.kind, EventKind::Open(opened) if same_session(opened, session)))
}
