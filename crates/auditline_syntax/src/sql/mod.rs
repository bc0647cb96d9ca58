//! SQL: what a file or string of data definition statements says about tables. PostgreSQL first; what its grammar does
//! not take is tried with those of others. A statement that does not parse is skipped by name, and the rest is read.

mod lower;
mod routine;
mod split;
#[cfg(test)]
mod tests;
mod upsert;

use text_size::TextRange;

use crate::Name;

pub use lower::lower;
pub use routine::{Bound, Key, Limit, Routine, Trigger, TriggerFunction};
pub use split::procedural_blocks;
pub use upsert::{Conflicts, SqlGiven, Upsert, upsert};

/// The statements of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// What the statements do to tables, in order, each with its place.
    pub statements: Vec<(TextRange, Statement)>,
    /// Statements that could not be read: their place and their first words.
    pub skipped: Vec<(TextRange, Name)>,
}

/// A table, as it is named. Unquoted names are lower case, as PostgreSQL folds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Its schema, where it is written.
    pub schema: Option<Name>,
    /// Its name.
    pub name: Name,
}

/// A statement that changes tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `CREATE TABLE`.
    CreateTable(CreateTable),
    /// `DROP TABLE`.
    DropTable(TableName),
    /// A change of one table.
    Alter(TableName, Change),
    /// `DROP INDEX`.
    DropIndex(Name),
    /// `DROP SCHEMA`, with what is in it.
    DropSchema(Name),
    /// What is done to triggers and the functions that they execute.
    Routine(Routine),
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// Its name.
    pub table: TableName,
    /// Its columns, in order.
    pub columns: Vec<SqlColumn>,
    /// What is said about several columns, in order.
    pub constraints: Vec<Constraint>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Whether it has columns that are not listed: `AS SELECT`, `LIKE`, `INHERITS`.
    pub is_open: bool,
}

/// A column of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: SqlType,
    /// `NOT NULL`, or part of the key.
    pub not_null: bool,
    /// `PRIMARY KEY`.
    pub primary_key: bool,
    /// `UNIQUE`.
    pub unique: bool,
    /// Its default, as it is written; also where the type counts by itself.
    pub default: Option<Name>,
    /// What it points to: the table, and the column where it is written.
    pub references: Option<(TableName, Option<Name>)>,
    /// What happens to it when the other row goes: `CASCADE`.
    pub on_delete: Option<Name>,
}

/// A type, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SqlType {
    /// Its name in upper case, without what stands in brackets; `None` where it is left out.
    pub name: Option<Name>,
    /// The first number in brackets.
    pub length: Option<u32>,
    /// Whether it is an array.
    pub is_array: bool,
}

/// What is said about columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// `PRIMARY KEY (…)`.
    PrimaryKey(Vec<Name>),
    /// `UNIQUE (…)`, with the name of the constraint.
    Unique(Option<Name>, Vec<Name>),
    /// `FOREIGN KEY (…) REFERENCES …`.
    ForeignKey {
        /// The name of the constraint.
        name: Option<Name>,
        /// The columns.
        columns: Vec<Name>,
        /// The other table.
        table: TableName,
        /// Its columns.
        referred: Vec<Name>,
        /// What happens when the other row goes.
        on_delete: Option<Name>,
    },
}

/// Whether an index lets two rows agree in its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distinct {
    /// It does.
    No,
    /// It is unique for some rows only (`WHERE …`), or over expressions.
    Partly,
    /// It does not.
    Yes,
}

impl Distinct {
    /// Of an index that is unique or not, over columns of all rows or not.
    #[must_use]
    pub fn of(unique: bool, whole: bool) -> Self {
        match (unique, whole) {
            (false, _) => Self::No,
            (true, false) => Self::Partly,
            (true, true) => Self::Yes,
        }
    }
}

/// A change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `ADD COLUMN`; the flag says `IF NOT EXISTS`.
    AddColumn(SqlColumn, bool),
    /// `DROP COLUMN`.
    DropColumn(Name),
    /// `RENAME COLUMN … TO …`.
    RenameColumn(Name, Name),
    /// `RENAME TO`.
    Rename(Name),
    /// `SET SCHEMA`, and what else moves it.
    Moved,
    /// `ALTER COLUMN … SET NOT NULL`, `DROP NOT NULL`.
    SetNotNull(Name, bool),
    /// `ALTER COLUMN … SET DEFAULT`, `DROP DEFAULT`.
    SetDefault(Name, Option<Name>),
    /// `ALTER COLUMN … TYPE`.
    SetType(Name, SqlType),
    /// A constraint is added.
    Add(Constraint),
    /// A constraint goes.
    DropConstraint(Name),
    /// An index is made: its name, its columns (none where it is over expressions), and whether it is unique.
    Index(Option<Name>, Vec<Name>, Distinct),
    /// A change that is not read.
    Unread,
}
