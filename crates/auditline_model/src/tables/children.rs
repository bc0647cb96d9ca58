//! What becomes of the rows that refer to a row when a session deletes it.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::classes::{last, mro};
use crate::db::{ClassRef, Db, SourceFile};

use super::attributes::AttributeKind;
use super::columns::Column;
use super::model::{OrmModel, orm_model};
use super::related::class_named;
use super::relationships::{PassiveDeletes, Relationship};

/// A relationship through which the session sets a key to NULL that must not be NULL, when it deletes a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bereaved {
    /// The relationship.
    pub relationship: Name,
    /// The class whose body says it.
    pub declared_in: ClassRef,
    /// What it says.
    pub options: Relationship,
    /// The relationship of the child whose `backref` makes it.
    pub backref_of: Option<(ClassRef, Name)>,
    /// The class of the rows that refer to the deleted one.
    pub child: ClassRef,
    /// The attribute of the child that holds the key.
    pub key: Name,
    /// The class whose body declares it.
    pub key_in: ClassRef,
    /// The column.
    pub column: Column,
}

/// The relationships of a class whose keys its deletion sets to NULL although they may not be NULL: from one row to many or
/// one, neither cascading nor left to the database. Where anything about them cannot be told, they are left out.
///
/// Seen with SQLAlchemy 2.0.44 and 2.1.9: the flush emits `UPDATE child SET key=NULL` for each child before the `DELETE`,
/// however the relationship is loaded, also for `back_populates`, for the side that `backref` adds, and for subclasses of
/// the parent; `viewonly`, `secondary`, `passive_deletes` and `lazy="noload"` keep it from that, and so does a second
/// relationship to the same children that cascades.
#[must_use]
pub fn bereaved(db: &dyn Db, parent: ClassRef) -> Arc<Vec<Bereaved>> {
    bereaved_at(db, parent.file, parent.path)
}

#[salsa::tracked(returns(clone))]
fn bereaved_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Bereaved>> {
    let parent = ClassRef { file, path };
    let Some(model) = orm_model(db, parent).filter(|model| model.is_table()) else { return Arc::default() };
    let all = || {
        model.attributes.iter().filter_map(|attribute| match &attribute.kind {
            AttributeKind::Relationship(relationship) => Some((attribute, relationship)),
            _ => None,
        })
    };
    let cares = |child: ClassRef| {
        all().any(|(_, relationship)| {
            relationship.deletes() && relationship.target.is_none_or(|other| is_kin(db, other, child))
        })
    };
    let mut found = Vec::new();
    for (attribute, relationship) in all() {
        let Some(child) = relationship.target.filter(|child| !cares(*child)) else { continue };
        if is_settled(relationship) || is_kin(db, parent, child) {
            continue;
        }
        let Some(child_model) = orm_model(db, child).filter(|model| model.is_table()) else { continue };
        let Some((key, key_in, column)) = key_of(db, parent, &model, relationship, child, &child_model) else {
            continue;
        };
        if column.nullable != Some(false) {
            continue;
        }
        let backref_of =
            relationship.back_populates.filter(|_| attribute.declared_in == child).map(|name| (child, name));
        found.push(Bereaved {
            relationship: attribute.name,
            declared_in: attribute.declared_in,
            options: relationship.clone(),
            backref_of,
            child,
            key,
            key_in,
            column,
        });
    }
    Arc::new(found)
}

/// Whether a relationship changes no key of another table when the row is deleted, or cannot be told.
fn is_settled(relationship: &Relationship) -> bool {
    relationship.unread
        || relationship.viewonly
        || relationship.has_condition
        || relationship.secondary.is_some()
        || relationship.deletes()
        || relationship.passive_deletes != PassiveDeletes::No
        || relationship.lazy.is_some_and(|lazy| matches!(lazy.as_str(), "noload" | "write_only"))
}

fn is_kin(db: &dyn Db, one: ClassRef, other: ClassRef) -> bool {
    mro(db, one).contains(&other) || mro(db, other).contains(&one)
}

/// The one key of the child that refers to the parent.
fn key_of(
    db: &dyn Db,
    parent: ClassRef,
    model: &OrmModel,
    relationship: &Relationship,
    child: ClassRef,
    child_model: &OrmModel,
) -> Option<(Name, ClassRef, Column)> {
    let keys = keys_to(db, child, child_model, parent);
    if relationship.foreign_keys.is_empty() {
        // Keys on both sides leave open which one joins the two.
        if !keys_to(db, parent, model, child).is_empty() {
            return None;
        }
        return <[_; 1]>::try_from(keys).ok().map(|[one]| one);
    }
    let [written] = relationship.foreign_keys.as_slice() else { return None };
    let (class, name) = written.as_str().rsplit_once('.')?;
    let class = class.rsplit('.').next().unwrap_or(class);
    if last(child.path) != *class {
        return None;
    }
    keys.into_iter().find(|(key, ..)| *key == *name)
}

/// The columns of a class that refer to the table of another, each with the class that declares it.
pub(super) fn keys_to(db: &dyn Db, from: ClassRef, model: &OrmModel, to: ClassRef) -> Vec<(Name, ClassRef, Column)> {
    let ancestors = mro(db, to);
    let tables: Vec<Name> = ancestors
        .iter()
        .filter_map(|ancestor| orm_model(db, *ancestor).filter(|model| model.is_table())?.table)
        .collect();
    let leads = |key: Name| {
        let Some((path, _)) = key.as_str().rsplit_once('.') else { return false };
        let table = Name::new(path.rsplit('.').next().unwrap_or(path));
        tables.contains(&table)
            // `ForeignKey(User.id)` names the class.
            || table.starts_with(char::is_uppercase)
                && class_named(db, from.file, table).iter().any(|class| ancestors.contains(class))
    };
    model
        .columns()
        .filter(|(_, column)| column.foreign_key.is_some_and(leads))
        .map(|(attribute, column)| (attribute.name, attribute.declared_in, column.clone()))
        .collect()
}
