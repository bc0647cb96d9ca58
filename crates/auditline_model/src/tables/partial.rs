//! Unique indexes that hold for some rows only, and what they ask of a row.

use auditline_syntax::Name;

use super::arguments::mentioned;
use crate::classes::Detached;

/// A unique index that holds for some rows only, or over expressions:
/// `Index("…", func.lower(email), unique=True, postgresql_where=…)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PartlyUnique {
    /// The attributes or columns that it is over.
    pub columns: Vec<Name>,
    /// What its condition mentions: attributes or columns, and words besides.
    pub mentions: Vec<Name>,
    /// What a row must have to come under it, as far as that is understood.
    pub demands: Vec<Demand>,
}

/// What an index wants of a column: `status IN ('active', 'trial')`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Demand {
    /// The attribute or column.
    pub column: Name,
    /// The constants of which it must be one, in small letters and without quotes; nothing where it must be there.
    pub one_of: Vec<Name>,
}

impl PartlyUnique {
    /// An index over these columns, with its condition.
    pub(super) fn new(columns: Vec<Name>, condition: Option<&Detached>) -> Self {
        let mut index = Self { columns, ..Self::default() };
        if let Some(condition) = condition {
            mentioned(condition, &mut index.mentions);
            index.demands = demands(condition);
        }
        index
    }

    /// Whether a row may come under the index where that attribute is set to a constant, as written, or to anything.
    #[must_use]
    pub fn is_entered(&self, attribute: Name, constant: Option<Name>) -> bool {
        let is_asked = self.columns.contains(&attribute) || self.mentions.contains(&attribute);
        let is_ruled_out = constant.is_some_and(|constant| {
            self.demands.iter().any(|demand| demand.column == attribute && !demand.is_met_by(constant.as_str()))
        });
        is_asked && !is_ruled_out
    }
}

impl Demand {
    /// Whether a constant may be what is asked for. Of a member of an enumeration its name is taken for its value.
    fn is_met_by(&self, written: &str) -> bool {
        let member = written.strip_suffix(".value").unwrap_or(written);
        let word = bare(member.rsplit('.').next().unwrap_or(member));
        if self.one_of.is_empty() { word != "none" } else { self.one_of.iter().any(|one| one.as_str() == word) }
    }
}

/// A word without the quotes around it, in small letters.
fn bare(word: &str) -> String {
    word.trim().trim_matches(|char| matches!(char, '\'' | '"')).to_lowercase()
}

/// What the text of a condition asks of each column, where all of its parts must hold.
fn demands(condition: &Detached) -> Vec<Demand> {
    let text = match condition {
        Detached::Str(text) => text.as_str(),
        // `text("status = 'active'")`
        Detached::Call { .. } if condition.last_name().as_deref() == Some("text") => {
            match condition.positional().next() {
                Some(Detached::Str(text)) => text.as_str(),
                _ => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    if words.iter().any(|word| matches!(word.as_str(), "or" | "between" | "case")) {
        return Vec::new();
    }
    words.split(|word| word == "and").filter_map(|part| demand(&part.join(" "))).collect()
}

/// What one part of a condition asks for, in small letters: `status = 'active'`, `state in ('a', 'b')`, `deleted is false`.
fn demand(part: &str) -> Option<Demand> {
    let name = |column: &str| {
        let column = column.trim().trim_start_matches('(').trim().trim_matches('"');
        let is_name = !column.is_empty() && column.chars().all(|char| char.is_alphanumeric() || char == '_');
        is_name.then(|| Name::new(column))
    };
    // `'active'::text`
    let constant = |value: &str| {
        let value = value.split("::").next().unwrap_or(value);
        Name::new(&bare(value.trim_matches(|char: char| char.is_whitespace() || matches!(char, '(' | ')'))))
    };
    if let Some((column, list)) = part.split_once(" in ") {
        return Some(Demand { column: name(column)?, one_of: list.split(',').map(constant).collect() });
    }
    if let Some((column, kind)) = part.split_once(" is ") {
        let kind = kind.trim_end_matches(')').trim();
        let one_of = match kind {
            "not null" => Vec::new(),
            "null" => vec![Name::new("none")],
            "true" | "false" => vec![Name::new(kind)],
            _ => return None,
        };
        return Some(Demand { column: name(column)?, one_of });
    }
    let (column, value) = part.split_once('=')?;
    Some(Demand { column: name(column)?, one_of: vec![constant(value)] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(condition: &str) -> PartlyUnique {
        PartlyUnique::new(vec![Name::new("user_id")], Some(&Detached::Str(Name::new(condition))))
    }

    fn enters(condition: &str, attribute: &str, constant: &str) -> bool {
        index(condition).is_entered(Name::new(attribute), Some(Name::new(constant)))
    }

    #[test]
    fn a_constant_of_the_list_comes_under_the_index() {
        let condition = "tariff_id IS NOT NULL AND status IN ('active', 'trial')";
        assert!(enters(condition, "status", "Status.ACTIVE.value"));
        assert!(enters(condition, "status", "'trial'"));
        assert!(!enters(condition, "status", "Status.EXPIRED"));
        assert!(!enters(condition, "tariff_id", "None"));
        assert!(enters(condition, "tariff_id", "7"));
        assert!(enters(condition, "user_id", "7"));
        assert!(!enters(condition, "name", "'x'"));
    }

    #[test]
    fn other_spellings_of_a_condition() {
        assert!(!enters("(state = 'active'::text)", "state", "\"closed\""));
        assert!(enters("(state = 'active'::text)", "state", "\"active\""));
        assert!(!enters("is_active IS TRUE", "is_active", "False"));
        assert!(enters("deleted = false", "deleted", "False"));
        assert!(!enters("deleted_at IS NULL", "deleted_at", "7"));
        assert!(enters("deleted_at IS NULL", "deleted_at", "None"));
    }

    #[test]
    fn what_is_not_understood_may_hold() {
        assert!(enters("status = 'active' OR kind = 'x'", "status", "'closed'"));
        assert!(enters("status != 'active'", "status", "'closed'"));
        assert!(enters("status NOT IN ('active')", "status", "'closed'"));
    }
}
