//! Rows that a unit of work changes: how they were loaded, and whether the change is made durable.

use std::sync::Arc;

use auditline_model::eval::value::{Derivation, Lock, RowOrigin, RowValue, SessionValue, Sources, Value, listed_row};
use auditline_model::owner::{CallSite, Ownership, argument_of, callers, is_committed_later, owner};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{AttributeKind, Column, TypeFamily};
use auditline_model::unit::{
    Condition, EventKind, FrameId, FrameKind, SessionAction, Subject, Test, Unit, effect, same_session, unit_of,
};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, tables};
use auditline_syntax::Name;

pub(super) use crate::check::is_silent;
use crate::finding::{Evidence, Place};

use super::written::{Written, written};

/// Whether it is proved that a row was loaded without a lock.
pub(super) fn is_unlocked(db: &dyn Db, of: FunctionRef, row: &RowValue) -> bool {
    match &row.origin {
        RowOrigin::Loaded { lock, .. } => *lock == Lock::No,
        RowOrigin::Dependency(Symbol::Function(dependency)) => {
            let effect = effect(db, *dependency, classes_of(db, *dependency));
            let given = if matches!(effect.yields, Value::Unknown) { &effect.returns } else { &effect.yields };
            matches!(given, Value::Row(row) if matches!(&row.origin, RowOrigin::Loaded { lock: Lock::No, .. }))
        }
        RowOrigin::Param(index) => unlocked_site(db, of, *index).is_some(),
        // Followed from a row that is locked, it is not locked either, unless the lock was on a join: AUD214 tells them apart.
        RowOrigin::Related(_) => {
            let unit = unit_of(db, of);
            is_loaded_by_made(&unit, row) || root(&unit, row).is_some_and(|root| is_unlocked(db, of, root))
        }
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
            let name = classes::simple(dependency.path);
            (Place::Function(*dependency), format!("the dependency `{name}` loads the row, without a lock"))
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
/// or was taken before, a lock on the row that owns it, a version counter on the mapper.
pub(super) fn is_protected(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, row: &RowValue) -> bool {
    let versioned =
        row.model.and_then(|class| tables::orm_model(db, class)).is_some_and(|model| model.has_version_counter);
    if versioned {
        return true;
    }
    // By which way a related row is loaded is not seen: any lock that was taken before may be its own.
    let related = matches!(row.origin, RowOrigin::Related(_));
    super::held::is_exclusive(db, of, unit, write)
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
    for (ordinal, event) in unit.numbered() {
        if let EventKind::Session { session, action: SessionAction::Commit, .. } = &event.kind
            && matches_session(session)
            && unit.can_follow(write, ordinal)
        {
            return Some(Durable::Commit(ordinal));
        }
    }
    let event = unit.events.get(write as usize)?;
    let in_scope = unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::WithTransaction(session, auditline_model::eval::value::TransactionKind::Begin) => {
            matches_session(session)
        }
        _ => false,
    });
    if in_scope {
        return Some(Durable::Scope);
    }
    let session = row.session.clone().or_else(|| session_of_dependency(unit))?;
    if matches!(owner(db, of, &session), Ownership::Managed { commits: true }) {
        return Some(Durable::Scope);
    }
    for site in callers(db, of).iter() {
        if entry::is_by_hand(db, site.function.file) {
            continue;
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
            caller.ancestors(event.frame).any(|(_, frame)| {
                matches!(
                    &frame.kind,
                    FrameKind::WithTransaction(_, auditline_model::eval::value::TransactionKind::Begin)
                )
            })
        });
        if around {
            return Some(Durable::Caller(site.function, site.ordinal));
        }
    }
    is_committed_later(db, of, &session).then_some(Durable::Scope)
}

fn session_of_dependency(unit: &Unit) -> Option<Arc<SessionValue>> {
    unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session, .. } | EventKind::Add { session, .. } => Some(Arc::clone(session)),
        _ => None,
    })
}

/// Why a write depends on what the row held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependence {
    /// The new value is computed from the old one, read at that event.
    OwnValue(u32),
    /// The write happens only in a certain state, tested at that event.
    State(u32),
}

