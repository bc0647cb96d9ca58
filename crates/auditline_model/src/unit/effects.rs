//! Effects: what a function does to what it is handed, with no positions in it, so that callers are evaluated again
//! only when the effect changes.

use std::sync::Arc;

use auditline_syntax::Name;
use smallvec::SmallVec;

use crate::eval::value::{QueryKind, QueryValue, RowOrigin, SessionOrigin, SessionValue, Spot, Value};
use crate::eval::{for_callers, param_row};

use super::blind;
use super::enclosing::{Enclosing, enclosing};
use super::{
    Breadth, Condition, Counted, EventKind, FrameId, FrameKind, LockScope, Refusal, SessionAction, Subject, Test, Unit,
    same_session,
};

/// What a call of a function means to its caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effect {
    /// What it returns, in terms of its parameters.
    pub returns: Value,
    /// What it yields, for a generator.
    pub yields: Value,
    /// What it counts or sums up, where it returns that number, or what is left of a limit.
    pub counts: Vec<Counted>,
    /// The lookup of which it returns what it made of the row, or `None`.
    pub finds: Option<Arc<QueryValue>>,
    /// The lookups and counts of which it tells by yes or no.
    pub answers: Vec<Answered>,
    /// Whether it, or what it calls, makes, changes or deletes rows.
    pub changes: bool,
    /// How it looks for the row that it returns, in terms of its parameters.
    pub lookup: Option<Arc<QueryValue>>,
    /// Whether every path through it ends with an error.
    pub fails: bool,
    /// The lookups that have found nothing when it returns, because it raises where they find something, and changes nothing.
    pub absent: Vec<Arc<QueryValue>>,
    /// What it raises only where it finds none of the rows that it returns: the names of the class and those it inherits from.
    pub missing: Vec<Vec<Name>>,
    /// What holds of the rows it was handed when it returns, because it raises where that does not hold.
    pub held: Vec<Condition>,
    /// What it does, as a context manager, around the block of a `with` with sessions that its caller can see.
    pub encloses: Vec<Enclosing>,
    /// What it does to what its caller can see, in program order, without repetitions.
    pub operations: Vec<Operation>,
}

/// A lookup or count of which a function tells by yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// It, in terms of the function's parameters.
    pub query: Arc<QueryValue>,
    /// The answer that is given only where there are none, or fewer than a limit allows.
    pub none: bool,
    /// Whether it is about a limit.
    pub limit: bool,
    /// Where in what is returned the yes or no stands, if it is a part of that.
    pub spot: Option<Spot>,
}

/// One thing that a function does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What, in terms of its parameters.
    pub kind: EventKind,
    /// The parameters that decide about it, each with the truth that it must have, whatever decides besides.
    pub only_if: SmallVec<[(u32, bool); 1]>,
    /// Under which flag.
    pub when: When,
}

/// When an operation happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On every normal path.
    Always,
    /// If that parameter has that truth.
    IfParam(u32, bool),
    /// On every normal path, but not if that parameter has that truth: a guard leaves the function then.
    UnlessParam(u32, bool),
    /// On some paths.
    Maybe,
}

/// What an operation is done to, seen from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Something that the caller handed in or can reach.
    Visible,
    /// Something of the function's own.
    Own,
}

/// Whether a caller can see a session of that origin.
#[must_use]
pub fn session_target(origin: &SessionOrigin) -> Target {
    match origin {
        SessionOrigin::Param(_)
        | SessionOrigin::GivenOrOwn(_)
        | SessionOrigin::GivenOrKept(..)
        | SessionOrigin::SelfAttribute(..)
        | SessionOrigin::ObjectAttribute(..)
        | SessionOrigin::Global(_)
        | SessionOrigin::ClassAttribute(..)
        | SessionOrigin::Current(_)
        | SessionOrigin::Registry(_) => Target::Visible,
        SessionOrigin::Dependency(_)
        | SessionOrigin::Opened(_)
        | SessionOrigin::Scoped(_)
        | SessionOrigin::Begun(_)
        | SessionOrigin::Context(_)
        | SessionOrigin::ContextClass(_)
        | SessionOrigin::Returned(..)
        | SessionOrigin::Unknown => Target::Own,
    }
}

/// The most operations an effect lists: enough for any function a person wrote, and a bound for generated ones.
const OPERATIONS: usize = 64;

