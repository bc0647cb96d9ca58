//! What the tables refuse: keys, references, lengths.

use auditline_model::eval::value::{Passes, QueryKind, QueryValue, Supplied};
use auditline_model::tables::{
    Column, KeyedTable, TypeFamily, held_key, keyed_class, mapped_tables, orm_model, points_at,
};
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{ClassRef, Db};
use auditline_syntax::Name;

use super::{Cause, Refusal};

/// What is known of a value that is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// It has its place in the column already, or always fits: a constant, what the row itself held.
    Plain,
    /// It is another one each time, and fits: a random number, the clock.
    Fresh,
    /// Whoever sends the request or the message says it.
    Outside,
    /// It cannot be told.
    Unknown,
}

/// Whether data can make an UPDATE of one row fail that sets that attribute.
pub(super) fn sets(db: &dyn Db, model: ClassRef, attribute: Name, value: Saved, constant: Option<Name>) -> Refusal {
    let Some(table) = keyed_class(db, model) else { return Refusal::Unknown };
    let Some((attribute, column)) = table.column(attribute) else {
        return if matches!(value, Saved::Plain | Saved::Fresh) { Refusal::No } else { Refusal::Unknown };
    };
    if value == Saved::Fresh {
        return Refusal::No;
    }
    if let Some(key) = table.keys.iter().find(|key| key.columns.contains(&attribute)) {
        return Refusal::For(Cause::Taken(model, key.columns.clone()));
    }
    // Of a document, an index asks for a part that is seldom the one that is set.
    if column.family != TypeFamily::Json
        && let Some(columns) = entered(db, model, attribute, constant)
    {
        return Refusal::For(Cause::Taken(model, columns));
    }
    if is_outside_of(column, value) {
        return Refusal::For(Cause::Misfit(model, attribute));
    }
    Refusal::No
}

/// The columns of a unique index that holds for some rows only, and under which a row may come where that attribute is set.
fn entered(db: &dyn Db, model: ClassRef, attribute: Name, constant: Option<Name>) -> Option<Vec<Name>> {
    let model = orm_model(db, model)?;
    model.partly_unique.iter().find(|index| index.is_entered(attribute, constant)).map(|index| index.columns.clone())
}

/// Whether a column cannot hold all that may be saved in it.
pub(super) fn is_outside_of(column: &Column, value: Saved) -> bool {
    let is_bound =
        column.length.is_some() || column.foreign_key.is_some() || matches!(column.family, TypeFamily::Other(_));
    value == Saved::Outside && is_bound
}

/// The attributes of a row that are given what nobody else has: the key of another row which was made here, a random number.
pub(super) fn fresh(db: &dyn Db, unit: &Unit, created: u32, model: ClassRef) -> Vec<Name> {
    let of_made = unit.ingredients.iter().filter(|part| part.created == created).filter(|part| {
        let Some(EventKind::Create(made)) = unit.events.get(part.row as usize).map(|event| &event.kind) else {
            return false;
        };
        let key = made.model.and_then(|class| orm_model(db, class)).and_then(|made| made.key());
        part.column.is_none_or(|column| Some(column) == key)
    });
    let of_made = of_made.map(|part| held_key(db, model, part.attribute).unwrap_or(part.attribute));
    let constructed = unit.fresh.iter().filter(|(row, _)| *row == created).map(|(_, attribute)| *attribute);
    let set = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Write { row, column, from, .. } if row.id == created && from.fresh => Some(*column),
        _ => None,
    });
    of_made.chain(constructed).chain(set).collect()
}

/// Whether rows of a class must differ in more than a key that is made anew for each, or has one of these attributes.
pub(super) fn other_key(db: &dyn Db, model: ClassRef, fresh: &[Name]) -> Refusal {
    let Some(table) = keyed_class(db, model) else { return Refusal::Unknown };
    let taken = |columns: Vec<Name>| Refusal::For(Cause::Taken(model, columns));
    let is_new = |columns: &[Name]| columns.iter().any(|column| fresh.contains(column));
    if let Some(key) = table.keys.iter().find(|key| !is_made_anew(&table, &key.columns) && !is_new(&key.columns)) {
        return taken(key.columns.clone());
    }
    let partly = orm_model(db, model).and_then(|model| {
        model.partly_unique.iter().find(|index| !is_new(&index.columns)).map(|index| index.columns.clone())
    });
    partly.map_or(Refusal::No, taken)
}

