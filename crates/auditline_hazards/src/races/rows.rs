//! Rows that a unit of work changes: how they were loaded, and whether the change is made durable.

use std::sync::Arc;

use auditline_model::eval::value::{Lock, RowOrigin, RowValue, SessionValue, Value, listed_row};
use auditline_model::owner::{
    CallSite, Ownership, argument_of, callers, is_committed_around, is_committed_later, owner,
};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{Event, EventKind, FrameKind, SessionAction, Unit, effect, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, tables};
use auditline_syntax::Name;

pub(super) use crate::check::is_silent;
use crate::finding::{Evidence, Place};

/// Whether it is proved that a row was loaded without a lock.
pub(super) fn is_unlocked(db: &dyn Db, of: FunctionRef, row: &RowValue) -> bool {
    match &row.origin {
        RowOrigin::Loaded { lock, .. } => *lock == Lock::No,
        RowOrigin::Dependency(Symbol::Function(dependency)) => {
            let effect = effect(db, *dependency, classes_of(db, *dependency));
            let given = if matches!(effect.yields, Value::Unknown) { &effect.returns } else { &effect.yields };
            let is_plain = |row: &RowValue| matches!(row.origin, RowOrigin::Loaded { lock: Lock::No, .. });
            match given {
                Value::Row(row) => is_plain(row),
                // It keeps the row on the request: `g.user = …`.
                _ => unit_of(db, *dependency).events.iter().any(|event| match &event.kind {
                    EventKind::Store { value: Value::Row(kept), .. } => kept.model == row.model && is_plain(kept),
                    _ => false,
                }),
            }
        }
        RowOrigin::Param(index) => unlocked_site(db, of, *index).is_some(),
        // Followed from a row that is locked, it is not locked either, unless the lock was on a join: AUD214 tells them apart.
        RowOrigin::Related(_) => {
            let unit = unit_of(db, of);
            is_loaded_by_made(&unit, row) || root(&unit, row).is_some_and(|root| is_unlocked(db, of, root))
        }
        // A library that hands out a row, as those for users do, has no reason to lock it.
        RowOrigin::Dependency(Symbol::Variable(_) | Symbol::External(_)) => true,
        RowOrigin::Created | RowOrigin::SelfRow | RowOrigin::Dependency(_) | RowOrigin::Unknown => false,
    }
}

/// Whether a row is loaded through a relationship of one that was made here with nothing but the key: no lock came with it.
fn is_loaded_by_made(unit: &Unit, row: &RowValue) -> bool {
    let Some((made, relationship)) = followed(unit, row) else { return false };
    let given = |event: &EventKind| matches!(event, EventKind::Write { row, column, .. } if row.id == made.id && *column == relationship);
    made.origin == RowOrigin::Created
        && !unit.ingredients.iter().any(|part| part.created == made.id && part.attribute == relationship)
        && !unit.events.iter().any(|event| given(&event.kind))
}

/// The row from which relationships lead to this one; itself, where none does.
pub(super) fn root<'a>(unit: &'a Unit, row: &'a RowValue) -> Option<&'a RowValue> {
    let mut at = row;
    while let RowOrigin::Related(_) = at.origin {
        // Each row is followed from one that was there before.
        let (from, _) = followed(unit, at)?;
        if from.id >= at.id && matches!(from.origin, RowOrigin::Related(_)) {
            return None;
        }
        at = from;
    }
    Some(at)
}

/// The row from which a relationship leads to this one, and the relationship.
pub(super) fn followed<'a>(unit: &'a Unit, row: &RowValue) -> Option<(&'a RowValue, Name)> {
    match &unit.events.get(row.id as usize)?.kind {
        EventKind::Follow { row, relationship } => Some((row, *relationship)),
        _ => None,
    }
}

/// How many callers up it is looked for who loads a row that is handed on.
const DEPTH: u32 = 3;

/// The first call that hands in a row without a lock: it races with all others, locked or not.
fn unlocked_site(db: &dyn Db, of: FunctionRef, index: u32) -> Option<CallSite> {
    unlocked_site_within(db, of, index, DEPTH)
}

