//! The schema of a project as models, migrations and SQL see it: as a table, a diagram, or JSON.

use std::fmt::Write as _;
use std::io::{self, Write};

use auditline_model::schema::{ColumnRow, Overview, Presence, Row, SchemaColumn, Source, Table};
use auditline_model::tables::{Column, TypeFamily};
use auditline_model::{Db, SourceFile};
use auditline_source::FilePath;
use auditline_syntax::sql::TableName;
use serde::Serialize;

use crate::paths::{relative, visible};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// A table with one column for each side; `!` stands before what the sides surely differ in, `?` behind what is not certain.
///
/// # Errors
/// If it cannot be written.
pub fn write_table(db: &dyn Db, overview: &Overview, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    let titles = titles(db, overview, from);
    let shown: Vec<usize> =
        (0..titles.len()).filter(|at| overview.tables.iter().any(|row| row.sides[*at].is_some())).collect();
    if shown.is_empty() {
        return writeln!(out, "no tables");
    }
    let mut lines: Vec<(char, String, Vec<String>)> = Vec::new();
    lines.push((' ', "table".to_owned(), shown.iter().map(|at| titles[*at].clone()).collect()));
    for row in &overview.tables {
        let cells = shown.iter().map(|at| row.sides[*at].as_ref().map_or_else(dash, table_cell));
        lines.push((if row.differs { '!' } else { ' ' }, full_name(row.name), cells.collect()));
        for column in &row.columns {
            let cells = shown.iter().map(|at| match (&row.sides[*at], &column.sides[*at]) {
                (None, _) => String::new(),
                (Some(table), None) => {
                    if table.is_open {
                        "?".to_owned()
                    } else {
                        dash()
                    }
                }
                (_, Some(own)) => column_cell(own),
            });
            lines.push((if column.differs { '!' } else { ' ' }, format!("  {}", column.name), cells.collect()));
        }
    }
    let width = |at: usize| lines.iter().map(|(_, _, cells)| cells[at].chars().count()).max().unwrap_or_default();
    let names = lines.iter().map(|(_, name, _)| name.chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..shown.len()).map(width).collect();
    for (mark, name, cells) in &lines {
        let mut line = format!("{mark} {name:names$}");
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "  {cell:width$}");
        }
        writeln!(out, "{}", visible(line.trim_end()))?;
    }
    let differing = overview.tables.iter().filter(|row| row.differs).count();
    writeln!(out, "\n{} tables, {differing} with differences", overview.tables.len())
}

/// A diagram of the tables and what points to what, for Mermaid. What the sides differ in has a note.
///
/// # Errors
/// If it cannot be written.
pub fn write_mermaid(overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "erDiagram")?;
    for row in &overview.tables {
        writeln!(out, "    {} {{", mermaid_name(row.name))?;
        for column in &row.columns {
            let Some(own) = column.sides.iter().flatten().next() else { continue };
            let family = family_name(&own.column).replace(|char: char| !char.is_ascii_alphanumeric(), "_");
            let key = match (&own.column.primary_key, &own.column.foreign_key) {
                (true, Some(_)) => " PK, FK",
                (true, None) => " PK",
                (false, Some(_)) => " FK",
                (false, None) => "",
            };
            let note = note(row, column).map(|note| format!(" \"{note}\"")).unwrap_or_default();
            writeln!(out, "        {family} {}{key}{note}", word(column.name.as_str()))?;
        }
        writeln!(out, "    }}")?;
    }
    for row in &overview.tables {
        for column in &row.columns {
            let key = column.sides.iter().flatten().find_map(|own| Some((own, own.column.foreign_key?)));
            let Some((own, key)) = key else { continue };
            let target = key.rsplit_once('.').map_or(key.as_str(), |(table, _)| table);
            let name = target.rsplit('.').next().unwrap_or(target);
            if let Some(other) = overview.tables.iter().find(|row| row.name.name == *name) {
                let many = if own.column.nullable == Some(false) { "||--o{" } else { "|o--o{" };
                let (from, to) = (mermaid_name(other.name), mermaid_name(row.name));
                writeln!(out, "    {from} {many} {to} : {}", word(column.name.as_str()))?;
            }
        }
    }
    Ok(())
}

/// In what the sides differ, in words.
fn note(row: &Row, column: &ColumnRow) -> Option<String> {
    if !column.differs {
        return row.differs.then(|| row.sides[1..].iter().all(Option::is_none).then(|| "models only".to_owned()))?;
    }
    let in_models = column.sides[0].is_some();
    let elsewhere = column.sides[1..].iter().any(Option::is_some);
    Some(match (in_models, elsewhere) {
        (true, false) => "models only".to_owned(),
        (false, _) => "not in the models".to_owned(),
        (true, true) => "differs".to_owned(),
    })
}

fn mermaid_name(name: TableName) -> String {
    word(&full_name(name))
}

fn word(text: &str) -> String {
    text.replace(|char: char| !char.is_ascii_alphanumeric() && char != '_', "_")
}

