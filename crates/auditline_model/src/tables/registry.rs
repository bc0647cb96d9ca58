//! All mapped tables of the workspace, by name.

use std::sync::Arc;

use auditline_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::names::files_mentioning;

use super::attributes::AttributeKind;
use super::columns::Column;
use super::model::orm_model;

/// The classes of a file that are mapped to a table.
#[salsa::tracked(returns(clone))]
pub fn models_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<ClassRef>> {
    if !file.kind(db).is_python() {
        return Arc::default();
    }
    let parsed = parsed(db, file);
    let classes = parsed.module.classes.iter().filter(|class| !class.bases.is_empty() || !class.decorators.is_empty());
    let found = classes
        .map(|class| ClassRef { file, path: class.path })
        .filter(|class| orm_model(db, *class).is_some_and(|model| model.is_table()))
        .collect();
    Arc::new(found)
}

/// Every mapped class of the workspace by the name of its table; tests and migrations have models of their own, which
/// are left out.
#[salsa::tracked(returns(clone))]
pub fn mapped_tables(db: &dyn Db) -> Arc<FxHashMap<Name, Vec<ClassRef>>> {
    let files = files_with_models(db);
    let mut tables: FxHashMap<Name, Vec<ClassRef>> = FxHashMap::default();
    for file in files {
        for class in models_in(db, file).iter() {
            if let Some(table) = orm_model(db, *class).and_then(|model| model.table) {
                tables.entry(table).or_default().push(*class);
            }
        }
    }
    Arc::new(tables)
}

/// The files in which mapped classes may stand, sorted by path; without tests and migrations.
fn files_with_models(db: &dyn Db) -> Vec<SourceFile> {
    // A mapped class says one of these, or inherits from one that does and declares something.
    const WORDS: &[&str] =
        &["Column", "mapped_column", "Mapped", "__tablename__", "__table__", "SQLModel", "relationship"];
    let mut files: FxHashSet<SourceFile> = FxHashSet::default();
    for word in WORDS {
        files.extend(files_mentioning(db, word).iter().copied());
    }
    let mut files: Vec<SourceFile> = files
        .into_iter()
        .filter(|file| !crate::entry::is_test(db, *file) && !crate::entry::is_migration(db, *file))
        .collect();
    files.sort_by_key(|file| file.path(db));
    files
}

/// The mapped classes of which the name of the table cannot be told, because a base from outside or a computation gives
/// it: their own names, in lower case.
#[salsa::tracked(returns(clone))]
pub fn models_of_unknown_tables(db: &dyn Db) -> Arc<FxHashSet<String>> {
    let mut found = FxHashSet::default();
    for file in files_with_models(db) {
        for class in parsed(db, file).module.classes.iter().filter(|class| !class.bases.is_empty()) {
            let model = orm_model(db, ClassRef { file, path: class.path });
            if model.is_some_and(|model| model.table.is_none()) {
                found.insert(class.name.to_lowercase());
            }
        }
    }
    Arc::new(found)
}

/// The classes that are mapped to a table of that name, sorted by path.
#[must_use]
pub fn models_of_table(db: &dyn Db, table: Name) -> Arc<Vec<ClassRef>> {
    models_of_table_at(db, table, ())
}

#[salsa::tracked(returns(clone))]
fn models_of_table_at(db: &dyn Db, table: Name, _key: ()) -> Arc<Vec<ClassRef>> {
    Arc::new(mapped_tables(db).get(&table).cloned().unwrap_or_default())
}

/// The columns that a foreign key of a class in `from` may mean, each with the class and the attribute that declares
/// it: several where several classes are mapped to tables of that name.
#[must_use]
pub fn referred(db: &dyn Db, from: SourceFile, foreign_key: Name) -> Vec<(ClassRef, Name, Column)> {
    let Some((path, column)) = foreign_key.as_str().rsplit_once('.') else { return Vec::new() };
    let table = Name::new(path.rsplit('.').next().unwrap_or(path));
    let mut classes = models_of_table(db, table).to_vec();
    if classes.is_empty() && table.starts_with(char::is_uppercase) {
        classes = super::related::class_named(db, from, table);
    }
    let mut found: Vec<(ClassRef, Name, Column)> = Vec::new();
    for class in classes {
        let Some(model) = orm_model(db, class) else { continue };
        let target = model.columns().find(|(attribute, own)| own.column_name.unwrap_or(attribute.name) == *column);
        if let Some((attribute, own)) = target {
            let entry = (attribute.declared_in, attribute.name, own.clone());
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    found
}

impl super::OrmModel {
    /// The column of that name in the table, with the attribute that holds it.
    #[must_use]
    pub fn column_in_table(&self, name: Name) -> Option<(Name, &Column)> {
        self.attributes.iter().find_map(|attribute| match &attribute.kind {
            AttributeKind::Column(column) if column.column_name.unwrap_or(attribute.name) == name => {
                Some((attribute.name, column))
            }
            _ => None,
        })
    }
}
