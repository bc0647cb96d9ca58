//! The schema as the models describe it.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::StmtKind;
use auditline_syntax::python::walk_statements;
use auditline_syntax::sql::{Distinct, TableName};
use rustc_hash::FxHashSet;

use crate::classes::mro;
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, function};
use crate::names::files_mentioning;
use crate::place::Place;
use crate::tables::{Attribute, AttributeKind, Derived, OrmModel, mapped_tables, orm_model, tables_of_module};

use super::state::{Index, Presence, Schema, SchemaColumn, Table};

/// The tables that mapped classes and `Table(…)` objects describe, those of tests and migrations left out. A table that
/// classes without kinship describe is [`Presence::Maybe`]: they belong to several databases, or to versions of one.
#[salsa::tracked(returns(clone))]
pub fn schema_of_models(db: &dyn Db) -> Arc<Schema> {
    let mut schema = Schema::default();
    for (name, classes) in sorted(mapped_tables(db).iter()) {
        let classes: Vec<ClassRef> = classes.clone();
        let mut sides: BTreeMap<Option<Name>, Vec<ClassRef>> = BTreeMap::new();
        for class in classes {
            let Some(model) = orm_model(db, class) else { continue };
            sides.entry(model.schema.filter(|schema| schema != "public")).or_default().push(class);
        }
        for (own_schema, classes) in sides {
            if let Some(table) = table_of_classes(db, &classes) {
                schema.tables.insert(TableName { schema: own_schema, name: *name }, table);
            }
        }
    }
    let mut files: Vec<SourceFile> = files_mentioning(db, "Table")
        .iter()
        .copied()
        .filter(|file| !crate::entry::is_test(db, *file) && !crate::entry::is_migration(db, *file))
        .collect();
    files.sort_by_key(|file| file.path(db));
    for file in files {
        for core in tables_of_module(db, file).iter() {
            let Some(name) = core.name else { continue };
            let name = TableName { schema: core.schema.filter(|schema| schema != "public"), name };
            let mut table = Table { is_open: !core.complete, ..Table::new(Place::Variable(core.variable)) };
            for (column, own) in &core.columns {
                table.add(*column, own.clone(), Place::Variable(core.variable));
            }
            for columns in &core.unique {
                table.unique(None, columns.clone(), Place::Variable(core.variable));
            }
            match schema.tables.get_mut(&name) {
                // The class that is mapped to it is there already.
                Some(known)
                    if known.columns.iter().map(|(name, _)| name).eq(table.columns.iter().map(|(name, _)| name)) => {}
                Some(known) => {
                    known.presence = Presence::Maybe;
                    known.is_open = true;
                }
                None => {
                    schema.tables.insert(name, table);
                }
            }
        }
    }
    Arc::new(schema)
}

fn sorted<'a>(tables: impl Iterator<Item = (&'a Name, &'a Vec<ClassRef>)>) -> Vec<(&'a Name, &'a Vec<ClassRef>)> {
    let mut tables: Vec<_> = tables.collect();
    tables.sort_by_key(|(name, _)| **name);
    tables
}

/// What several classes say of the table that they share: the columns of all of them.
fn table_of_classes(db: &dyn Db, classes: &[ClassRef]) -> Option<Table> {
    let mut table: Option<Table> = None;
    // The class that the others inherit from comes first.
    let mut classes = classes.to_vec();
    classes.sort_by_key(|class| mro(db, *class).len());
    let first = *classes.first()?;
    for class in &classes {
        let Some(model) = orm_model(db, *class) else { continue };
        let own = table_of_class(db, *class, &model);
        let is_kin = mro(db, *class).contains(&first);
        match &mut table {
            None => table = Some(own),
            Some(table) => {
                if !is_kin {
                    table.presence = Presence::Maybe;
                    table.is_open = true;
                }
                table.is_open |= own.is_open;
                if has_own_key(&model, *class) {
                    continue;
                }
                for (name, column) in own.columns {
                    if table.column(name).is_none() {
                        // The rows of the other classes leave it empty.
                        table.columns.push((name, column));
                    }
                }
                table.indexes.extend(own.indexes);
            }
        }
    }
    table
}

fn table_of_class(db: &dyn Db, class: ClassRef, model: &OrmModel) -> Table {
    let mut table = Table { is_open: !model.complete, ..Table::new(Place::Class(class)) };
    let elsewhere = columns_of_parent(db, class, model);
    let mut key = Vec::new();
    for attribute in &model.attributes {
        match &attribute.kind {
            AttributeKind::Column(column) => {
                let is_own = attribute.declared_in == class;
                if !is_own && elsewhere.contains(&(attribute.declared_in, attribute.name)) {
                    continue;
                }
                let name = column.column_name.unwrap_or(attribute.name);
                let origin = Place::Attribute(attribute.declared_in, attribute.name);
                if table.column(name).is_none() {
                    let presence = if is_conditional(db, attribute) { Presence::Maybe } else { Presence::Certain };
                    table.columns.push((name, SchemaColumn { presence, column: column.clone(), origin }));
                    if column.primary_key {
                        key.push(name);
                    }
                    table.index_by(name, column, origin);
                }
            }
            // It may hold columns.
            AttributeKind::Derived(Derived::Composite | Derived::Unknown) => table.is_open = true,
            _ => {}
        }
    }
    let to_columns = |names: &Vec<Name>| -> Vec<Name> {
        let in_table = |name: &Name| model.column(*name).and_then(|column| column.column_name).unwrap_or(*name);
        names.iter().map(in_table).collect()
    };
    let origin = table.origin;
    if !key.is_empty() {
        table.unique(None, key, origin);
    }
    for columns in &model.unique {
        table.unique(None, to_columns(columns), origin);
    }
    table.indexes.extend(model.indexes.iter().map(|columns| Index {
        name: None,
        columns: to_columns(columns),
        distinct: Distinct::No,
        origin,
    }));
    table
}

/// Whether a class has a key of its own that is a foreign key: it has a table of its own, however that is named.
fn has_own_key(model: &OrmModel, class: ClassRef) -> bool {
    model
        .columns()
        .any(|(attribute, column)| attribute.declared_in == class && column.primary_key && column.foreign_key.is_some())
}

/// Whether a method makes the column, and only for some of the classes that inherit it.
fn is_conditional(db: &dyn Db, attribute: &Attribute) -> bool {
    let path = Name::new(&format!("{}.{}", attribute.declared_in.path, attribute.name));
    let method = function(db, FunctionRef { file: attribute.declared_in.file, path });
    method.is_some_and(|method| {
        let mut found = false;
        walk_statements(&method.code.block, &mut |stmt| found |= matches!(stmt.kind, StmtKind::If(_)));
        found
    })
}

/// The columns that stand in the table of a parent that is mapped to another one (joined inheritance), by the class that
/// declares them and their attribute.
fn columns_of_parent(db: &dyn Db, class: ClassRef, model: &OrmModel) -> FxHashSet<(ClassRef, Name)> {
    let order = mro(db, class);
    let parent = order.iter().skip(1).find_map(|ancestor| {
        let parent = orm_model(db, *ancestor).filter(|parent| parent.is_table())?;
        (parent.table != model.table).then_some(parent)
    });
    let Some(parent) = parent else { return FxHashSet::default() };
    parent.columns().map(|(attribute, _)| (attribute.declared_in, attribute.name)).collect()
}