#[derive(Serialize)]
struct Document {
    version: u32,
    sides: Vec<JsonSide>,
    tables: Vec<JsonTable>,
}

#[derive(Serialize)]
struct JsonSide {
    kind: &'static str,
    path: Option<String>,
    revisions: Option<usize>,
    /// Whether there may be tables that are not listed.
    open: bool,
}

#[derive(Serialize)]
struct JsonTable {
    schema: Option<&'static str>,
    name: &'static str,
    differs: bool,
    sides: Vec<Option<JsonTableSide>>,
    columns: Vec<JsonColumn>,
}

#[derive(Serialize)]
struct JsonTableSide {
    certain: bool,
    open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

#[derive(Serialize)]
struct JsonColumn {
    name: &'static str,
    differs: bool,
    sides: Vec<Option<JsonColumnSide>>,
}

#[derive(Serialize)]
struct JsonColumnSide {
    certain: bool,
    #[serde(rename = "type")]
    family: String,
    length: Option<u32>,
    nullable: Option<bool>,
    primary_key: bool,
    foreign_key: Option<&'static str>,
}

/// One JSON object.
///
/// # Errors
/// If it cannot be written.
pub fn write_json(db: &dyn Db, overview: &Overview, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    let path = |file: SourceFile| relative(from, file.path(db));
    let models = JsonSide { kind: "models", path: None, revisions: None, open: overview.models.is_open };
    let others = overview.descriptions.iter().map(|one| JsonSide {
        kind: match one.source {
            Source::History(_) => "migrations",
            Source::File(_) | Source::Numbered(..) => "sql",
        },
        path: Some(relative(from, one.source.path(db))),
        revisions: match &one.source {
            Source::History(history) => Some(history.revisions.len()),
            Source::Numbered(_, files) => Some(files.len()),
            Source::File(_) => None,
        },
        open: one.schema.is_open,
    });
    let tables = overview.tables.iter().map(|row| JsonTable {
        schema: row.name.schema.map(|schema| schema.as_str()),
        name: row.name.name.as_str(),
        differs: row.differs,
        sides: row
            .sides
            .iter()
            .map(|table| {
                table.as_ref().map(|table| JsonTableSide {
                    certain: table.presence == Presence::Certain,
                    open: table.is_open,
                    path: Some(path(table.origin.file())),
                })
            })
            .collect(),
        columns: row
            .columns
            .iter()
            .map(|column| JsonColumn {
                name: column.name.as_str(),
                differs: column.differs,
                sides: column.sides.iter().map(|own| own.as_ref().map(json_column)).collect(),
            })
            .collect(),
    });
    let document =
        Document { version: VERSION, sides: std::iter::once(models).chain(others).collect(), tables: tables.collect() };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn json_column(own: &SchemaColumn) -> JsonColumnSide {
    JsonColumnSide {
        certain: own.presence == Presence::Certain,
        family: family_name(&own.column),
        length: own.column.length,
        nullable: own.column.nullable,
        primary_key: own.column.primary_key,
        foreign_key: own.column.foreign_key.map(|key| key.as_str()),
    }
}

fn titles(db: &dyn Db, overview: &Overview, from: FilePath) -> Vec<String> {
    let others = overview.descriptions.iter().map(|one| relative(from, one.source.path(db)));
    std::iter::once("models".to_owned()).chain(others).collect()
}

fn full_name(name: TableName) -> String {
    match name.schema {
        Some(schema) => format!("{schema}.{}", name.name),
        None => name.name.as_str().to_owned(),
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn table_cell(table: &Table) -> String {
    match (table.presence, table.is_open) {
        (Presence::Certain, false) => "yes".to_owned(),
        (Presence::Certain, true) => "yes, perhaps with more columns".to_owned(),
        (Presence::Maybe, _) => "?".to_owned(),
    }
}

fn column_cell(own: &SchemaColumn) -> String {
    let mut text = family_name(&own.column);
    if let Some(length) = own.column.length {
        let _ = write!(text, "({length})");
    }
    match own.column.nullable {
        Some(false) => text.push_str(" not null"),
        Some(true) => {}
        None => text.push_str(" null?"),
    }
    if own.presence == Presence::Maybe {
        text.push_str(" ?");
    }
    text
}

fn family_name(column: &Column) -> String {
    let name = match column.family {
        TypeFamily::Integer => "integer",
        TypeFamily::BigInteger => "bigint",
        TypeFamily::String => "string",
        TypeFamily::Text => "text",
        TypeFamily::Boolean => "boolean",
        TypeFamily::DateTime => "datetime",
        TypeFamily::Date => "date",
        TypeFamily::Time => "time",
        TypeFamily::Interval => "interval",
        TypeFamily::Numeric => "numeric",
        TypeFamily::Float => "float",
        TypeFamily::Json => "json",
        TypeFamily::Array => "array",
        TypeFamily::Uuid => "uuid",
        TypeFamily::Enum => "enum",
        TypeFamily::Binary => "bytes",
        TypeFamily::Other(name) => return name.as_str().to_lowercase(),
        TypeFamily::Unknown => "unknown",
    };
    name.to_owned()
}
