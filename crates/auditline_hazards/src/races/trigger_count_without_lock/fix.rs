//! Locking the row that the counted rows belong to.

use auditline_model::schema::{Parent, Watch};
use auditline_model::{Db, SourceFile};
use auditline_source::{FileKind, TextEdit};
use auditline_syntax::Name;

use super::search;
use crate::edit::{Document, range};
use crate::finding::{FileEdit, Fix, Safety};

/// `PERFORM 1 FROM parent WHERE … FOR UPDATE;` before the count.
pub(super) fn lock(file: SourceFile, watch: Watch) -> Option<Fix> {
    let parent = watch.parent.clone()?;
    watch.limit.limit.statement?;
    let title = format!("Lock the row of `{}` before the count", parent.table.name);
    Some(Fix::new(title, Safety::Unsafe, move |db| edits(db, file, &watch, &parent)))
}

fn edits(db: &dyn Db, file: SourceFile, watch: &Watch, parent: &Parent) -> Option<Vec<FileEdit>> {
    let text = file.content(db).text()?.text();
    let is_sql = file.kind(db) == FileKind::Sql;
    let at: usize = match is_sql {
        true => watch.limit.limit.statement?.into(),
        false => search::found(db, watch.function.origin, watch.limit.statement.as_deref()?)?.start().into(),
    };
    let line = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let indent = &text[line..at];
    let end = if text[..at].ends_with("\r\n") || text[..line].ends_with("\r\n") { "\r\n" } else { "\n" };
    let between = if indent.trim().is_empty() { format!("{end}{indent}") } else { " ".to_owned() };
    // Behind the change, the check of the foreign key holds a lock that `FOR UPDATE` would wait for: two would deadlock.
    let strength = if watch.trigger.before { "FOR UPDATE" } else { "FOR NO KEY UPDATE" };
    let table = match parent.table.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(parent.table.name)),
        None => quoted(parent.table.name),
    };
    let statement =
        format!("PERFORM 1 FROM {table} WHERE {} = {} {strength};{between}", quoted(parent.column), parent.field);
    let edit = TextEdit { range: range(at, at), text: statement };
    let edits = if is_sql { vec![edit] } else { Document::of(db, file)?.checked(vec![edit])? };
    Some(vec![FileEdit { file, edits }])
}

/// A name as it is written in SQL.
fn quoted(name: Name) -> String {
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    let is_reserved = RESERVED.binary_search(&name.as_str()).is_ok();
    if !is_reserved && name.chars().all(is_plain) && !name.starts_with(|char: char| char.is_ascii_digit()) {
        name.as_str().to_owned()
    } else {
        format!("\"{}\"", name.as_str().replace('"', "\"\""))
    }
}

/// Words that PostgreSQL takes for the name of a table or column only in quotes, as far as tables are called so.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "array",
    "authorization",
    "case",
    "check",
    "collate",
    "collation",
    "column",
    "constraint",
    "default",
    "desc",
    "end",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "limit",
    "offset",
    "order",
    "placing",
    "primary",
    "references",
    "select",
    "table",
    "to",
    "union",
    "unique",
    "user",
    "using",
    "window",
    "with",
];