/// Whether the write at an event depends on the old value of its column.
pub(super) fn dependence(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> Option<Dependence> {
    let event = unit.events.get(write as usize)?;
    let Written { row, column, from, in_sql, constant, in_place, by } = written(&event.kind)?;
    if in_sql {
        return None;
    }
    // What the row is must be known: of a relationship to many, as in `order.items += more`, the ORM writes what was added
    // and removed, not the whole. One to a row whose key this one holds is that key.
    let class = row.model?;
    let model = tables::orm_model(db, class).filter(|model| model.is_table())?;
    if is_deleted_with(unit, write, row.id, by) {
        return None;
    }
    let is_column = |kind: &AttributeKind| matches!(kind, AttributeKind::Column(_));
    let related = model.attribute(column).is_some_and(|attribute| !is_column(&attribute.kind));
    if related && tables::held_key(db, class, column).is_none() {
        return None;
    }
    let declared = model.column(column);
    if in_place {
        // The ORM sees a change in place only where the column's type watches for it.
        return declared.is_some_and(|column| column.mutable).then_some(Dependence::OwnValue(write));
    }
    let own = from.fields.iter().find(|field| {
        field.row == row.id
            && field.column == column
            && !related
            && match field.how {
                // A name with a suffix is the same name whoever appends it; a text that the request adds to can be lost.
                Derivation::Computed => !is_text(declared) || from.other,
                // What a function makes of a text (a hash, a cleaned form) or of a type of the project's own is no sum of changes.
                Derivation::Called => declared.is_some_and(adds_up),
                Derivation::Same | Derivation::Normalised | Derivation::Decided => false,
            }
    });
    if let Some(field) = own {
        return Some(Dependence::OwnValue(field.read));
    }
    let family = declared.map(|column| column.family).unwrap_or_default();
    let overwrite = Overwrite { row: row.id, model: row.model, column, family, constant, from, by, at: write };
    unit.ancestors(event.frame).find_map(|(guarded, frame)| match &frame.kind {
        FrameKind::Branch { conditions, rest, split, .. } => {
            let told = conditions.iter().filter(|condition| {
                condition.test == Test::Present
                    && matches!(condition.subject, Subject::Field { row: tested, .. } if tested == row.id)
            });
            let turns_away = *rest && (told.count() == 1 || unit.is_refused(*split));
            let guard = Guarded { frame: guarded, split: *split, turns_away };
            let decisive = conditions.iter().find(|condition| decides(db, of, unit, condition, &overwrite, guard))?;
            Some(Dependence::State(decisive.at))
        }
        _ => None,
    })
}

/// Whether the row is deleted behind the write, or by the callee that writes it: what the column holds then matters to nobody.
fn is_deleted_with(unit: &Unit, write: u32, row: u32, by: Option<FunctionRef>) -> bool {
    unit.numbered().any(|(ordinal, event)| match &event.kind {
        EventKind::Delete { row: Some(deleted), by: deleter, .. } => {
            deleted.id == row && (unit.can_follow(write, ordinal) || by.is_some() && *deleter == by)
        }
        _ => false,
    })
}

/// Whether changes of a column add up: a number, a document or a list.
fn adds_up(column: &Column) -> bool {
    match column.family {
        TypeFamily::Integer
        | TypeFamily::BigInteger
        | TypeFamily::Numeric
        | TypeFamily::Float
        | TypeFamily::Interval
        | TypeFamily::Json
        | TypeFamily::Array
        | TypeFamily::Unknown => true,
        TypeFamily::String
        | TypeFamily::Text
        | TypeFamily::Boolean
        | TypeFamily::DateTime
        | TypeFamily::Date
        | TypeFamily::Time
        | TypeFamily::Uuid
        | TypeFamily::Enum
        | TypeFamily::Binary
        | TypeFamily::Other(_) => false,
    }
}

fn is_text(column: Option<&Column>) -> bool {
    column.is_some_and(|column| matches!(column.family, TypeFamily::String | TypeFamily::Text))
}

/// A column that is written without a look at its old value.
struct Overwrite<'a> {
    row: u32,
    model: Option<ClassRef>,
    column: Name,
    family: TypeFamily,
    /// The new value as written, where it is a constant.
    constant: Option<Name>,
    /// What the new value is made from.
    from: &'a Sources,
    /// The callee that writes it.
    by: Option<FunctionRef>,
    /// The ordinal of the write.
    at: u32,
}

/// What a condition lets happen.
#[derive(Clone, Copy)]
struct Guarded {
    frame: FrameId,
    /// The `if` or `match` whose arm it is.
    split: u32,
    /// Whether it is the rest of a block behind a guard that left it: by an error, or for that one reason. One that leaves
    /// where several columns are filled (`if row.name and row.size: return`) says of none that it was empty.
    turns_away: bool,
}

