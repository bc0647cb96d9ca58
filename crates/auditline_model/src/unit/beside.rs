//! Coroutines that run beside one another: `gather`, task groups.

use std::sync::Arc;

use crate::db::{Db, FunctionRef, head};
use crate::eval::value::SessionValue;

use super::waiting::is_awaited;
use super::{EventKind, FrameKind, Unit, same_session, sessions_of_call, unit_of};

/// One session that several coroutines use at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// The session.
    pub session: Arc<SessionValue>,
    /// The ordinal of the event that runs the coroutines: `gather`, or the first task of the group.
    pub at: u32,
    /// The calls that make the coroutines, with where each function uses the session; one alone is made in a loop.
    pub coroutines: Vec<(u32, FunctionRef, auditline_syntax::TextRange)>,
}

/// The sessions that a function hands to several coroutines which it runs at a time.
#[must_use]
pub fn together(db: &dyn Db, of: FunctionRef) -> Vec<Together> {
    let unit = unit_of(db, of);
    let mut found: Vec<Together> = Vec::new();
    let starts: Vec<(u32, bool)> = unit
        .numbered()
        .filter_map(|(ordinal, event)| match &event.kind {
            EventKind::Given { to, .. } => starts(to).map(|group| (ordinal, group)),
            _ => None,
        })
        .collect();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Call { callee, .. } = &event.kind else { continue };
        let is_coroutine = head(db, *callee).is_some_and(|body| body.is_async && !body.is_generator);
        if !is_coroutine || is_awaited(&unit, ordinal) {
            continue;
        }
        let Some(start) = taker(&unit, ordinal, &starts) else { continue };
        for (session, used) in sessions_of_call(db, &unit, ordinal) {
            // A session that is opened in the round of the loop is that round's own.
            if session.is_async != Some(true) || is_opened_per_round(&unit, ordinal, &session) {
                continue;
            }
            let known = found.iter_mut().find(|together| {
                same_session(&together.session, &session) && same_start(&unit, together.at, start, &starts)
            });
            match known {
                Some(together) => together.coroutines.push((ordinal, *callee, used)),
                None => {
                    found.push(Together { session, at: start, coroutines: vec![(ordinal, *callee, used)] });
                }
            }
        }
    }
    found.retain(|together| is_several(&unit, &together.coroutines));
    found
}

/// Whether a call of that path runs coroutines beside one another; whether it is a task group's, which takes one at a time.
fn starts(path: &str) -> Option<bool> {
    match path {
        "asyncio.gather" => Some(false),
        _ if path.ends_with("TaskGroup.create_task") || path.ends_with("TaskGroup.start_soon") => Some(true),
        _ => None,
    }
}

/// What runs the coroutine that a call makes: what it is an argument of, or a `gather` behind it that it can reach.
fn taker(unit: &Unit, call: u32, starts: &[(u32, bool)]) -> Option<u32> {
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
        .find(|(start, group)| {
            !group
                && *start > call
                && unit.can_follow(call, *start)
                && !unit.events[call as usize..*start as usize]
                    .iter()
                    .any(|event| matches!(event.kind, EventKind::Await))
        })
        .map(|(start, _)| *start)
}

/// Whether two starts are one: the same `gather`, or tasks of groups in one `with`.
fn same_start(unit: &Unit, one: u32, two: u32, starts: &[(u32, bool)]) -> bool {
    if one == two {
        return true;
    }
    let is_group = |ordinal: u32| starts.iter().any(|(start, group)| *start == ordinal && *group);
    let scope = |ordinal: u32| {
        let frame = unit.events.get(ordinal as usize)?.frame;
        unit.ancestors(frame).find(|(_, frame)| matches!(frame.kind, FrameKind::With)).map(|(id, _)| id)
    };
    is_group(one) && is_group(two) && scope(one).is_some() && scope(one) == scope(two)
}

/// Whether more than one coroutine runs: two calls of which one does not exclude the other, or one in a loop.
fn is_several(unit: &Unit, coroutines: &[(u32, FunctionRef, auditline_syntax::TextRange)]) -> bool {
    let in_loop = |ordinal: u32| {
        unit.events.get(ordinal as usize).is_some_and(|event| {
            unit.ancestors(event.frame)
                .take_while(|(_, frame)| !matches!(frame.kind, FrameKind::Loop { endless: true, .. }))
                .any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { over_items: true, .. }))
        })
    };
    match coroutines {
        [(only, ..)] => in_loop(*only) && loops_inside(unit, *only),
        many => many
            .iter()
            .enumerate()
            .any(|(at, (one, ..))| many[at + 1..].iter().any(|(two, ..)| one != two && unit.can_follow(*one, *two))),
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
