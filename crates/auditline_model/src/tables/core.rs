//! `Table(...)` objects.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::classes::{Detached, variable};
use crate::db::{Db, SourceFile, VariableRef};
use crate::names::{Binding, module_scope};

use super::arguments::{led_by, single_reference};
use super::columns::Column;

/// A table made by `Table(...)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreTable {
    /// The variable that holds it.
    pub variable: VariableRef,
    /// Its name, where it is a literal.
    pub name: Option<Name>,
    /// Its schema, where it is a literal.
    pub schema: Option<Name>,
    /// Its columns by name, in order.
    pub columns: Vec<(Name, Column)>,
    /// Lists of columns that are unique together.
    pub unique: Vec<Vec<Name>>,
    /// Columns with which an index begins.
    pub leads: Vec<Name>,
    /// The unique constraints and keys of which the name is written, with their columns.
    pub constraints: Vec<(Name, Vec<Name>)>,
    /// Whether every argument was understood.
    pub complete: bool,
    /// Whether code knows a column by another key.
    pub keyed: bool,
}

/// The tables that a module makes at its top level.
#[salsa::tracked(returns(clone))]
pub fn tables_of_module(db: &dyn Db, file: SourceFile) -> Arc<Vec<CoreTable>> {
    let scope = module_scope(db, file);
    let tables = scope
        .names()
        .into_iter()
        .filter(|name| scope.get(*name).is_some_and(|bindings| bindings.main.contains(&Binding::Variable)))
        .filter_map(|name| table_of_variable(db, VariableRef { file, name }))
        .collect();
    Arc::new(tables)
}

/// The table that a variable holds.
#[must_use]
pub fn table_of_variable(db: &dyn Db, reference: VariableRef) -> Option<CoreTable> {
    let info = variable(db, reference)?;
    table_of_value(db, reference, info.value.as_ref()?)
}

fn table_of_value(db: &dyn Db, reference: VariableRef, value: &Detached) -> Option<CoreTable> {
    let (func, _) = value.call()?;
    if func.last_name()? != "Table" {
        return None;
    }
    let mut args = value.positional();
    let name = value.keyword("name").or_else(|| args.next()).and_then(Detached::text);
    let mut table = CoreTable {
        variable: reference,
        name,
        schema: value.keyword("schema").and_then(Detached::text),
        columns: Vec::new(),
        unique: Vec::new(),
        constraints: Vec::new(),
        leads: Vec::new(),
        complete: !value.has_spread() && !reflects(value),
        keyed: false,
    };
    // The second argument is the metadata.
    for arg in args.skip(1) {
        if matches!(arg.last_name().as_deref(), Some("UniqueConstraint" | "PrimaryKeyConstraint"))
            && let Some(name) = arg.keyword("name").and_then(Detached::text)
        {
            table.constraints.push((name, arg.positional().filter_map(Detached::text).collect()));
        }
        match arg.last_name().as_deref() {
            Some("Column") => {
                table.keyed |= arg.keyword("key").is_some();
                let column = Column::declared(db, arg, None);
                match column.column_name {
                    Some(name) => table.columns.push((name, Column { column_name: None, ..column })),
                    None => table.complete = false,
                }
            }
            Some("UniqueConstraint") => table.unique.push(arg.positional().filter_map(Detached::text).collect()),
            Some("PrimaryKeyConstraint") => {
                for key in arg.positional().filter_map(Detached::text) {
                    if let Some((_, column)) = table.columns.iter_mut().find(|(name, _)| *name == key) {
                        column.primary_key = true;
                    }
                }
            }
            Some("Index") => {
                table.leads.extend(led_by(arg));
                if arg.keyword("unique").and_then(Detached::bool) == Some(true) {
                    table.unique.push(arg.positional().skip(1).filter_map(Detached::text).collect());
                }
            }
            Some("ForeignKeyConstraint") => {
                if let Some((own, reference)) = single_reference(arg)
                    && let Some((_, column)) = table.columns.iter_mut().find(|(name, _)| *name == own)
                {
                    column.foreign_key = Some(reference.to);
                    column.on_delete = reference.on_delete;
                }
            }
            Some("CheckConstraint" | "ExcludeConstraint") => {}
            _ => table.complete = false,
        }
    }
    Some(table)
}

/// Whether its columns are read from the database.
fn reflects(value: &Detached) -> bool {
    ["autoload", "autoload_with", "autoload_replace"].iter().any(|key| value.keyword(key).is_some())
}