fn unlocked_site_within(db: &dyn Db, of: FunctionRef, index: u32, depth: u32) -> Option<CallSite> {
    let depth = depth.checked_sub(1)?;
    callers(db, of).iter().find_map(|site| {
        let given = argument_of(db, of, &site.event, index)?;
        let row = listed_row(&given)?;
        if entry::is_test(db, site.function.file) {
            return None;
        }
        let loaded = match row.origin {
            RowOrigin::Loaded { lock: Lock::No, .. } | RowOrigin::Dependency(_) => site.clone(),
            // What a relationship leads to is loaded without a lock, unless it came along with a row that was locked.
            RowOrigin::Related(_) if locks_nothing(&unit_of(db, site.function)) => site.clone(),
            RowOrigin::Param(handed) if site.function != of => unlocked_site_within(db, site.function, handed, depth)?,
            RowOrigin::Related(_) if site.function != of && is_unlocked(db, site.function, row) => site.clone(),
            _ => return None,
        };
        let unit = unit_of(db, site.function);
        (!is_protected(db, site.function, &unit, site.ordinal, row)).then_some(loaded)
    })
}

fn locks_nothing(unit: &Unit) -> bool {
    unit.events.iter().all(|event| event.kind.row_lock().is_none())
}

/// The place where a row was loaded without a lock: here, through a helper, or by a dependency or caller.
pub(super) fn load_evidence(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<Evidence> {
    let (place, message) = match &row.origin {
        RowOrigin::Dependency(Symbol::Function(dependency)) => {
            let who = match (dependency.path.as_str().rsplit_once('.'), classes::simple(dependency.path)) {
                (Some((class, _)), "__call__") => format!("`{}`", classes::simple(Name::new(class))),
                (_, name) => format!("the dependency `{name}`"),
            };
            (Place::Function(*dependency), format!("{who} loads the row, without a lock"))
        }
        RowOrigin::Dependency(Symbol::Variable(dependency)) => {
            let name = dependency.name;
            (Place::Variable(*dependency), format!("the dependency `{name}` loads the row, without a lock"))
        }
        RowOrigin::Param(index) => {
            let site = unlocked_site(db, of, *index)?;
            let name = classes::simple(site.function.path);
            (Place::Event(site.function, site.ordinal), format!("`{name}` hands in the row, loaded without a lock"))
        }
        _ => {
            let load = unit.events.get(row.id as usize)?;
            let message = match &load.kind {
                EventKind::Load { by: Some(by), .. } => {
                    format!("the row is loaded here through `{}`, without a lock", classes::simple(by.path))
                }
                EventKind::Follow { relationship, .. } => {
                    format!("the row is reached here through `{relationship}`, without a lock")
                }
                _ => "the row is loaded here without a lock".to_owned(),
            };
            (Place::InFunction(of, load.range), message)
        }
    };
    Some(Evidence { place, message })
}

fn classes_of(db: &dyn Db, of: FunctionRef) -> Option<auditline_model::ClassRef> {
    auditline_model::owner::class_of(db, of)
}

/// Whether something protects the row's change that is no lock on the row: a lock between processes or threads that is held
/// or was taken before, a lock that another statement took on its key, a lock on the row that owns it, a version counter on the
/// mapper.
pub(super) fn is_protected(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let versioned =
        row.model.and_then(|class| tables::orm_model(db, class)).is_some_and(|model| model.has_version_counter);
    if versioned {
        return true;
    }
    // By which way a related row is loaded is not seen: any lock that was taken before may be its own.
    let related = matches!(row.origin, RowOrigin::Related(_));
    super::held::is_exclusive(db, of, unit, write)
        || super::keyed::is_locked_first(db, of, unit, write, row)
        || super::keyed::is_compared(db, unit, write, row)
        || super::guardian::locks_owner(db, of, unit, write, row)
        || related && super::held::is_held_until(db, of, unit, write)
}

/// The event that adds a row that was created at that event, and the session to which it is added.
pub(super) fn added(unit: &Unit, create: u32, is_it: impl Fn(&RowValue) -> bool) -> Option<(u32, Arc<SessionValue>)> {
    let created = unit.events.get(create as usize)?;
    unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Add { session, row: Some(added), .. } => {
            (is_it(added) && unit.can_follow(create, ordinal)).then(|| (ordinal, Arc::clone(session)))
        }
        // The callee that made it has added it too.
        EventKind::Add { session, row: None, by: Some(_) } => {
            (event.range == created.range && ordinal < create).then(|| (ordinal, Arc::clone(session)))
        }
        _ => None,
    })
}

