//! Locks that let one request at a time at what it checks: in the function, a callee, its callers, a decorator or a dependency.

use std::sync::Arc;

use auditline_model::eval::libraries::names_lock;
use auditline_model::eval::value::{Key, RowValue, TransactionKind, Value};
use auditline_model::eval::{Depended, dependency_of_param};
use auditline_model::owner::{CallSite, callers};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{owners, refers};
use auditline_model::unit::{
    Event, EventKind, FrameId, FrameKind, LockScope, RowLock, SessionAction, Subject, Unit, unit_of,
};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, head, with_inner};

/// How many callers up a lock is looked for.
const DEPTH: u32 = 3;

/// What a lock is to guard: a row of that class that is made at that event, or behind the call at that event.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) model: ClassRef,
    pub(super) at: u32,
}

/// Whether a lock is held when a row is made, or a savepoint stands around it.
pub(super) fn is_held(db: &dyn Db, of: FunctionRef, unit: &Unit, made: Made) -> bool {
    holds(db, unit, made.at, None, Some(made)) || is_entered_locked(db, of, Some(made.model), DEPTH)
}

/// Whether a lock is held when that event of a function has run: it may lock what it loads.
pub(super) fn is_held_until(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    let itself = unit.events.get(at as usize);
    itself.is_some_and(|event| event.kind.row_lock().is_some())
        || holds(db, unit, at, None, None)
        || is_entered_locked(db, of, None, DEPTH)
}

/// As [`is_held`], by something else than that lookup of what is guarded.
pub(super) fn is_held_besides(db: &dyn Db, of: FunctionRef, unit: &Unit, made: Made, lookup: u32) -> bool {
    holds(db, unit, made.at, Some(lookup), Some(made)) || is_entered_locked(db, of, Some(made.model), DEPTH)
}

/// Whether a lock is held where a function is entered: by a decorator, a dependency, or by all who call it.
fn is_entered_locked(db: &dyn Db, of: FunctionRef, made: Option<ClassRef>, depth: u32) -> bool {
    if is_decorated(db, of) || depends_on_lock(db, of, made) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    at_every_call(db, of, |site, unit| {
        let guarded = made.map(|model| Made { model, at: site.ordinal });
        holds(db, unit, site.ordinal, None, guarded) || is_entered_locked(db, site.function, made, depth)
    })
}

/// Whether something besides rows is locked when an event happens, between processes or threads: here, by a decorator, or by
/// all who come.
pub(super) fn is_exclusive(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    is_exclusive_within(db, of, unit, at, DEPTH)
}

fn is_exclusive_within(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, depth: u32) -> bool {
    if unit.is_exclusive(at) || is_decorated(db, of) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    at_every_call(db, of, |site, unit| is_exclusive_within(db, site.function, unit, site.ordinal, depth))
}

/// Whether that is so at every call of a function that comes while requests are served, and there is one. The one where it
/// is not meets all others.
pub(super) fn at_every_call(db: &dyn Db, of: FunctionRef, is_so: impl Fn(&CallSite, &Unit) -> bool) -> bool {
    let sites = callers(db, of);
    let mut served = sites.iter().filter(|site| site.function != of && !is_aside(db, site.function)).peekable();
    served.peek().is_some() && served.all(|site| is_so(site, &unit_of(db, site.function)))
}

/// Whether a caller says nothing of what happens while requests are served.
fn is_aside(db: &dyn Db, caller: FunctionRef) -> bool {
    entry::is_test(db, caller.file) || entry::is_startup(db, caller)
}

fn holds(db: &dyn Db, unit: &Unit, at: u32, lookup: Option<u32>, made: Option<Made>) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return false };
    let in_savepoint = unit
        .ancestors(event.frame)
        .any(|(_, frame)| matches!(frame.kind, FrameKind::WithTransaction(_, TransactionKind::Savepoint)));
    in_savepoint
        || unit.is_exclusive(at)
        || unit.numbered().take(at as usize).any(|(earlier, event)| {
            locks(db, unit, event, made) && lookup != Some(earlier) && unit.can_follow(earlier, at)
        })
}

/// The classes of the rows that a call leaves locked, where the callee has loaded them for nothing else: `lock_workflow(id)`.
pub(super) fn left_by_call(db: &dyn Db, event: &EventKind) -> Arc<[Option<ClassRef>]> {
    match event {
        EventKind::Call { callee, .. } => left_locked(db, *callee, ()).rows,
        _ => Arc::default(),
    }
}

/// Whether an event takes a lock on rows that may guard what is made.
fn locks(db: &dyn Db, unit: &Unit, event: &Event, made: Option<Made>) -> bool {
    if let Some(made) = made
        && left_by_call(db, &event.kind).iter().flatten().any(|locked| belongs(db, made.model, *locked))
    {
        return true;
    }
    event.kind.row_lock().is_some_and(|lock| match (made, lock.model, lock.row) {
        (Some(made), Some(model), Some(row)) => guards(db, unit, made, model, row),
        _ => true,
    })
}

/// Whether the lock on one row guards the making of another: the row belongs to the locked one, directly or by one between,
/// it is looked for or made by what the locked row says, or the row is locked for nothing else.
///
/// A row that is locked to be changed itself keeps nobody from making rows of other tables.
fn guards(db: &dyn Db, unit: &Unit, made: Made, locked: ClassRef, row: u32) -> bool {
    if belongs(db, made.model, locked) {
        return true;
    }
    let changed = unit.events.iter().any(|event| match &event.kind {
        EventKind::Write { row: own, .. } => own.id == row,
        EventKind::Delete { row: Some(own), .. } => own.id == row,
        _ => false,
    });
    !changed || names_row(unit, made.at, row) || decides(unit, made.at, row)
}

