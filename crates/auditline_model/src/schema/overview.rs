//! All descriptions of a schema side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::sql::TableName;

use crate::db::Db;

use super::compare::{column_in, differences};
use super::models::schema_of_models;
use super::sides::{Description, descriptions, table_in};
use super::state::{Presence, Schema, SchemaColumn, Table};

/// The tables as models, migrations and SQL see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// What the models say.
    pub models: Arc<Schema>,
    /// What else describes the schema.
    pub descriptions: Arc<Vec<Description>>,
    /// The tables, sorted by name.
    pub tables: Vec<Row>,
}

/// A table as each side sees it: the models first, then the descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: TableName,
    /// The table, for each side that has it.
    pub sides: Vec<Option<Table>>,
    /// Its columns, in the order of the first side that has them.
    pub columns: Vec<ColumnRow>,
    /// Whether the sides surely differ in it.
    pub differs: bool,
}

/// A column as each side sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRow {
    /// Its name.
    pub name: Name,
    /// The column, for each side that has it.
    pub sides: Vec<Option<SchemaColumn>>,
    /// Whether the sides surely differ in it.
    pub differs: bool,
}

/// Puts the descriptions of a workspace side by side.
#[must_use]
pub fn overview(db: &dyn Db) -> Overview {
    let models = schema_of_models(db);
    let descriptions = descriptions(db);
    let mut rows: BTreeMap<TableName, Vec<Option<Table>>> = BTreeMap::new();
    let width = descriptions.len() + 1;
    let sides = || std::iter::once(&models).chain(descriptions.iter().map(|one| &one.schema)).enumerate();
    for (at, schema) in sides() {
        for (name, table) in &schema.tables {
            // A side that does not write the schema means the table of that name all the same.
            let known = match rows.get(name) {
                Some(_) => None,
                None => sides().take(at).find_map(|(_, before)| table_in(before, *name)).map(|(known, _)| known),
            };
            let known = known.filter(|known| {
                !schema.tables.contains_key(known) && rows.get(known).is_some_and(|row| row[at].is_none())
            });
            let row = rows.entry(known.unwrap_or(*name)).or_insert_with(|| vec![None; width]);
            row[at] = Some(table.clone());
        }
    }
    // `alembic_version` is Alembic's own.
    rows.retain(|name, _| name.name != "alembic_version");
    let shares: Vec<bool> =
        (0..width).map(|at| rows.values().any(|row| row[0].is_some() && row[at].is_some())).collect();
    let closed: Vec<bool> = sides().map(|(_, schema)| !schema.is_open).collect();
    let tables = rows
        .into_iter()
        .map(|(name, sides)| {
            // A side of the same database that surely lacks the table.
            let lacks = |at: usize| sides[at].is_none() && shares[at] && closed[at];
            let described = sides[1..].iter().any(Option::is_some);
            let misses = sides[0].as_ref().is_some_and(|table| table.presence == Presence::Certain)
                && !described
                && (1..width).any(lacks);
            let columns = columns(&sides);
            let differs = misses || columns.iter().any(|column| column.differs);
            Row { name, columns, differs, sides }
        })
        .collect();
    Overview { models, descriptions, tables }
}

fn columns(sides: &[Option<Table>]) -> Vec<ColumnRow> {
    let mut names: Vec<Name> = Vec::new();
    for table in sides.iter().flatten() {
        for (name, _) in &table.columns {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(*name);
            }
        }
    }
    let mut differing: Vec<Name> = Vec::new();
    let first = sides.first().and_then(Option::as_ref);
    for other in sides.iter().skip(1).flatten() {
        if let Some(first) = first {
            differing.extend(differences(first, other).into_iter().map(super::Difference::column));
        }
    }
    let column = |name: Name| ColumnRow {
        name,
        sides: sides.iter().map(|table| table.as_ref().and_then(|table| column_in(table, name)).cloned()).collect(),
        differs: differing.iter().any(|own| own.eq_ignore_ascii_case(&name)),
    };
    names.into_iter().map(column).collect()
}
