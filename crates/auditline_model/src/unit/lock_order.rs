//! In which order a transaction takes its row locks.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, Settings};
use crate::eval::own_class;
use crate::eval::value::SessionOrigin;
use crate::names::files_mentioning_both;
use crate::owner::callers;

use super::outside::{is_always_reached, runs_here};
use super::{EventKind, Frame, FrameKind, SessionAction, Unit, unit, unit_of};

/// Two classes whose rows one transaction locks one after the other, waiting for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LockPair {
    /// The class that is locked first.
    pub first: ClassRef,
    /// The class that is locked while the first lock is held.
    pub second: ClassRef,
    /// The ordinal of the first lock.
    pub at: u32,
    /// The ordinal of the second.
    pub then: u32,
}

/// A lock that a function takes, itself or in what it calls.
struct Step {
    model: ClassRef,
    at: u32,
}

/// The pairs of classes that a function locks, in what it does itself and in what it calls.
#[must_use]
pub fn lock_pairs(db: &dyn Db, of: FunctionRef) -> Arc<[LockPair]> {
    lock_pairs_query(db, of, ())
}

#[salsa::tracked(returns(clone))]
fn lock_pairs_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[LockPair]> {
    let unit = unit_of(db, of);
    let steps = steps(db, &unit);
    let mut pairs: Vec<LockPair> = Vec::new();
    for (index, one) in steps.iter().enumerate() {
        for two in &steps[index + 1..] {
            let known = pairs.iter().any(|pair| pair.first == one.model && pair.second == two.model);
            // A row of that class may be locked already: locking it again waits for nobody.
            let held =
                steps[..index].iter().any(|held| held.model == two.model && holds_between(&unit, held.at, two.at));
            // What one callee locks is that function's to say.
            if one.model != two.model && one.at != two.at && !known && !held && holds_between(&unit, one.at, two.at) {
                pairs.push(LockPair { first: one.model, second: two.model, at: one.at, then: two.at });
            }
        }
    }
    pairs.into()
}

fn steps(db: &dyn Db, unit: &Unit) -> Vec<Step> {
    let mut steps = Vec::new();
    for (at, event) in unit.numbered() {
        if let Some(lock) = event.kind.row_lock().filter(|lock| lock.is_sure() && lock.waits) {
            steps.extend(lock.model.map(|model| Step { model, at }));
        }
        if let EventKind::Call { callee, receiver, .. } = &event.kind
            && runs_here(db, unit, at, *callee)
        {
            steps.extend(held_classes(db, *callee, *receiver).iter().map(|model| Step { model: *model, at }));
        }
    }
    steps.retain(|step| !is_own(db, unit, step));
    steps
}

/// Whether what is locked may be a row that the function has made itself: nobody else knows of it yet.
fn is_own(db: &dyn Db, unit: &Unit, step: &Step) -> bool {
    unit.numbered().take(step.at as usize).any(|(ordinal, event)| {
        let made = match &event.kind {
            EventKind::Create(row) => row.model == Some(step.model),
            EventKind::Call { callee, receiver, .. } => made_classes(db, *callee, *receiver).contains(&step.model),
            _ => false,
        };
        made && unit.can_follow(ordinal, step.at)
    })
}

/// The classes of which a function makes rows.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn made_classes(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Arc<[ClassRef]> {
    let mut made: Vec<ClassRef> = Vec::new();
    for event in &unit(db, of, receiver).events {
        if let EventKind::Create(row) = &event.kind
            && let Some(model) = row.model
            && !made.contains(&model)
        {
            made.push(model);
        }
    }
    made.into()
}

/// The classes of which a function leaves rows locked when it returns.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn held_classes(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Arc<[ClassRef]> {
    let mut held: Vec<ClassRef> = Vec::new();
    for step in held_steps(db, &unit(db, of, receiver)) {
        if !held.contains(&step.model) {
            held.push(step.model);
        }
    }
    held.into()
}

/// The locks that are still held where the function ends.
fn held_steps(db: &dyn Db, unit: &Unit) -> Vec<Step> {
    let end = u32::try_from(unit.events.len()).unwrap_or(u32::MAX);
    let mut steps = steps(db, unit);
    steps.retain(|step| holds_between(unit, step.at, end));
    steps
}

/// Whether an event is a call that leaves rows locked, each time that it does not raise.
#[must_use]
pub fn leaves_locked(db: &dyn Db, unit: &Unit, ordinal: u32) -> bool {
    match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Call { callee, receiver, .. }) => {
            runs_here(db, unit, ordinal, *callee) && returns_locked(db, *callee, *receiver)
        }
        _ => false,
    }
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn returns_locked(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let unit = unit(db, of, receiver);
    held_steps(db, &unit).iter().any(|step| {
        unit.events.get(step.at as usize).is_some_and(|event| {
            is_always_reached(&unit, event.frame)
                && (!matches!(event.kind, EventKind::Call { .. }) || leaves_locked(db, &unit, step.at))
        })
    })
}

