//! Statements that insert: what they do with a row that is there already.

use auditline_syntax::Name;
use auditline_syntax::sql::TableName;

use crate::db::VariableRef;

use super::Passes;

/// What an INSERT supplies, and which conflicts it passes over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Insertion {
    /// The table, where no mapped class is named.
    pub table: Option<Inserted>,
    /// The columns or attributes that it supplies.
    pub supplies: Vec<(Name, Supplied)>,
    /// The columns that a parameter of a text supplies, each with that parameter and what it holds.
    pub parameters: Vec<(Name, Name, Supplied)>,
    /// Whether it may supply more.
    pub open: bool,
    /// The conflicts that it passes over.
    pub passes: Passes,
}

impl Insertion {
    /// What it supplies a column with.
    #[must_use]
    pub fn supplied(&self, is_it: impl Fn(Name) -> bool) -> Option<Supplied> {
        let written = self.supplies.iter().map(|(column, supplied)| (*column, *supplied));
        let parameters = self.parameters.iter().map(|(column, _, supplied)| (*column, *supplied));
        written.chain(parameters).find(|(column, _)| is_it(*column)).map(|(_, supplied)| supplied)
    }
}

/// Where a value that is inserted comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Supplied {
    /// It is made up anew each time: a random number, an identifier.
    Fresh,
    /// A caller hands it in.
    Given,
    /// From elsewhere.
    Other,
    /// It cannot be told.
    Unknown,
}

/// A table into which rows are inserted, where no mapped class is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inserted {
    /// A variable that holds a `Table(…)`.
    Variable(VariableRef),
    /// The table of that name.
    Named(TableName),
}
