//! By what a row is looked for, and whether that makes it the only one.

use auditline_model::eval::value::Value;
use auditline_model::tables;
use auditline_model::unit::{EventKind, LoadForm, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef};
use auditline_syntax::Name;

use crate::finding::Place;

/// Whether the model lets two rows with the same values of the columns be.
pub(super) enum Uniqueness {
    /// A constraint of the model forbids it.
    Unique { place: Place, columns: Vec<Name> },
    /// A unique index that holds for some rows only, or over an expression, may forbid it.
    Partly,
    /// None does.
    NotUnique,
    /// It cannot be told.
    Unknown,
}

/// The columns by which a lookup filters; empty where they cannot be told.
pub(super) fn filters(db: &dyn Db, of: FunctionRef, unit: &Unit, lookup: u32) -> Vec<Name> {
    let Some(event) = unit.events.get(lookup as usize) else { return Vec::new() };
    match &event.kind {
        EventKind::Load { query, form: LoadForm::Get(_), by: None, .. } => {
            query.model.map_or_else(Vec::new, |model| keys(db, model))
        }
        // The statement was made here, and a helper executed it.
        EventKind::Load { query, .. } if !query.filters.is_empty() => query.filters.to_vec(),
        EventKind::Load { by: Some(by), .. } if *by != of => returned_filters(db, *by, ()).to_vec(),
        EventKind::Load { query, .. } => query.filters.to_vec(),
        _ => Vec::new(),
    }
}

/// The columns by which a function looks for the row that it returns.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = no_filters)]
fn returned_filters(db: &dyn Db, of: FunctionRef, _key: ()) -> std::sync::Arc<[Name]> {
    let unit = unit_of(db, of);
    let Value::Row(row) = &unit.returns else { return std::sync::Arc::default() };
    filters(db, of, &unit, row.id).into()
}

fn no_filters(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> std::sync::Arc<[Name]> {
    std::sync::Arc::default()
}

fn keys(db: &dyn Db, model: ClassRef) -> Vec<Name> {
    tables::orm_model(db, model).map_or_else(Vec::new, |model| {
        model.columns().filter(|(_, column)| column.primary_key).map(|(attribute, _)| attribute.name).collect()
    })
}

/// Whether a constraint makes rows with these columns unique.
pub(super) fn uniqueness(db: &dyn Db, class: ClassRef, filters: &[Name]) -> Uniqueness {
    let Some(model) = tables::orm_model(db, class) else { return Uniqueness::Unknown };
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
    if let Some((declared_in, name)) = single {
        return Uniqueness::Unique { place: Place::Attribute(declared_in, name), columns: vec![name] };
    }
    // A constraint names attributes or columns of the table.
    let is_filtered = |wanted: &Name| {
        filters.contains(wanted)
            || filters.iter().any(|name| model.column(*name).and_then(|column| column.column_name) == Some(*wanted))
    };
    let mut together = model.unique.clone();
    together.push(keys(db, class));
    if let Some(columns) = together.into_iter().find(|columns| !columns.is_empty() && columns.iter().all(is_filtered)) {
        return Uniqueness::Unique { place: Place::Class(class), columns };
    }
    if model.partly_unique.iter().any(|columns| columns.is_empty() || columns.iter().any(is_filtered)) {
        return Uniqueness::Partly;
    }
    if model.complete { Uniqueness::NotUnique } else { Uniqueness::Unknown }
}