/// Where a change is made durable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Durable {
    /// By that commit in the same function.
    Commit(u32),
    /// By the scope around it, when it is left.
    Scope,
    /// By a caller, after this function returns.
    Caller(FunctionRef, u32),
}

/// Whether a change of a row at that event is committed afterwards.
pub(super) fn durable(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> Option<Durable> {
    let matches_session =
        |session: &Arc<SessionValue>| row.session.as_ref().is_none_or(|own| same_session(own, session));
    let commits = |(ordinal, event): (u32, &Event)| match &event.kind {
        EventKind::Session { session, action: SessionAction::Commit, .. } => {
            (matches_session(session) && unit.can_follow(write, ordinal)).then_some(ordinal)
        }
        _ => None,
    };
    // One that stands above it comes with the next round of a loop.
    let below = unit.numbered().skip(write as usize).find_map(commits);
    if let Some(commit) = below.or_else(|| unit.numbered().take(write as usize).find_map(commits)) {
        return Some(Durable::Commit(commit));
    }
    let event = unit.events.get(write as usize)?;
    let in_scope = unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::WithTransaction(session, kind) => kind.commits() && matches_session(session),
        _ => false,
    });
    let is_left = || row.session.as_ref().is_some_and(|session| is_committed_around(db, unit, event.frame, session));
    if in_scope || is_left() {
        return Some(Durable::Scope);
    }
    let session = row.session.clone().or_else(|| session_of_dependency(unit))?;
    if matches!(owner(db, of, &session), Ownership::Managed { commits: true }) {
        return Some(Durable::Scope);
    }
    if let Some(durable) = callers(db, of).iter().find_map(|site| by_caller(db, site)) {
        return Some(durable);
    }
    is_committed_later(db, of, &session).then_some(Durable::Scope)
}

/// Where the first of several callers commits the change of a row that they hand to a function which knows no session: it is
/// the same fault for all of them.
pub(super) fn saved_by_several(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Option<Durable> {
    let knows_none = row.session.is_none() && session_of_dependency(unit).is_none();
    if !knows_none || !matches!(row.origin, RowOrigin::Param(_)) {
        return None;
    }
    let sites = callers(db, of);
    let mut saved = sites
        .iter()
        .filter(|site| site.function != of && !entry::is_test(db, site.function.file))
        .filter_map(|site| Some((site.function, by_caller(db, site)?)));
    let (first, durable) = saved.next()?;
    saved.any(|(other, _)| other != first).then_some(durable)
}

/// Where the caller of a function commits what it has done.
fn by_caller(db: &dyn Db, site: &CallSite) -> Option<Durable> {
    if entry::is_by_hand(db, site.function.file) {
        return None;
    }
    let caller = unit_of(db, site.function);
    let committed = caller.numbered().find(|(ordinal, event)| {
        matches!(&event.kind, EventKind::Session { action: SessionAction::Commit, .. })
            && caller.can_follow(site.ordinal, *ordinal)
    });
    if let Some((ordinal, _)) = committed {
        return Some(Durable::Caller(site.function, ordinal));
    }
    let around = caller.events.get(site.ordinal as usize).is_some_and(|event| {
        caller
            .ancestors(event.frame)
            .any(|(_, frame)| matches!(&frame.kind, FrameKind::WithTransaction(_, kind) if kind.commits()))
    });
    around.then_some(Durable::Caller(site.function, site.ordinal))
}

fn session_of_dependency(unit: &Unit) -> Option<Arc<SessionValue>> {
    unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session, .. } | EventKind::Add { session, .. } => Some(Arc::clone(session)),
        _ => None,
    })
}

/// How a row is called in a message: by its model.
pub(super) fn row_name(row: &RowValue) -> String {
    row.model.map_or_else(|| "row".to_owned(), |class| classes::simple(class.path).to_owned())
}
