//! Upserts in SQL: `INSERT … ON CONFLICT …`.

use sqlparser::ast::{self, ConflictTarget, Expr, OnInsert, SetExpr, TableObject, Value};

use super::TableName;
use super::lower::{ident, last_part, parse, table_name};
use crate::Name;

/// An `INSERT … ON CONFLICT …`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upsert {
    /// The table.
    pub table: TableName,
    /// The columns that it supplies, and what with.
    pub columns: Vec<(Name, SqlGiven)>,
    /// The conflicts that it passes over.
    pub conflicts: Conflicts,
}

/// What a column is supplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlGiven {
    /// A named parameter of the statement.
    Parameter(Name),
    /// What a function of the database gives: `gen_random_uuid()`, `nextval('…')`.
    Called,
    /// Something else.
    Other,
}

/// Which conflicts an upsert passes over.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Conflicts {
    /// All: it names none.
    All,
    /// Those of the unique key with these columns.
    Columns(Vec<Name>),
    /// Those of the constraint of that name.
    Constraint(Name),
}

/// Reads an upsert that names its columns; `None` where the text is something else, or cannot be read.
#[must_use]
pub fn upsert(text: &str) -> Option<Upsert> {
    let statements = parse(text)?;
    let [ast::Statement::Insert(insert)] = statements.as_slice() else { return None };
    let (TableObject::TableName(table), Some(OnInsert::OnConflict(conflict))) = (&insert.table, &insert.on) else {
        return None;
    };
    let conflicts = match &conflict.conflict_target {
        None => Conflicts::All,
        Some(ConflictTarget::Columns(columns)) => Conflicts::Columns(columns.iter().map(ident).collect()),
        Some(ConflictTarget::OnConstraint(name)) => Conflicts::Constraint(last_part(name)?),
    };
    let names: Vec<Name> = insert.columns.iter().map(last_part).collect::<Option<_>>()?;
    let given = match insert.source.as_deref().map(|source| source.body.as_ref()) {
        Some(SetExpr::Values(values)) => match values.rows.as_slice() {
            [row] => row.iter().map(given).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let columns = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name, given.get(index).copied().unwrap_or(SqlGiven::Other)))
        .collect();
    Some(Upsert { table: table_name(table)?, columns, conflicts })
}

fn given(value: &Expr) -> SqlGiven {
    match value {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => match name.strip_prefix(':') {
                Some(name) if name.starts_with(char::is_alphabetic) => SqlGiven::Parameter(Name::new(name)),
                _ => SqlGiven::Other,
            },
            _ => SqlGiven::Other,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => given(expr),
        Expr::Function(_) => SqlGiven::Called,
        _ => SqlGiven::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upserts_tell_their_columns_and_target() {
        let read = upsert(
            "INSERT INTO club.Members (email, id, handle, seen)\n VALUES (:email, gen_random_uuid(), CAST(:handle AS text), 1)\n             ON CONFLICT (email) DO UPDATE SET handle = EXCLUDED.handle RETURNING id",
        )
        .expect("it is an upsert");
        assert_eq!(read.table, TableName { schema: Some(Name::new("club")), name: Name::new("members") });
        let columns: Vec<(&str, SqlGiven)> = read.columns.iter().map(|(name, given)| (name.as_str(), *given)).collect();
        assert_eq!(
            columns,
            [
                ("email", SqlGiven::Parameter(Name::new("email"))),
                ("id", SqlGiven::Called),
                ("handle", SqlGiven::Parameter(Name::new("handle"))),
                ("seen", SqlGiven::Other),
            ]
        );
        assert_eq!(read.conflicts, Conflicts::Columns(vec![Name::new("email")]));
    }

    #[test]
    fn targets_may_be_left_out_or_named() {
        let conflicts = |target: &str| {
            upsert(&format!("insert into a (b) values (:b) on conflict {target} do nothing")).map(|read| read.conflicts)
        };
        assert_eq!(conflicts(""), Some(Conflicts::All));
        assert_eq!(conflicts("on constraint a_b_key"), Some(Conflicts::Constraint(Name::new("a_b_key"))));
    }

    #[test]
    fn other_statements_are_none() {
        for text in [
            "insert into a (b) values (:b)",
            "insert into a (b) values (:b) on conflict (b) where c do nothing",
            "select 1",
            "insert into a (b) values (%(b)s) on conflict",
        ] {
            assert_eq!(upsert(text), None, "{text}");
        }
    }
}
