//! The operations of Alembic.
//!
//! Seen with Alembic 1.13: `add_column` and its kin take the table first, in a batch they leave it out;
//! `create_primary_key` and a `PrimaryKeyConstraint` make their columns NOT NULL; `alter_column` changes what is named
//! and nothing else.

use auditline_syntax::Name;
use auditline_syntax::sql::{Distinct, TableName};

use crate::classes::Detached;
use crate::place::Place;
use crate::tables::{Column, column_of_type};

use super::calls::Args;
use super::state::{Index, Table};
use super::statements::Run;
use super::value::Value;

impl Run<'_> {
    /// An operation of `op`, or of a batch, where `batch` is its table.
    pub(super) fn operation(
        &mut self,
        place: Place,
        batch: Option<Option<TableName>>,
        name: &str,
        args: &Args,
    ) -> Value {
        // In a batch the table is not among the arguments.
        let skip = usize::from(batch.is_none());
        let table = |at: usize, keyword: &str| match batch {
            Some(table) => table,
            None => table_name(args.get(at, keyword), args.keyword("schema")),
        };
        match name {
            "f" => return args.positional.first().cloned().unwrap_or(Value::Unknown),
            "get_bind" | "get_context" => return Value::Bind,
            "batch_alter_table" => return Value::Batch(table_name(args.get(0, "table_name"), args.keyword("schema"))),
            "execute" => {
                let statement = args.get(0, "sqltext").cloned().unwrap_or(Value::Unknown);
                return self.execute(place, &statement, true);
            }
            "inline_literal" | "bulk_insert" => return Value::Unknown,
            "create_table" => return self.create_table(place, args),
            "drop_table" => match table_name(args.get(0, "table_name"), args.keyword("schema")) {
                Some(table) => {
                    self.schema.tables.remove(&table);
                }
                None => self.schema.cloud(),
            },
            "rename_table" => {
                let schema = args.keyword("schema");
                let from = table_name(args.get(0, "old_table_name"), schema);
                match (from, table_name(args.get(1, "new_table_name"), schema)) {
                    (Some(from), Some(to)) => self.schema.rename(from, to, place),
                    _ => self.schema.cloud(),
                }
            }
            "add_column" => match table(0, "table_name") {
                Some(table) => {
                    let column = args.get(skip, "column");
                    let read = column.and_then(|column| self.column(column));
                    let table = self.schema.touch(table, place);
                    match read {
                        Some((name, column)) => table.add(name, column, place),
                        None => table.is_open = true,
                    }
                }
                None => self.schema.cloud(),
            },
            "drop_column" => match table(0, "table_name") {
                Some(table) => {
                    let column = args.get(skip, "column_name").and_then(Value::name);
                    let table = self.schema.touch(table, place);
                    match column {
                        Some(column) => table.drop_column(column),
                        None => table.cloud(),
                    }
                }
                None => self.schema.cloud(),
            },
            "alter_column" => match table(0, "table_name") {
                Some(table) => self.alter_column(place, table, args.get(skip, "column_name"), args),
                None => self.schema.cloud(),
            },
            "create_primary_key" | "create_unique_constraint" => {
                let columns = args.get(1 + skip, "columns").and_then(Value::names);
                let constraint = args.get(0, "constraint_name").and_then(Value::name);
                if let (Some(table), Some(columns)) = (table(1, "table_name"), columns) {
                    let table = self.schema.touch(table, place);
                    if name == "create_primary_key" {
                        table.key(constraint, columns, place);
                    } else {
                        table.unique(constraint, columns, place);
                    }
                }
            }
            "create_index" => {
                let columns = args.get(1 + skip, "columns").and_then(Value::names).unwrap_or_default();
                let partial = args.keywords.iter().any(|(name, _)| name.ends_with("_where"));
                if let Some(table) = table(1, "table_name") {
                    let name = args.get(0, "index_name").and_then(Value::name);
                    let unique = args.keyword("unique").and_then(Value::truth) == Some(true);
                    let distinct = Distinct::of(unique, !partial && !columns.is_empty());
                    let index = Index { name, columns, distinct, origin: place };
                    self.schema.touch(table, place).indexes.push(index);
                }
            }
            "drop_index" | "drop_constraint" => {
                let called = if name == "drop_index" { "index_name" } else { "constraint_name" };
                if let Some(name) = args.get(0, called).and_then(Value::name) {
                    self.drop_index(name);
                }
            }
            "create_foreign_key" => {
                let source = match batch {
                    Some(table) => table,
                    None => table_name(args.get(1, "source_table"), args.keyword("source_schema")),
                };
                let referent = args.get(1 + skip, "referent_table").and_then(Value::name);
                let local = args.get(2 + skip, "local_cols").and_then(Value::names);
                let remote = args.get(3 + skip, "remote_cols").and_then(Value::names);
                if let (Some(source), Some(referent), Some([local]), Some([remote])) =
                    (source, referent, local.as_deref(), remote.as_deref())
                    && let Some(column) = self.schema.touch(source, place).column_mut(*local)
                {
                    column.column.foreign_key = Some(Name::new(&format!("{referent}.{remote}")));
                    column.column.on_delete = args.keyword("ondelete").and_then(Value::name);
                }
            }
            // Types, comments, checks and what plug-ins add leave tables and columns as they are.
            _ => {}
        }
        Value::Unknown
    }

    fn create_table(&mut self, place: Place, args: &Args) -> Value {
        let Some(name) = table_name(args.get(0, "table_name"), args.keyword("schema")) else {
            self.schema.is_open = true;
            return Value::Unknown;
        };
        let mut table = Table { is_open: args.is_open, ..Table::new(place) };
        let mut constraints = Vec::new();
        let mut key = Vec::new();
        for arg in args.positional.iter().skip(1) {
            match arg {
                Value::Declared(declared) if declared.call().is_some() => match declared.last_name().as_deref() {
                    Some("Column") => match self.column(arg) {
                        Some((name, column)) => {
                            if column.primary_key {
                                key.push(name);
                            }
                            table.index_by(name, &column, place);
                            table.add(name, column, place);
                        }
                        None => table.is_open = true,
                    },
                    Some(name) if name.ends_with("Constraint") || name == "Index" => constraints.push(declared),
                    _ => table.is_open = true,
                },
                Value::None => {}
                _ => table.is_open = true,
            }
        }
        if !key.is_empty() {
            table.unique(None, key, place);
        }
        for declared in constraints {
            constrain(&mut table, declared, place);
        }
        self.schema.create(name, table);
        Value::Unknown
    }

    /// A `Column(…)` and its name.
    fn column(&self, value: &Value) -> Option<(Name, Column)> {
        let Value::Declared(declared) = value else { return None };
        if declared.last_name()? != "Column" {
            return None;
        }
        let column = Column::declared(self.db, declared, None);
        let name = column.column_name?;
        Some((name, Column { column_name: None, ..column }))
    }

    fn alter_column(&mut self, place: Place, table: TableName, column: Option<&Value>, args: &Args) {
        let db = self.db;
        let table = self.schema.touch(table, place);
        let Some(name) = column.and_then(Value::name) else {
            table.cloud();
            return;
        };
        if table.column(name).is_none() && table.is_open {
            table.add(name, super::state::unknown_column(), place);
        }
        if let Some(known) = table.column_mut(name) {
            if let Some(nullable) = args.keyword("nullable") {
                known.column.nullable = nullable.truth();
                known.origin = place;
            } else if args.is_open {
                known.column.nullable = None;
            }
            if let Some(ty) = args.keyword("type_").filter(|ty| **ty != Value::None) {
                let read = column_of_type(db, &ty.detached());
                known.column.family = read.family;
                known.column.length = read.length;
                known.column.zoned = read.zoned;
                known.column.own_type = read.own_type;
                known.column.type_written = read.type_written;
                known.origin = place;
            }
            if let Some(default) = args.keyword("server_default") {
                known.column.has_server_default = !matches!(default, Value::None | Value::Bool(false));
            }
        }
        match args.keyword("new_column_name") {
            Some(Value::None) | None => {}
            Some(new) => match new.name() {
                Some(new) if new != name => table.rename_column(name, new, place),
                Some(_) => {}
                None => table.cloud(),
            },
        }
    }

    pub(super) fn drop_index(&mut self, name: Name) {
        for (table, known) in &mut self.schema.tables {
            known.drop_index(table.name, name);
        }
    }
}

