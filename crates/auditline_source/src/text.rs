//! The text of a file.

use std::fmt;
use std::sync::{Arc, OnceLock};

use text_size::{TextRange, TextSize};

use crate::{BOM, Encoding, LineIndex, Position, PositionRange, size_of};

/// The immutable text of a file. Cloning is cheap; the line index is made when it is first asked for and shared by
/// the clones made after that.
#[derive(Clone)]
pub struct SourceText {
    text: Arc<str>,
    lines: OnceLock<Arc<LineIndex>>,
}

impl SourceText {
    /// The text of a file.
    #[must_use]
    pub fn new(text: Arc<str>) -> Self {
        Self { text, lines: OnceLock::new() }
    }

    /// The text, a byte order mark included if it has one.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The shared text.
    #[must_use]
    pub fn shared(&self) -> &Arc<str> {
        &self.text
    }

    /// Its length.
    #[must_use]
    pub fn len(&self) -> TextSize {
        size_of(&self.text)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where the content starts: behind a byte order mark. Insert at this offset, never at 0.
    #[must_use]
    pub fn content_start(&self) -> TextSize {
        if self.text.starts_with(BOM) { TextSize::of(BOM) } else { TextSize::new(0) }
    }

    /// The part of the text in `range`; empty if the range is not one of this text.
    #[must_use]
    pub fn slice(&self, range: TextRange) -> &str {
        self.text.get(usize::from(range.start())..usize::from(range.end())).unwrap_or_default()
    }

    /// The line starts.
    pub fn line_index(&self) -> &LineIndex {
        self.lines.get_or_init(|| Arc::new(LineIndex::new(&self.text)))
    }

    /// The position of an offset; see [`LineIndex::position`].
    #[must_use]
    pub fn position(&self, offset: TextSize, encoding: Encoding) -> Position {
        self.line_index().position(&self.text, offset, encoding)
    }

    /// The offset of a position; see [`LineIndex::offset`].
    #[must_use]
    pub fn offset(&self, position: Position, encoding: Encoding) -> TextSize {
        self.line_index().offset(&self.text, position, encoding)
    }

    /// The positions of a range.
    #[must_use]
    pub fn position_range(&self, range: TextRange, encoding: Encoding) -> PositionRange {
        PositionRange { start: self.position(range.start(), encoding), end: self.position(range.end(), encoding) }
    }

    /// The offsets of a range of positions; a reversed range is turned around.
    #[must_use]
    pub fn range(&self, range: PositionRange, encoding: Encoding) -> TextRange {
        let start = self.offset(range.start, encoding);
        let end = self.offset(range.end, encoding);
        TextRange::new(start.min(end), start.max(end))
    }

    /// The line end that the text uses first; `\n` where it has none. New lines in an edit are written with it.
    #[must_use]
    pub fn line_end(&self) -> &'static str {
        let bytes = self.text.as_bytes();
        match memchr::memchr2(b'\n', b'\r', bytes) {
            Some(at) if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') => "\r\n",
            Some(at) if bytes[at] == b'\r' => "\r",
            _ => "\n",
        }
    }
}

impl PartialEq for SourceText {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text) || self.text == other.text
    }
}

impl Eq for SourceText {}

impl From<&str> for SourceText {
    fn from(text: &str) -> Self {
        Self::new(Arc::from(text))
    }
}

impl From<String> for SourceText {
    fn from(text: String) -> Self {
        Self::new(Arc::from(text))
    }
}

impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({} bytes)", self.text.len())
    }
}
