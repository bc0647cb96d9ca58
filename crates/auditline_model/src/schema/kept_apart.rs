//! The rows of a mapped class that migrations and SQL files keep apart: unique keys that the class itself may not know.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::sql::{Distinct, TableName};

use crate::db::{ClassRef, Db, SourceFile};
use crate::tables::orm_model;

use super::sides::{descriptions, table_in};
use super::state::Index;

/// The unique indexes and constraints of a mapped class's table in the migrations and SQL files of the workspace.
#[must_use]
pub fn kept_apart(db: &dyn Db, class: ClassRef) -> Arc<Vec<Index>> {
    kept_apart_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn kept_apart_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Index>> {
    let model = orm_model(db, ClassRef { file, path });
    let Some((schema, name)) = model.and_then(|model| Some((model.schema, model.table?))) else {
        return Arc::default();
    };
    let mut found: Vec<Index> = Vec::new();
    for description in descriptions(db).iter() {
        let Some((_, table)) = table_in(&description.schema, TableName { schema, name }) else { continue };
        for index in table.indexes.iter().filter(|index| index.distinct != Distinct::No) {
            if !found.contains(index) {
                found.push(index.clone());
            }
        }
    }
    Arc::new(found)
}
