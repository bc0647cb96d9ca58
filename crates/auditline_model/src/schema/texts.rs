//! SQL in revisions and files.

use auditline_syntax::Name;
use auditline_syntax::sql::{self, Change, Constraint, CreateTable, SqlColumn, SqlType, Statement, TableName};

use crate::classes::Detached;
use crate::names::canonical;
use crate::place::Place;
use crate::symbols::Symbol;
use crate::tables::{Column, TypeFamily, family_of_sql};

use super::state::{Index, Schema, Table};
use super::statements::Run;
use super::value::{HOLE, Value};

impl Run<'_> {
    /// Executes a statement; `is_operation` says that it is one of the migration itself (`op.execute`).
    pub(super) fn execute(&mut self, place: Place, statement: &Value, is_operation: bool) -> Value {
        match statement {
            Value::Text(text) => {
                execute(&mut self.schema, text, &|_| place);
                if asks_schema(text) { Value::Inspected } else { Value::Unknown }
            }
            Value::List(items) if is_operation => {
                for item in items {
                    self.execute(place, item, true);
                }
                Value::Unknown
            }
            Value::Declared(declared) => {
                // An expression of SQLAlchemy changes rows; what something else made may be any statement.
                let is_definition = matches!(declared.last_name().as_deref(), Some("CreateTable" | "DropTable"));
                if is_definition || is_operation && !is_expression(declared) {
                    self.schema.cloud();
                }
                Value::Unknown
            }
            // What is executed cannot be told; as an operation of its own it may be anything.
            Value::Unknown | Value::Inspected if is_operation => {
                self.schema.cloud();
                Value::Unknown
            }
            _ => Value::Unknown,
        }
    }
}

/// Whether what is called at the beginning of an expression belongs to SQLAlchemy, or to a model.
fn is_expression(declared: &Detached) -> bool {
    match declared {
        Detached::Call { func: inner, .. } | Detached::Attribute { value: inner, .. } => is_expression(inner),
        Detached::Subscript { value: inner, .. } => is_expression(inner),
        Detached::Path { base: (Symbol::External(path), _), .. } => {
            let path = canonical(*path);
            path.split('.').next().is_some_and(|package| package.starts_with("sql") || package == "alembic")
        }
        Detached::Path { base: (Symbol::Class(_) | Symbol::Variable(_), _), .. } => true,
        _ => false,
    }
}

