//! Logical lines: physical lines joined at continuations, with the way back to the source.

use text_size::{TextRange, TextSize};

/// A text put together from pieces of the source.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) text: String,
    /// Where each piece starts: in `text`, and in the source.
    pieces: Vec<(usize, usize)>,
}

impl Joined {
    fn push(&mut self, piece: &str, at: usize) {
        if !piece.is_empty() {
            self.pieces.push((self.text.len(), at));
            self.text.push_str(piece);
        }
    }

    /// Where the byte at `offset` of the text stands in the source.
    fn source(&self, offset: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= offset);
        match index.checked_sub(1).and_then(|index| self.pieces.get(index)) {
            Some((start, at)) => at + (offset - start),
            None => self.pieces.first().map_or(0, |(_, at)| *at),
        }
    }

    /// Where the bytes from `start` to `end` of the text stand in the source. A range over a continuation covers it.
    pub(super) fn range(&self, start: usize, end: usize) -> TextRange {
        let from = self.source(start);
        let to = if end > start { self.source(end - 1) + 1 } else { from };
        range(from, to.max(from))
    }
}

pub(super) fn range(start: usize, end: usize) -> TextRange {
    TextRange::new(size(start), size(end))
}

fn size(offset: usize) -> TextSize {
    TextSize::new(u32::try_from(offset).unwrap_or(u32::MAX))
}

/// The physical lines of a text, with where each starts, without its line end.
#[derive(Clone)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    /// Where the next line starts.
    pub(super) fn offset(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        self.at = (start + length + 1).min(self.text.len());
        let line = &rest[..length];
        Some((start, line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// The comment that a line at `start` is: from its `#` to its end, and the text behind the `#`.
pub(super) fn comment(start: usize, line: &str) -> Option<(TextRange, Box<str>)> {
    let trimmed = line.trim_start();
    let text = trimmed.strip_prefix('#')?;
    Some((range(start + line.len() - trimmed.len(), start + line.len()), text.trim().into()))
}

/// Reads one logical line that starts with `first` and goes on in `lines`; returns it with the offset of its end.
/// Comment lines and empty lines between continued ones are skipped, as BuildKit does.
pub(super) fn join<'a>(
    first: (usize, &'a str),
    lines: &mut Lines<'a>,
    escape: char,
    comments: &mut Vec<(TextRange, Box<str>)>,
) -> (Joined, usize) {
    let mut joined = Joined::default();
    let (start, line) = first;
    let trimmed = line.trim_start();
    let (content, mut goes_on) = continuation(trimmed, escape);
    let offset = start + (line.len() - trimmed.len());
    joined.push(content, offset);
    let mut end = start + line.len();
    while goes_on {
        let Some((start, line)) = lines.next() else { break };
        if let Some(found) = comment(start, line) {
            comments.push(found);
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let content;
        (content, goes_on) = continuation(line, escape);
        joined.push(content, start);
        end = start + line.len();
    }
    (joined, end)
}

/// Splits off a continuation: the escape character (not itself escaped) with nothing but blanks behind it.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end_matches([' ', '\t']);
    match trimmed.strip_suffix(escape) {
        Some(content) if !content.ends_with(escape) => (content, true),
        _ => (line, false),
    }
}
