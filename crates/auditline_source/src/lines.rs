//! Where the lines of a text start.

use text_size::{TextRange, TextSize};

use crate::{BOM, Encoding, Position, size_of};

/// The line starts of one text. Lines end with `\n`, `\r\n` or a lone `\r`; a text that ends with a line end has an
/// empty last line.
///
/// A byte order mark at the start of the text belongs to no column: editors hide it. Position 0:0 is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    /// Offsets at which the lines start; never empty.
    starts: Box<[u32]>,
}

impl LineIndex {
    /// Finds the lines of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = &text.as_bytes()[..usize::from(size_of(text))];
        let mut starts = Vec::with_capacity(bytes.len() / 32 + 1);
        starts.push(0);
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                continue;
            }
            starts.push(at as u32 + 1);
        }
        Self { starts: starts.into_boxed_slice() }
    }

    /// The number of lines; at least 1.
    #[must_use]
    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The line on which an offset stands.
    #[must_use]
    pub fn line_of(&self, offset: TextSize) -> u32 {
        self.starts.partition_point(|&start| start <= u32::from(offset)) as u32 - 1
    }

    /// Where a line starts; `None` behind the last line.
    #[must_use]
    pub fn line_start(&self, line: u32) -> Option<TextSize> {
        self.starts.get(line as usize).copied().map(TextSize::new)
    }

    /// A line with its line end; `None` behind the last line.
    #[must_use]
    pub fn line_range(&self, text: &str, line: u32) -> Option<TextRange> {
        let start = self.line_start(line)?;
        let end = line.checked_add(1).and_then(|next| self.line_start(next)).unwrap_or_else(|| size_of(text));
        Some(TextRange::new(start, end.max(start)))
    }

    /// A line without its line end and without a byte order mark; `None` behind the last line.
    #[must_use]
    pub fn line_content(&self, text: &str, line: u32) -> Option<TextRange> {
        let range = self.line_range(text, line)?;
        let slice = text.get(range.start().into()..range.end().into())?;
        let mark = if line == 0 && slice.starts_with(BOM) { BOM.len() as u32 } else { 0 };
        let content = slice
            .strip_suffix("\r\n")
            .or_else(|| slice.strip_suffix('\n'))
            .or_else(|| slice.strip_suffix('\r'))
            .unwrap_or(slice);
        let start = range.start();
        Some(TextRange::new(start + TextSize::new(mark), start + size_of(content)))
    }

    /// The position of an offset. An offset behind the text is its end; one inside a character is the start of the
    /// character; one inside `\r\n` is the end of the line.
    #[must_use]
    pub fn position(&self, text: &str, offset: TextSize, encoding: Encoding) -> Position {
        let offset = floor(text, usize::from(offset));
        let line = self.line_of(TextSize::new(offset as u32));
        let Some(content) = self.line_content(text, line) else { return Position::default() };
        let start = usize::from(content.start());
        let end = offset.clamp(start, content.end().into());
        Position { line, character: encoding.measure(text.get(start..end).unwrap_or_default()) }
    }

    /// The offset of a position. A column behind the line is the line's end, a line behind the text the text's end, a
    /// column inside a character the start of that character.
    #[must_use]
    pub fn offset(&self, text: &str, position: Position, encoding: Encoding) -> TextSize {
        let Some(content) = self.line_content(text, position.line) else { return size_of(text) };
        let slice = text.get(content.start().into()..content.end().into()).unwrap_or_default();
        let wanted = position.character;
        let column = if encoding == Encoding::Utf8 || slice.is_ascii() {
            floor(slice, wanted as usize)
        } else {
            let mut units = 0;
            let mut column = slice.len();
            for (at, char) in slice.char_indices() {
                let width = encoding.width(char);
                if units + width > wanted {
                    column = at;
                    break;
                }
                units += width;
            }
            column
        };
        content.start() + TextSize::new(column as u32)
    }
}

/// The last character boundary that is not behind `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(usize::from(size_of(text)));
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
