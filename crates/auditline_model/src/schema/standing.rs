//! How the tables of models stand in the other descriptions of the schema.

use std::sync::Arc;

use auditline_source::FileKind;
use auditline_syntax::Name;
use auditline_syntax::sql::TableName;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::classes::mro;
use crate::db::{ClassRef, Db, SourceFile, VariableRef};
use crate::names::files_mentioning;
use crate::place::Place;
use crate::tables::{is_mapped, models_of_unknown_tables, orm_model};

use super::collected::{Metadata, metadata_of_class, metadata_of_table};
use super::models::schema_of_models;
use super::sides::{Description, descriptions, table_in};
use super::state::{Presence, Schema};

/// How many tables of one base a description must have, so that it is taken for theirs.
const MIN_SHARED: usize = 2;

/// The table of a model, or of a `Table(…)`, and the descriptions of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What describes the table.
    pub declared: Declared,
    /// Its name.
    pub table: TableName,
    /// The descriptions that have it, each with the name that it has there.
    pub described: Vec<(Description, TableName)>,
    /// Those that have nearly all tables of the same base, and surely not this one.
    pub missing: Vec<Description>,
}

/// What describes a table in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// A mapped class.
    Class(ClassRef),
    /// A variable that holds a `Table(…)`.
    Table(VariableRef),
}

impl Declared {
    /// The file in which it stands.
    #[must_use]
    pub fn file(self) -> SourceFile {
        match self {
            Self::Class(class) => class.file,
            Self::Table(variable) => variable.file,
        }
    }

    /// The class.
    #[must_use]
    pub fn class(self) -> Option<ClassRef> {
        match self {
            Self::Class(class) => Some(class),
            Self::Table(_) => None,
        }
    }

    /// Its place.
    #[must_use]
    pub fn place(self) -> Place {
        match self {
            Self::Class(class) => Place::Class(class),
            Self::Table(variable) => Place::Variable(variable),
        }
    }

    /// Its path in its file.
    #[must_use]
    pub fn path(self) -> Name {
        match self {
            Self::Class(class) => class.path,
            Self::Table(variable) => variable.name,
        }
    }
}

impl Standing {
    /// Whether a class describes the table.
    #[must_use]
    pub fn is_of(&self, class: ClassRef) -> bool {
        self.declared.class() == Some(class)
    }
}

/// How the tables of models stand in migrations and SQL files; tables that classes without kinship describe are left out.
#[salsa::tracked(returns(clone))]
pub fn standings(db: &dyn Db) -> Arc<Vec<Standing>> {
    let descriptions = descriptions(db);
    if descriptions.is_empty() {
        return Arc::default();
    }
    let models = schema_of_models(db);
    let families = families(db, &models);
    let mut found = Vec::new();
    for tables in families {
        // A description of another database may have a table of the same name.
        let shared: Vec<usize> = descriptions
            .iter()
            .map(|one| tables.iter().filter(|(_, table)| table_in(&one.schema, *table).is_some()).count())
            .collect();
        for (declared, table) in &tables {
            let mut standing =
                Standing { declared: *declared, table: *table, described: Vec::new(), missing: Vec::new() };
            for (one, shared) in descriptions.iter().zip(&shared) {
                match table_in(&one.schema, *table) {
                    Some((name, _)) if *shared * 2 >= tables.len() => standing.described.push((one.clone(), name)),
                    Some(_) => {}
                    None if is_theirs(*shared, tables.len(), &one.schema) => standing.missing.push(one.clone()),
                    None => {}
                }
            }
            found.push(standing);
        }
    }
    found.sort_by_key(|standing| (standing.table, standing.declared.file().path(db)));
    Arc::new(found)
}

type Family = Vec<(Declared, TableName)>;

/// The tables by what they belong to: classes by the base that they share, tables of variables by the metadata.
fn families(db: &dyn Db, models: &Schema) -> Vec<Family> {
    let mut of_bases: FxHashMap<Option<ClassRef>, Family> = FxHashMap::default();
    let mut of_metadata: FxHashMap<Metadata, Family> = FxHashMap::default();
    for (name, table) in models.tables.iter().filter(|(_, table)| table.presence == Presence::Certain) {
        match table.origin {
            Place::Class(class) => {
                of_bases.entry(base_of(db, class)).or_default().push((Declared::Class(class), *name));
            }
            // One that is read from the database says nothing of its columns.
            Place::Variable(variable) if !table.columns.is_empty() => {
                if let Some(metadata) = metadata_of_table(db, variable) {
                    of_metadata.entry(metadata).or_default().push((Declared::Table(variable), *name));
                }
            }
            _ => {}
        }
    }
    let mut families: Vec<Family> = of_bases.into_values().collect();
    for (metadata, tables) in of_metadata {
        let shares = |(declared, _): &(Declared, TableName)| {
            declared.class().is_some_and(|class| metadata_of_class(db, class) == Some(metadata))
        };
        match families.iter_mut().find(|family| family.iter().any(shares)) {
            Some(family) => family.extend(tables),
            None => families.push(tables),
        }
    }
    families
}

