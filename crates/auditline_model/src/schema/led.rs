//! The columns with which an index of a table begins, so that the rows that have a value there are found without reading
//! them all.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;
use auditline_syntax::python::walk_expression;
use auditline_syntax::sql::TableName;
use rustc_hash::FxHashSet;

use crate::classes::{last, mro};
use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::entry::{is_migration, is_test};
use crate::names::files_mentioning_both;
use crate::tables::{OrmModel, orm_model};

use super::sides::{descriptions, table_in};
use super::state::Presence;

/// The columns with which an index, unique constraint or primary key of a mapped class begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Led {
    /// Their attributes and names.
    pub names: FxHashSet<Name>,
    /// Whether there may be others.
    pub is_open: bool,
}

/// What the models, migrations and SQL files of the workspace say of the indexes of a mapped class's table.
#[must_use]
pub fn led(db: &dyn Db, class: ClassRef) -> Arc<Led> {
    led_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn led_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Led> {
    let class = ClassRef { file, path };
    let Some(model) = orm_model(db, class) else { return Arc::new(Led { is_open: true, ..Led::default() }) };
    let mut led = Led { names: FxHashSet::default(), is_open: model.more_indexes || !model.complete };
    said_by(&model, &mut led);
    let ancestors = mro(db, class);
    for ancestor in ancestors.iter() {
        made_beside(db, *ancestor, &mut led);
        let Some(parent) = orm_model(db, *ancestor).filter(|parent| parent.is_table()) else { continue };
        if let Some(name) = parent.table {
            made_elsewhere(db, TableName { schema: parent.schema, name }, &mut led);
        } else {
            led.is_open = true;
        }
    }
    // An index over the columns names them; the class knows them as attributes.
    for (attribute, column) in model.columns() {
        if column.column_name.is_some_and(|name| led.names.contains(&name)) {
            led.names.insert(attribute.name);
        }
    }
    Arc::new(led)
}

fn said_by(model: &OrmModel, led: &mut Led) {
    led.names.extend(model.leads.iter().copied());
    led.names.extend(model.unique.iter().chain(&model.indexes).filter_map(|columns| columns.first().copied()));
    let mut keys = model.columns().filter(|(_, column)| column.primary_key).map(|(attribute, _)| attribute);
    if let Some(first) = keys.next() {
        led.names.insert(first.name);
        // Keys that several classes declare stand in an order that is not read.
        led.names.extend(keys.filter(|key| key.declared_in != first.declared_in).map(|key| key.name));
    }
    let indexed = model.columns().filter(|(_, column)| column.index || column.unique);
    led.names.extend(indexed.map(|(attribute, _)| attribute.name));
}

/// Indexes that stand beside the class: `Index("…", Item.name)`.
fn made_beside(db: &dyn Db, class: ClassRef, led: &mut Led) {
    let name = last(class.path);
    for file in files_mentioning_both(db, "Index", &name).iter().filter(|file| file.kind(db).is_python()) {
        led.names.extend(indexes_of_module(db, *file).iter().filter(|(owner, _)| *owner == name).map(|(_, own)| *own));
    }
}

/// The classes and attributes in the indexes that a file makes at its top level.
#[salsa::tracked(returns(clone))]
fn indexes_of_module(db: &dyn Db, file: SourceFile) -> Arc<Vec<(Name, Name)>> {
    let code = &parsed(db, file).module.code;
    let mut found = Vec::new();
    for expr in &code.exprs {
        let Expr::Call { func, args } = expr else { continue };
        if !matches!(&code[*func], Expr::Name(name) | Expr::Attribute { attr: name, .. } if *name == "Index") {
            continue;
        }
        for arg in args {
            walk_expression(code, arg.value, &mut |part| {
                if let Expr::Attribute { value, attr } = &code[part]
                    && let Expr::Name(owner) | Expr::Attribute { attr: owner, .. } = &code[*value]
                {
                    found.push((*owner, *attr));
                }
            });
        }
    }
    Arc::new(found)
}

/// What migrations and SQL files say of the table, and whether other code makes indexes in SQL.
fn made_elsewhere(db: &dyn Db, table: TableName, led: &mut Led) {
    for description in descriptions(db).iter() {
        let Some((_, found)) = table_in(&description.schema, table) else {
            led.is_open |= description.schema.is_open;
            continue;
        };
        led.is_open |= found.presence == Presence::Maybe || found.is_open;
        for index in &found.indexes {
            match index.columns.first() {
                Some(first) => {
                    led.names.insert(*first);
                }
                // Over an expression, or over what cannot be told.
                None => led.is_open = true,
            }
        }
    }
    let makes = |file: &SourceFile| file.kind(db).is_python() && !is_test(db, *file) && !is_migration(db, *file);
    led.is_open |= files_mentioning_both(db, "INDEX", &table.name).iter().any(makes);
}
