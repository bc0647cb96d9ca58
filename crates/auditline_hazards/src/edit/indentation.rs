//! Whether the lines of a text stand at depths that Python accepts. The parser is lenient there: it takes a block that is
//! indented too little for an empty one, and goes on.

use super::layout::line_start;
use super::lex::{TokenKind, lex};

/// How many places of a Python text cannot be parsed, or stand at a depth at which Python does not accept them.
#[must_use]
pub fn syntax_errors(text: &str) -> usize {
    let tree = auditline_syntax::python::parse(text, None);
    let broken = if tree.has_errors() { auditline_syntax::python::lower(text, &tree).errors.len().max(1) } else { 0 };
    broken + misplaced_lines(text)
}

/// How many logical lines stand at a depth at which Python does not accept them: deeper than the line before, which opens
/// no block; not deeper than the one that does; between the depths of the blocks around.
fn misplaced_lines(text: &str) -> usize {
    let mut misplaced = 0;
    let mut blocks = vec![0];
    let mut opens = false;
    let mut at_start = true;
    let mut last = None;
    for token in lex(text, text.len() - text.trim_start_matches('\u{feff}').len(), text.len()) {
        match token.kind {
            TokenKind::Comment => {}
            TokenKind::LineEnd => {
                if token.depth == 0 && last.is_some() && last != Some(TokenKind::Backslash) {
                    opens = last == Some(TokenKind::Colon);
                    at_start = true;
                    last = None;
                }
            }
            kind => {
                if at_start {
                    let width = width(&text[line_start(text, token.start)..token.start]);
                    misplaced += usize::from(!place(&mut blocks, width, opens));
                    at_start = false;
                }
                // A colon in brackets is that of a slice, a dictionary or a lambda.
                last = Some(if kind == TokenKind::Colon && token.depth > 0 { TokenKind::Other } else { kind });
            }
        }
    }
    misplaced
}

/// Enters or leaves blocks for a line of that width; whether it may stand there.
fn place(blocks: &mut Vec<usize>, width: usize, opens: bool) -> bool {
    let depth = blocks.last().copied().unwrap_or_default();
    if width > depth {
        if opens {
            blocks.push(width);
        }
        return opens;
    }
    while blocks.last().is_some_and(|block| *block > width) {
        blocks.pop();
    }
    !opens && blocks.last() == Some(&width)
}

/// How wide blanks are: a tab goes to the next multiple of eight columns, a form feed starts the line again.
fn width(blanks: &str) -> usize {
    blanks.chars().fold(0, |width, blank| match blank {
        '\t' => (width / 8 + 1) * 8,
        '\x0c' => 0,
        _ => width + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::misplaced_lines;

    #[test]
    fn lines_that_python_accepts() {
        for text in [
            "",
            "\u{feff}a = 1\r\nif a:\r\n\tb = 2\r\n\r\n\t# deep\r\nelse: c = 3\r\nd = 4\r\n",
            "def f(a: int = 1,\n  b=lambda x: x\n) -> None:\n    '''text\nat the margin'''\n    a = b[1:\n2]\n# comment\n    return \\\n  a\n",
            "class A:\n  def f(self):\n      pass\n\n  x: int\n",
            "if a: # why\n    # only a comment\n    b = {1:\n2}\n    if b:\n        pass\nc = 1",
            "try:\n    a = 1\nexcept Exception:\n    pass\n",
        ] {
            assert_eq!(misplaced_lines(text), 0, "{text}");
        }
    }

    #[test]
    fn lines_that_python_refuses() {
        for (text, count) in [
            ("if a:\nb = 1\n", 1),
            ("a = 1\n    b = 1\n", 1),
            ("if a:\n        b = 1\n    c = 1\n", 1),
            ("    try:\n        a = 1\n", 1),
            ("def f():\n    try:\n        a()\n    except E:\n    b()\n        c()\n", 2),
        ] {
            assert!(misplaced_lines(text) >= count, "{text}");
        }
    }
}