/// Whether a text asks the database what its schema is.
pub(super) fn asks_schema(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    [
        "information_schema",
        "pg_catalog",
        "pg_class",
        "pg_constraint",
        "pg_attribute",
        "pg_index",
        "pg_tables",
        "pg_type",
        "pg_enum",
        "pg_stat",
        "pg_proc",
        "pg_extension",
        "pg_roles",
        "pg_trigger",
        "to_regclass",
        "sqlite_master",
        "pragma ",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// Does to a schema what the statements of a text do.
pub(super) fn execute(schema: &mut Schema, text: &str, place: &dyn Fn(text_size::TextRange) -> Place) {
    let script = sql::lower(text);
    for (range, statement) in &script.statements {
        match statement {
            Statement::Routine(routine) => schema.routines.apply(routine, text, place(*range)),
            _ => apply(schema, statement, place(*range)),
        }
    }
    for (_, words) in &script.skipped {
        skip(schema, words.as_str());
    }
    for body in sql::procedural_blocks(text) {
        block(schema, body, place);
    }
}

/// The statements of a `DO` block: those that change tables are done, as if the conditions around them held.
fn block(schema: &mut Schema, body: &str, place: &dyn Fn(text_size::TextRange) -> Place) {
    const DEFINITIONS: &[&str] = &["alter table", "create table", "drop table"];
    for statement in body.split(';') {
        let lower = statement.to_ascii_lowercase();
        let at = DEFINITIONS.iter().filter_map(|words| lower.find(words)).min();
        let Some(definition) = at.and_then(|at| statement.get(at..)) else { continue };
        // `EXECUTE format('ALTER TABLE users DROP CONSTRAINT %I', name)`
        let is_dynamic = at.is_some_and(|at| lower[..at].contains("execute"));
        let written = if is_dynamic { filled(definition) } else { definition.to_owned() };
        let script = sql::lower(&written);
        for (range, one) in &script.statements {
            apply(schema, one, place(*range));
        }
        for (_, words) in &script.skipped {
            skip(schema, words.as_str());
        }
    }
}

/// The statement in a string that is executed, with holes for what is put into it.
fn filled(definition: &str) -> String {
    let (text, behind) = definition.split_once('\'').unwrap_or((definition, ""));
    let mut text = text.to_owned();
    for hole in ["%I", "%s", "%L", "%1$I", "%1$s"] {
        text = text.replace(hole, HOLE);
    }
    if behind.trim_start().starts_with("||") {
        text.push_str(HOLE);
    }
    text
}

/// A definition that does not parse: what it names is not known any more.
fn skip(schema: &mut Schema, words: &str) {
    let mut parts = words.split_whitespace().map(str::to_ascii_lowercase);
    let (verb, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match (verb.as_str(), kind.as_str()) {
        ("alter", "table") => {
            let named = parts.find(|part| !matches!(part.as_str(), "only" | "if" | "exists"));
            let name =
                named.as_deref().map(|name| name.trim_matches('"').rsplit('.').next().unwrap_or(name).to_owned());
            for (table, known) in &mut schema.tables {
                if name.as_ref().is_none_or(|name| table.name.to_lowercase() == *name) {
                    known.cloud();
                }
            }
        }
        ("create", "table" | "unlogged" | "temp" | "temporary") => schema.is_open = true,
        ("drop", "table") => schema.cloud(),
        _ => {}
    }
}

fn is_hole(name: Name) -> bool {
    name.contains(HOLE)
}

fn apply(schema: &mut Schema, statement: &Statement, place: Place) {
    match statement {
        Statement::CreateTable(create) if is_hole(create.table.name) => schema.is_open = true,
        Statement::CreateTable(create) => {
            let table = created(schema, create, place);
            schema.create(create.table, table);
        }
        Statement::DropTable(table) if is_hole(table.name) => schema.cloud(),
        Statement::DropTable(table) => {
            schema.tables.remove(&resolved(schema, *table));
            schema.routines.triggers.retain(|(trigger, _)| trigger.table.name != table.name);
        }
        // In a block that is executed once, nothing is left for triggers.
        Statement::Routine(_) => {}
        Statement::DropIndex(name) => {
            for (table, known) in &mut schema.tables {
                known.drop_index(table.name, *name);
            }
        }
        Statement::DropSchema(name) => schema.tables.retain(|table, _| table.schema != Some(*name)),
        Statement::Alter(table, change) if is_hole(table.name) => {
            if !matches!(change, Change::Add(_) | Change::DropConstraint(_) | Change::Index(..)) {
                schema.cloud();
            }
        }
        Statement::Alter(table, change) => alter(schema, resolved(schema, *table), change, place),
    }
}

/// The table that a statement means: a name that is written without its schema may stand for one in another.
fn resolved(schema: &Schema, name: TableName) -> TableName {
    if name.schema.is_some_and(is_hole) || name.schema.is_none() && !schema.tables.contains_key(&name) {
        let mut same = schema.tables.keys().filter(|table| table.name == name.name);
        if let (Some(one), None) = (same.next(), same.next()) {
            return *one;
        }
    }
    name
}

fn created(schema: &Schema, create: &CreateTable, place: Place) -> Table {
    let mut table = Table { is_open: create.is_open, ..Table::new(place) };
    for column in &create.columns {
        add(&mut table, &pointing(schema, column), place);
    }
    for constraint in &create.constraints {
        constrain(&mut table, &completed(schema, constraint), place);
    }
    table
}

/// The same for `FOREIGN KEY (team_id) REFERENCES teams`.
fn completed(schema: &Schema, constraint: &Constraint) -> Constraint {
    let mut constraint = constraint.clone();
    if let Constraint::ForeignKey { table, referred, .. } = &mut constraint
        && referred.is_empty()
    {
        referred.extend(key_of(schema, *table));
    }
    constraint
}

/// `REFERENCES teams` points at the primary key.
fn pointing(schema: &Schema, column: &SqlColumn) -> SqlColumn {
    let mut column = column.clone();
    if let Some((table, referred @ None)) = &mut column.references {
        *referred = key_of(schema, *table);
    }
    column
}

/// The one column of a table's primary key.
fn key_of(schema: &Schema, table: TableName) -> Option<Name> {
    let table = schema.tables.get(&resolved(schema, table))?;
    let mut keys = table.columns.iter().filter(|(_, column)| column.column.primary_key);
    match (keys.next(), keys.next()) {
        (Some((name, _)), None) => Some(*name),
        _ => None,
    }
}

fn add(table: &mut Table, column: &SqlColumn, place: Place) {
    if is_hole(column.name) {
        table.is_open = true;
        return;
    }
    if column.primary_key || column.unique {
        table.unique(None, vec![column.name], place);
    }
    table.add(column.name, column_of(column), place);
}

fn constrain(table: &mut Table, constraint: &Constraint, place: Place) {
    match constraint {
        Constraint::PrimaryKey(columns) => table.key(None, columns.clone(), place),
        Constraint::Unique(name, columns) => {
            table.unique(*name, columns.clone(), place);
        }
        Constraint::ForeignKey { columns, table: other, referred, on_delete, .. } => {
            if let ([column], referred) = (&columns[..], referred.first())
                && let Some(known) = table.column_mut(*column)
            {
                known.column.foreign_key = referred.map(|referred| Name::new(&format!("{}.{referred}", other.name)));
                known.column.on_delete = *on_delete;
            }
        }
    }
}

fn alter(schema: &mut Schema, name: TableName, change: &Change, place: Place) {
    match change {
        Change::Rename(to) if is_hole(*to) => return schema.cloud(),
        Change::Rename(to) => return schema.rename(name, TableName { name: *to, ..name }, place),
        Change::Moved => {
            schema.tables.remove(&name);
            schema.is_open = true;
            return;
        }
        _ => {}
    }
    let added = match change {
        Change::AddColumn(column, _) => Some(pointing(schema, column)),
        _ => None,
    };
    let constrained = match change {
        Change::Add(constraint) => Some(completed(schema, constraint)),
        _ => None,
    };
    let table = schema.touch(name, place);
    match change {
        Change::AddColumn(column, _) => add(table, added.as_ref().unwrap_or(column), place),
        Change::DropColumn(column) if is_hole(*column) => table.cloud(),
        Change::DropColumn(column) => table.drop_column(*column),
        Change::RenameColumn(from, to) if is_hole(*from) || is_hole(*to) => table.cloud(),
        Change::RenameColumn(from, to) => table.rename_column(*from, *to, place),
        Change::SetNotNull(column, not_null) => {
            if let Some(known) = table.column_mut(*column) {
                known.column.nullable = Some(!not_null);
                known.origin = place;
            } else if is_hole(*column) {
                table.cloud();
            }
        }
        Change::SetDefault(column, default) => {
            if let Some(known) = table.column_mut(*column) {
                known.column.has_server_default = default.is_some();
            }
        }
        Change::SetType(column, ty) => {
            if let Some(known) = table.column_mut(*column) {
                set_type(&mut known.column, ty);
                known.origin = place;
            } else if is_hole(*column) {
                table.cloud();
            }
        }
        Change::Add(constraint) => constrain(table, constrained.as_ref().unwrap_or(constraint), place),
        Change::DropConstraint(constraint) => table.drop_index(name.name, *constraint),
        Change::Index(name, columns, distinct) => {
            table.indexes.push(Index { name: *name, columns: columns.clone(), distinct: *distinct, origin: place });
        }
        Change::Unread => table.cloud(),
        Change::Rename(_) | Change::Moved => {}
    }
}

fn column_of(own: &SqlColumn) -> Column {
    let mut column = Column {
        nullable: Some(!own.not_null && !own.primary_key),
        nullable_written: own.not_null,
        primary_key: own.primary_key,
        unique: own.unique,
        has_server_default: own.default.is_some(),
        foreign_key: own.references.and_then(|(table, column)| Some(Name::new(&format!("{}.{}", table.name, column?)))),
        on_delete: own.on_delete,
        ..Column::default()
    };
    set_type(&mut column, &own.ty);
    column
}

fn set_type(column: &mut Column, ty: &SqlType) {
    column.family = match ty.name {
        _ if ty.is_array => TypeFamily::Array,
        Some(name) if !is_hole(name) && !name.to_ascii_lowercase().contains(HOLE) => family_of_sql(name),
        _ => TypeFamily::Unknown,
    };
    column.type_written = column.family != TypeFamily::Unknown;
    column.own_type = false;
    column.length = ty.length.filter(|_| column.family == TypeFamily::String);
    column.zoned = (column.family == TypeFamily::DateTime)
        .then(|| ty.name.is_some_and(|name| name.contains("WITH TIME ZONE") || name.contains("TIMESTAMPTZ")));
}
