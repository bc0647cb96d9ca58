//! Positions as editors count them.

use serde::{Deserialize, Serialize};

/// What a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Encoding {
    /// Bytes of UTF-8.
    Utf8,
    /// UTF-16 code units: what a language client counts unless it says otherwise.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// How many units one character takes.
    #[must_use]
    pub fn width(self, char: char) -> u32 {
        match self {
            Self::Utf8 => char.len_utf8() as u32,
            Self::Utf16 => char.len_utf16() as u32,
            Self::Utf32 => 1,
        }
    }

    /// How many units a text takes.
    #[must_use]
    pub fn measure(self, text: &str) -> u32 {
        match self {
            Self::Utf8 => text.len() as u32,
            _ if text.is_ascii() => text.len() as u32,
            _ => text.chars().map(|char| self.width(char)).sum(),
        }
    }
}

/// A place in a text: line and column, both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// The line. Lines end with `\n`, `\r\n` or a lone `\r`.
    pub line: u32,
    /// The column, in units of an [`Encoding`].
    pub character: u32,
}

impl Position {
    /// A position.
    #[must_use]
    pub const fn new(line: u32, character: u32) -> Self {
        Self { line, character }
    }
}

/// A range between two positions; the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct PositionRange {
    /// Where it starts.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl PositionRange {
    /// A range.
    #[must_use]
    pub const fn new(start: Position, end: Position) -> Self {
        Self { start, end }
    }
}