/// Whether what was locked at one event is still locked at the other, which may be the end of the function.
fn holds_between(unit: &Unit, from: u32, to: u32) -> bool {
    let Some(lock) = unit.events.get(from as usize) else { return false };
    let target = unit.events.get(to as usize);
    if target.is_some() && !unit.can_follow(from, to) {
        return false;
    }
    let left = unit.ancestors(lock.frame).any(|(id, frame)| {
        let ends = match frame.kind {
            FrameKind::WithSession(_) | FrameKind::WithTransaction(..) => true,
            // `with unit_of_work() as session:`
            FrameKind::With => unit.opens_session(frame),
            _ => false,
        };
        ends && target.is_none_or(|target| !unit.ancestors(target.frame).any(|(other, _)| other == id))
    });
    // A session that a loop opens anew is another one in the next round.
    !left
        && !unit.numbered().take(to as usize).skip(from as usize + 1).any(|(ordinal, event)| {
            matches!(
                &event.kind,
                EventKind::Session {
                    action: SessionAction::Commit | SessionAction::Rollback | SessionAction::Close,
                    ..
                }
            ) && unit.can_follow(from, ordinal)
                && (target.is_none() || unit.can_follow(ordinal, to))
        })
}

impl Unit {
    /// Whether a `with` of a project's own helper opens a session for its block.
    fn opens_session(&self, with: &Frame) -> bool {
        let before = with.first.checked_sub(1).and_then(|at| self.events.get(at as usize));
        before.is_some_and(|event| matches!(&event.kind, EventKind::Open(session) if matches!(session.origin, SessionOrigin::Context(_) | SessionOrigin::ContextClass(_))))
    }

    /// Whether the function itself surely holds a lock on rows when an event happens.
    #[must_use]
    pub fn is_row_locked(&self, at: u32) -> bool {
        self.numbered().take(at as usize).any(|(ordinal, event)| {
            event.kind.row_lock().is_some_and(super::RowLock::is_sure) && holds_between(self, ordinal, at)
        })
    }
}

/// The functions that lock rows of that class first and then others, with the pairs.
#[must_use]
pub fn pairs_from(db: &dyn Db, first: ClassRef) -> Arc<[(FunctionRef, LockPair)]> {
    pairs_from_query(db, Settings::get(db), first)
}

#[salsa::tracked(returns(clone))]
fn pairs_from_query(db: &dyn Db, _settings: Settings, first: ClassRef) -> Arc<[(FunctionRef, LockPair)]> {
    let mut functions: Vec<FunctionRef> = Vec::new();
    let mut seen: FxHashSet<FunctionRef> = FxHashSet::default();
    for file in &files_mentioning_both(db, "with_for_update", classes::simple(first.path)) {
        if crate::entry::is_test(db, *file) || crate::entry::is_migration(db, *file) {
            continue;
        }
        for function in &crate::db::parsed(db, *file).module.functions {
            let function = FunctionRef { file: *file, path: function.path };
            let locks = held_classes(db, function, own_class(db, function)).contains(&first)
                || lock_pairs(db, function).iter().any(|pair| pair.first == first);
            if locks && seen.insert(function) {
                functions.push(function);
            }
        }
    }
    // Who calls them goes on with the lock.
    for _ in 0..2 {
        for function in functions.clone() {
            for site in callers(db, function).iter() {
                if !crate::entry::is_test(db, site.function.file) && seen.insert(site.function) {
                    functions.push(site.function);
                }
            }
        }
    }
    functions
        .into_iter()
        .flat_map(|function| {
            let pairs = lock_pairs(db, function);
            pairs.iter().filter(|pair| pair.first == first).map(|pair| (function, *pair)).collect::<Vec<_>>()
        })
        .collect()
}

/// What a lock that is yet to be taken would stand against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Opposed {
    /// The class whose lock would come before or behind the new one.
    pub beside: ClassRef,
    /// The function that locks the two the other way round.
    pub by: FunctionRef,
    /// How it does.
    pub pair: LockPair,
}

/// How many callers up it is looked for what is locked besides.
const CALLERS: u32 = 2;

/// What locks rows the other way round, were a function to lock a row of that class at an event: another function of the
/// project that takes the lock which this one, or a caller, holds then or takes later, in the opposite order.
#[salsa::tracked(returns(copy))]
pub fn opposed_lock(db: &dyn Db, of: FunctionRef, at: u32, model: ClassRef) -> Option<Opposed> {
    opposed(db, of, at, model, CALLERS)
}

fn opposed(db: &dyn Db, of: FunctionRef, at: u32, model: ClassRef, depth: u32) -> Option<Opposed> {
    let unit = unit_of(db, of);
    let steps = steps(db, &unit);
    let held: Vec<ClassRef> =
        steps.iter().filter(|step| step.at < at && holds_between(&unit, step.at, at)).map(|step| step.model).collect();
    if held.contains(&model) {
        return None;
    }
    let turned = |beside: ClassRef, first: ClassRef, second: ClassRef| {
        let others = pairs_from(db, first);
        let found = others
            .iter()
            .find(|(other, pair)| *other != of && pair.second == second && !crate::entry::is_script(db, other.file));
        found.map(|(by, pair)| Opposed { beside, by: *by, pair: *pair })
    };
    let later = steps.iter().filter(|step| {
        step.at > at && step.model != model && !held.contains(&step.model) && holds_between(&unit, at, step.at)
    });
    let here = held
        .iter()
        .find_map(|first| turned(*first, model, *first))
        .or_else(|| later.into_iter().find_map(|step| turned(step.model, step.model, model)));
    let end = u32::try_from(unit.events.len()).unwrap_or(u32::MAX);
    here.or_else(|| {
        let depth = depth.checked_sub(1)?;
        let callers = callers(db, of);
        let mut callers = callers.iter().filter(|site| !crate::entry::is_test(db, site.function.file));
        // The caller goes on with the lock.
        holds_between(&unit, at, end)
            .then(|| callers.find_map(|site| opposed(db, site.function, site.ordinal, model, depth)))
            .flatten()
    })
}
