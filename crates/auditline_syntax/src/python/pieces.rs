//! A text in pieces, each of which is parsed on its own.
//!
//! A statement at the margin ends all that stands above it. So what is broken in one definition stays there, and an edit
//! makes no more to be parsed than the definition in which it was made.

use std::ops::Range;

use auditline_source::ByteEdit;

use super::mend::{Insertion, Mended, Reading, read};
use super::parse::{Tree, parse};

/// A piece of a text.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it starts in the text.
    pub(super) start: u32,
    /// How long it is there.
    pub(super) len: u32,
    /// Its own text; empty where nobody will ask for it again.
    text: String,
    pub(super) tree: Tree,
    /// What was parsed, if that is not its text as it stands.
    pub(super) mended: Option<Mended>,
    /// The last state that had no error, or none after mending, where this is none.
    whole: Option<(String, Tree)>,
}

impl Piece {
    /// A text as one piece, with its tree.
    pub(super) fn all(text: &str, tree: &Tree) -> Self {
        Self { start: 0, len: text.len() as u32, text: String::new(), tree: tree.clone(), mended: None, whole: None }
    }

    /// Parses a piece of text. `before` is an earlier state of it.
    fn new(start: u32, text: &str, insertions: &[Insertion], before: Option<Self>) -> Self {
        let whole = before.and_then(Self::into_whole);
        let len = text.len() as u32;
        let piece = |tree, mended, whole| Self { start, len, text: text.to_owned(), tree, mended, whole };
        let tree = parse_again(text, whole.as_ref());
        if !tree.has_errors() {
            return piece(tree, None, None);
        }
        if insertions.is_empty() {
            return piece(parse_afresh(text, tree, whole.as_ref()), None, whole);
        }
        let own =
            insertions.iter().map(|insertion| Insertion { at: insertion.at - start, text: insertion.text.clone() });
        let mended = Mended::new(text, own.collect());
        let tree = parse_again(&mended.text, whole.as_ref());
        if tree.has_errors() {
            let tree = parse_afresh(&mended.text, tree, whole.as_ref());
            return piece(tree, Some(mended), whole);
        }
        piece(tree, Some(mended), None)
    }

    /// The last state of it that had no error.
    fn into_whole(self) -> Option<(String, Tree)> {
        if self.tree.has_errors() {
            return self.whole;
        }
        Some((self.mended.map_or(self.text, |mended| mended.text), self.tree))
    }
}

/// Parses a text from an earlier one.
///
/// It starts from a tree without an error, not from the last tree: behind an error hardly a node of a tree can be used
/// again, and what a tree with errors looks like depends on how it came about. A tree without errors depends on its text
/// alone. A text that is being typed has such a tree as well, once what is missing in it is put in.
fn parse_again(text: &str, whole: Option<&(String, Tree)>) -> Tree {
    let Some((before, tree)) = whole else { return parse(text, None) };
    let mut tree = tree.clone();
    if let Some(edit) = ByteEdit::between(before, text) {
        tree.edit(&edit);
    }
    parse(text, Some(&tree))
}

/// The tree with errors that depends on the text alone.
fn parse_afresh(text: &str, tree: Tree, whole: Option<&(String, Tree)>) -> Tree {
    if whole.is_none() { tree } else { parse(text, None) }
}

/// Parses a text in pieces; what is unchanged from `before`, the pieces of an earlier state, is not parsed again.
pub(super) fn parse_pieces(text: &str, before: Vec<Piece>) -> Vec<Piece> {
    let Reading { cuts, insertions } = read(text);
    let ends = cuts.iter().copied().chain([text.len() as u32]);
    let ranges: Vec<Range<usize>> = std::iter::once(0)
        .chain(cuts.iter().copied())
        .zip(ends)
        .map(|(start, end)| start as usize..end as usize)
        .collect();
    let is_same = |piece: &Piece, range: &Range<usize>| {
        // What is put in depends on the texts around it, too.
        piece.mended.is_none() && !piece.tree.has_errors() && piece.text == text[range.clone()]
    };
    let first = before.iter().zip(&ranges).take_while(|(piece, range)| is_same(piece, range)).count();
    let rest = before.len().min(ranges.len()) - first;
    let last = before
        .iter()
        .rev()
        .zip(ranges.iter().rev())
        .take(rest)
        .take_while(|(piece, range)| is_same(piece, range))
        .count();
    // Where as many pieces were edited as there are now, each is taken to be the same one.
    let edited_before = before.len() - first - last;
    let edited = ranges.len() - first - last;
    let mut before = before.into_iter();
    let mut pieces = Vec::with_capacity(ranges.len());
    let moved = |piece: Piece, range: &Range<usize>| Piece { start: range.start as u32, ..piece };
    pieces.extend(before.by_ref().take(first).zip(&ranges).map(|(piece, range)| moved(piece, range)));
    let replaced: Vec<Piece> = before.by_ref().take(edited_before).collect();
    let mut replaced = (edited_before == edited).then_some(replaced).into_iter().flatten();
    for (index, range) in ranges.iter().enumerate().skip(first).take(edited) {
        let earlier = match replaced.next() {
            Some(piece) if is_same(&piece, range) => {
                pieces.push(moved(piece, range));
                continue;
            }
            earlier => earlier,
        };
        let from = insertions.partition_point(|insertion| (insertion.at as usize) < range.start);
        // What is missing at the very end has no text behind it.
        let is_last = index + 1 == ranges.len();
        let to = insertions.partition_point(|insertion| is_last || (insertion.at as usize) < range.end);
        pieces.push(Piece::new(range.start as u32, &text[range.clone()], &insertions[from..to], earlier));
    }
    pieces.extend(before.zip(&ranges[first + edited..]).map(|(piece, range)| moved(piece, range)));
    pieces
}
