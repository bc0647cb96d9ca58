//! Triggers of a schema, and the functions that they execute.

use std::sync::Arc;

use auditline_source::FileKind;
use auditline_syntax::Name;
use auditline_syntax::sql::{Distinct, Limit, Routine, TableName, Trigger};
use text_size::TextRange;

use crate::db::{Db, SourceFile};
use crate::place::Place;

use super::replay::schema_of_file;
use super::sides::{Description, Source, descriptions, same_word, table_in};
use super::state::{Schema, Table};
use super::value::HOLE;

/// Triggers, and the functions that they execute, as the last statements about them left them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routines {
    /// The functions.
    pub functions: Vec<TriggerRoutine>,
    /// The triggers.
    pub triggers: Vec<(Trigger, Place)>,
}

/// A function that triggers execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRoutine {
    /// Its name.
    pub name: TableName,
    /// What made it.
    pub origin: Place,
    /// The counts by which it refuses, without a lock before them.
    pub limits: Vec<PlacedLimit>,
}

/// A count of rows by which a function refuses, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedLimit {
    /// What it counts, and when it refuses. Its ranges are those of the text that was executed.
    pub limit: Limit,
    /// The text of the count.
    pub count: Arc<str>,
    /// The text of the statement from where a lock can be taken to the count, and the count; none where it cannot.
    pub statement: Option<Arc<str>>,
    /// The text of the `RAISE`.
    pub raise: Arc<str>,
}

impl Routines {
    /// Does what a statement of a text does.
    pub(super) fn apply(&mut self, routine: &Routine, text: &str, place: Place) {
        match routine {
            // It may be any of them.
            Routine::CreateFunction(function) if is_hole(function.name) => self.functions.clear(),
            Routine::DropFunction(name) if is_hole(*name) => self.functions.clear(),
            Routine::CreateFunction(function) => {
                self.functions.retain(|known| !is_same(known.name, function.name));
                let limits = function.limits.iter().filter_map(|limit| placed(limit, text)).collect();
                self.functions.push(TriggerRoutine { name: function.name, origin: place, limits });
            }
            Routine::DropFunction(name) => self.functions.retain(|known| !is_same(known.name, *name)),
            Routine::CreateTrigger(trigger) => {
                let is_other = |own: &Trigger| own.name != trigger.name || !is_same(own.table, trigger.table);
                self.triggers.retain(|(own, _)| is_other(own));
                self.triggers.push((trigger.clone(), place));
            }
            Routine::DropTrigger(name, _) if name.contains(HOLE) => self.triggers.clear(),
            Routine::DropTrigger(name, table) => {
                self.triggers.retain(|(own, _)| own.name != *name || !is_same(own.table, *table));
            }
        }
    }

    /// What is there on either of two ways.
    pub(super) fn merge(&self, other: &Self) -> Self {
        let functions = self.functions.iter().filter(|own| other.functions.contains(own)).cloned().collect();
        let triggers = self.triggers.iter().filter(|own| other.triggers.contains(own)).cloned().collect();
        Self { functions, triggers }
    }
}

fn placed(limit: &Limit, text: &str) -> Option<PlacedLimit> {
    let slice = |range: TextRange| text.get(std::ops::Range::<usize>::from(range)).map(Arc::from);
    let statement = match limit.statement {
        Some(start) => Some(slice(TextRange::new(start.min(limit.count.start()), limit.count.end()))?),
        None => None,
    };
    Some(PlacedLimit { limit: limit.clone(), count: slice(limit.count)?, statement, raise: slice(limit.raise)? })
}

fn is_hole(name: TableName) -> bool {
    name.name.contains(HOLE) || name.schema.is_some_and(|schema| schema.contains(HOLE))
}

/// Whether two names mean the same: one may be written without its schema.
fn is_same(one: TableName, other: TableName) -> bool {
    same_word(one.name, other.name) && (one.schema == other.schema || one.schema.is_none() || other.schema.is_none())
}

/// A function with a count of the rows whose changes it watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The function.
    pub function: TriggerRoutine,
    /// The trigger that executes it.
    pub trigger: Trigger,
    /// Where the trigger is made.
    pub trigger_place: Place,
    /// The count.
    pub limit: PlacedLimit,
    /// The row that the counted rows belong to: a foreign key of theirs points at it.
    pub parent: Option<Parent>,
}

