//! A new Alembic revision behind the last one: what brings the database to what a model says.

use std::sync::Arc;

use auditline_model::classes::{Detached, class_info, mro, variable};
use auditline_model::db::Moment;
use auditline_model::migrations::{History, Revision};
use auditline_model::schema::{Declared, Description, SchemaColumn, Source, Table, schema_of_models, standings};
use auditline_model::{ClassRef, Db, Settings};
use auditline_source::SourceText;
use auditline_syntax::Name;
use auditline_syntax::sql::TableName;
use rustc_hash::FxHashSet;

use crate::finding::{Changes, Fix, NewFile, Safety};
use columns::Written;

mod columns;
mod name;

/// Adds the columns that a table lacks.
pub(super) fn add_columns(table: TableName, declared: Declared, columns: Vec<Name>) -> Fix {
    let title = match columns.as_slice() {
        [one] => format!("Add `{}.{one}` in a new revision", table.name),
        all => format!("Add the {} columns that `{}` lacks in a new revision", all.len(), table.name),
    };
    Fix::creating(title, Safety::Unsafe, move |db| {
        let (history, own) = sides(db, table, declared, |standing| &standing.0)?;
        let found: Option<Vec<(Name, Written)>> = columns
            .iter()
            .map(|column| Some((*column, columns::written(db, *column, own.column(*column)?)?)))
            .collect();
        let found = found?;
        let mut steps = Steps::new(table);
        for (column, written) in &found {
            steps.add_column(*column, written);
        }
        let listed: Vec<&str> = columns.iter().map(|column| column.as_str()).collect();
        steps.into_changes(db, &history, &format!("add {} to {}", listed.join(", "), table.name))
    })
}

/// The revision that adds a column which no model has, of that type, and which may be NULL.
pub(super) fn add_unknown_column(db: &dyn Db, class: ClassRef, column: Name, ty: &str) -> Option<NewFile> {
    let standings = standings(db);
    let table = standings.iter().find(|standing| standing.is_of(class))?.table;
    let (history, _) = sides(db, table, Declared::Class(class), |standing| &standing.0)?;
    let mut steps = Steps::new(table);
    steps.add_column(column, &Written::that_may_be_null(column, ty));
    steps.into_changes(db, &history, &format!("add {column} to {}", table.name))?.created.pop()
}

/// Creates a table that the database lacks.
pub(super) fn create_table(table: TableName, declared: Declared) -> Fix {
    let title = format!("Create `{}` in a new revision", table.name);
    Fix::creating(title, Safety::Unsafe, move |db| {
        let (history, own) = sides(db, table, declared, |standing| &standing.1)?;
        if says_more(db, declared) || own.is_open || own.columns.is_empty() {
            return None;
        }
        let mut steps = Steps::new(table);
        steps.create_table(db, &own.columns)?;
        steps.into_changes(db, &history, &format!("create {}", table.name))
    })
}

/// Whether something is said about several columns, which is not read well enough to be written again.
fn says_more(db: &dyn Db, declared: Declared) -> bool {
    match declared {
        Declared::Class(class) => mro(db, class).iter().any(|ancestor| {
            class_info(db, *ancestor).is_none_or(|info| info.attribute(Name::new("__table_args__")).is_some())
        }),
        // Behind the name and the metadata.
        Declared::Table(held) => variable(db, held).is_none_or(|info| {
            let is_column = |value: &Detached| value.last_name().is_some_and(|name| name == "Column");
            info.value.as_ref().is_none_or(|value| !value.positional().skip(2).all(is_column))
        }),
    }
}

type Sides = (Vec<Description>, Vec<Description>);

/// The one history of a table's database that can be gone on with, and the table as the models say it.
fn sides(
    db: &dyn Db,
    table: TableName,
    declared: Declared,
    pick: impl Fn(&Sides) -> &Vec<Description>,
) -> Option<(Arc<History>, Table)> {
    let standings = standings(db);
    let standing = standings.iter().find(|standing| standing.table == table && standing.declared == declared)?;
    let described = standing.described.iter().map(|(description, _)| description.clone()).collect();
    let both: Sides = (described, standing.missing.clone());
    let mut histories = pick(&both).iter().filter_map(|description| match &description.source {
        Source::History(history) => Some(Arc::clone(history)),
        Source::File(_) | Source::Numbered(..) => None,
    });
    let history = histories.next()?;
    if histories.next().is_some() || !history.ordered || !history.faults.is_empty() {
        return None;
    }
    Some((history, schema_of_models(db).tables.get(&table)?.clone()))
}

/// The revision that no other follows.
fn head(history: &History) -> Option<&Revision> {
    let followed: FxHashSet<Name> =
        history.revisions.iter().flat_map(|revision| revision.down.ids().iter().copied()).collect();
    let mut heads = history.revisions.iter().filter(|revision| !followed.contains(&revision.id));
    let head = heads.next()?;
    heads.next().is_none().then_some(head)
}

/// The statements of a revision.
struct Steps {
    table: TableName,
    up: Vec<String>,
    down: Vec<String>,
    postgresql: bool,
}

impl Steps {
    fn new(table: TableName) -> Self {
        Self { table, up: Vec::new(), down: Vec::new(), postgresql: false }
    }

