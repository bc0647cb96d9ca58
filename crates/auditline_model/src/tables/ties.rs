//! Ties between tables: foreign keys and relationships that lead from one mapped class to another.

use auditline_syntax::Name;

use crate::db::{ClassRef, Db};

use super::children::keys_to;
use super::{AttributeKind, orm_model, table_name};

/// The attribute that holds the foreign key of a relationship to one row, where rows of the class itself hold it: who sets the
/// relationship sets that column. `None` where it is not one column, or cannot be told.
#[must_use]
pub fn held_key(db: &dyn Db, of: ClassRef, relationship: Name) -> Option<Name> {
    let model = orm_model(db, of)?;
    let related = model.relationship(relationship)?;
    if related.uselist != Some(false) || related.viewonly || related.has_condition || related.secondary.is_some() {
        return None;
    }
    let keys = keys_to(db, of, &model, related.target?);
    match (related.foreign_keys.as_slice(), keys.as_slice()) {
        ([], [(key, ..)]) => Some(*key),
        ([written], keys) => {
            let named = written.as_str().rsplit('.').next()?;
            keys.iter().map(|(key, ..)| *key).find(|key| key.as_str() == named)
        }
        _ => None,
    }
}

/// Whether a foreign key or relationship leads from one class to the other, in either direction.
#[must_use]
pub fn tied(db: &dyn Db, one: ClassRef, other: ClassRef) -> bool {
    one != other && (refers(db, one, other) || refers(db, other, one))
}

/// Whether that column of one class is a foreign key to the table of the other.
#[must_use]
pub fn points_at(db: &dyn Db, from: ClassRef, column: Name, to: ClassRef) -> bool {
    let (Some(from), Some(table)) = (orm_model(db, from), table_of(db, to)) else { return false };
    from.column(column).and_then(|column| column.foreign_key).is_some_and(|key| leads_to(key, table))
}

/// The classes to which relationships lead from a class that holds the foreign key itself.
#[must_use]
pub fn owners(db: &dyn Db, of: ClassRef) -> Vec<ClassRef> {
    let Some(model) = orm_model(db, of) else { return Vec::new() };
    let related = model.attributes.iter().filter_map(|attribute| match &attribute.kind {
        AttributeKind::Relationship(related) => related.target,
        _ => None,
    });
    related
        .filter(|target| {
            *target != of
                && model.columns().any(|(_, column)| {
                    column.foreign_key.zip(table_of(db, *target)).is_some_and(|(key, table)| leads_to(key, table))
                })
        })
        .collect()
}

/// Whether a foreign key or relationship leads from one class to the other.
#[must_use]
pub fn refers(db: &dyn Db, from: ClassRef, to: ClassRef) -> bool {
    let Some(from) = orm_model(db, from) else { return false };
    let by_relationship = from
        .attributes
        .iter()
        .any(|attribute| matches!(&attribute.kind, AttributeKind::Relationship(related) if related.target == Some(to)));
    if by_relationship {
        return true;
    }
    let Some(table) = table_of(db, to) else { return false };
    from.columns().any(|(_, column)| column.foreign_key.is_some_and(|key| leads_to(key, table)))
}

/// The name of a class's table, also where it follows from that of the class.
fn table_of(db: &dyn Db, class: ClassRef) -> Option<Name> {
    table_name(db, class).or_else(|| orm_model(db, class)?.table)
}

/// Whether a foreign key, `"users.id"` or `"schema.users.id"`, names a column of that table.
fn leads_to(key: Name, table: Name) -> bool {
    let mut parts = key.as_str().rsplit('.');
    parts.next();
    parts.next().is_some_and(|named| named == table.as_str())
}
