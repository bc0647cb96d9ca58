//! Cutting a text into statements.

use text_size::{TextRange, TextSize};

/// The ranges of the statements, without the semicolon and the blanks around. Strings, quoted names, dollar quotes and
/// comments are passed over; lines that speak to `psql`, and the rows behind `COPY … FROM stdin`, are left out.
pub(super) fn split(text: &str) -> Vec<TextRange> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' | b'"' | b'`' => at = behind_quote(bytes, at),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at = line_end(bytes, at),
            b'#' if is_blank(&text[start..at]) => {
                at = line_end(bytes, at);
                start = at;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = behind_comment(bytes, at),
            b'$' => at = behind_dollar_quote(bytes, at),
            b'\\' if is_blank(&text[start..at]) => {
                at = line_end(bytes, at);
                start = at;
            }
            b';' => {
                let is_copy = push(text, start, at, &mut found);
                at += 1;
                if is_copy {
                    at = behind_rows(text, at);
                }
                start = at;
            }
            _ => at += 1,
        }
    }
    push(text, start, bytes.len(), &mut found);
    found
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Adds a statement if there is one; whether rows follow it.
fn push(text: &str, start: usize, end: usize, found: &mut Vec<TextRange>) -> bool {
    let end = end.min(text.len());
    let mut start = start.min(end);
    // Comments before a statement are not part of it.
    loop {
        let rest = &text[start..end];
        let trimmed = rest.trim_start();
        start += rest.len() - trimmed.len();
        let bytes = text.as_bytes();
        if trimmed.starts_with("--") {
            start = line_end(bytes, start).min(end);
        } else if trimmed.starts_with("/*") {
            start = behind_comment(bytes, start).min(end);
        } else {
            break;
        }
    }
    let body = text[start..end].trim_end();
    if body.is_empty() {
        return false;
    }
    if let (Ok(from), Ok(len)) = (TextSize::try_from(start), TextSize::try_from(body.len())) {
        found.push(TextRange::at(from, len));
    }
    let lower = body.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("copy"));
    lower && body.to_ascii_lowercase().contains("from stdin")
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |offset| at + offset)
}

fn behind_quote(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut next = at + 1;
    while next < bytes.len() {
        if bytes[next] == quote {
            if bytes.get(next + 1) == Some(&quote) {
                next += 2;
                continue;
            }
            return next + 1;
        }
        next += 1;
    }
    bytes.len()
}

fn behind_comment(bytes: &[u8], at: usize) -> usize {
    memchr::memmem::find(&bytes[at + 2..], b"*/").map_or(bytes.len(), |offset| at + 2 + offset + 2)
}

/// `$$ … $$`, `$body$ … $body$`; a lone dollar is passed over.
fn behind_dollar_quote(bytes: &[u8], at: usize) -> usize {
    let tag = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let open = at + 1 + tag;
    if bytes.get(open) != Some(&b'$') {
        return at + 1;
    }
    let quote = &bytes[at..=open];
    memchr::memmem::find(&bytes[open + 1..], quote).map_or(bytes.len(), |offset| open + 1 + offset + quote.len())
}

fn behind_rows(text: &str, at: usize) -> usize {
    text[at..].find("\n\\.").map_or(text.len(), |offset| line_end(text.as_bytes(), at + offset + 1))
}

/// The bodies of the anonymous blocks of a text: what stands between the dollars of `DO $$ … $$`.
#[must_use]
pub fn procedural_blocks(text: &str) -> Vec<&str> {
    let statements = split(text).into_iter().map(|range| &text[range]);
    let blocks = statements.filter(|statement| {
        let word = statement.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
        word.eq_ignore_ascii_case("do")
    });
    blocks
        .filter_map(|statement| {
            let from = statement.find('$')?;
            let open = from + 1 + statement[from + 1..].find('$')?;
            let quote = &statement[from..=open];
            let body = &statement[open + 1..];
            Some(&body[..body.find(quote).unwrap_or(body.len())])
        })
        .collect()
}
