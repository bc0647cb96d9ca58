//! Positions and edits, on texts with every kind of line end and character.

use auditline_source::{
    ByteEdit, ContentChange, Encoding, Position, PositionRange, SourceText, TextEdit, TextRange, TextSize,
    apply_changes, apply_edits,
};
use proptest::prelude::*;

const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("\n"),
        Just("\r\n"),
        Just("\r"),
        Just("é"),
        Just("😀"),
        Just("\u{feff}"),
        Just("x = 1"),
        Just("\t"),
        Just("日"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// The lines as an editor sees them, without their ends.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + end..];
    }
    lines.push(rest);
    lines
}

fn position() -> impl Strategy<Value = Position> {
    (0..12u32, prop_oneof![0..12u32, Just(u32::MAX)]).prop_map(|(line, character)| Position::new(line, character))
}

proptest! {
    #[test]
    fn an_offset_comes_back(text in text()) {
        let source = SourceText::from(text.as_str());
        for encoding in ENCODINGS {
            for at in 0..=text.len() {
                let position = source.position(TextSize::new(at as u32), encoding);
                let back = usize::from(source.offset(position, encoding));
                prop_assert!(text.is_char_boundary(back));
                let is_inside_mark = text.starts_with('\u{feff}') && at < 3;
                let is_inside_end = text.as_bytes()[..at].ends_with(b"\r") && text.as_bytes()[at..].starts_with(b"\n");
                if text.is_char_boundary(at) && !is_inside_end && !is_inside_mark {
                    prop_assert_eq!(back, at);
                } else if is_inside_mark {
                    prop_assert_eq!(back, 3);
                } else {
                    prop_assert!(back < at);
                }
            }
        }
    }

    #[test]
    fn lines_and_columns_are_those_of_an_editor(text in text()) {
        let source = SourceText::from(text.as_str());
        let lines = lines(&text);
        prop_assert_eq!(source.line_index().line_count() as usize, lines.len());
        for (number, line) in lines.iter().enumerate() {
            let line = if number == 0 { line.trim_start_matches('\u{feff}').len() } else { line.len() };
            let content = source.line_index().line_content(&text, number as u32).unwrap();
            // Only one mark is hidden.
            prop_assert!(usize::from(content.len()) >= line);
            let end = source.offset(Position::new(number as u32, u32::MAX), Encoding::Utf16);
            prop_assert_eq!(end, content.end());
            let slice = source.slice(content);
            let position = source.position(content.end(), Encoding::Utf16);
            prop_assert_eq!(position.character as usize, slice.encode_utf16().count());
            let position = source.position(content.end(), Encoding::Utf32);
            prop_assert_eq!(position.character as usize, slice.chars().count());
            let position = source.position(content.end(), Encoding::Utf8);
            prop_assert_eq!(position.character as usize, slice.len());
            prop_assert_eq!(position.line as usize, number);
        }
    }

    #[test]
    fn any_position_is_somewhere_in_the_text(text in text(), position in position()) {
        let source = SourceText::from(text.as_str());
        for encoding in ENCODINGS {
            let offset = source.offset(position, encoding);
            prop_assert!(text.is_char_boundary(offset.into()));
            let again = source.position(offset, encoding);
            prop_assert!(again <= position || again == source.position(source.len(), encoding) || again.line < position.line);
            prop_assert_eq!(source.offset(again, encoding), offset);
        }
    }

    #[test]
    fn changes_and_their_edits_tell_the_same(
        text in text(),
        changes in prop::collection::vec((prop::option::weighted(0.8, (position(), position())), text()), 0..4),
    ) {
        let changes: Vec<ContentChange> = changes
            .into_iter()
            .map(|(range, text)| ContentChange { range: range.map(|(a, b)| PositionRange::new(a, b)), text })
            .collect();
        let (new, edits) = apply_changes(&text, &changes, Encoding::Utf16);
        let mut current = text.clone();
        let mut rest = &changes[..];
        let mut edits = edits.into_iter();
        while let Some((change, after)) = rest.split_first() {
            let (next, own) = apply_changes(&current, std::slice::from_ref(change), Encoding::Utf16);
            for edit in own {
                prop_assert_eq!(Some(edit), edits.next());
                check(&current, &next, &edit)?;
            }
            current = next;
            rest = after;
        }
        prop_assert_eq!(edits.next(), None);
        prop_assert_eq!(current, new);
    }

    #[test]
    fn the_edit_between_two_texts_leads_from_one_to_the_other(old in text(), new in text()) {
        match ByteEdit::between(&old, &new) {
            None => prop_assert_eq!(old, new),
            Some(edit) => check(&old, &new, &edit)?,
        }
    }

    #[test]
    fn edits_keep_what_they_do_not_name(text in text(), cuts in prop::collection::vec(0..64usize, 0..8)) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut <= text.len() && text.is_char_boundary(cut)).collect();
        cuts.sort_unstable();
        let edits: Vec<TextEdit> = cuts
            .chunks_exact(2)
            .map(|pair| TextEdit::replace(TextRange::new((pair[0] as u32).into(), (pair[1] as u32).into()), "<>"))
            .rev()
            .collect();
        let mut expected = String::new();
        let mut done = 0;
        for pair in cuts.chunks_exact(2) {
            expected.push_str(&text[done..pair[0]]);
            expected.push_str("<>");
            done = pair[1];
        }
        expected.push_str(&text[done..]);
        // Two empty edits at one place keep the order in which they come; all others have their place.
        prop_assert_eq!(apply_edits(&text, &edits).unwrap(), expected);
    }
}

/// Applies an edit to the bytes, and counts the points anew.
fn check(old: &str, new: &str, edit: &ByteEdit) -> Result<(), TestCaseError> {
    let (start, old_end, new_end) = (usize::from(edit.start), usize::from(edit.old_end), usize::from(edit.new_end));
    prop_assert_eq!(&old[..start], &new[..start]);
    prop_assert_eq!(&old[old_end..], &new[new_end..]);
    let point = |text: &str| {
        let row = text.matches('\n').count() as u32;
        let column = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
        (row, column as u32)
    };
    prop_assert_eq!((edit.start_point.row, edit.start_point.column), point(&old[..start]));
    prop_assert_eq!((edit.old_end_point.row, edit.old_end_point.column), point(&old[..old_end]));
    prop_assert_eq!((edit.new_end_point.row, edit.new_end_point.column), point(&new[..new_end]));
    Ok(())
}

#[test]
fn a_column_inside_a_character_is_its_start() {
    let source = SourceText::from("a😀b\r\nc");
    assert_eq!(source.offset(Position::new(0, 2), Encoding::Utf16), TextSize::new(1));
    assert_eq!(source.offset(Position::new(0, 3), Encoding::Utf16), TextSize::new(5));
    assert_eq!(source.offset(Position::new(0, 3), Encoding::Utf8), TextSize::new(1));
    assert_eq!(source.offset(Position::new(0, 99), Encoding::Utf16), TextSize::new(6));
    assert_eq!(source.offset(Position::new(9, 0), Encoding::Utf16), TextSize::new(9));
    assert_eq!(source.position(TextSize::new(8), Encoding::Utf16), Position::new(1, 0));
    assert_eq!(source.line_end(), "\r\n");
}
