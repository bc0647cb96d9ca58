//! Comparing what two sides say of a table.

use auditline_syntax::Name;

use crate::tables::{Column, TypeFamily};

use super::sides::same_word;
use super::state::{Presence, SchemaColumn, Table};

/// A certain difference between two descriptions of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The column stands in the first alone.
    OnlyFirst(Name),
    /// The column stands in the second alone.
    OnlySecond(Name),
    /// They give it types of different families.
    Family(Name, TypeFamily, TypeFamily),
    /// They do not agree whether it may be NULL: the first says so, or the second does.
    Nullable(Name, bool),
}

impl Difference {
    /// The column.
    #[must_use]
    pub fn column(self) -> Name {
        match self {
            Self::OnlyFirst(name) | Self::OnlySecond(name) | Self::Family(name, ..) | Self::Nullable(name, _) => name,
        }
    }
}

/// The column of that name; names of SQL without quotes are written in any case.
#[must_use]
pub fn column_in(table: &Table, name: Name) -> Option<&SchemaColumn> {
    table.column(name).or_else(|| table.columns.iter().find(|(own, _)| same_word(*own, name)).map(|(_, column)| column))
}

/// In what two descriptions of a table surely differ. Where one of them may have more columns than are listed, none is
/// missing in it.
#[must_use]
pub fn differences(first: &Table, second: &Table) -> Vec<Difference> {
    let mut found = Vec::new();
    if first.presence == Presence::Maybe || second.presence == Presence::Maybe {
        return found;
    }
    for (name, own) in &first.columns {
        match column_in(second, *name) {
            None if !second.is_open && own.presence == Presence::Certain => found.push(Difference::OnlyFirst(*name)),
            Some(other) if own.presence == Presence::Certain && other.presence == Presence::Certain => {
                if !agree(&own.column, &other.column) {
                    found.push(Difference::Family(*name, own.column.family, other.column.family));
                }
                if let (Some(one), Some(two)) = (own.column.nullable, other.column.nullable)
                    && one != two
                {
                    found.push(Difference::Nullable(*name, one));
                }
            }
            _ => {}
        }
    }
    if !first.is_open {
        for (name, other) in &second.columns {
            if other.presence == Presence::Certain && column_in(first, *name).is_none() {
                found.push(Difference::OnlySecond(*name));
            }
        }
    }
    found
}

/// Whether two columns can hold the same values, as far as that can be told. A class of the project may convert what it
/// holds, a UUID is kept as a string of 32 or 36 characters, documents and values of a list as strings, truth values as
/// numbers.
fn agree(one: &Column, two: &Column) -> bool {
    use TypeFamily::{Array, BigInteger, Binary, Boolean, Date, DateTime, Integer, Interval, Time, Uuid};
    let is_told = |column: &Column| !column.own_type;
    if !is_told(one) || !is_told(two) || one.family == two.family {
        return true;
    }
    let group = |family: TypeFamily| {
        Some(match family {
            Integer | BigInteger | TypeFamily::Numeric | TypeFamily::Float | Boolean => 0,
            TypeFamily::String | TypeFamily::Text | TypeFamily::Enum | TypeFamily::Json => 1,
            DateTime => 2,
            Date => 3,
            Time => 4,
            Interval => 5,
            Binary => 6,
            Array => 7,
            Uuid => 8,
            TypeFamily::Other(_) | TypeFamily::Unknown => return None,
        })
    };
    let (Some(first), Some(second)) = (group(one.family), group(two.family)) else { return true };
    let pair = (first.min(second), first.max(second));
    // Portable types: `Uuid`, `Interval`, `ARRAY`, `LargeBinary` have forms for databases that do not know them.
    first == second || matches!(pair, (1 | 6, 7 | 8) | (1, 6 | 5) | (2, 5))
}
