//! By what a row is looked for, and whether that makes it the only one.

use std::sync::Arc;

use auditline_model::eval::key_of_argument;
use auditline_model::eval::value::{Key, QueryValue, Value};
use auditline_model::owner::argument_of;
use auditline_model::schema::kept_apart;
use auditline_model::symbols::Symbol;
use auditline_model::tables::{self, Attribute, Column, TypeFamily};
use auditline_model::unit::{EventKind, LoadForm, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, function};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, ExprId};
use auditline_syntax::sql::Distinct;

use crate::finding::Place;
use crate::races::held::at_every_call;

use super::spelled;

/// How many callers up it is looked for who has made a row.
const DEPTH: u32 = 3;

/// Whether the model lets two rows with the same values of the columns be.
pub(super) enum Uniqueness {
    /// A constraint of the model forbids it.
    Unique { place: Place, columns: Vec<Name> },
    /// A unique index that holds for some rows only, or over an expression, may forbid it.
    Partly,
    /// A constraint of the model forbids it among the rows that refer to the same others by these foreign keys.
    Within { place: Place, columns: Vec<Name>, keys: Vec<Name> },
    /// None does for rows with NULL in that column: a constraint of the model takes any two of these for different.
    NotForNull { place: Place, columns: Vec<Name>, null: Name },
    /// None does.
    NotUnique,
    /// It cannot be told.
    Unknown,
}

/// By what a lookup filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filters {
    /// The columns; empty where they cannot be told.
    pub(super) columns: Vec<Name>,
    /// Those that are to be NULL.
    pub(super) nulls: Vec<Name>,
}

/// The columns by which a lookup filters.
pub(super) fn filters(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32) -> Filters {
    let Some(event) = unit.events.get(lookup as usize) else { return Filters::default() };
    let said = |query: &QueryValue| {
        if query.sought.untold {
            return Filters::default();
        }
        let mut columns = query.filters.to_vec();
        columns.extend(query.model.into_iter().flat_map(|model| references(db, model, query)));
        Filters { columns, nulls: query.sought.nulls.to_vec() }
    };
    match &event.kind {
        EventKind::Load { query, form: LoadForm::Get(_), by: None, .. } => {
            Filters { columns: query.model.map_or_else(Vec::new, |model| keys(db, model)), nulls: Vec::new() }
        }
        // The statement was made here, and a helper executed it.
        EventKind::Load { query, by: None, .. } if !query.filters.is_empty() => said(query),
        EventKind::Load { query, by: Some(by), .. } if *by != of => {
            let returned = returned_filters(db, *by, ());
            if returned.columns.starts_with(&query.filters) { (*returned).clone() } else { said(query) }
        }
        EventKind::Load { query, .. } => said(query),
        _ => Filters::default(),
    }
}

/// The foreign keys of a class by which a lookup finds its rows through the unique key of another:
/// `join(User).filter(User.email == email)`.
fn references(db: &dyn Db, model: ClassRef, query: &QueryValue) -> Vec<Name> {
    let Some(own) = tables::orm_model(db, model) else { return Vec::new() };
    let is_found = |other: ClassRef, column: Name| {
        tables::keyed_class(db, other).is_some_and(|table| table.keys.iter().any(|key| key.columns[..] == [column]))
    };
    let found = query.through.iter().filter(|(other, column)| is_found(*other, *column));
    found
        .flat_map(|(other, _)| own.columns().filter(|(own, _)| tables::points_at(db, model, own.name, *other)))
        .map(|(own, _)| own.name)
        .collect()
}

