//! The tokens of Python text, as far as edits need them: where strings, comments, brackets and commas are.
//!
//! The lowered tree knows what a statement means; it does not know where its commas and comments stand.

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many brackets of the lexed text are open around it; a bracket counts as standing outside itself.
    pub(crate) depth: usize,
}

/// The kinds of tokens. Blanks are no tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A string of any kind, whole; the holes of an f-string included.
    String,
    /// From `#` to the end of the line.
    Comment,
    /// `(`, `[`, `{`.
    Open,
    /// `)`, `]`, `}`.
    Close,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `:`.
    Colon,
    /// `.`.
    Dot,
    /// The end of a line.
    LineEnd,
    /// A backslash that joins two lines; the line end follows it.
    Backslash,
    /// A name, keyword or number.
    Word,
    /// Anything else.
    Other,
}

/// The tokens of `text` from `start` to `end`; `start` must not be inside a string or comment.
pub(crate) fn lex(text: &str, start: usize, end: usize) -> Vec<Token> {
    let mut lexer = Lexer { bytes: &text.as_bytes()[..end.min(text.len())], at: start, depth: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Option<Token> {
        while matches!(self.peek(0), b' ' | b'\t' | b'\x0c') {
            self.at += 1;
        }
        let start = self.at;
        let first = *self.bytes.get(start)?;
        let mut depth = self.depth;
        let kind = match first {
            b'\r' | b'\n' => {
                self.at += if first == b'\r' && self.peek(1) == b'\n' { 2 } else { 1 };
                TokenKind::LineEnd
            }
            b'#' => {
                while self.at < self.bytes.len() && !matches!(self.peek(0), b'\r' | b'\n') {
                    self.at += 1;
                }
                TokenKind::Comment
            }
            b'"' | b'\'' => {
                self.at = string_end(self.bytes, start, false);
                TokenKind::String
            }
            b'(' | b'[' | b'{' => {
                self.at += 1;
                self.depth += 1;
                TokenKind::Open
            }
            b')' | b']' | b'}' => {
                self.at += 1;
                self.depth = self.depth.saturating_sub(1);
                depth = self.depth;
                TokenKind::Close
            }
            b'\\' => {
                self.at += 1;
                TokenKind::Backslash
            }
            _ if is_word(first) => {
                while is_word(self.peek(0)) {
                    self.at += 1;
                }
                let word = &self.bytes[start..self.at];
                if matches!(self.peek(0), b'"' | b'\'') && is_prefix(word) {
                    let formatted = word.iter().any(|byte| matches!(byte, b'f' | b'F' | b't' | b'T'));
                    self.at = string_end(self.bytes, self.at, formatted);
                    TokenKind::String
                } else {
                    TokenKind::Word
                }
            }
            _ => {
                self.at += 1;
                match first {
                    b',' => TokenKind::Comma,
                    b';' => TokenKind::Semicolon,
                    b':' => TokenKind::Colon,
                    b'.' => TokenKind::Dot,
                    _ => TokenKind::Other,
                }
            }
        };
        Some(Token { kind, start, end: self.at, depth })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_prefix(word: &[u8]) -> bool {
    word.len() <= 2 && word.iter().all(|byte| matches!(byte.to_ascii_lowercase(), b'r' | b'b' | b'u' | b'f' | b't'))
}

/// The end of the string whose first quote stands at `at`.
fn string_end(bytes: &[u8], at: usize, formatted: bool) -> usize {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let quote = byte(at);
    let triple = byte(at + 1) == quote && byte(at + 2) == quote;
    let mut at = at + if triple { 3 } else { 1 };
    while at < bytes.len() {
        match byte(at) {
            // A raw string keeps its backslashes, but a quote behind one does not end it either.
            b'\\' if formatted && byte(at + 1) == b'{' => at += 1,
            b'\\' if byte(at + 1) == b'\r' && byte(at + 2) == b'\n' => at += 3,
            b'\\' => at += 2,
            b'\r' | b'\n' if !triple => return at,
            b'{' if formatted && byte(at + 1) == b'{' => at += 2,
            b'{' if formatted => at = hole_end(bytes, at + 1),
            found if found == quote && !triple => return at + 1,
            found if found == quote && byte(at + 1) == quote && byte(at + 2) == quote => return at + 3,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of the hole of an f-string, behind its `}`. A hole may hold strings with any quotes (PEP 701).
fn hole_end(bytes: &[u8], at: usize) -> usize {
    let mut lexer = Lexer { bytes, at, depth: 1 };
    while let Some(token) = lexer.next() {
        match token.kind {
            TokenKind::Close if token.depth == 0 => return token.end,
            TokenKind::Colon if token.depth == 1 => return spec_end(bytes, token.end),
            _ => {}
        }
    }
    bytes.len()
}

/// The end of a format specification, behind the `}` of its hole.
fn spec_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'}' => return at + 1,
            b'{' => at = hole_end(bytes, at + 1),
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<&str> {
        let tokens = lex(text, 0, text.len());
        tokens
            .iter()
            .filter(|token| token.kind == TokenKind::String)
            .map(|token| &text[token.start..token.end])
            .collect()
    }

    #[test]
    fn strings_of_every_kind() {
        assert_eq!(strings(r#"a = 'x' + "y\"z" + r'\' + b''"#), ["'x'", r#""y\"z""#, r"r'\' + b'", "'"]);
        assert_eq!(strings("x = '''a\n'b''' ; y"), ["'''a\n'b'''"]);
        assert_eq!(strings("x = ''\ny = \"\"\"\"\"\""), ["''", "\"\"\"\"\"\""]);
        assert_eq!(strings("x = 'open\ny = 'z'"), ["'open", "'z'"]);
        assert_eq!(strings("x = 'a\\\r\nb'"), ["'a\\\r\nb'"]);
    }

    #[test]
    fn f_strings_with_nested_quotes_specs_and_braces() {
        for text in [
            r#"f"{x["a"]}""#,
            r#"f"{{{x}}}""#,
            r#"f"{x:>{width}} {y!r:'>10}""#,
            r#"f"{ {'a': 1}['a'] }""#,
            r#"f"{'}'}""#,
            r#"f"{(lambda x: x)(1)}""#,
            r#"rf"\{x["b"]}""#,
            "f'''{\n  x\n}\n'''",
            r#"f"{f"{f"{1}"}"}""#,
        ] {
            assert_eq!(strings(&format!("a = {text} + b # 'c'")), [text]);
        }
    }

    #[test]
    fn brackets_count_and_comments_hide() {
        let text = "f(a, [b], # )\n  c)";
        let tokens = lex(text, 0, text.len());
        let commas: Vec<usize> =
            tokens.iter().filter(|token| token.kind == TokenKind::Comma).map(|token| token.depth).collect();
        assert_eq!(commas, [1, 1]);
        let closes: Vec<usize> =
            tokens.iter().filter(|token| token.kind == TokenKind::Close).map(|token| token.depth).collect();
        assert_eq!(closes, [1, 0]);
    }
}
