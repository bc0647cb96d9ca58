//! Why the write of a column depends on what the row held before.

use auditline_model::eval::key_of_argument;
use auditline_model::eval::value::{
    Derivation, InstanceOrigin, Key, Lock, Part, QueryKind, QueryValue, RowOrigin, Sources, Step, Value,
};
use auditline_model::tables::{AttributeKind, Column, TypeFamily};
use auditline_model::unit::{Condition, Event, EventKind, FrameId, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, tables};
use auditline_syntax::Name;

use super::written::{Written, written};
use super::{alike, throttled, writers};

/// Why a write depends on what the row held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependence {
    /// The new value is computed from the old one, read at that event.
    OwnValue(u32),
    /// The write happens only in a certain state, tested at that event.
    State(u32),
    /// The row was looked for by its state, at that event.
    Sought(u32),
    /// The database computes the new value, but whether it may is tested at that event against an old one.
    Checked(u32),
}

/// Whether the write at an event depends on the old value of its column.
pub(super) fn dependence(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> Option<Dependence> {
    // What the row is must be known: of a relationship to many, as in `order.items += more`, the ORM writes what was added
    // and removed, not the whole. One to a row whose key this one holds is that key.
    let class = written(&unit.events.get(write as usize)?.kind)?.row.model?;
    dependence_as(db, of, unit, write, class)
}

/// The same of a row that is of that class, whether the function knows it or not.
fn dependence_as(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, class: ClassRef) -> Option<Dependence> {
    let event = unit.events.get(write as usize)?;
    let written = written(&event.kind)?;
    let Written { row, column, from, in_sql, in_place, by, .. } = written;
    let model = tables::orm_model(db, class).filter(|model| model.is_table())?;
    // An UPDATE statement runs no listener of a row.
    let is_flushed = matches!(event.kind, EventKind::Write { .. });
    if is_flushed && tables::is_computed_at_update(db, class, column)
        || is_deleted_with(unit, write, row.id, by)
        || by.is_some_and(|by| is_itself(db, unit, event, &written, by))
    {
        return None;
    }
    let is_column = |kind: &AttributeKind| matches!(kind, AttributeKind::Column(_));
    let related = model.attribute(column).is_some_and(|attribute| !is_column(&attribute.kind));
    if related && tables::held_key(db, class, column).is_none() {
        return None;
    }
    let declared = model.column(column);
    if in_sql {
        // The database keeps the sum, whoever comes first; the limit is kept by nobody.
        return limit(db, of, unit, write, class).map(Dependence::Checked);
    }
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
                Derivation::Computed | Derivation::Overlaid => !is_text(declared) || from.other,
                Derivation::Called => declared.is_some_and(adds_up),
                Derivation::Same | Derivation::Normalised | Derivation::Decided => false,
            }
    });
    if let Some(field) = own.filter(|_| !is_converted(unit, event.frame, row.id, column)) {
        return Some(Dependence::OwnValue(field.read));
    }
    let overwrite = Overwrite::of(db, &written, write, Some(class));
    let tested = decisive(db, of, unit, &overwrite).map(|(_, condition)| Dependence::State(condition.at));
    tested
        .or_else(|| is_sought(db, unit, &overwrite).then_some(Dependence::Sought(row.id)))
        .or_else(|| by.filter(|by| decides_itself(db, *by, column, class)).map(|_| Dependence::State(write)))
}

/// The read that decides whether a write may take a number nearer to its limit, where no constraint keeps that.
pub(super) fn limit(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, class: ClassRef) -> Option<u32> {
    let written = written(&unit.events.get(write as usize)?.kind)?;
    let model = tables::orm_model(db, class)?;
    model.column(written.column).filter(|column| is_number(column.family) && !column.is_checked)?;
    let overwrite = Overwrite::of(db, &written, write, Some(class));
    let (_, condition) = decisive(db, of, unit, &overwrite)?;
    nears(written.step, condition).then_some(condition.at)
}

/// Whether a callee gives a column what it holds already: `note(order, status="late", number=order.number)`.
fn is_itself(db: &dyn Db, unit: &Unit, event: &Event, written: &Written<'_>, by: FunctionRef) -> bool {
    let own = Key::Field { row: written.row.id, column: written.column };
    unit.events.iter().filter(|call| call.range == event.range).any(|call| match &call.kind {
        EventKind::Call { callee, keys, object, .. } => {
            *callee == by
                && keys.iter().any(|(_, key)| *key == own)
                && sets_to(db, by, written.column)
                    .is_some_and(|index| key_of_argument(db, by, keys, object, index) == Some(&own))
        }
        _ => false,
    })
}