fn is_theirs(shared: usize, of: usize, schema: &Schema) -> bool {
    shared >= MIN_SHARED && shared * 5 >= (of - 1) * 4 && !schema.is_open
}

/// The class of the workspace from which a model inherits its mapping: the base that models of one database share. `None`
/// where that base stands outside.
fn base_of(db: &dyn Db, class: ClassRef) -> Option<ClassRef> {
    mro(db, class)
        .iter()
        .rev()
        .find(|ancestor| {
            **ancestor != class
                && is_mapped(db, **ancestor)
                && orm_model(db, **ancestor).is_some_and(|model| model.is_abstract && model.attributes.len() < 40)
        })
        .copied()
}

/// Whether a word stands in a migration, or in none but migrations and tests.
#[must_use]
pub fn stands_in_migrations(db: &dyn Db, word: Name) -> bool {
    files_mentioning(db, &word).iter().any(|file| crate::entry::is_migration(db, *file))
}

/// Whether a word stands in the code of the project: outside of migrations and tests.
fn stands_in_code(db: &dyn Db, word: Name) -> bool {
    files_mentioning(db, &word)
        .iter()
        .any(|file| !crate::entry::is_migration(db, *file) && !crate::entry::is_test(db, *file))
}

/// Whether the code may name a table: by the word itself, by the class after which it would be called, or by a part of the
/// word from which names are put together (`f"{name}_events"`).
#[must_use]
pub fn may_be_named(db: &dyn Db, table: Name) -> bool {
    let parts: Vec<&str> = table.split('_').collect();
    let camel: String = parts
        .iter()
        .map(|part| {
            let mut chars = part.chars();
            chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
        })
        .collect();
    let ends =
        (1..parts.len()).flat_map(|at| [format!("_{}", parts[at..].join("_")), format!("{}_", parts[..at].join("_"))]);
    std::iter::once(table.as_str().to_owned())
        .chain([camel.trim_end_matches('s').to_owned(), camel])
        .chain(ends)
        .any(|word| stands_in_code(db, Name::new(&word)))
        || sql_reads(db, table)
}

/// Whether a SQL file reads or writes the rows of a table: in a query of its own, or in a function or view.
fn sql_reads(db: &dyn Db, table: Name) -> bool {
    let files = db.files().of_kind(db, FileKind::Sql).files(db).clone();
    files.iter().any(|file| {
        let Some(text) = file.content(db).text() else { return false };
        let mut before = "";
        let is_part = |char: char| char.is_alphanumeric() || char == '_';
        text.text().split(|char: char| !is_part(char)).filter(|word| !word.is_empty()).any(|word| {
            let verb = std::mem::replace(&mut before, word);
            word.eq_ignore_ascii_case(&table)
                && ["from", "join", "into", "update"].iter().any(|own| verb.eq_ignore_ascii_case(own))
        })
    })
}

/// Whether the code makes the tables of its models itself, without migrations.
#[must_use]
pub fn makes_tables(db: &dyn Db) -> bool {
    stands_in_code(db, Name::new("create_all"))
}

/// The tables of a description that no model describes.
#[must_use]
pub fn without_model(db: &dyn Db, description: &Description) -> Vec<TableName> {
    let models = schema_of_models(db);
    let known: FxHashSet<String> = models.tables.keys().map(|table| table.name.to_ascii_lowercase()).collect();
    let shared = description.schema.tables.keys().filter(|table| known.contains(&table.name.to_ascii_lowercase()));
    if shared.count() < MIN_SHARED {
        return Vec::new();
    }
    let unnamed = models_of_unknown_tables(db);
    let tables = description.schema.tables.iter();
    tables
        .filter(|(name, table)| {
            table.presence == Presence::Certain
                && !table.columns.is_empty()
                && !known.contains(&name.name.to_ascii_lowercase())
                && name.name != "alembic_version"
                && !unnamed.contains(&name.name.to_ascii_lowercase().replace('_', ""))
        })
        .map(|(name, _)| *name)
        .collect()
}
