//! Locks that let one request at a time at what it checks: in the function, a callee, a caller, a decorator or a dependency.

use std::sync::Arc;

use auditline_model::eval::libraries::names_lock;
use auditline_model::eval::value::{Lock, TransactionKind};
use auditline_model::eval::{Depended, dependency_of_param};
use auditline_model::owner::callers;
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, FrameKind, Unit, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, head, parsed};

/// How many callers up a lock is looked for.
const DEPTH: u32 = 3;

/// Whether a lock is held when that event of a function runs, or a savepoint stands around it.
pub(super) fn is_held(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    holds_at(unit, at) || is_entered_locked(db, of, DEPTH)
}

/// Whether a lock is held when that event of a function has run: it may lock what it loads.
pub(super) fn is_held_until(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    let itself = match unit.events.get(at as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => query.lock != Lock::No,
        _ => false,
    };
    itself || is_held(db, of, unit, at)
}

/// Whether a lock is held where a function is entered: by a decorator, a dependency, or some caller.
fn is_entered_locked(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if is_decorated(db, of) || depends_on_lock(db, of) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of).iter().any(|site| {
        site.function != of
            && !entry::is_test(db, site.function.file)
            && (holds_at(&unit_of(db, site.function), site.ordinal) || is_entered_locked(db, site.function, depth))
    })
}

/// As [`is_held`], by something else than that lookup of what is guarded.
pub(super) fn is_held_besides(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, lookup: u32) -> bool {
    holds_besides(unit, at, Some(lookup)) || is_entered_locked(db, of, DEPTH)
}

fn holds_at(unit: &Unit, at: u32) -> bool {
    holds_besides(unit, at, None)
}

fn holds_besides(unit: &Unit, at: u32, lookup: Option<u32>) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return false };
    let around = unit.ancestors(event.frame).any(|(_, frame)| {
        matches!(frame.kind, FrameKind::WithLock | FrameKind::WithTransaction(_, TransactionKind::Savepoint))
    });
    around
        || unit.numbered().take(at as usize).any(|(earlier, event)| {
            let locks = match &event.kind {
                EventKind::ExternalLock => true,
                EventKind::Load { query, .. } => query.lock != Lock::No,
                EventKind::Refresh { lock, .. } => *lock != Lock::No,
                _ => false,
            };
            locks && lookup != Some(earlier) && unit.can_follow(earlier, at)
        })
}

/// Whether a decorator is called a lock, or is a function of the workspace that takes one.
fn is_decorated(db: &dyn Db, of: FunctionRef) -> bool {
    classes::decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::External(path) => names_lock(&path),
        Symbol::Function(decorator) => names_lock(classes::simple(decorator.path)) || takes_lock(db, decorator),
        Symbol::Class(class) => names_lock(classes::simple(class.path)),
        _ => false,
    })
}

fn depends_on_lock(db: &dyn Db, of: FunctionRef) -> bool {
    let params = head(db, of).map_or(0, |body| body.params.len());
    (0..params).any(|index| match dependency_of_param(db, of, index) {
        Some(Depended::On(Symbol::Function(dependency))) => takes_lock(db, dependency),
        _ => false,
    })
}

/// Whether a function, or one that stands in it, takes a lock.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
fn takes_lock_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let inner = format!("{}.", of.path);
    parsed(db, of.file)
        .module
        .functions
        .iter()
        .filter(|function| function.path == of.path || function.path.starts_with(inner.as_str()))
        .map(|function| unit_of(db, FunctionRef { file: of.file, path: function.path }))
        .any(|unit: Arc<Unit>| {
            unit.frames.iter().any(|frame| matches!(frame.kind, FrameKind::WithLock))
                || unit.events.iter().any(|event| match &event.kind {
                    EventKind::ExternalLock => true,
                    EventKind::Load { query, .. } => query.lock == Lock::Yes,
                    EventKind::Refresh { lock, .. } => *lock == Lock::Yes,
                    _ => false,
                })
        })
}

/// Whether a function takes a lock.
pub(super) fn takes_lock(db: &dyn Db, of: FunctionRef) -> bool {
    takes_lock_query(db, of, ())
}