/// The effect of a function, from its unit of work.
#[must_use]
pub(super) fn effect_of(unit: &Unit) -> Effect {
    let mut operations: Vec<Operation> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let blind = blind::told(unit, ordinal);
        let visible = match &event.kind {
            EventKind::Session { session, .. }
            | EventKind::Add { session, .. }
            | EventKind::Delete { session, .. }
            | EventKind::Refresh { session, .. } => {
                // The caller may hand in a session in place of the dependency's: it knows.
                is_of_caller(session)
            }
            EventKind::Write { row, .. } if blind.is_some() => {
                row.session.as_ref().is_some_and(|session| is_of_caller(session))
            }
            EventKind::Write { row, .. } | EventKind::SetEach { row, .. } => {
                matches!(row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow)
            }
            EventKind::External { .. } | EventKind::ExternalLock(_) => true,
            EventKind::Message { about, .. } => about.iter().any(|row| matches!(row.origin, RowOrigin::Param(_))),
            // A lock that the function has taken itself is its own matter.
            EventKind::Release => !unit
                .events
                .iter()
                .take(ordinal as usize)
                .any(|earlier| matches!(earlier.kind, EventKind::ExternalLock(_))),
            // What belongs to a change of the function's own is no longer its callers' matter.
            EventKind::Removal { .. } => !unit.in_handler(ordinal) && unit.discarded(ordinal).is_none(),
            EventKind::Execute(query) | EventKind::Updates { query, .. } => is_known_update(unit, ordinal, query),
            _ => false,
        };
        if !visible || is_undone(unit, event) {
            continue;
        }
        let mut kind = match &event.kind {
            EventKind::Write { .. } if let Some(update) = blind => update,
            EventKind::Execute(query) => EventKind::Updates { query: Arc::clone(query), by: None },
            EventKind::Updates { query, .. } => EventKind::Updates { query: Arc::clone(query), by: None },
            kind => kind.clone(),
        };
        match &mut kind {
            // Rows of the function's own mean nothing to its caller.
            EventKind::External { about, .. } | EventKind::Message { about, .. } => {
                about.retain(|row| matches!(row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow));
            }
            EventKind::Removal { named, given, .. } => {
                named.retain(|(row, _)| matches!(row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow));
                if named.is_empty() && given.is_empty() {
                    continue;
                }
            }
            EventKind::ExternalLock(scope) if *scope == LockScope::Block || is_released(unit, ordinal) => {
                *scope = LockScope::Call;
            }
            EventKind::Updates { query, .. } => *query = Arc::new(for_callers(query)),
            _ => {}
        }
        let operation = Operation { kind, only_if: flags(unit, event), when: when(unit, event, FrameId(0)) };
        if !operations.contains(&operation) && operations.len() < OPERATIONS {
            operations.push(operation);
        }
    }
    Effect {
        returns: unit.returns.clone(),
        yields: unit.yields.clone(),
        counts: unit.counts.clone(),
        finds: unit.finds.clone(),
        answers: answers(unit),
        changes: unit.changes,
        lookup: lookup(unit),
        fails: unit.fails,
        absent: absent(unit),
        missing: missing(unit),
        held: held(unit),
        encloses: enclosing(unit),
        operations,
    }
}

/// What guards of a function that raise let through, of columns of the rows that it was handed.
fn held(unit: &Unit) -> Vec<Condition> {
    // Of several it is not told which one holds.
    let conditions = let_through(unit).filter(|conditions| conditions.len() == 1).flatten().cloned();
    let of_callers = |condition: &Condition| match condition.subject {
        Subject::Field { row, .. } => row >= param_row(u32::from(u8::MAX)) && row < u32::MAX,
        _ => false,
    };
    conditions.filter(|condition| of_callers(condition) && condition.against.is_empty()).collect()
}

/// The conditions that guards of a function that raise let through, for each of them.
fn let_through(unit: &Unit) -> impl Iterator<Item = &[Condition]> {
    let is_guard = |frame: &FrameKind| match frame {
        FrameKind::Branch { rest: true, split, .. } => unit.is_refused(*split),
        FrameKind::Function => true,
        _ => false,
    };
    let numbered = (0u32..).map(FrameId).zip(&unit.frames);
    let behind = numbered.filter(move |(id, frame)| {
        matches!(frame.kind, FrameKind::Branch { rest: true, .. })
            && unit.ancestors(*id).all(|(_, around)| is_guard(&around.kind))
    });
    behind.filter_map(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => Some(conditions.as_slice()),
        _ => None,
    })
}

/// The lookups that guards of a function that raise let through because they have found nothing.
fn absent(unit: &Unit) -> Vec<Arc<QueryValue>> {
    let mut absent: Vec<Arc<QueryValue>> = Vec::new();
    if unit.changes {
        return absent;
    }
    for load in let_through(unit).flatten().filter_map(Condition::missed) {
        if let Some(query) = asked(unit, load)
            && !absent.contains(&query)
        {
            absent.push(query);
        }
    }
    absent
}

/// What a function raises only where it finds none of the rows that it returns.
fn missing(unit: &Unit) -> Vec<Vec<Name>> {
    let Some(model) = unit.returns.row().and_then(|row| row.model) else { return Vec::new() };
    let is_caught = |refusal: &Refusal| {
        unit.ancestors(refusal.frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| {
                info.handlers.iter().any(|handler| {
                    handler.breadth >= Breadth::Exception
                        || handler.catches.iter().any(|caught| refusal.names.contains(caught))
                })
            }),
            _ => false,
        })
    };
    let is_miss = |refusal: &Refusal| {
        refusal.missed.and_then(|load| asked(unit, load)).is_some_and(|query| query.model == Some(model))
    };
    let mut missing: Vec<Vec<Name>> = Vec::new();
    for refusal in unit.refusals.iter().filter(|refusal| !is_caught(refusal)) {
        let mut alike = unit.refusals.iter().filter(|other| other.names.first() == refusal.names.first());
        if !refusal.names.is_empty() && alike.all(is_miss) && !missing.contains(&refusal.names) {
            missing.push(refusal.names.clone());
        }
    }
    missing
}