/// The parameter that is all a function ever sets a column of a row that it is handed to.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy))]
fn sets_to(db: &dyn Db, of: FunctionRef, column: Name) -> Option<u32> {
    let unit = unit_of(db, of);
    let mut sets = unit.events.iter().filter_map(|event| written(&event.kind)).filter(|own| own.column == column);
    match (sets.next(), sets.next()) {
        (Some(only), None) if only.from.fields.is_empty() && !only.in_sql && !only.in_place => {
            match only.from.parts[..] {
                [Part::Param(index)] => Some(index),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a function writes a column of a row of that class that it was handed only in a certain state of it: `order.ship()`.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
fn decides_itself(db: &dyn Db, of: FunctionRef, column: Name, class: ClassRef) -> bool {
    let unit = unit_of(db, of);
    unit.numbered().any(|(ordinal, event)| {
        written(&event.kind).is_some_and(|own| {
            own.by.is_none()
                && own.column == column
                && matches!(own.row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow)
                && matches!(dependence_as(db, of, &unit, ordinal, class), Some(Dependence::State(_)))
        })
    })
}

/// The condition that lets a write happen in one state of its column only, and the frame in which it holds.
pub(super) fn decisive<'a>(
    db: &dyn Db,
    of: FunctionRef,
    unit: &'a Unit,
    overwrite: &Overwrite<'_>,
) -> Option<(FrameId, &'a Condition)> {
    let event = unit.events.get(overwrite.at as usize)?;
    unit.ancestors(event.frame).find_map(|(guarded, frame)| match &frame.kind {
        FrameKind::Branch { conditions, rest, split, .. } => {
            let told = conditions.iter().filter(|condition| {
                condition.test == Test::Present
                    && matches!(condition.subject, Subject::Field { row: tested, .. } if tested == overwrite.row)
            });
            let refuses = *rest && unit.is_refused(*split);
            let turns_away = *rest && (told.count() == 1 || refuses);
            let guard = Guarded { frame: guarded, split: *split, turns_away, refuses };
            let decisive = conditions.iter().find(|condition| decides(db, of, unit, condition, overwrite, guard))?;
            Some((guarded, decisive))
        }
        _ => None,
    })
}

/// Whether a row was looked for by the state that a write ends: two requests find it in that state.
fn is_sought(db: &dyn Db, unit: &Unit, write: &Overwrite<'_>) -> bool {
    let Some(EventKind::Load { query, .. }) = unit.events.get(write.row as usize).map(|event| &event.kind) else {
        return false;
    };
    // What has been written since is no longer what the query has asked for.
    let is_later = unit.numbered().take(write.at as usize).any(|(_, event)| {
        written(&event.kind).is_some_and(|earlier| {
            earlier.row.id == write.row && is_same_column(db, write.model, earlier.column, write.column)
        })
    });
    if is_later {
        return false;
    }
    let is_it = |name: &Name| is_same_column(db, write.model, *name, write.column);
    let leaves = |state: &Option<Name>| state.is_none() || *state != write.constant;
    query.sought.states.iter().any(|(name, state)| is_it(name) && leaves(state))
        || query.sought.nulls.iter().any(is_it) && is_claim(write) && !is_looked_for(unit, query, write.from)
}

/// Whether a value is put together from nothing but what a statement looks its row up by: whoever finds the row with it
/// writes the same.
fn is_looked_for(unit: &Unit, query: &QueryValue, from: &Sources) -> bool {
    let is_key = |part: &Part| {
        query.keys.iter().any(|(_, key)| match (part, key) {
            (Part::Param(index), Key::Given(Value::Param(given))) => index == given,
            (Part::Attribute(index, name), Key::Given(Value::Attribute(object, given))) => {
                name == given && is_handed(object, *index)
            }
            (Part::Column(read), Key::Field { row, column }) => {
                matches!(unit.events.get(*read as usize).map(|event| &event.kind),
                    Some(EventKind::Read { row: own, column: named }) if own.id == *row && named == column)
            }
            _ => false,
        })
    };
    !from.parts.is_empty() && from.parts.iter().all(is_key)
}

/// Whether a value is what a caller has handed in, its class known or not.
fn is_handed(value: &Value, index: u32) -> bool {
    match value {
        Value::Param(own) => *own == index,
        Value::Instance(instance) => instance.origin == InstanceOrigin::Param(index),
        _ => false,
    }
}

/// Whether a column that was empty gets what only this request has, and not what any other would have written: a name or
/// number that is neither a constant nor the answer of another system.
fn is_claim(write: &Overwrite<'_>) -> bool {
    let names = match write.family {
        TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Uuid | TypeFamily::String => true,
        TypeFamily::Text
        | TypeFamily::Numeric
        | TypeFamily::Float
        | TypeFamily::Interval
        | TypeFamily::Boolean
        | TypeFamily::DateTime
        | TypeFamily::Date
        | TypeFamily::Time
        | TypeFamily::Enum
        | TypeFamily::Binary
        | TypeFamily::Json
        | TypeFamily::Array
        | TypeFamily::Other(_)
        | TypeFamily::Unknown => false,
    };
    names && write.constant.is_none() && write.from.other && !write.from.fresh && write.from.external.is_none()
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

/// Whether a column is written only where it holds a value of another class: the same value in another form.
fn is_converted(unit: &Unit, frame: FrameId, row: u32, column: Name) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, rest: false, .. } => conditions.iter().any(|condition| {
            condition.test == Test::Class
                && !condition.holds
                && matches!(condition.subject, Subject::Field { row: tested, column: name } if tested == row && name == column)
        }),
        _ => false,
    })
}

