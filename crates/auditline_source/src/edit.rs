//! Edits of a text.

use text_size::TextRange;
use thiserror::Error;

/// Replaces the text in `range` with `text`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextEdit {
    /// What is replaced; empty for an insertion.
    pub range: TextRange,
    /// What stands there afterwards.
    pub text: String,
}

impl TextEdit {
    /// Replaces `range` with `text`.
    pub fn replace(range: TextRange, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }

    /// Inserts `text` at `offset`.
    pub fn insert(offset: text_size::TextSize, text: impl Into<String>) -> Self {
        Self { range: TextRange::empty(offset), text: text.into() }
    }

    /// Deletes `range`.
    #[must_use]
    pub fn delete(range: TextRange) -> Self {
        Self { range, text: String::new() }
    }
}

/// Why edits cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// An edit reaches behind the end of the text.
    #[error("the edit at {range:?} reaches behind the end of the text ({len} bytes)")]
    OutOfBounds {
        /// The edit.
        range: TextRange,
        /// The length of the text.
        len: usize,
    },
    /// An edit starts or ends inside a character.
    #[error("the edit at {range:?} splits a character")]
    SplitsCharacter {
        /// The edit.
        range: TextRange,
    },
    /// Two edits overlap.
    #[error("the edits at {first:?} and {second:?} overlap")]
    Overlap {
        /// The earlier one.
        first: TextRange,
        /// The later one.
        second: TextRange,
    },
}

/// Applies edits whose ranges all speak of `text` as it is before any of them. They may come in any order; several
/// insertions at one offset keep the order in which they come, and stand before a replacement that starts there.
///
/// # Errors
/// If an edit lies outside the text, splits a character or overlaps another.
pub fn apply_edits(text: &str, edits: &[TextEdit]) -> Result<String, EditError> {
    let mut sorted: Vec<&TextEdit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    let added: usize = sorted.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut done = 0;
    let mut previous: Option<TextRange> = None;
    for edit in sorted {
        let range = edit.range;
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        if end > text.len() {
            return Err(EditError::OutOfBounds { range, len: text.len() });
        }
        if !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return Err(EditError::SplitsCharacter { range });
        }
        if let Some(first) = previous
            && start < done
        {
            return Err(EditError::Overlap { first, second: range });
        }
        out.push_str(&text[done..start]);
        out.push_str(&edit.text);
        done = end;
        previous = Some(range);
    }
    out.push_str(&text[done..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: u32, end: u32, text: &str) -> TextEdit {
        TextEdit::replace(TextRange::new(start.into(), end.into()), text)
    }

    #[test]
    fn edits_in_any_order() {
        let edits = [edit(4, 5, "E"), edit(0, 1, "AA"), edit(2, 2, "+"), edit(2, 2, "-")];
        assert_eq!(apply_edits("abcdef", &edits).unwrap(), "AAb+-cdEf");
    }

    #[test]
    fn an_insertion_beside_a_replacement_is_no_overlap() {
        assert_eq!(apply_edits("abcd", &[edit(1, 3, "X"), edit(3, 3, "Y"), edit(1, 1, "W")]).unwrap(), "aWXYd");
    }

    #[test]
    fn errors_are_told_apart() {
        assert!(matches!(apply_edits("abc", &[edit(2, 9, "")]), Err(EditError::OutOfBounds { len: 3, .. })));
        assert!(matches!(apply_edits("é", &[edit(1, 2, "")]), Err(EditError::SplitsCharacter { .. })));
        assert!(matches!(apply_edits("abc", &[edit(0, 2, ""), edit(1, 3, "")]), Err(EditError::Overlap { .. })));
        assert!(matches!(apply_edits("abc", &[edit(0, 2, ""), edit(1, 1, "x")]), Err(EditError::Overlap { .. })));
    }
}
