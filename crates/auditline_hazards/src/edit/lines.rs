//! Lines: where they start, how they are indented, and which of them start inside a string.

use auditline_syntax::{TextRange, TextSize};

fn index(offset: TextSize) -> usize {
    usize::from(offset)
}

fn offset(index: usize) -> TextSize {
    TextSize::new(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The start of the line that holds an offset.
pub(super) fn line_start(text: &str, at: TextSize) -> TextSize {
    let before = text.get(..index(at)).unwrap_or_default();
    offset(before.rfind(['\n', '\r']).map_or(0, |found| found + 1))
}

/// The end of the line that holds an offset, without its line end.
pub(super) fn line_end(text: &str, at: TextSize) -> TextSize {
    let rest = text.get(index(at)..).unwrap_or_default();
    offset(index(at) + rest.find(['\n', '\r']).unwrap_or(rest.len()))
}

/// The start of the next line, if there is one.
pub(super) fn next_line(text: &str, at: TextSize) -> Option<TextSize> {
    let end = index(line_end(text, at));
    let rest = text.get(end..)?;
    let step = if rest.starts_with("\r\n") {
        2
    } else if rest.starts_with(['\n', '\r']) {
        1
    } else {
        return None;
    };
    Some(offset(end + step))
}

/// The blanks at the start of the line that holds an offset.
pub(super) fn indentation(text: &str, at: TextSize) -> &str {
    let line = text.get(index(line_start(text, at))..).unwrap_or_default();
    let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
    &line[..blanks]
}

/// The indentation of what starts at an offset; `None` where something else stands before it on its line.
pub(super) fn own_indentation(text: &str, at: TextSize) -> Option<&str> {
    let before = text.get(index(line_start(text, at))..index(at))?;
    before.chars().all(|c| c == ' ' || c == '\t').then_some(before)
}

/// Whether nothing but blanks and a comment follows on the line.
pub(super) fn ends_line(text: &str, at: TextSize) -> bool {
    let rest = text.get(index(at)..index(line_end(text, at))).unwrap_or_default().trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// The starts of the lines of a range that may be indented: blank lines and lines that start inside a string are left
/// out. The range must start outside any string.
pub(super) fn indentable_lines(text: &str, range: TextRange) -> Vec<TextSize> {
    let bytes = text.as_bytes();
    let (mut at, end) = (index(range.start()), index(range.end()).min(bytes.len()));
    let mut starts = vec![line_start(text, range.start())];
    while at < end {
        match bytes[at] {
            b'#' => {
                while at < end && !matches!(bytes[at], b'\n' | b'\r') {
                    at += 1;
                }
            }
            quote @ (b'"' | b'\'') => at = skip_string(bytes, at, quote),
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => at += 1,
            b'\n' | b'\r' => {
                at += 1;
                if at < end && !matches!(bytes[at], b'\n' | b'\r') {
                    starts.push(offset(at));
                }
            }
            _ => at += 1,
        }
    }
    starts
}

/// The index behind a string that starts at `at`.
fn skip_string(bytes: &[u8], at: usize, quote: u8) -> usize {
    let raw = bytes[..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .take(2)
        .any(|byte| byte.eq_ignore_ascii_case(&b'r'));
    let triple = bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote);
    let mut next = if triple { at + 3 } else { at + 1 };
    while next < bytes.len() {
        match bytes[next] {
            // In a raw string a backslash still keeps the quote behind it from ending the string.
            b'\\' => next += 2,
            byte if byte == quote => {
                if !triple {
                    return next + 1;
                }
                if bytes.get(next + 1) == Some(&quote) && bytes.get(next + 2) == Some(&quote) {
                    return next + 3;
                }
                next += 1;
            }
            b'\n' | b'\r' if !triple && !raw => return next,
            _ => next += 1,
        }
    }
    bytes.len()
}
