//! Words and marks of SQL and PL/pgSQL, as far as their order matters.

use crate::Name;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name that is not quoted.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A string, also between dollars.
    Text,
    /// A number.
    Number,
    /// An operator, a bracket, a comma or a semicolon.
    Mark,
}

/// A token with its place in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
}

impl Token<'_> {
    /// Whether it is that keyword.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is that operator or bracket.
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    /// The name that it stands for, as PostgreSQL folds it.
    pub(super) fn name(&self) -> Option<Name> {
        match self.kind {
            Kind::Word => Some(Name::new(&self.text.to_lowercase())),
            Kind::Quoted => Some(Name::new(self.text.trim_matches('"'))),
            _ => None,
        }
    }

    /// The offset behind it.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The tokens of a text; blanks and comments are left out.
pub(super) fn lex(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |offset| at + offset);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = memchr::memmem::find(&bytes[at + 2..], b"*/").map_or(bytes.len(), |offset| at + offset + 4);
                continue;
            }
            quote @ (b'\'' | b'"') => {
                at = behind_quote(bytes, at, quote);
                if quote == b'"' { Kind::Quoted } else { Kind::Text }
            }
            b'$' => match behind_dollars(bytes, at) {
                Some(end) => {
                    at = end;
                    Kind::Text
                }
                None => {
                    at += 1;
                    Kind::Mark
                }
            },
            byte if byte.is_ascii_digit() => {
                at += bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
                Kind::Number
            }
            byte if is_word(byte) => {
                at += bytes[at..].iter().take_while(|byte| is_word(**byte) || byte.is_ascii_digit()).count();
                Kind::Word
            }
            byte if is_operator(byte) => {
                at += bytes[at..].iter().take_while(|byte| is_operator(**byte)).count();
                Kind::Mark
            }
            _ => {
                at += 1;
                Kind::Mark
            }
        };
        let Some(text) = text.get(start..at) else { break };
        tokens.push(Token { kind, text, start });
    }
    tokens
}

/// Letters beyond ASCII are part of names.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_operator(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'=' | b'!' | b':' | b'|')
}

fn behind_quote(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut next = at + 1;
    while next < bytes.len() {
        if bytes[next] == quote {
            if bytes.get(next + 1) != Some(&quote) {
                return next + 1;
            }
            next += 1;
        }
        next += 1;
    }
    bytes.len()
}

/// The end of `$$ … $$`, `$body$ … $body$`.
fn behind_dollars(bytes: &[u8], at: usize) -> Option<usize> {
    let tag = bytes[at + 1..].iter().take_while(|byte| is_word(**byte) || byte.is_ascii_digit()).count();
    let open = at + 1 + tag;
    if bytes.get(open) != Some(&b'$') {
        return None;
    }
    let quote = &bytes[at..=open];
    Some(memchr::memmem::find(&bytes[open + 1..], quote).map_or(bytes.len(), |offset| open + 1 + offset + quote.len()))
}