fn decides(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    condition: &Condition,
    write: &Overwrite<'_>,
    guarded: Guarded,
) -> bool {
    let same = matches!(&condition.subject, Subject::Field { row: tested, column: name }
        if *tested == write.row && is_same_column(db, write.model, *name, write.column));
    if !same {
        return false;
    }
    let once = || has_other_effects(unit, write.row, write.at, Some(guarded.frame));
    match condition.test {
        // One state leads to another: two requests leave it at once.
        Test::EqualsConstant if condition.holds => condition.constant.is_none() || condition.constant != write.constant,
        // `if x.status != "done": x.status = "done"` writes the same again, unless something else was to happen once.
        // `if x.status == "closed": raise` guards against a state that somebody else must be able to bring about.
        // What a callee writes there may be what was tested.
        Test::EqualsConstant if write.by.is_some() && write.constant.is_none() => false,
        Test::EqualsConstant => {
            let idempotent = condition.constant.is_some() && condition.constant == write.constant;
            once()
                || !idempotent
                    && write.model.is_some_and(|model| {
                        super::unlocked_read_modify_write::is_brought_about(
                            db,
                            of,
                            model,
                            write.column,
                            condition.constant,
                        )
                    })
        }
        // A time that is old enough only throttles; one that is compared with what is written keeps the newest.
        Test::Order => {
            !matches!(write.family, TypeFamily::DateTime | TypeFamily::Date)
                || condition.against.iter().any(|(row, column)| {
                    *row != write.row
                        && write.from.fields.iter().any(|field| field.row == *row && field.column == *column)
                })
        }
        // `if x.name != name: x.name = name` is a plain overwrite.
        Test::EqualsOther => false,
        // A guard that turned the second one away (`if code.used_at: raise`) decides where something else happens once for
        // it; filling in what is empty, or setting a flag that is set already, does no harm twice.
        Test::Present if condition.holds => false,
        Test::Present => guarded.turns_away && once() || makes_another(unit, write, guarded),
    }
}

/// Whether two attributes of a class are one column: a relationship to one row, and the key that it sets.
fn is_same_column(db: &dyn Db, model: Option<ClassRef>, one: Name, other: Name) -> bool {
    let key = |name: Name| model.and_then(|class| tables::held_key(db, class, name)).unwrap_or(name);
    one == other || key(one) == key(other)
}

/// Whether the other arm of the `if`, where the column is filled already, gives the same to a row that it makes: only one
/// is to take this row, and who comes second is to have another.
fn makes_another(unit: &Unit, write: &Overwrite<'_>, guarded: Guarded) -> bool {
    let is_other_arm = |frame: FrameId| {
        unit.ancestors(frame).any(|(id, frame)| {
            id != guarded.frame && matches!(&frame.kind, FrameKind::Branch { split, .. } if *split == guarded.split)
        })
    };
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Write { row, column, .. } => {
            row.id != write.row
                && *column == write.column
                && row.model == write.model
                && row.origin == RowOrigin::Created
                && is_other_arm(event.frame)
        }
        _ => false,
    })
}

/// Whether the unit does something besides changing or deleting that row: makes rows, deletes others, changes another one
/// from its old value, or calls another system. Where a frame is given, what stands outside of it does not count: it happens
/// whatever the frame's conditions say.
pub(super) fn has_other_effects(unit: &Unit, row: u32, write: u32, within: Option<FrameId>) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        if within.is_some_and(|within| !unit.ancestors(event.frame).any(|(frame, _)| frame == within)) {
            return false;
        }
        let effect = match &event.kind {
            EventKind::Create(_) | EventKind::External { .. } => true,
            EventKind::Delete { row: deleted, .. } => deleted.as_ref().is_none_or(|deleted| deleted.id != row),
            // What was loaded is in its session already.
            EventKind::Add { row: Some(added), .. } => {
                added.id != row && !matches!(added.origin, RowOrigin::Loaded { .. } | RowOrigin::Related(_))
            }
            EventKind::Write { row: other, from, .. } => {
                other.id != row && from.fields.iter().any(|field| field.row == other.id)
            }
            _ => false,
        };
        effect && (unit.can_follow(write, ordinal) || unit.can_follow(ordinal, write))
    })
}

/// How a row is called in a message: the variable it is bound to where the statement says so, else its model.
pub(super) fn row_name(db: &dyn Db, row: &RowValue) -> String {
    let _ = db;
    row.model.map_or_else(|| "row".to_owned(), |class| classes::simple(class.path).to_owned())
}
