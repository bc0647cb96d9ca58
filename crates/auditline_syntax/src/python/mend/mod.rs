//! Mending a text that is being typed, so that the parser stays on its feet.
//!
//! The grammar's own recovery loses its way at an open bracket: everything behind it, to the end of the file, may end
//! up in one heap. But a bracket, a string or a header that has not been finished yet can be seen from the words and the
//! indentation, as a reader sees it. So where a text does not parse, it is read once more with the little that is missing
//! put in (`)`, `:`, a name); what is put in has no width in the result.

mod line;
mod string;
mod word;

use text_size::TextSize;

pub(super) use self::line::{Reading, read};

/// Something that is missing in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Insertion {
    /// Where it is missing.
    pub(super) at: u32,
    /// What is put in.
    pub(super) text: String,
}

/// A text with what was missing in it, and the way back to the offsets of the original.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) text: String,
    insertions: Vec<Insertion>,
    /// Where each insertion starts in the mended text.
    starts: Vec<u32>,
    /// How many bytes have been inserted up to the end of each.
    totals: Vec<u32>,
}

impl Mended {
    /// Puts in what is missing.
    pub(super) fn new(text: &str, insertions: Vec<Insertion>) -> Self {
        let mut mended = Self::default();
        let mut done = 0;
        let mut total = 0;
        for insertion in &insertions {
            let at = insertion.at as usize;
            mended.text.push_str(&text[done..at]);
            mended.starts.push(mended.text.len() as u32);
            mended.text.push_str(&insertion.text);
            total += insertion.text.len() as u32;
            mended.totals.push(total);
            done = at;
        }
        mended.text.push_str(&text[done..]);
        mended.insertions = insertions;
        mended
    }

    /// The offset in the original text.
    pub(super) fn original(&self, offset: u32) -> u32 {
        let count = self.starts.partition_point(|&start| start < offset);
        let Some(last) = count.checked_sub(1) else { return offset };
        self.insertions[last].at.max(offset.saturating_sub(self.totals[last]))
    }

    /// Whether something is missing between two offsets of the original text, the second included.
    pub(super) fn touches(&self, start: u32, end: u32) -> bool {
        let first = self.insertions.partition_point(|insertion| insertion.at < start);
        self.insertions.get(first).is_some_and(|insertion| insertion.at <= end)
    }

    /// Where something was missing, in the original text.
    pub(super) fn places(&self) -> impl Iterator<Item = TextSize> {
        self.insertions.iter().map(|insertion| insertion.at.into())
    }
}

#[cfg(test)]
mod tests;
