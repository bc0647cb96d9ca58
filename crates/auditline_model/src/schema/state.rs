//! Tables and columns, and what can happen to them.

use std::collections::BTreeMap;

use auditline_syntax::Name;
use auditline_syntax::sql::{Distinct, TableName};

use crate::place::Place;
use crate::tables::{Column, TypeFamily};

use super::routines::Routines;

/// The tables of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schema {
    /// The tables by name.
    pub tables: BTreeMap<TableName, Table>,
    /// Whether there may be tables that are not listed.
    pub is_open: bool,
    /// Its triggers, and the functions that they execute.
    pub routines: Routines,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is there.
    Certain,
    /// It may be there.
    Maybe,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Whether it is there.
    pub presence: Presence,
    /// Its columns, in order.
    pub columns: Vec<(Name, SchemaColumn)>,
    /// Whether there may be columns that are not listed.
    pub is_open: bool,
    /// Whether it is changed here and was made elsewhere.
    pub is_found: bool,
    /// Its indexes, unique constraints and primary key.
    pub indexes: Vec<Index>,
    /// What made it.
    pub origin: Place,
}

/// Columns by which rows are found without reading the whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name, where it is told.
    pub name: Option<Name>,
    /// Its columns; none where it is over expressions.
    pub columns: Vec<Name>,
    /// Whether it lets two rows agree in them.
    pub distinct: Distinct,
    /// What made it.
    pub origin: Place,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaColumn {
    /// Whether it is there.
    pub presence: Presence,
    /// What is known of it; a family or nullability that cannot be told is left unknown.
    pub column: Column,
    /// What made it, or changed it last.
    pub origin: Place,
}

impl Table {
    pub(super) fn new(origin: Place) -> Self {
        Self {
            presence: Presence::Certain,
            columns: Vec::new(),
            is_open: false,
            is_found: false,
            indexes: Vec::new(),
            origin,
        }
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: Name) -> Option<&SchemaColumn> {
        self.columns.iter().find(|(own, _)| *own == name).map(|(_, column)| column)
    }

    pub(super) fn column_mut(&mut self, name: Name) -> Option<&mut SchemaColumn> {
        self.columns.iter_mut().find(|(own, _)| *own == name).map(|(_, column)| column)
    }

    /// Whether everything about it is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.presence == Presence::Certain
            && !self.is_open
            && self.columns.iter().all(|(_, column)| column.presence == Presence::Certain)
    }

    pub(super) fn add(&mut self, name: Name, column: Column, origin: Place) {
        let new = SchemaColumn { presence: Presence::Certain, column, origin };
        match self.column_mut(name) {
            // It fails or does nothing where the column is there already.
            Some(known) if known.presence == Presence::Certain => {}
            Some(known) => *known = merge_column(known, &new, Presence::Certain),
            None => self.columns.push((name, new)),
        }
    }

    /// Forgets the index or constraint of that name, also of one that PostgreSQL has chosen: `items_pkey`, `items_sku_key`.
    pub(super) fn drop_index(&mut self, table: Name, name: Name) {
        let columns = &self.columns;
        let is_key = |column: &Name| columns.iter().any(|(own, known)| own == column && known.column.primary_key);
        let is_chosen = |index: &Index| {
            let listed: Vec<&str> = index.columns.iter().map(|column| column.as_str()).collect();
            name == format!("{table}_{}_key", listed.join("_")).as_str()
                || name == format!("{table}_pkey").as_str() && index.columns.iter().all(is_key)
        };
        self.indexes.retain(|index| match index.name {
            Some(own) => own != name,
            None => index.distinct != Distinct::Yes || !is_chosen(index),
        });
    }

    pub(super) fn drop_column(&mut self, name: Name) {
        self.columns.retain(|(own, _)| *own != name);
        self.indexes.retain(|index| !index.columns.contains(&name));
    }

    pub(super) fn rename_column(&mut self, from: Name, to: Name, origin: Place) {
        if let Some((name, column)) = self.columns.iter_mut().find(|(own, _)| *own == from) {
            *name = to;
            column.origin = origin;
        } else if self.is_open {
            self.add(to, unknown_column(), origin);
        }
        for index in &mut self.indexes {
            for column in index.columns.iter_mut().filter(|column| **column == from) {
                *column = to;
            }
        }
    }

    /// Makes columns a key: none of them is NULL.
    pub(super) fn key(&mut self, name: Option<Name>, columns: Vec<Name>, origin: Place) {
        for column in &columns {
            if let Some(known) = self.column_mut(*column) {
                known.column.primary_key = true;
                known.column.nullable = Some(false);
            }
        }
        self.unique(name, columns, origin);
    }

    /// Makes the index that a column says it has by itself.
    pub(super) fn index_by(&mut self, name: Name, column: &Column, origin: Place) {
        if column.unique {
            self.unique(None, vec![name], origin);
        } else if column.index {
            self.indexes.push(Index { name: None, columns: vec![name], distinct: Distinct::No, origin });
        }
    }

    /// Makes rows differ in columns.
    pub(super) fn unique(&mut self, name: Option<Name>, columns: Vec<Name>, origin: Place) {
        self.indexes.push(Index { name, columns, distinct: Distinct::Yes, origin });
    }

    /// Forgets what its columns are.
    pub(super) fn cloud(&mut self) {
        self.is_open = true;
        for (_, column) in &mut self.columns {
            column.presence = Presence::Maybe;
            column.column.nullable = None;
            column.column.family = TypeFamily::Unknown;
        }
    }
}

