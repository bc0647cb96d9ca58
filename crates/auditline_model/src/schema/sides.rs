//! What describes the schema of a project besides its models.

use std::sync::Arc;

use auditline_source::{FileKind, FilePath};
use auditline_syntax::Name;
use auditline_syntax::sql::TableName;

use crate::db::{Db, SourceFile};
use crate::migrations::{History, histories};

use super::replay::{replayed, schema_of_file};
use super::state::{Schema, Table};

/// A description of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where it comes from.
    pub source: Source,
    /// What it says.
    pub schema: Arc<Schema>,
}

/// Where a description comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A history of Alembic revisions.
    History(Arc<History>),
    /// A file of SQL statements.
    File(SourceFile),
    /// Numbered SQL files of a directory, in their order.
    Numbered(FilePath, Vec<SourceFile>),
}

impl Source {
    /// The directory or file.
    #[must_use]
    pub fn path(&self, db: &dyn Db) -> FilePath {
        match self {
            Self::History(history) => history.environment,
            Self::File(file) => file.path(db),
            Self::Numbered(directory, _) => *directory,
        }
    }
}

/// Everything that describes a schema of the workspace: histories first, then SQL, each sorted by path.
#[salsa::tracked(returns(clone))]
pub fn descriptions(db: &dyn Db) -> Arc<Vec<Description>> {
    let histories = histories(db);
    let mut found: Vec<Description> = histories
        .iter()
        .map(|history| Description { source: Source::History(Arc::clone(history)), schema: replayed(db, history) })
        .collect();
    cloud_shared(&mut found);
    let files = db.files().of_kind(db, FileKind::Sql).files(db).clone();
    let mut numbered: Vec<(FilePath, Vec<SourceFile>)> = Vec::new();
    for file in files.iter().copied() {
        if crate::entry::is_below_tests(db, file) || is_backwards(db, file) {
            continue;
        }
        let Some(directory) = file.path(db).parent() else { continue };
        if number(db, file).is_some() {
            match numbered.iter_mut().find(|(known, _)| *known == directory) {
                Some((_, files)) => files.push(file),
                None => numbered.push((directory, vec![file])),
            }
            continue;
        }
        let schema = schema_of_file(db, file);
        if !schema.tables.is_empty() && is_schema_file(db, file) {
            found.push(Description { source: Source::File(file), schema });
        }
    }
    for (directory, mut files) in numbered {
        files.sort_by_key(|file| (number(db, *file), file.path(db)));
        let mut schema = Schema::default();
        for file in &files {
            super::replay::go_on(db, &mut schema, *file);
        }
        if !schema.tables.is_empty() {
            found.push(Description { source: Source::Numbered(directory, files), schema: Arc::new(schema) });
        }
    }
    Arc::new(found)
}

/// A history that changes a table which it did not make goes on where another one ended: what the other says of that table
/// is not all.
fn cloud_shared(histories: &mut [Description]) {
    let goes_on = |one: &Description| -> Vec<TableName> {
        let tables = one.schema.tables.iter().filter(|(_, table)| table.is_found && !one.schema.is_open);
        tables.map(|(name, _)| *name).collect()
    };
    let found: Vec<Vec<TableName>> = histories.iter().map(goes_on).collect();
    for (at, one) in histories.iter_mut().enumerate() {
        let others = found.iter().enumerate().filter(|(other, _)| *other != at);
        let shared: Vec<TableName> = others
            .flat_map(|(_, tables)| tables)
            .filter(|name| one.schema.tables.get(name).is_some_and(|own| !own.is_found))
            .copied()
            .collect();
        if shared.is_empty() {
            continue;
        }
        let schema = Arc::make_mut(&mut one.schema);
        for name in shared {
            if let Some(table) = schema.tables.get_mut(&name) {
                table.cloud();
            }
        }
    }
}

/// The number with which the name of a SQL file begins: `12` of `0012_add_users.sql`, `3` of `V3__init.sql`. A time of day
/// counts as well.
#[must_use]
pub fn number(db: &dyn Db, file: SourceFile) -> Option<u64> {
    let stem = file.path(db).stem();
    let rest = stem.strip_prefix(['V', 'v']).filter(|rest| rest.contains("__")).unwrap_or(stem);
    let digits = rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let behind = rest[digits..].chars().next();
    if digits == 0 || behind.is_some_and(|char| !matches!(char, '_' | '-' | '.')) {
        return None;
    }
    rest[..digits].parse().ok()
}

/// Whether a file takes a migration back: `0003.down.sql`, `003_users_rollback.sql`.
fn is_backwards(db: &dyn Db, file: SourceFile) -> bool {
    let stem = file.path(db).stem().to_ascii_lowercase();
    stem.ends_with("down") || stem.contains("rollback") || stem.contains("downgrade") || stem.ends_with("undo")
}

/// Whether a file describes the schema of the project itself: it stands with the code or beside it and is no sample.
fn is_schema_file(db: &dyn Db, file: SourceFile) -> bool {
    const OTHERS: &[&str] =
        &["sample", "samples", "example", "examples", "docs", "doc", "seed", "seeds", "benchmark", "demo"];
    let path = file.path(db);
    let stem = path.stem().to_ascii_lowercase();
    let is_other = stem.split(['_', '-', '.']).any(|word| OTHERS.contains(&word));
    let stands_apart = path.parts().any(|part| {
        OTHERS.contains(&part) || part.split(['_', '-']).any(|word| matches!(word, "sample" | "example" | "demo"))
    });
    !is_other && !stands_apart
}

/// The table of that name in a schema; one whose schema one side does not write is found by its name alone.
#[must_use]
pub fn table_in(schema: &Schema, name: TableName) -> Option<(TableName, &Table)> {
    if let Some(table) = schema.tables.get(&name) {
        return Some((name, table));
    }
    let fits = |own: &TableName| {
        own.name == name.name && (own.schema.is_none() || name.schema.is_none())
            || own.schema == name.schema && same_word(own.name, name.name)
    };
    let mut found = schema.tables.iter().filter(|(own, _)| fits(own));
    match (found.next(), found.next()) {
        (Some((own, table)), None) => Some((*own, table)),
        _ => None,
    }
}

/// Unquoted names of SQL are written in any case, and PostgreSQL keeps 63 bytes of a name.
pub(super) fn same_word(one: Name, two: Name) -> bool {
    const KEPT: usize = 63;
    let kept = |name: Name| name.as_bytes()[..name.len().min(KEPT)].to_ascii_lowercase();
    one.eq_ignore_ascii_case(&two) || one.len().max(two.len()) > KEPT && kept(one) == kept(two)
}
