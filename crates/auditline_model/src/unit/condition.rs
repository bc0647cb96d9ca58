//! Conditions: what a branch asks before it is taken.

use auditline_syntax::Name;
use smallvec::SmallVec;

/// A fact about a row that a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it tests.
    pub subject: Subject,
    /// How.
    pub test: Test,
    /// Whether the test held where this condition stands.
    pub holds: bool,
    /// The ordinal of the read, or of the last event before the test.
    pub at: u32,
    /// The constant that it compares with, as written.
    pub constant: Option<Name>,
    /// The columns of rows that it compares with: [`RowValue::id`](crate::eval::value::RowValue::id), or the ordinal of the
    /// statement that read columns alone, and the attribute.
    pub against: SmallVec<[(u32, Name); 1]>,
}

impl Condition {
    /// Whether it says that what it tests is not there.
    #[must_use]
    pub fn is_miss(&self) -> bool {
        self.test == Test::Present && !self.holds
    }

    /// The row that it says a lookup has not found: [`RowValue::id`](crate::eval::value::RowValue::id).
    #[must_use]
    pub fn missed_row(&self) -> Option<u32> {
        match self.subject {
            Subject::Row { row } if self.is_miss() => Some(row),
            _ => None,
        }
    }

    /// The lookup that it says has found no row, or none to count.
    #[must_use]
    pub fn missed(&self) -> Option<u32> {
        match self.subject {
            Subject::Row { row: load } | Subject::Count { load } if self.is_miss() => Some(load),
            _ => None,
        }
    }
}

/// What a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A column of a row.
    Field {
        /// [`RowValue::id`](crate::eval::value::RowValue::id).
        row: u32,
        /// The attribute.
        column: Name,
    },
    /// Whether a lookup found a row.
    Row {
        /// [`RowValue::id`](crate::eval::value::RowValue::id).
        row: u32,
    },
    /// A parameter.
    Param(u32),
    /// A number or sum of rows.
    Count {
        /// The ordinal of the load that counted them, or brought those that were counted.
        load: u32,
    },
}

/// How a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Truth: `if x`, `if not x`, `is None`, `is not None`. Holds means: there is something.
    Present,
    /// Comparison with a constant, an enum member or a container of them.
    EqualsConstant,
    /// Comparison with another value for equality.
    EqualsOther,
    /// `<`, `>` and their like. Holds means: it is below.
    Order,
    /// Of what class the value is: `isinstance(x, C)`.
    Class,
}
