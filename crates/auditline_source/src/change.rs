//! Changes of an open document, as an editor sends them.

use text_size::TextSize;

use crate::{Encoding, LineIndex, PositionRange, size_of};

/// One change of an open document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentChange {
    /// What is replaced, in the text as it stands after the changes before this one; `None` replaces everything.
    pub range: Option<PositionRange>,
    /// What stands there afterwards.
    pub text: String,
}

/// A place as an incremental parser counts it: rows end with `\n` alone, columns are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// The row, from 0.
    pub row: u32,
    /// The column in bytes, from 0.
    pub column: u32,
}

/// What a change did to the bytes of a text, as an incremental parser wants to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteEdit {
    /// Where the changed part starts, before and after.
    pub start: TextSize,
    /// Where it ended before.
    pub old_end: TextSize,
    /// Where it ends now.
    pub new_end: TextSize,
    /// The point of `start`.
    pub start_point: Point,
    /// The point of `old_end` in the old text.
    pub old_end_point: Point,
    /// The point of `new_end` in the new text.
    pub new_end_point: Point,
}

impl ByteEdit {
    /// The edit that replaces the bytes from `start` to `old_end` of `old` with `inserted`.
    fn new(old: &str, start: usize, old_end: usize, inserted: &str) -> Self {
        let bytes = old.as_bytes();
        let start_point = advance(Point::default(), &bytes[..start]);
        Self {
            start: TextSize::new(start as u32),
            old_end: TextSize::new(old_end as u32),
            new_end: TextSize::new((start + inserted.len()) as u32),
            start_point,
            old_end_point: advance(start_point, &bytes[start..old_end]),
            new_end_point: advance(start_point, inserted.as_bytes()),
        }
    }

    /// The one edit that turns `old` into `new`: all between their common start and their common end. `None` if they
    /// are equal.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let mut start = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
        // Where one text ends inside a character of the other, the boundaries differ.
        while !(old.is_char_boundary(start) && new.is_char_boundary(start)) {
            start -= 1;
        }
        let room = old.len().min(new.len()) - start;
        let mut tail = old.bytes().rev().zip(new.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
        while !(old.is_char_boundary(old.len() - tail) && new.is_char_boundary(new.len() - tail)) {
            tail -= 1;
        }
        Some(Self::new(old, start, old.len() - tail, &new[start..new.len() - tail]))
    }
}

fn advance(from: Point, bytes: &[u8]) -> Point {
    let rows = memchr::memchr_iter(b'\n', bytes).count() as u32;
    match memchr::memrchr(b'\n', bytes) {
        Some(last) => Point { row: from.row + rows, column: (bytes.len() - last - 1) as u32 },
        None => Point { row: from.row, column: from.column + bytes.len() as u32 },
    }
}

/// Applies one change: the new text, and what happened to the bytes (`None` if nothing did). Positions outside the
/// text are clamped.
#[must_use]
pub fn apply_change(text: &str, change: &ContentChange, encoding: Encoding) -> (String, Option<ByteEdit>) {
    let Some(range) = change.range else {
        return (change.text.clone(), ByteEdit::between(text, &change.text));
    };
    let lines = LineIndex::new(text);
    let one = usize::from(lines.offset(text, range.start, encoding));
    let other = usize::from(lines.offset(text, range.end, encoding));
    let (start, end) = (one.min(other), one.max(other));
    let mut new = String::with_capacity(text.len() - (end - start) + change.text.len());
    new.push_str(&text[..start]);
    new.push_str(&change.text);
    new.push_str(&text[end..]);
    debug_assert!(usize::from(size_of(&new)) == new.len());
    (new, Some(ByteEdit::new(text, start, end, &change.text)))
}

/// Applies the changes of one notification, in order. Each edit speaks of the text that the edits before it left.
#[must_use]
pub fn apply_changes(text: &str, changes: &[ContentChange], encoding: Encoding) -> (String, Vec<ByteEdit>) {
    let mut current: Option<String> = None;
    let mut edits = Vec::with_capacity(changes.len());
    for change in changes {
        let (next, edit) = apply_change(current.as_deref().unwrap_or(text), change, encoding);
        edits.extend(edit);
        current = Some(next);
    }
    (current.unwrap_or_else(|| text.to_owned()), edits)
}