    /// The table and its schema, as arguments.
    fn table(&self) -> (String, String) {
        let schema = self.table.schema.map(|schema| format!(", schema={}", quoted(&schema)));
        (quoted(&self.table.name), schema.unwrap_or_default())
    }

    fn add_column(&mut self, name: Name, written: &Written) {
        let (table, schema) = self.table();
        let column = quoted(&name);
        self.postgresql |= written.postgresql;
        if written.wants_value {
            self.up.push(
                "# Rows that are there need a value: give one with `server_default`, and take it away below."
                    .to_owned(),
            );
        }
        self.up.push(format!("op.add_column({table}, {}{schema})", written.with_default));
        if written.default_is_for_old_rows {
            self.up.push(format!("op.alter_column({table}, {column}, server_default=None{schema})"));
        }
        // What is made last goes first.
        self.down.insert(0, format!("op.drop_column({table}, {column}{schema})"));
        self.index(name, written);
    }

    fn index(&mut self, name: Name, written: &Written) {
        let (table, schema) = self.table();
        let (column, own) = (quoted(&name), self.table.name);
        if written.index {
            let unique = if written.unique { ", unique=True" } else { ", unique=False" };
            let index = format!("op.f({})", quoted(&format!("ix_{own}_{name}")));
            self.up.push(format!("op.create_index({index}, {table}, [{column}]{unique}{schema})"));
            self.down.insert(0, format!("op.drop_index({index}, table_name={table}{schema})"));
        } else if written.unique {
            let constraint = quoted(&format!("uq_{own}_{name}"));
            self.up.push(format!("op.create_unique_constraint({constraint}, {table}, [{column}]{schema})"));
            self.down.insert(0, format!("op.drop_constraint({constraint}, {table}, type_=\"unique\"{schema})"));
        }
    }

    fn create_table(&mut self, db: &dyn Db, columns: &[(Name, SchemaColumn)]) -> Option<()> {
        let (table, schema) = self.table();
        let mut lines = vec![format!("{table},")];
        let mut keys: Vec<String> = Vec::new();
        let mut written = Vec::new();
        for (name, column) in columns {
            let own = columns::written(db, *name, column)?;
            lines.push(format!("{},", own.plain));
            if column.column.primary_key {
                keys.push(quoted(name));
            }
            written.push((*name, own));
        }
        if keys.is_empty() {
            return None;
        }
        lines.push(format!("sa.PrimaryKeyConstraint({}),", keys.join(", ")));
        if !schema.is_empty() {
            lines.push(format!("{},", schema.trim_start_matches(", ")));
        }
        self.up.push(format!("op.create_table(\n{}\n)", indented(&lines.join("\n"))));
        self.down.push(format!("op.drop_table({table}{schema})"));
        for (name, own) in &written {
            self.postgresql |= own.postgresql;
            self.index(*name, own);
        }
        Some(())
    }

    fn into_changes(self, db: &dyn Db, history: &History, message: &str) -> Option<Changes> {
        let head = head(history)?;
        let moment = Settings::get(db).now(db);
        let place = name::place(db, history, head, message, moment)?;
        let created = moment.map(|moment| format!("Create Date: {}\n", shown(moment))).unwrap_or_default();
        let dialect = if self.postgresql { "from sqlalchemy.dialects import postgresql\n" } else { "" };
        let text = format!(
            "\"\"\"{message}\n\nRevision ID: {id}\nRevises: {down}\n{created}\n\"\"\"\n\nimport sqlalchemy as sa\nfrom alembic import op\n{dialect}\n\
             # revision identifiers, used by Alembic.\nrevision = {quoted_id}\ndown_revision = {quoted_down}\nbranch_labels = None\n\
             depends_on = None\n\n\ndef upgrade() -> None:\n{up}\n\n\ndef downgrade() -> None:\n{down_steps}\n",
            id = place.id,
            down = head.id,
            quoted_id = quoted(&place.id),
            quoted_down = quoted(&head.id),
            up = indented(&self.up.join("\n")),
            down_steps = indented(&self.down.join("\n")),
        );
        let text = in_style(&text, head.file.content(db).text()?);
        Some(Changes { edits: Vec::new(), created: vec![NewFile { path: place.path, text }] })
    }
}

/// A text in the line ends and the indentation of another one.
fn in_style(text: &str, other: &SourceText) -> String {
    let lines = other.text().lines().filter(|line| line.trim_start().starts_with("op."));
    let unit = lines.map(|line| &line[..line.len() - line.trim_start().len()]).min_by_key(|unit| unit.len());
    let unit = unit.filter(|unit| !unit.is_empty()).unwrap_or(INDENT);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        out.push_str(&unit.repeat((line.len() - content.len()) / INDENT.len()));
        out.push_str(content);
    }
    match other.line_end() {
        "\n" => out,
        line_end => out.replace('\n', line_end),
    }
}

const INDENT: &str = "    ";

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("{INDENT}{line}")).collect::<Vec<_>>().join("\n")
}

/// A text as a Python string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

fn shown(moment: Moment) -> String {
    let Moment { year, month, day, hour, minute, second } = moment;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}