/// What a constraint among the arguments of `create_table` says.
fn constrain(table: &mut Table, declared: &Detached, place: Place) {
    let name = declared.keyword("name").and_then(|name| Value::from(name).name());
    let names = |skip: usize| -> Option<Vec<Name>> { declared.positional().skip(skip).map(Detached::text).collect() };
    match declared.last_name().as_deref() {
        Some("PrimaryKeyConstraint") => {
            if let Some(columns) = names(0) {
                table.key(name, columns, place);
            }
        }
        Some("UniqueConstraint") => {
            if let Some(columns) = names(0) {
                table.unique(name, columns, place);
            }
        }
        Some("Index") => {
            if let Some(columns) = names(1) {
                let partial = ["postgresql_where", "sqlite_where"].iter().any(|name| declared.keyword(name).is_some());
                let unique = declared.keyword("unique").and_then(Detached::bool) == Some(true);
                table.indexes.push(Index {
                    name: declared.positional().next().and_then(Detached::text),
                    columns,
                    distinct: Distinct::of(unique, !partial),
                    origin: place,
                });
            }
        }
        Some("ForeignKeyConstraint") => {
            let lists: Vec<Option<Vec<Name>>> =
                declared.positional().take(2).map(|list| Value::from(list).names()).collect();
            if let [Some(local), Some(remote)] = &lists[..]
                && let ([local], [remote]) = (&local[..], &remote[..])
                && let Some(column) = table.column_mut(*local)
            {
                column.column.foreign_key = Some(*remote);
                column.column.on_delete = declared.keyword("ondelete").and_then(Detached::text);
            }
        }
        _ => {}
    }
}

fn table_name(name: Option<&Value>, schema: Option<&Value>) -> Option<TableName> {
    let name = name?.name()?;
    let schema = match schema {
        None | Some(Value::None) => None,
        Some(schema) => Some(schema.name()?),
    };
    Some(TableName { schema: schema.filter(|schema| schema != "public"), name })
}
