//! Finding the text of a statement in the file that executes it.

use auditline_model::Db;
use auditline_model::place::Place;
use auditline_syntax::TextRange;

use crate::edit::range;

/// The one place of a text: in what is at that place, or else in its file. Blanks may differ.
pub(super) fn found(db: &dyn Db, origin: Place, text: &str) -> Option<TextRange> {
    let (file, own) = origin.resolve(db)?;
    let whole = file.content(db).text()?.text();
    let (from, to) = (usize::from(own.start()), usize::from(own.end()));
    let inside = whole.get(from..to).and_then(|part| only(part, text)).map(|(start, end)| (from + start, from + end));
    let (start, end) = inside.or_else(|| only(whole, text))?;
    Some(range(start, end))
}

/// The one occurrence of a text.
fn only(whole: &str, text: &str) -> Option<(usize, usize)> {
    let first = text.chars().next()?;
    let mut occurrences = whole.match_indices(first).filter_map(|(at, _)| {
        let length = matching(&whole[at..], text)?;
        Some((at, at + length))
    });
    let found = occurrences.next()?;
    occurrences.next().is_none().then_some(found)
}

/// How much of a text agrees with another one, blanks aside.
fn matching(whole: &str, text: &str) -> Option<usize> {
    let mut rest = whole;
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        rest = rest.strip_prefix(word)?;
        if words.peek().is_some() {
            let behind = rest.trim_start();
            if behind.len() == rest.len() {
                return None;
            }
            rest = behind;
        }
    }
    Some(whole.len() - rest.len())
}