/// The row that counted rows belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its table.
    pub table: TableName,
    /// Its key.
    pub column: Name,
    /// The field of the changed row that holds the key: `NEW.team_id`.
    pub field: String,
}

/// The functions made in a file that count the rows whose changes they watch, and refuse by the number.
#[must_use]
pub fn watches(db: &dyn Db, file: SourceFile) -> Vec<Watch> {
    let described = descriptions(db);
    let mut found = Vec::new();
    let mut is_described = false;
    for description in described.iter() {
        is_described |= describes(description, file);
        watches_in(db, file, &description.schema, false, &mut found);
    }
    if !is_described && file.kind(db) == FileKind::Sql {
        watches_in(db, file, &schema_of_file(db, file), true, &mut found);
    }
    found.dedup();
    found
}

fn describes(description: &Description, file: SourceFile) -> bool {
    match &description.source {
        Source::History(history) => history.revisions.iter().any(|revision| revision.file == file),
        Source::File(own) => *own == file,
        Source::Numbered(_, files) => files.contains(&file),
    }
}

/// `alone` says that a file is no step of several: what it lacks may stand in another one.
fn watches_in(db: &dyn Db, file: SourceFile, schema: &Schema, alone: bool, found: &mut Vec<Watch>) {
    for function in schema.routines.functions.iter().filter(|function| function.origin.file() == file) {
        for limit in &function.limits {
            let counted = |trigger: &Trigger| limit.limit.tables.iter().any(|table| is_same(*table, trigger.table));
            let triggers = triggers_of(db, schema, function.name, alone);
            let Some((trigger, place)) = triggers.into_iter().find(|(trigger, _)| counted(trigger)) else { continue };
            if is_one_row(schema, trigger.table, limit) {
                continue;
            }
            found.push(Watch {
                function: function.clone(),
                parent: parent(db, schema, trigger.table, limit),
                trigger,
                trigger_place: place,
                limit: limit.clone(),
            });
        }
    }
}

/// The triggers that execute a function: those of the same schema, else of any SQL file if it stands alone.
fn triggers_of(db: &dyn Db, schema: &Schema, function: TableName, alone: bool) -> Vec<(Trigger, Place)> {
    let executes = |schema: &Schema| -> Vec<(Trigger, Place)> {
        let own = schema.routines.triggers.iter();
        own.filter(|(trigger, _)| is_same(trigger.function, function)).cloned().collect()
    };
    let own = executes(schema);
    if !own.is_empty() || !alone {
        return own;
    }
    let files = db.files().of_kind(db, FileKind::Sql).files(db).clone();
    files.iter().flat_map(|file| executes(&schema_of_file(db, *file))).collect()
}

/// Whether no two rows can be counted: a unique key is among the conditions.
fn is_one_row(schema: &Schema, table: TableName, limit: &PlacedLimit) -> bool {
    let Some((_, table)) = table_in(schema, table) else { return false };
    let is_given = |column: &Name| limit.limit.keys.iter().any(|key| same_word(key.column, *column));
    table
        .indexes
        .iter()
        .any(|index| index.distinct == Distinct::Yes && !index.columns.is_empty() && index.columns.iter().all(is_given))
}

/// What a foreign key among the counted columns points at.
fn parent(db: &dyn Db, schema: &Schema, table: TableName, limit: &PlacedLimit) -> Option<Parent> {
    let models = super::schema_of_models(db);
    let described = descriptions(db);
    let others = described.iter().map(|description| &*description.schema);
    std::iter::once(schema).chain(std::iter::once(&*models)).chain(others).find_map(|schema| {
        let (_, counted) = table_in(schema, table)?;
        limit.limit.keys.iter().find_map(|key| {
            let pointer = foreign_key(counted, key.column)?;
            let (parent, column) = pointer.rsplit_once('.')?;
            let (own_schema, name) = parent.rsplit_once('.').map_or((None, parent), |(own, name)| (Some(own), name));
            let name = TableName { schema: own_schema.map(Name::new), name: Name::new(name) };
            let name = table_in(schema, name).map_or(name, |(name, _)| name);
            let row = if key.old { "OLD" } else { "NEW" };
            Some(Parent { table: name, column: Name::new(column), field: format!("{row}.{}", key.field) })
        })
    })
}

fn foreign_key(table: &Table, column: Name) -> Option<Name> {
    table.columns.iter().find(|(name, _)| same_word(*name, column))?.1.column.foreign_key
}