/// Whether the database or the model gives each row another value for one of these columns.
fn is_made_anew(table: &KeyedTable, columns: &[Name]) -> bool {
    columns.iter().filter_map(|attribute| table.column(*attribute)).any(|(_, column)| {
        let counts = matches!(column.family, TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Unknown);
        let is_counted = column.primary_key && columns.len() == 1 && column.foreign_key.is_none() && counts;
        is_counted || column.has_default && !matches!(column.family, TypeFamily::Boolean | TypeFamily::Enum)
    })
}

/// Whether rows of other tables keep rows of a class from being deleted.
pub(super) fn referred(db: &dyn Db, model: ClassRef) -> Refusal {
    let referring = referring(db, model, ());
    referring.map_or(Refusal::No, |(by, column)| Refusal::For(Cause::Referred { to: model, by, column }))
}

/// A column of another table that refers to rows of a class, and keeps them from being deleted.
///
/// A query of its own: all tables are looked through for it, once for a class.
#[salsa::tracked(returns(copy))]
fn referring(db: &dyn Db, model: ClassRef, _key: ()) -> Option<(ClassRef, Name)> {
    mapped_tables(db).values().flatten().find_map(|other| {
        let table = keyed_class(db, *other)?;
        let found = table.columns.iter().find(|(attribute, _, column)| {
            let lets_go = column.on_delete.is_some_and(|action| {
                ["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|word| action.eq_ignore_ascii_case(word))
            });
            column.foreign_key.is_some() && !lets_go && points_at(db, *other, *attribute, model)
        });
        found.map(|(attribute, ..)| (*other, *attribute))
    })
}

/// Whether data can make a statement fail.
pub(super) fn statement(db: &dyn Db, query: &QueryValue) -> Refusal {
    let Some(model) = query.model else { return Refusal::Unknown };
    // Rows of one statement are locked one after the other as well.
    let of_many = if finds_one(db, model, query) { Refusal::No } else { Refusal::For(Cause::Deadlock) };
    match query.kind {
        QueryKind::Insert => {
            let Some(insertion) = &query.insertion else { return Refusal::Unknown };
            if insertion.passes != Passes::None {
                return Refusal::No;
            }
            let Some(table) = keyed_class(db, model) else { return Refusal::Unknown };
            let is_fresh = |attribute: &Name| {
                insertion.supplies.iter().any(|(name, supplied)| {
                    *supplied == Supplied::Fresh && table.column(*name).is_some_and(|(own, _)| own == *attribute)
                })
            };
            let taken =
                table.keys.iter().find(|key| !is_made_anew(&table, &key.columns) && !key.columns.iter().any(is_fresh));
            taken.map_or(Refusal::No, |key| Refusal::For(Cause::Taken(model, key.columns.clone())))
        }
        QueryKind::Update => {
            let set = query.sets.iter().map(|(column, _)| sets(db, model, *column, Saved::Unknown, None));
            set.reduce(Refusal::or).unwrap_or(Refusal::Unknown).or(of_many)
        }
        QueryKind::Delete => referred(db, model).or(of_many),
        _ => Refusal::Unknown,
    }
}

/// Whether a statement changes one row at most: it asks for a whole unique key.
fn finds_one(db: &dyn Db, model: ClassRef, query: &QueryValue) -> bool {
    let Some(table) = keyed_class(db, model) else { return false };
    let asks_for = |attribute: &Name| {
        query.filters.iter().any(|filter| table.column(*filter).is_some_and(|(own, _)| own == *attribute))
    };
    !query.among && table.keys.iter().any(|key| key.columns.iter().all(asks_for))
}