/// The columns by which a function looks for the row that it returns.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = no_filters)]
fn returned_filters(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<Filters> {
    let unit = unit_of(db, of);
    let Value::Row(row) = &unit.returns else { return Arc::default() };
    filters(db, of, &unit, row.id).into()
}

fn no_filters(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<Filters> {
    Arc::default()
}

/// By what a lookup looks that does not change from request to request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Settled {
    /// The columns that it compares with constants.
    constant: Vec<Name>,
    /// Those that it compares with parameters.
    given: Vec<(Name, u32)>,
}

/// Whether all requests look for the same row: each of the columns is compared with a constant, here or by all who call.
pub(super) fn is_single(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32, columns: &[Name]) -> bool {
    let settled = settled(db, of, unit, lookup);
    columns.iter().all(|column| {
        settled.constant.contains(column)
            || settled.given.iter().filter(|(name, _)| name == column).any(|(_, param)| {
                at_every_call(db, of, |site, _| {
                    argument_of(db, of, &site.event, *param).is_some_and(|given| is_constant(&given))
                })
            })
    })
}

/// The columns that a lookup compares with parameters of the function.
pub(super) fn given(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32) -> Vec<(Name, u32)> {
    settled(db, of, unit, lookup).given
}

/// The columns that a row is made with the same value for by which it was looked for: of two requests that look for the same,
/// both give it to them.
pub(super) fn twins(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    (lookup, create): (u32, u32),
    columns: &[Name],
) -> Vec<Name> {
    let event = |ordinal: u32| unit.events.get(ordinal as usize);
    let (Some((lookup, create)), Some(body)) = (event(lookup).zip(event(create)), function(db, of)) else {
        return Vec::new();
    };
    let code = &body.code;
    let Some(made) = spelled::arguments(code, create.range) else { return Vec::new() };
    let sought = columns.iter().filter_map(|column| spelled::keyword(made, *column));
    let sought: Vec<ExprId> = sought.filter(|value| spelled::is_within(code, *value, lookup.range)).collect();
    let twin = |arg: &Arg| match arg.kind {
        ArgKind::Keyword(name) => {
            let is_it = sought.iter().any(|own| spelled::is_same(code, *own, arg.value));
            (is_it && !columns.contains(&name)).then_some(name)
        }
        _ => None,
    };
    made.iter().filter_map(twin).collect()
}

fn is_constant(value: &Value) -> bool {
    matches!(value, Value::Constant | Value::Bool(_) | Value::Symbol(Symbol::Variable(_)))
}

fn settled(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32) -> Settled {
    let Some(event) = unit.events.get(lookup as usize) else { return Settled::default() };
    let EventKind::Load { query, by, .. } = &event.kind else { return Settled::default() };
    // Of a helper that gives no row, the statement is said in terms of this function.
    let is_told = matches!(event.kind, EventKind::Load { row: None, .. });
    let Some(by) = by.filter(|by| *by != of && !is_told) else { return said(query) };
    let asked = returned_settled(db, by, ());
    let call = unit.events.iter().take(lookup as usize).rev().find(|earlier| {
        earlier.range == event.range && matches!(earlier.kind, EventKind::Call { callee, .. } if callee == by)
    });
    let mut settled = Settled { constant: asked.constant.clone(), given: Vec::new() };
    for (column, param) in &asked.given {
        match call.and_then(|call| argument_of(db, by, &call.kind, *param)) {
            Some(Value::Param(own)) => settled.given.push((*column, own)),
            Some(value) if is_constant(&value) => settled.constant.push(*column),
            _ => {}
        }
    }
    settled
}

fn said(query: &QueryValue) -> Settled {
    let given = query.keys.iter().filter_map(|(column, key)| match key {
        Key::Given(Value::Param(index)) => Some((*column, *index)),
        _ => None,
    });
    let constant = query.sought.fixed.iter().chain(&query.sought.same).copied().collect();
    Settled { constant, given: given.collect() }
}

/// A query of its own for the same reason as [`returned_filters`].
#[salsa::tracked(returns(clone), cycle_result = nothing_settled)]
fn returned_settled(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<Settled> {
    let unit = unit_of(db, of);
    let Value::Row(row) = &unit.returns else { return Arc::default() };
    settled(db, of, &unit, row.id).into()
}

fn nothing_settled(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<Settled> {
    Arc::default()
}

/// Whether a lookup asks for the key of a row that the same request has made, here or before all calls: nobody else knows it.
pub(super) fn is_fresh(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32) -> bool {
    let Some(EventKind::Load { query, .. }) = unit.events.get(lookup as usize).map(|event| &event.kind) else {
        return false;
    };
    query.keys.iter().any(|(_, key)| is_of_made(db, of, unit, key, DEPTH))
}

/// Whether that is so of a key, which may have been handed in.
fn is_of_made(db: &dyn Db, of: FunctionRef, unit: &Unit, key: &Key, depth: u32) -> bool {
    let Key::Given(Value::Param(index)) = key else { return is_made(db, unit, key) };
    let Some(depth) = depth.checked_sub(1) else { return false };
    at_every_call(db, of, |site, caller| {
        let EventKind::Call { keys, object, .. } = &site.event else { return false };
        key_of_argument(db, of, keys, object, *index)
            .is_some_and(|key| is_of_made(db, site.function, caller, key, depth))
    })
}

/// Whether a key is the primary key of a row that was constructed in the function, which nobody has said.
fn is_made(db: &dyn Db, unit: &Unit, key: &Key) -> bool {
    let Key::Field { row, column } = key else { return false };
    let Some(EventKind::Create(made)) = unit.events.get(*row as usize).map(|event| &event.kind) else { return false };
    let model = made.model.and_then(|class| tables::orm_model(db, class));
    model.is_some_and(|model| model.key() == Some(*column))
        && !unit.composed.contains(&(*row, *column))
        && !unit.ingredients.iter().any(|part| part.created == *row && part.attribute == *column)
}

fn keys(db: &dyn Db, model: ClassRef) -> Vec<Name> {
    tables::orm_model(db, model).map_or_else(Vec::new, |model| {
        model.columns().filter(|(_, column)| column.primary_key).map(|(attribute, _)| attribute.name).collect()
    })
}

/// Whether a column of the primary key is among the columns.
pub(super) fn has_key(db: &dyn Db, model: ClassRef, columns: &[Name]) -> bool {
    keys(db, model).iter().any(|key| columns.contains(key))
}

/// Whether a row is made with a value for a unique column that is the same for all who come with the same.
pub(super) fn has_composed_key(db: &dyn Db, unit: &Unit, create: u32, class: ClassRef) -> bool {
    let Some(model) = tables::orm_model(db, class) else { return false };
    let is_key = |name: Name| {
        let unique = model.column(name).is_some_and(|column| column.unique);
        unique || keys(db, class)[..] == [name]
    };
    unit.composed.iter().any(|(row, attribute)| *row == create && is_key(*attribute))
}

/// Whether the database may refuse a row that is made there because another one has its key, whichever that is: a unique
/// constraint or index of its table, or a primary key that is not given to each row anew.
pub(super) fn may_be_refused(db: &dyn Db, of: FunctionRef, unit: &Unit, create: u32, class: ClassRef) -> bool {
    let Some(model) = tables::orm_model(db, class) else { return true };
    let key = keys(db, class);
    let is_anew = match key[..] {
        [only] => model.column(only).is_some_and(|column| {
            let is_counted = matches!(column.family, TypeFamily::Integer | TypeFamily::BigInteger);
            let is_made = column.has_default || column.has_server_default || is_counted;
            is_made && column.foreign_key.is_none() && !is_given(db, of, unit, create, only)
        }),
        _ => false,
    };
    !is_anew
        || !model.unique.is_empty()
        || !model.partly_unique.is_empty()
        || model.columns().any(|(_, column)| column.unique)
        || !kept_apart(db, class).is_empty()
}

/// Whether a row is made with a value for an attribute, by its name.
fn is_given(db: &dyn Db, of: FunctionRef, unit: &Unit, create: u32, attribute: Name) -> bool {
    let (Some(event), Some(body)) = (unit.events.get(create as usize), function(db, of)) else { return false };
    let made = spelled::arguments(&body.code, event.range);
    made.is_some_and(|made| spelled::keyword(made, attribute).is_some())
}

/// Whether a constraint makes rows with these columns unique.
pub(super) fn uniqueness(db: &dyn Db, class: ClassRef, found_by: &Filters) -> Uniqueness {
    let Some(model) = tables::orm_model(db, class) else { return Uniqueness::Unknown };
    // Who looks by a relationship to one row looks by the foreign key that holds it.
    let held = |names: &[Name]| -> Vec<Name> {
        names.iter().map(|name| tables::held_key(db, class, *name).unwrap_or(*name)).collect()
    };
    let (filters, nulls) = (held(&found_by.columns), held(&found_by.nulls));
    // Of a base, only callers know which subclass they mean.
    if filters.is_empty() || !model.is_table() {
        return Uniqueness::Unknown;
    }
    let single = filters.iter().find_map(|name| {
        let attribute = model.attribute(*name)?;
        let column = model.column(*name)?;
        let unique = column.unique || column.primary_key && keys(db, class).len() == 1;
        unique.then_some((attribute.declared_in, *name))
    });
    let single = single.filter(|(_, name)| model.nulls_are_equal || !nulls.contains(name));
    if let Some((declared_in, name)) = single {
        return Uniqueness::Unique { place: Place::Attribute(declared_in, name), columns: vec![name] };
    }
    // A constraint names attributes or columns of the table.
    let is_called = |name: Name, wanted: Name| {
        name == wanted || model.column(name).and_then(|column| column.column_name) == Some(wanted)
    };
    let is_filtered = |wanted: &Name| filters.iter().any(|name| is_called(*name, *wanted));
    let null_of = |wanted: &Name| {
        let null = nulls.iter().copied().find(|name| is_called(*name, *wanted));
        null.filter(|_| !model.nulls_are_equal)
    };
    let has_null = |columns: &[Name]| columns.iter().any(|column| null_of(column).is_some());
    let mut together = model.unique.clone();
    together.push(keys(db, class));
    // Of a constraint that is wider than what is looked for: `UNIQUE (text, project_id)`, looked for by the text.
    let reference = |wanted: &Name| {
        let named = |(attribute, column): &(&Attribute, &Column)| {
            attribute.name == *wanted || column.column_name == Some(*wanted)
        };
        model.columns().find(named).is_some_and(|(_, column)| column.foreign_key.is_some())
    };
    let within = together.iter().find_map(|columns| {
        let (told, keys): (Vec<Name>, Vec<Name>) = columns.iter().copied().partition(&is_filtered);
        // By references alone, the other may be looked for on purpose: one subscription of a user, whatever its plan.
        let is_scope = !keys.is_empty() && keys.iter().all(reference) && told.iter().any(|name| !reference(name));
        is_scope.then(|| Uniqueness::Within { place: Place::Class(class), columns: columns.clone(), keys })
    });
    together.retain(|columns| !columns.is_empty() && columns.iter().all(is_filtered));
    if let Some(columns) = together.iter().find(|columns| !has_null(columns)) {
        return Uniqueness::Unique { place: Place::Class(class), columns: columns.clone() };
    }
    // A migration may know of a key that the class does not.
    let apart = kept_apart(db, class);
    if let Some(key) = apart
        .iter()
        .find(|key| key.distinct == Distinct::Yes && key.columns.iter().all(is_filtered) && !has_null(&key.columns))
    {
        return Uniqueness::Unique { place: key.origin, columns: key.columns.clone() };
    }
    let partly = apart.iter().filter(|key| key.distinct == Distinct::Partly).map(|key| &key.columns);
    if model
        .partly_unique
        .iter()
        .map(|index| &index.columns)
        .chain(partly)
        .any(|columns| columns.is_empty() || columns.iter().any(is_filtered))
    {
        return Uniqueness::Partly;
    }
    if let Some((columns, null)) =
        together.into_iter().find_map(|columns| columns.iter().find_map(null_of).map(|null| (columns, null)))
    {
        return Uniqueness::NotForNull { place: Place::Class(class), columns, null };
    }
    if let Some(within) = within {
        return within;
    }
    if model.complete { Uniqueness::NotUnique } else { Uniqueness::Unknown }
}