/// Whether a step leads to the limit that a condition has found to be far enough.
fn nears(step: Step, condition: &Condition) -> bool {
    let nears = match step {
        Step::Up | Step::MaybeUp => condition.holds,
        Step::Down | Step::MaybeDown => !condition.holds,
        Step::Unknown => false,
    };
    nears && condition.test == Test::Order
}

fn is_number(family: TypeFamily) -> bool {
    match family {
        TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Numeric | TypeFamily::Float => true,
        TypeFamily::Interval
        | TypeFamily::Json
        | TypeFamily::Array
        | TypeFamily::Unknown
        | TypeFamily::String
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

/// Whether changes of a column add up: a number, a document or a list. What a function makes of a text (a hash, a cleaned form)
/// or of a type of the project's own is no sum of changes.
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
        | TypeFamily::Binary => false,
        TypeFamily::Other(_) => false,
    }
}

fn is_text(column: Option<&Column>) -> bool {
    column.is_some_and(|column| matches!(column.family, TypeFamily::String | TypeFamily::Text))
}

/// A column that is written without a look at its old value.
pub(super) struct Overwrite<'a> {
    pub(super) row: u32,
    model: Option<ClassRef>,
    pub(super) column: Name,
    pub(super) family: TypeFamily,
    /// Whether the column is known to hold no NULL.
    pub(super) never_null: bool,
    /// The new value as written, where it is a constant.
    pub(super) constant: Option<Name>,
    /// What the new value is made from.
    pub(super) from: &'a Sources,
    /// The callee that writes it.
    by: Option<FunctionRef>,
    /// The ordinal of the write.
    at: u32,
}

impl<'a> Overwrite<'a> {
    pub(super) fn of(db: &dyn Db, written: &Written<'a>, at: u32, class: Option<ClassRef>) -> Self {
        let Written { row, column, from, constant, by, .. } = *written;
        let declared = class.and_then(|class| tables::orm_model(db, class));
        let declared = declared.as_ref().and_then(|model| model.column(column));
        let family = declared.map(|column| column.family).unwrap_or_default();
        let never_null = declared.is_some_and(|column| column.nullable == Some(false));
        Self { row: row.id, model: class, column, family, never_null, constant, from, by, at }
    }