/// Whether rows of a class point at rows that point at the other class.
fn belongs_by_another(db: &dyn Db, model: ClassRef, owner: ClassRef) -> bool {
    owners(db, model).iter().any(|between| refers(db, *between, owner))
}

/// Whether something of a row goes into what is made at an event, into the lookups before it, or into the call there.
fn names_row(unit: &Unit, at: u32, row: u32) -> bool {
    let is_row = |value: &Value| value.row().is_some_and(|given: &Arc<RowValue>| given.id == row);
    let is_key = |key: &Key| matches!(key, Key::Field { row: own, .. } if *own == row);
    unit.ingredients.iter().any(|part| part.row == row && part.created == at)
        || unit.events.iter().take(at as usize + 1).any(|event| match &event.kind {
            EventKind::Load { query, .. } => query.keys.iter().any(|(_, key)| is_key(key)),
            EventKind::Call { arguments, keys, .. } => {
                arguments.iter().any(|(_, value)| is_row(value)) || keys.iter().any(|(_, key)| is_key(key))
            }
            _ => false,
        })
}

/// Whether a row's state decides whether an event happens.
fn decides(unit: &Unit, at: u32, row: u32) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return false };
    unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions
            .iter()
            .any(|condition| matches!(condition.subject, Subject::Field { row: tested, .. } if tested == row)),
        _ => false,
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

fn depends_on_lock(db: &dyn Db, of: FunctionRef, made: Option<ClassRef>) -> bool {
    let params = head(db, of).map_or(0, |body| body.params.len());
    (0..params).any(|index| match dependency_of_param(db, of, index) {
        Some(Depended::On(Symbol::Function(dependency))) => {
            let left = left_locked(db, dependency, ());
            left.exclusive || !left.rows.is_empty()
        }
        _ => false,
    }) || entry::attached_to(db, of).iter().any(|dependency| {
        let left = left_locked(db, *dependency, ());
        // What a whole router locks need have nothing to do with what one of its routes makes.
        left.exclusive || left.rows.iter().flatten().any(|locked| made.is_none_or(|made| belongs(db, made, *locked)))
    })
}

/// What a dependency has locked while its user runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Left {
    /// Whether another user of it waits, whatever rows it wants.
    exclusive: bool,
    /// The classes of the rows that it holds.
    rows: Arc<[Option<ClassRef>]>,
}

/// What a dependency has locked while its user runs: what a `with` locks is free again when the block is left, unless the
/// dependency hands out its value inside of it, and rows are free when the transaction ends.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(clone))]
fn left_locked(db: &dyn Db, of: FunctionRef, _key: ()) -> Left {
    let unit = unit_of(db, of);
    let exclusive = unit.events.iter().any(|event| match &event.kind {
        EventKind::ExternalLock(scope) => *scope == LockScope::Open,
        EventKind::Yield(_) => unit.ancestors(event.frame).any(|(_, frame)| matches!(frame.kind, FrameKind::WithLock)),
        _ => false,
    });
    let kept = unit.numbered().filter(|(at, _)| is_kept(&unit, *at)).filter_map(|(_, event)| event.kind.row_lock());
    Left { exclusive, rows: kept.filter(|lock| lock.is_sure()).map(|lock| lock.model).collect() }
}

/// Whether no transaction ends between a row lock and what a dependency hands out, or its end where it hands out nothing.
fn is_kept(unit: &Unit, lock: u32) -> bool {
    let Some(event) = unit.events.get(lock as usize) else { return false };
    let yields: Vec<u32> =
        unit.numbered().filter(|(_, event)| matches!(event.kind, EventKind::Yield(_))).map(|(at, _)| at).collect();
    let ends = |at: u32, to: Option<u32>| {
        unit.events.get(at as usize).is_some_and(|event| {
            matches!(
                event.kind,
                EventKind::Session {
                    action: SessionAction::Commit | SessionAction::Rollback | SessionAction::Close,
                    ..
                }
            )
        }) && !unit.in_except(at)
            && unit.can_follow(lock, at)
            && to.is_none_or(|to| at < to && unit.can_follow(at, to))
    };
    let stands_in = |scope: FrameId, at: u32| {
        unit.events.get(at as usize).is_some_and(|event| unit.ancestors(event.frame).any(|(id, _)| id == scope))
    };
    let held_at = |to: Option<u32>| {
        let left = unit.ancestors(event.frame).any(|(id, frame)| {
            matches!(frame.kind, FrameKind::WithSession(_) | FrameKind::WithTransaction(..))
                && !to.is_some_and(|to| stands_in(id, to))
        });
        !left && !unit.numbered().any(|(at, _)| ends(at, to))
    };
    if yields.is_empty() {
        held_at(None)
    } else {
        yields.iter().any(|to| unit.can_follow(lock, *to) && held_at(Some(*to)))
    }
}

/// Whether rows of a class belong to rows of the other one, directly or by one between, or are such themselves.
fn belongs(db: &dyn Db, made: ClassRef, locked: ClassRef) -> bool {
    locked == made || refers(db, made, locked) || belongs_by_another(db, made, locked)
}

/// Whether a function, or one that stands in it, takes a lock.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
fn takes_lock_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    with_inner(db, of).iter().map(|function| unit_of(db, FunctionRef { file: of.file, path: function.path })).any(
        |unit: Arc<Unit>| {
            unit.frames.iter().any(|frame| matches!(frame.kind, FrameKind::WithLock))
                || unit.events.iter().any(|event| match &event.kind {
                    EventKind::ExternalLock(_) => true,
                    kind => kind.row_lock().is_some_and(RowLock::is_sure),
                })
        },
    )
}

/// Whether a function takes a lock.
pub(super) fn takes_lock(db: &dyn Db, of: FunctionRef) -> bool {
    takes_lock_query(db, of, ())
}