impl Schema {
    /// The table of that name; where a schema is named, that of this schema.
    #[must_use]
    pub fn table(&self, name: TableName) -> Option<&Table> {
        self.tables.get(&name)
    }

    /// The table to change: one that nothing made is there all the same, with columns that are not known.
    pub(super) fn touch(&mut self, name: TableName, origin: Place) -> &mut Table {
        self.tables.entry(name).or_insert_with(|| Table { is_open: true, is_found: true, ..Table::new(origin) })
    }

    pub(super) fn create(&mut self, name: TableName, table: Table) {
        match self.tables.get(&name) {
            Some(known) if known.presence == Presence::Certain && !known.columns.is_empty() => {}
            Some(known) if known.presence == Presence::Maybe => {
                let mut merged = merge_table(known, &table);
                merged.presence = Presence::Certain;
                self.tables.insert(name, merged);
            }
            _ => {
                self.tables.insert(name, table);
            }
        }
    }

    pub(super) fn rename(&mut self, from: TableName, to: TableName, origin: Place) {
        let table = match self.tables.remove(&from) {
            Some(table) => Table { origin, ..table },
            None => Table { is_open: true, is_found: true, ..Table::new(origin) },
        };
        self.tables.insert(to, table);
    }

    /// Forgets what the tables are: something happened that cannot be told.
    pub(super) fn cloud(&mut self) {
        self.is_open = true;
        self.routines = Routines::default();
        for table in self.tables.values_mut() {
            table.presence = Presence::Maybe;
            table.cloud();
        }
    }

    /// What is known where one of two ways was gone.
    pub(super) fn merge(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        let mut tables = BTreeMap::new();
        for (name, own) in &self.tables {
            let table = match other.tables.get(name) {
                Some(table) => merge_table(own, table),
                None => Table { presence: Presence::Maybe, ..own.clone() },
            };
            tables.insert(*name, table);
        }
        for (name, table) in &other.tables {
            tables.entry(*name).or_insert_with(|| Table { presence: Presence::Maybe, ..table.clone() });
        }
        Self { tables, is_open: self.is_open || other.is_open, routines: self.routines.merge(&other.routines) }
    }
}

/// A column of which nothing is known.
pub(super) fn unknown_column() -> Column {
    Column { nullable: None, ..Column::default() }
}

fn both(one: Presence, two: Presence) -> Presence {
    if one == Presence::Certain && two == Presence::Certain { Presence::Certain } else { Presence::Maybe }
}

fn merge_table(one: &Table, two: &Table) -> Table {
    if one == two {
        return one.clone();
    }
    let mut merged = Table {
        presence: both(one.presence, two.presence),
        columns: Vec::new(),
        is_open: one.is_open || two.is_open,
        is_found: one.is_found && two.is_found,
        // An index that may be there is not missed.
        indexes: one.indexes.clone(),
        origin: one.origin,
    };
    merged.indexes.extend(two.indexes.iter().filter(|index| !one.indexes.contains(index)).cloned());
    for (name, own) in &one.columns {
        let column = match two.column(*name) {
            Some(column) => merge_column(own, column, both(own.presence, column.presence)),
            None => SchemaColumn { presence: Presence::Maybe, ..own.clone() },
        };
        merged.columns.push((*name, column));
    }
    for (name, column) in &two.columns {
        if one.column(*name).is_none() {
            merged.columns.push((*name, SchemaColumn { presence: Presence::Maybe, ..column.clone() }));
        }
    }
    merged
}

fn merge_column(one: &SchemaColumn, two: &SchemaColumn, presence: Presence) -> SchemaColumn {
    let mut column = one.column.clone();
    let other = &two.column;
    if column.family != other.family {
        column.family = TypeFamily::Unknown;
    }
    if column.nullable != other.nullable {
        column.nullable = None;
    }
    if column.length != other.length {
        column.length = None;
    }
    if column.zoned != other.zoned {
        column.zoned = None;
    }
    if column.foreign_key != other.foreign_key {
        column.foreign_key = None;
    }
    column.has_server_default |= other.has_server_default;
    SchemaColumn { presence, column, origin: one.origin }
}
