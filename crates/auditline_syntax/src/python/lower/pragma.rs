//! Comments that address a tool.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use text_size::TextRange;
use tree_sitter::Node;

use super::super::ir::Pragma;
use super::super::pieces::Piece;

static NEEDLES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["noqa", "auditline:", "type: ignore", "type:ignore"])
        .ok()
});

/// With more hits than this, one walk over the whole tree is cheaper than a descent for each.
const MANY: usize = 64;

/// Adds the comments in a piece of the text that address a tool. Their words are looked for in its text, and then for each
/// hit the tree says whether it stands in a comment; so a piece without any costs one scan.
pub(super) fn pragmas(text: &str, piece: &Piece, pragmas: &mut Vec<Pragma>) {
    let Some(needles) = NEEDLES.as_ref() else { return };
    let root = piece.tree.root();
    let from = piece.start as usize;
    let parsed = match &piece.mended {
        Some(mended) => mended.text.as_str(),
        None => text.get(from..from + piece.len as usize).unwrap_or_default(),
    };
    let hits: Vec<(usize, usize)> = needles.find_iter(parsed).map(|hit| (hit.start(), hit.end())).collect();
    let comments = if hits.len() > MANY { all_comments(root) } else { comments_at(root, &hits) };
    let mut hits = hits.into_iter().peekable();
    for (start, end) in comments {
        while hits.next_if(|&(hit, _)| hit < start).is_some() {}
        if hits.peek().is_some_and(|&(hit, _)| hit < end) {
            let original =
                |at: usize| from + piece.mended.as_ref().map_or(at, |mended| mended.original(at as u32) as usize);
            pragmas.extend(pragma(text, original(start), original(end)));
        }
    }
}

fn comments_at(root: Node<'_>, hits: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut comments = Vec::new();
    for &(start, end) in hits {
        if let Some(node) = root.descendant_for_byte_range(start, end)
            && node.kind() == "comment"
        {
            comments.push((node.start_byte(), node.end_byte()));
        }
    }
    comments.dedup();
    comments
}

fn all_comments(root: Node<'_>) -> Vec<(usize, usize)> {
    let kind = root.language().id_for_node_kind("comment", true);
    let mut comments = Vec::new();
    let mut cursor = root.walk();
    loop {
        let node = cursor.node();
        if node.kind_id() == kind {
            comments.push((node.start_byte(), node.end_byte()));
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return comments;
            }
        }
    }
}

fn pragma(text: &str, start: usize, end: usize) -> Option<Pragma> {
    // The grammar counts the `\r` of a line end to the comment.
    let comment = text.get(start..end)?.trim_end();
    let line = text[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let range = TextRange::new((start as u32).into(), ((start + comment.len()) as u32).into());
    Some(Pragma {
        range,
        text: comment.trim_start_matches('#').trim().into(),
        own_line: text[line..start].trim_start_matches('\u{feff}').trim().is_empty(),
    })
}