    /// Whether it is set to what the clock says, and nothing else.
    pub(super) fn is_now(&self) -> bool {
        self.from.fresh && self.from.fields.is_empty() && self.from.parts.is_empty() && self.from.counts.is_empty()
    }
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
    /// Whether that guard left it by an error.
    refuses: bool,
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
    let once = || has_other_effects(db, unit, write.row, write.at, Some(guarded.frame));
    match condition.test {
        // What was made of a time and looked at then (`error = fetch(since=row.synced_at)`) is no state of it.
        Test::EqualsConstant if condition.constant.is_none() && is_time(write.family) => false,
        Test::EqualsConstant if alike::is_switched(condition, write) => once(),
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
                    && write
                        .model
                        .is_some_and(|model| writers::is_brought_about(db, of, model, write.column, condition.constant))
        }
        // A time that is old enough only throttles; one that is compared with what is written keeps the newest.
        Test::Order => {
            !is_time(write.family)
                || condition.against.iter().any(|(row, column)| {
                    *row != write.row
                        && write.from.fields.iter().any(|field| field.row == *row && field.column == *column)
                })
        }
        // `if x.name != name: x.name = name` is a plain overwrite.
        Test::EqualsOther | Test::Class => false,
        // A guard that turned the second one away (`if code.used_at: raise`) decides where something else happens once for
        // it, and one that refused it, who gets the row; filling in what is empty, or setting a flag that is set already, does
        // no harm twice.
        Test::Present if condition.holds => false,
        Test::Present => {
            let enters = || throttled::enters_twice(db, of, unit, guarded.frame, condition, write);
            guarded.turns_away && (once() || enters())
                || guarded.refuses && is_claim(write)
                || makes_another(unit, write, guarded)
        }
    }
}

pub(super) fn is_time(family: TypeFamily) -> bool {
    matches!(family, TypeFamily::DateTime | TypeFamily::Date)
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
pub(super) fn has_other_effects(db: &dyn Db, unit: &Unit, row: u32, write: u32, within: Option<FrameId>) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        let is_within = || within.is_none_or(|within| unit.ancestors(event.frame).any(|(frame, _)| frame == within));
        is_effect(&event.kind, row)
            && is_within()
            && (unit.can_follow(write, ordinal) || unit.can_follow(ordinal, write))
            && !is_decided_anew(db, unit, row, event)
    })
}

/// Whether an event is more than a change of that row, or its end.
pub(super) fn is_effect(event: &EventKind, row: u32) -> bool {
    match event {
        EventKind::Create(_) | EventKind::External { .. } => true,
        EventKind::Delete { row: deleted, .. } => deleted.as_ref().is_none_or(|deleted| deleted.id != row),
        // What was loaded is in its session already.
        EventKind::Add { row: Some(added), .. } => {
            added.id != row && !matches!(added.origin, RowOrigin::Loaded { .. } | RowOrigin::Related(_))
        }
        EventKind::Write { row: other, from, in_sql, .. } => {
            other.id != row && (*in_sql || from.fields.iter().any(|field| field.row == other.id))
        }
        EventKind::Execute(query) => match query.kind {
            QueryKind::Insert => true,
            QueryKind::Update => query.changes.iter().any(|set| set.in_sql),
            QueryKind::Select | QueryKind::Delete | QueryKind::Text => false,
        },
        _ => false,
    }
}

/// Whether an event happens in a helper that locks the row which it is handed, and then looks at it anew: what was read of
/// it before decides nothing there.
pub(super) fn is_decided_anew(db: &dyn Db, unit: &Unit, row: u32, event: &Event) -> bool {
    unit.events.iter().filter(|call| call.range == event.range).any(|call| match &call.kind {
        EventKind::Call { callee, arguments, .. } => {
            let mut handed = arguments.iter().filter_map(|(_, value)| value.row());
            handed.any(|handed| handed.id == row) && decides_anew(db, *callee, ())
        }
        _ => false,
    })
}

/// Whether a function loads a row that it was handed again, with a lock, and does nothing but where a column that it writes
/// then is as it should be.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = decides_nothing)]
fn decides_anew(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let unit = unit_of(db, of);
    let locked = unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Refresh { row: Some(row), lock: Lock::Yes, .. } => {
            matches!(row.origin, RowOrigin::Param(_)).then_some((ordinal, row.id))
        }
        _ => None,
    });
    let Some((lock, row)) = locked else { return false };
    let is_written = |column: Name| {
        let mut writes = unit.events.iter().filter_map(|event| written(&event.kind));
        writes.any(|written| written.row.id == row && written.column == column)
    };
    let is_decided = |frame: FrameId| {
        unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Branch { conditions, .. } => conditions.iter().any(|condition| {
                condition.at > lock
                    && matches!(condition.subject, Subject::Field { row: tested, column }
                        if tested == row && is_written(column))
            }),
            _ => false,
        })
    };
    unit.events.iter().all(|event| !is_effect(&event.kind, row) || is_decided(event.frame))
}

fn decides_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> bool {
    false
}
