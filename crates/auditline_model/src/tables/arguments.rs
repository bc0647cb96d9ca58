//! What stands beside the columns of a table: its constraints and indexes.

use auditline_syntax::Name;

use crate::classes::{Detached, last};

use super::columns::reference;
use super::model::OrmModel;
use super::partial::PartlyUnique;

/// Takes what `__table_args__` or a call that stands beside the table says.
pub(super) fn table_args(value: &Detached, model: &mut OrmModel) {
    let columns = |call: &Detached, skip: usize| -> Vec<Name> {
        call.positional()
            .skip(skip)
            .filter_map(|arg| match arg {
                Detached::Path { path, .. } => Some(last(*path)),
                other => other.text(),
            })
            .collect()
    };
    match value {
        Detached::Sequence(items) => items.iter().for_each(|item| table_args(item, model)),
        Detached::Dict(entries) => {
            for (key, value) in entries {
                if key.as_ref().and_then(Detached::text).is_some_and(|key| key == "schema") {
                    model.schema = value.text();
                }
            }
        }
        Detached::Call { .. } => match value.last_name().as_deref() {
            Some(kind @ ("UniqueConstraint" | "PrimaryKeyConstraint")) => {
                let named = columns(value, 0);
                if let Some(name) = value.keyword("name").and_then(Detached::text) {
                    model.constraints.push((name, named.clone()));
                }
                if kind == "UniqueConstraint" {
                    model.nulls_are_equal |= are_nulls_equal(value);
                    model.unique.push(named);
                } else {
                    model.leads.extend(named.first());
                    model.keys.extend(named);
                }
            }
            Some("ForeignKeyConstraint") => {
                if let Some(Detached::Sequence(own)) = value.positional().next() {
                    model.references.push(own.iter().filter_map(Detached::text).collect());
                }
                model.referring.extend(single_reference(value));
            }
            Some("Index") => {
                // A partial unique index is unique only where its condition holds.
                let holds_where = value.keyword("postgresql_where").or_else(|| value.keyword("sqlite_where"));
                let is_partial = holds_where.is_some();
                let is_plain = |arg: &Detached| matches!(arg, Detached::Path { .. } | Detached::Str(_));
                if value.keyword("unique").and_then(Detached::bool) == Some(true) {
                    model.nulls_are_equal |= are_nulls_equal(value);
                    if !is_partial && value.positional().skip(1).all(is_plain) {
                        model.unique.push(columns(value, 1));
                    } else {
                        let mut named = Vec::new();
                        value.positional().skip(1).for_each(|arg| mentioned(arg, &mut named));
                        model.partly_unique.push(PartlyUnique::new(named, holds_where));
                    }
                }
                model.leads.extend(led_by(value));
                model.indexes.push(columns(value, 1));
            }
            Some("CheckConstraint") => value.positional().for_each(|arg| mentioned(arg, &mut model.checked)),
            _ => model.more_indexes = true,
        },
        Detached::None => {}
        _ => model.more_indexes = true,
    }
}

/// Whether a constraint or index may say that NULL equals NULL.
fn are_nulls_equal(constraint: &Detached) -> bool {
    constraint.keyword("postgresql_nulls_not_distinct").is_some_and(|said| said.bool() != Some(false))
}

/// The columns of the first part of an index.
pub(super) fn led_by(index: &Detached) -> Vec<Name> {
    let mut named = Vec::new();
    // `Index("…", Item.name)`; without a name the columns come first.
    let skipped = usize::from(matches!(index.positional().next(), Some(Detached::Str(_) | Detached::None)));
    if let Some(first) = index.positional().nth(skipped) {
        mentioned(first, &mut named);
    }
    named
}

/// The names in what an index is over: `email` of `func.lower(Column("email"))`.
pub(super) fn mentioned(value: &Detached, into: &mut Vec<Name>) {
    match value {
        Detached::Path { path, .. } => into.push(last(*path)),
        // `text("lower(email)")`
        Detached::Str(text) => {
            let words = text.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty());
            into.extend(words.map(Name::new));
        }
        Detached::Call { func, .. } => {
            // `created_at.desc()`, `Item.data["name"].astext`
            match &**func {
                Detached::Path { path, .. } => into.extend(path.as_str().split('.').map(Name::new)),
                func => mentioned(func, into),
            }
            value.positional().for_each(|arg| mentioned(arg, into));
        }
        Detached::Attribute { value, .. } | Detached::Subscript { value, .. } => mentioned(value, into),
        Detached::Sequence(items) => items.iter().for_each(|item| mentioned(item, into)),
        _ => {}
    }
}

/// What a foreign key refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// `"users.id"`.
    pub(super) to: Name,
    /// `"CASCADE"`.
    pub(super) on_delete: Option<Name>,
}

/// The column of a `ForeignKeyConstraint` that is over one only, and what it refers to.
pub(super) fn single_reference(constraint: &Detached) -> Option<(Name, Reference)> {
    let mut lists = constraint.positional().map(|list| match list {
        Detached::Sequence(items) => items.as_slice(),
        _ => &[],
    });
    let (Some([own]), Some([other])) = (lists.next(), lists.next()) else { return None };
    let on_delete = constraint.keyword("ondelete").and_then(Detached::text);
    Some((own.text()?, Reference { to: reference(other)?, on_delete }))
}
