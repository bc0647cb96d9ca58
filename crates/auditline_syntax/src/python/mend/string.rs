//! Strings in a text that is being typed.

use super::line::Reader;
use super::word::starts_definition;

/// How deep f-strings nest in the holes of one another.
const MAX_NESTING: u32 = 8;

impl Reader<'_> {
    /// Reads a string; returns where it ends, or nothing if the text is to be read anew.
    pub(super) fn string(&mut self, at: usize, indent: usize) -> Option<usize> {
        let quote = self.bytes[at];
        let triple = [quote; 3];
        if !self.bytes[at..].starts_with(&triple) {
            return Some(self.short_string(at, quote));
        }
        let mut end = at + 3;
        let is_closed = loop {
            match self.bytes.get(end) {
                None => break false,
                Some(b'\\') => end += 2,
                Some(_) if self.bytes[end..].starts_with(&triple) => break true,
                Some(_) => end += 1,
            }
        };
        let end = end.min(self.bytes.len());
        if self.closed.contains(&at) || !is_closed && !self.closed.is_empty() {
            let mut stop = self.line_end(at);
            stop -= usize::from(self.bytes[..stop].ends_with(b"\r"));
            // Not behind a backslash.
            while self.bytes[..stop].ends_with(b"\\") {
                stop -= 1;
            }
            let stop = stop.max(at + 3);
            self.insert(stop, String::from_utf8_lossy(&triple).into_owned());
            return Some(stop);
        }
        if is_closed {
            if self.swallows(at, end, indent) {
                self.suspects.push(at);
            }
            return Some(end + 3);
        }
        self.lost_string = Some(self.suspects.first().copied().unwrap_or(at));
        None
    }

    /// Whether a string holds a line that looks like a definition outside it.
    fn swallows(&self, at: usize, end: usize, indent: usize) -> bool {
        let content = self.text.get(at..end).unwrap_or_default();
        content.split('\n').skip(1).any(|line| {
            let own = line.trim_start_matches([' ', '\t']);
            let depth: usize =
                line[..line.len() - own.len()].bytes().map(|byte| if byte == b'\t' { 8 } else { 1 }).sum();
            depth <= indent && starts_definition(own)
        })
    }

    /// Reads a string in single quotes; one that does not end on its line is closed there.
    fn short_string(&mut self, at: usize, quote: u8) -> usize {
        let is_format = self.has_holes(at);
        if is_format && let Some(end) = self.format_string(at, 0) {
            return end;
        }
        let mut end = at + 1;
        let is_closed = loop {
            match self.bytes.get(end) {
                Some(b'\\') => end += 2,
                Some(&byte) if byte == quote => break true,
                None | Some(b'\n' | b'\r') => break false,
                Some(_) => end += 1,
            }
        };
        let end = end.min(self.bytes.len());
        let mut text = String::new();
        if is_format {
            close_holes(&self.bytes[at + 1..end], &mut text);
        }
        if !is_closed {
            text.push(char::from(quote));
        }
        if !text.is_empty() {
            self.insert(end, text);
        }
        end + usize::from(is_closed)
    }

    /// Whether the string that opens at `at` has a prefix with which it may have holes.
    fn has_holes(&self, at: usize) -> bool {
        let before = &self.bytes[..at];
        let len = before.iter().rev().take(3).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let prefix = &before[at - len..];
        len < 3
            && prefix.iter().all(|byte| matches!(byte.to_ascii_lowercase(), b'f' | b't' | b'r'))
            && prefix.iter().any(|byte| matches!(byte.to_ascii_lowercase(), b'f' | b't'))
    }

    /// The end of an f-string on one line, whose holes may hold strings with the same quotes; nothing if it does not
    /// end, or a hole does not.
    fn format_string(&mut self, at: usize, depth: u32) -> Option<usize> {
        let quote = self.bytes[at];
        let mut stack: Vec<u8> = Vec::new();
        let mut end = at + 1;
        loop {
            self.budget = self.budget.checked_sub(1)?;
            let byte = *self.bytes.get(end)?;
            end += 1;
            match byte {
                b'\n' | b'\r' => return None,
                b'\\' if stack.is_empty() => end += 1,
                b'{' if stack.is_empty() && self.bytes.get(end) == Some(&b'{') => end += 1,
                b'{' => stack.push(b'}'),
                _ if stack.is_empty() && byte == quote => return Some(end),
                _ if stack.is_empty() => {}
                b'(' => stack.push(b')'),
                b'[' => stack.push(b']'),
                b')' | b']' | b'}' if stack.pop() != Some(byte) => return None,
                b')' | b']' | b'}' => {}
                b'"' | b'\'' if depth >= MAX_NESTING => return None,
                b'"' | b'\'' if self.has_holes(end - 1) => end = self.format_string(end - 1, depth + 1)?,
                b'"' | b'\'' => loop {
                    let inner = *self.bytes.get(end)?;
                    end += 1;
                    match inner {
                        b'\n' | b'\r' => return None,
                        b'\\' => end += 1,
                        _ if inner == byte => break,
                        _ => {}
                    }
                },
                _ => {}
            }
        }
    }
}

/// Closes the holes that are open at the end of the content of an f-string.
fn close_holes(content: &[u8], text: &mut String) {
    let mut stack: Vec<u8> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = content.get(at) {
        at += 1;
        match byte {
            b'{' if stack.is_empty() && content.get(at) == Some(&b'{') => at += 1,
            b'{' => stack.push(b'}'),
            b'(' if !stack.is_empty() => stack.push(b')'),
            b'[' if !stack.is_empty() => stack.push(b']'),
            b')' | b']' | b'}' if stack.last() == Some(&byte) => {
                stack.pop();
            }
            _ => {}
        }
    }
    let last = content.iter().rev().find(|byte| !byte.is_ascii_whitespace());
    if !stack.is_empty() && last.is_some_and(|byte| b"{.+-*/%@|&^<>=~".contains(byte)) {
        text.push('_');
    }
    text.extend(stack.into_iter().rev().map(char::from));
}
