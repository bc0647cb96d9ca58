//! The unique keys of a table, whatever describes it: a model, a `Table`, migrations, SQL.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::sql::{Distinct, TableName};

use crate::classes;
use crate::db::{ClassRef, Db, VariableRef};
use crate::place::Place;
use crate::schema::{descriptions, kept_apart, table_in};

use super::attributes::Attribute;
use super::columns::Column;
use super::core::table_of_variable;
use super::model::orm_model;
use super::registry::models_of_table;

/// A table with its unique keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedTable {
    /// How it is called: the class or the variable, else the table.
    pub label: Name,
    /// Its columns by the names of its attributes and by their own.
    pub columns: Vec<(Name, Name, Column)>,
    /// Its unique keys.
    pub keys: Vec<UniqueKey>,
    /// Lists of columns that refer to one row together: rows that agree in its key agree in the others.
    pub references: Vec<Vec<Name>>,
    constraints: Vec<(Name, Vec<Name>)>,
}

/// A unique key: no two rows agree in all of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// Its columns, by attribute.
    pub columns: Vec<Name>,
    /// What says so.
    pub place: Place,
    /// Whether it is the primary key.
    pub primary: bool,
}

impl KeyedTable {
    /// The column with that attribute or name.
    #[must_use]
    pub fn column(&self, name: Name) -> Option<(Name, &Column)> {
        let by = |wanted: fn(&(Name, Name, Column)) -> Name| self.columns.iter().find(|column| wanted(column) == name);
        by(|column| column.0).or_else(|| by(|column| column.1)).map(|(attribute, _, column)| (*attribute, column))
    }

    /// The attributes of columns; `None` where one is not known.
    #[must_use]
    pub fn attributes(&self, columns: &[Name]) -> Option<Vec<Name>> {
        columns.iter().map(|column| self.column(*column).map(|(attribute, _)| attribute)).collect()
    }

    /// The attributes of a constraint of that name, written or as PostgreSQL gives it: `members_pkey`, `members_email_key`.
    /// <https://www.postgresql.org/docs/current/sql-createtable.html> says that a name is chosen, `ChooseIndexName` in its
    /// source says which.
    #[must_use]
    pub fn constraint(&self, table: Option<Name>, name: Name) -> Option<Vec<Name>> {
        if let Some((_, columns)) = self.constraints.iter().find(|(own, _)| *own == name) {
            return self.attributes(columns);
        }
        let table = table?;
        let of_table = |attribute: &Name| {
            self.columns.iter().find(|(own, ..)| own == attribute).map_or("", |(_, column, _)| column.as_str())
        };
        let given = |key: &UniqueKey| {
            if key.primary {
                return format!("{table}_pkey");
            }
            let columns: Vec<&str> = key.columns.iter().map(of_table).collect();
            format!("{table}_{}_key", columns.join("_"))
        };
        self.keys.iter().find(|key| given(key) == name.as_str()).map(|key| key.columns.clone())
    }

    fn add(&mut self, columns: &[Name], place: Place, primary: bool) {
        if let Some(columns) = self.attributes(columns).filter(|columns| !columns.is_empty())
            && !self.keys.iter().any(|known| {
                known.columns.len() == columns.len() && columns.iter().all(|column| known.columns.contains(column))
            })
        {
            self.keys.push(UniqueKey { columns, place, primary });
        }
    }
}

/// The unique keys of a mapped class.
#[must_use]
pub fn keyed_class(db: &dyn Db, class: ClassRef) -> Option<KeyedTable> {
    let model = orm_model(db, class)?;
    let mut table = KeyedTable {
        label: Name::new(classes::simple(class.path)),
        columns: model
            .columns()
            .map(|(own, column)| (own.name, column.column_name.unwrap_or(own.name), column.clone()))
            .collect(),
        keys: Vec::new(),
        references: Vec::new(),
        constraints: model.constraints.clone(),
    };
    table.references = model.references.iter().filter_map(|columns| table.attributes(columns)).collect();
    let place = |attribute: &Attribute| {
        let place = Place::Attribute(attribute.declared_in, attribute.name);
        if place.resolve(db).is_some() { place } else { Place::Class(class) }
    };
    for (attribute, _) in model.columns().filter(|(_, column)| column.unique) {
        table.add(&[attribute.name], place(attribute), false);
    }
    for columns in &model.unique {
        table.add(columns, Place::Class(class), false);
    }
    let primary: Vec<&Attribute> =
        model.columns().filter(|(_, column)| column.primary_key).map(|(attribute, _)| attribute).collect();
    if let Some(first) = primary.first() {
        let columns: Vec<Name> = primary.iter().map(|attribute| attribute.name).collect();
        table.add(&columns, place(first), true);
    }
    for index in kept_apart(db, class).iter().filter(|index| index.distinct == Distinct::Yes) {
        table.add(&index.columns, index.origin, false);
    }
    Some(table)
}

/// The unique keys of a `Table(…)`.
#[must_use]
pub fn keyed_table(db: &dyn Db, variable: VariableRef) -> Option<KeyedTable> {
    let core = table_of_variable(db, variable)?;
    let place = Place::Variable(variable);
    let mut table = KeyedTable {
        label: variable.name,
        columns: core.columns.iter().map(|(name, column)| (*name, *name, column.clone())).collect(),
        keys: Vec::new(),
        references: Vec::new(),
        constraints: core.constraints.clone(),
    };
    for (name, _) in core.columns.iter().filter(|(_, column)| column.unique) {
        table.add(&[*name], place, false);
    }
    for columns in &core.unique {
        table.add(columns, place, false);
    }
    let primary: Vec<Name> =
        core.columns.iter().filter(|(_, column)| column.primary_key).map(|(name, _)| *name).collect();
    table.add(&primary, place, true);
    Some(table)
}

/// The unique keys of a table that SQL names: of its model, where there is just one; else of the one description that has
/// it.
#[must_use]
pub fn keyed_by_name(db: &dyn Db, name: TableName) -> Option<KeyedTable> {
    match models_of_table(db, name.name).as_slice() {
        [] => described(db, name, ()).map(|table| (*table).clone()),
        [class] => keyed_class(db, *class),
        _ => None,
    }
}

/// A query of its own, so that a check does not depend on all descriptions.
#[salsa::tracked(returns(clone))]
fn described(db: &dyn Db, name: TableName, _key: ()) -> Option<Arc<KeyedTable>> {
    let descriptions = descriptions(db);
    let mut found = descriptions.iter().filter_map(|one| table_in(&one.schema, name));
    let (Some((name, described)), None) = (found.next(), found.next()) else { return None };
    if !described.is_known() {
        return None;
    }
    let mut table = KeyedTable {
        label: name.name,
        columns: described.columns.iter().map(|(name, column)| (*name, *name, column.column.clone())).collect(),
        keys: Vec::new(),
        references: Vec::new(),
        constraints: described
            .indexes
            .iter()
            .filter(|index| index.distinct == Distinct::Yes)
            .filter_map(|index| Some((index.name?, index.columns.clone())))
            .collect(),
    };
    let primary: Vec<Name> =
        described.columns.iter().filter(|(_, column)| column.column.primary_key).map(|(name, _)| *name).collect();
    table.add(&primary, described.origin, true);
    for (name, column) in described.columns.iter().filter(|(_, column)| column.column.unique) {
        table.add(&[*name], column.origin, false);
    }
    for index in described.indexes.iter().filter(|index| index.distinct == Distinct::Yes) {
        table.add(&index.columns, index.origin, false);
    }
    Some(Arc::new(table))
}
