//! Splitting logical lines into words.

/// A word of a text, by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

/// The words between blanks from `at` on; quotes mean nothing.
pub(super) fn split(text: &str, at: usize) -> Vec<Span> {
    let mut words = Vec::new();
    let mut at = at;
    while let Some(word) = next(text, at) {
        words.push(word);
        at = word.end;
    }
    words
}

/// The first word from `at` on.
pub(super) fn next(text: &str, at: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let start = at + bytes.get(at..)?.iter().position(|byte| !is_blank(*byte))?;
    let end = bytes[start..].iter().position(|byte| is_blank(*byte)).map_or(bytes.len(), |length| start + length);
    Some(Span { start, end })
}

/// The words from `at` on; blanks in quotes and escaped blanks do not end a word.
pub(super) fn split_quoted(text: &str, at: usize, escape: char) -> Vec<Span> {
    let mut words = Vec::new();
    let mut at = at;
    while let Some(word) = next_quoted(text, at, escape) {
        words.push(word);
        at = word.end;
    }
    words
}

/// The first word from `at` on; blanks in quotes and escaped blanks do not end it.
pub(super) fn next_quoted(text: &str, at: usize, escape: char) -> Option<Span> {
    let bytes = text.as_bytes();
    let start = at + bytes.get(at..)?.iter().position(|byte| !is_blank(*byte))?;
    let mut quote = None;
    let mut chars = text.get(start..)?.char_indices();
    while let Some((offset, char)) = chars.next() {
        match quote {
            None if char.is_ascii() && is_blank(char as u8) => return Some(Span { start, end: start + offset }),
            None if char == '"' || char == '\'' => quote = Some(char),
            Some('\'') if char != '\'' => {}
            _ if char == escape => {
                chars.next();
            }
            Some(open) if char == open => quote = None,
            _ => {}
        }
    }
    Some(Span { start, end: text.len() })
}

/// Splits off the flags (`--name`, `--name=value`) from `at` on; returns them and where the rest starts.
/// A bare `--` ends them.
pub(super) fn flags(text: &str, at: usize, escape: char) -> (Vec<Span>, usize) {
    let mut flags = Vec::new();
    let mut at = at;
    while let Some(word) = next_quoted(text, at, escape) {
        let flag = word.of(text);
        if !flag.starts_with("--") {
            return (flags, word.start);
        }
        at = word.end;
        if flag == "--" {
            break;
        }
        flags.push(word);
    }
    let rest = next(text, at).map_or(text.len(), |word| word.start);
    (flags, rest)
}

/// The strings of a JSON array of strings that is all there is from `at` on: the inside of the quotes of each, and
/// what it says. `None` if it is anything else.
pub(super) fn json_strings(text: &str, at: usize) -> Option<Vec<(Span, String)>> {
    let bytes = text.as_bytes();
    let skip =
        |at: usize| at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| is_blank(**byte)).count());
    let mut at = skip(at);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut strings = Vec::new();
    at = skip(at + 1);
    if bytes.get(at) == Some(&b']') {
        return (skip(at + 1) == text.len()).then_some(strings);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let start = at + 1;
        let (length, value) = json_string(text.get(start..)?)?;
        strings.push((Span { start, end: start + length }, value));
        at = skip(start + length + 1);
        match bytes.get(at) {
            Some(b',') => at = skip(at + 1),
            Some(b']') => return (skip(at + 1) == text.len()).then_some(strings),
            _ => return None,
        }
    }
}

/// The string that ends at the first `"` that is not escaped: its length as written, and what it says.
fn json_string(text: &str) -> Option<(usize, String)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((offset, char)) = chars.next() {
        match char {
            '"' => return Some((offset, value)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                'b' => value.push('\u{8}'),
                'f' => value.push('\u{c}'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    let code = u32::from_str_radix(&digits, 16).ok()?;
                    value.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other @ ('"' | '\\' | '/') => value.push(other),
                _ => return None,
            },
            other => value.push(other),
        }
    }
    None
}

/// The heredoc that a word opens: its end word, and whether leading tabs are cut (`<<-`).
pub(super) fn heredoc(word: &str) -> Option<(String, bool)> {
    let rest = word.trim_start_matches(|char: char| char.is_ascii_digit()).strip_prefix("<<")?;
    let (cut, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    if rest.contains('<') {
        return None;
    }
    let name: String = rest.chars().filter(|char| !matches!(char, '"' | '\'')).collect();
    (!name.is_empty()).then_some((name, cut))
}
