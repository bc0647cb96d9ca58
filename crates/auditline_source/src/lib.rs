//! Texts, versions, edits, positions and file kinds.

mod change;
mod decode;
mod edit;
mod kind;
mod lines;
mod path;
mod position;
mod text;

pub use change::{ByteEdit, ContentChange, Point, apply_change, apply_changes};
pub use decode::{DecodeError, decode};
pub use edit::{EditError, TextEdit, apply_edits};
pub use kind::FileKind;
pub use lines::LineIndex;
pub use path::FilePath;
pub use position::{Encoding, Position, PositionRange};
pub use text::SourceText;
pub use text_size::{TextRange, TextSize};

/// The byte order mark in UTF-8.
pub(crate) const BOM: &str = "\u{feff}";

/// The length of a text as an offset. Texts that come from [`decode()`] always fit; a longer one is seen only as far
/// as offsets reach.
pub(crate) fn size_of(text: &str) -> TextSize {
    TextSize::try_from(text.len()).unwrap_or(TextSize::new(u32::MAX))
}