/// Whether callers hear of an UPDATE statement: of one that sets what is written out, with a session of theirs. Where the
/// function has loaded such rows before, it has looked at them itself.
fn is_known_update(unit: &Unit, ordinal: u32, query: &QueryValue) -> bool {
    query.kind == QueryKind::Update
        && query.model.is_some()
        && !query.changes.is_empty()
        && !query.keys.is_empty()
        && query.session.as_ref().is_some_and(|session| is_of_caller(session))
        && !unit.events.iter().take(ordinal as usize).any(|event| match &event.kind {
            EventKind::Load { query: load, .. } => load.model == query.model,
            EventKind::Refresh { row, .. } => row.as_ref().is_some_and(|row| row.model == query.model),
            _ => false,
        })
}

/// Whether callers know the session, or may hand in another in its place.
fn is_of_caller(session: &SessionValue) -> bool {
    session_target(&session.origin) == Target::Visible || matches!(session.origin, SessionOrigin::Dependency(_))
}

/// Whether a flush stands in a `with` on its session's transaction: when it fails, that is looked after before the caller
/// hears of it.
fn is_undone(unit: &Unit, event: &super::Event) -> bool {
    let EventKind::Session { session, action: SessionAction::Flush, .. } = &event.kind else { return false };
    unit.ancestors(event.frame)
        .any(|(_, frame)| matches!(&frame.kind, FrameKind::WithTransaction(own, _) if same_session(own, session)))
}

/// Whether the function releases the lock itself that it takes at that event.
fn is_released(unit: &Unit, lock: u32) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        event.kind == EventKind::Release && !unit.in_except(ordinal) && unit.can_follow(lock, ordinal)
    })
}

/// The statement that loads the row that is returned.
fn lookup(unit: &Unit) -> Option<Arc<QueryValue>> {
    let row = unit.returns.row()?;
    match &unit.events.get(row.id as usize)?.kind {
        EventKind::Load { query, row: Some(id), .. } if *id == row.id => {
            Some(Arc::new(QueryValue { execution: None, ..(**query).clone() }))
        }
        _ => None,
    }
}

/// The lookups and counts of which the function tells by yes or no.
fn answers(unit: &Unit) -> Vec<Answered> {
    let told = unit.answers.iter().filter_map(|answer| {
        let query = asked(unit, answer.load)?;
        Some(Answered { query, none: answer.none, limit: answer.limit, spot: answer.spot })
    });
    told.collect()
}

/// The statement of the load at an event, as callers hear of it.
fn asked(unit: &Unit, load: u32) -> Option<Arc<QueryValue>> {
    match &unit.events.get(load as usize)?.kind {
        EventKind::Load { query, .. } => Some(Arc::new(QueryValue { execution: None, ..(**query).clone() })),
        _ => None,
    }
}

/// The parameters that decide whether an event happens, each with the truth that it must have.
fn flags(unit: &Unit, event: &super::Event) -> SmallVec<[(u32, bool); 1]> {
    unit.ancestors(event.frame).filter_map(|(_, frame)| flag_of(&frame.kind)).collect()
}

/// When an event happens, seen from a frame: what stands around both decides nothing.
pub(super) fn when(unit: &Unit, event: &super::Event, from: FrameId) -> When {
    let mut result = match &event.kind {
        EventKind::Session { maybe: true, .. } => When::Maybe,
        _ => When::Always,
    };
    for (id, frame) in unit.ancestors(event.frame) {
        if unit.ancestors(from).any(|(around, _)| around == id) {
            break;
        }
        match &frame.kind {
            FrameKind::Branch { rest, .. } => {
                result = match (result, flag_of(&frame.kind)) {
                    (When::Always, Some((index, holds))) if *rest => When::UnlessParam(index, !holds),
                    (When::Always, Some((index, holds))) => When::IfParam(index, holds),
                    // The rest of a block behind a guard that left is the normal path.
                    (known, None) if *rest => known,
                    _ => When::Maybe,
                };
            }
            FrameKind::Handler(..) => return When::Maybe,
            _ => {}
        }
    }
    result
}

/// The flag that alone decides whether a branch runs: a parameter, and the truth it must have.
pub(super) fn flag_of(frame: &FrameKind) -> Option<(u32, bool)> {
    let FrameKind::Branch { conditions, .. } = frame else { return None };
    match conditions.as_slice() {
        [condition] => match (&condition.subject, &condition.test) {
            (Subject::Param(index), Test::Present) => Some((*index, condition.holds)),
            _ => None,
        },
        _ => None,
    }
}
