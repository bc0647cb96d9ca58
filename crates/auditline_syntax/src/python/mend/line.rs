//! Reading a text line by line: brackets, strings, headers.

use super::Insertion;
use super::word::{is_header, is_keyword, is_match, split, starts_statement, wants_more};

/// More holes than this are no typing any more.
const MAX_INSERTIONS: usize = 200;

/// More open brackets than this are no typing either.
const MAX_DEPTH: usize = 200;

/// How often a string that swallowed definitions is closed.
const MAX_STRINGS: usize = 4;

/// What a reader sees in a text: where it falls into pieces that can be parsed on their own, and what is missing in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Reading {
    /// Where a statement starts at the margin, but for the first one: in order. `else` and its like go on with the statement
    /// above them, and a definition with its decorators.
    pub(in super::super) cuts: Vec<u32>,
    /// What is missing, in order.
    pub(in super::super) insertions: Vec<Insertion>,
}

/// Reads a text.
pub(in super::super) fn read(text: &str) -> Reading {
    let mut closed = Vec::new();
    loop {
        let mut reader = Reader::new(text, &closed);
        reader.read();
        match reader.lost_string {
            Some(open) if closed.len() < MAX_STRINGS && !closed.contains(&open) => closed.push(open),
            _ => return Reading { cuts: reader.cuts, insertions: reader.insertions },
        }
    }
}

/// The last token of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Word {
        start: usize,
        end: usize,
    },
    Dot,
    Colon,
    /// An operator that wants a right side.
    Operator,
    /// Anything complete: a string, a bracket.
    Other,
}

/// A statement's line while it is read, over as many lines of text as its brackets span.
#[derive(Debug, Clone)]
struct Line {
    start: usize,
    /// The closing brackets that are missing so far.
    stack: Vec<u8>,
    /// The end of the last token.
    end: usize,
    last: Last,
    has_colon: bool,
    has_bracket: bool,
    has_in: bool,
    has_import: bool,
    /// The rest of its text has been cut off.
    is_cut: bool,
}

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    /// Where strings open that are to be closed at the end of their line.
    pub(super) closed: &'t [usize],
    pub(super) insertions: Vec<Insertion>,
    /// Where a piece of the text starts that can be parsed on its own.
    cuts: Vec<u32>,
    /// The string in triple quotes that seems not to have been closed.
    pub(super) lost_string: Option<usize>,
    /// The strings in triple quotes that hold what looks like a definition outside them.
    pub(super) suspects: Vec<usize>,
    /// A decorator that waits for its definition: where it ends, and where its line starts.
    decorator: Option<(usize, usize)>,
    /// How many bytes may be read a second time.
    pub(super) budget: usize,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, closed: &'t [usize]) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            closed,
            insertions: Vec::new(),
            cuts: Vec::new(),
            lost_string: None,
            suspects: Vec::new(),
            decorator: None,
            budget: 4 * text.len() + (1 << 20),
        }
    }

    fn read(&mut self) {
        let mut at = if self.text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut is_first = true;
        while let Some((start, indent)) = self.next_line(at) {
            let goes_on = self.before(start);
            if indent == 0 && !goes_on && !is_first {
                self.cuts.push(start as u32);
            }
            is_first = false;
            at = self.line(start, indent);
            if self.insertions.len() >= MAX_INSERTIONS || self.lost_string.is_some() || self.budget == 0 {
                return;
            }
        }
        self.orphan();
    }

    /// Puts something in, unless too much has been put in already.
    pub(super) fn insert(&mut self, at: usize, text: String) {
        if self.insertions.len() < MAX_INSERTIONS {
            self.insertions.push(Insertion { at: at as u32, text });
        }
    }

    /// The first line from `at` on that is neither blank nor a comment: where its text starts, and its indentation.
    fn next_line(&self, mut at: usize) -> Option<(usize, usize)> {
        let mut indent = 0;
        loop {
            match self.bytes.get(at)? {
                b' ' => indent += 1,
                b'\t' => indent += 8,
                b'\n' | b'\r' | b'\x0c' => indent = 0,
                b'#' => at = self.line_end(at),
                _ => return Some((at, indent)),
            }
            at += 1;
            if self.bytes.get(at - 1) == Some(&b'\n') {
                indent = 0;
            }
        }
    }

    pub(super) fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |end| at + end)
    }

    /// The text of a line from `at` on.
    fn rest(&self, at: usize) -> &'t str {
        self.text.get(at..self.line_end(at)).unwrap_or_default()
    }

    /// Looks at how a line starts before it is read. Says whether it goes on with the statement above it: a definition
    /// with its decorators, an `else` with its `if`.
    fn before(&mut self, start: usize) -> bool {
        let rest = self.rest(start);
        let (first, behind) = split(rest);
        let is_definition = matches!(first, "def" | "class") || (first == "async" && behind.starts_with("def"));
        let is_decorated = self.decorator.is_some() && (is_definition || rest.starts_with('@'));
        if is_definition {
            self.decorator = None;
        } else if !rest.starts_with('@') {
            self.orphan();
        }
        is_decorated || matches!(first, "else" | "elif" | "except" | "finally")
    }

    /// A decorator without a definition gets one.
    fn orphan(&mut self) {
        if let Some((end, start)) = self.decorator.take() {
            let from = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
            let indent = self.text[from..start].trim_start_matches('\u{feff}');
            let text = format!("\n{indent}def _(): pass");
            self.insert(end, text);
        }
    }

    /// Reads a statement's line; returns where the next one starts.
    fn line(&mut self, start: usize, indent: usize) -> usize {
        let mut line = Line {
            start,
            stack: Vec::new(),
            end: start,
            last: Last::Other,
            has_colon: false,
            has_bracket: false,
            has_in: false,
            has_import: false,
            is_cut: false,
        };
        // The first line further down that stands no deeper than this one: if a bracket turns out never to be closed, the
        // statement ended above it.
        let mut candidate: Option<(Line, usize, usize)> = None;
        let mut at = start;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\n' if line.stack.is_empty() => {
                    self.finish(line);
                    return at + 1;
                }
                b'\n' => {
                    let Some((next, depth)) = self.next_line(at) else { break };
                    if starts_statement(self.rest(next)) {
                        at = next;
                        break;
                    }
                    let is_closing = matches!(self.bytes[next], b')' | b']' | b'}');
                    if depth <= indent && !is_closing && candidate.is_none() {
                        candidate = Some((line.clone(), next, self.insertions.len()));
                    }
                    at = next;
                }
                b' ' | b'\t' | b'\r' | b'\x0c' => at += 1,
                b'#' => at = self.line_end(at),
                b'\\' => {
                    // A line that goes on; the line end is skipped with the backslash.
                    at += 1;
                    at += usize::from(self.bytes.get(at) == Some(&b'\r'));
                    at += usize::from(self.bytes.get(at) == Some(&b'\n'));
                }
                b'"' | b'\'' => {
                    let Some(end) = self.string(at, indent) else { return self.bytes.len() };
                    line.last = Last::Other;
                    line.end = end;
                    at = end;
                }
                _ => at = self.token(&mut line, at, byte),
            }
        }
        if line.stack.is_empty() {
            self.finish(line);
            return self.bytes.len();
        }
        let next = at.min(self.bytes.len());
        let (line, resume, kept) = candidate.unwrap_or((line, next, self.insertions.len()));
        self.insertions.truncate(kept);
        self.budget = self.budget.saturating_sub(next - resume.min(next));
        self.finish(line);
        resume
    }

    fn token(&mut self, line: &mut Line, at: usize, byte: u8) -> usize {
        let mut end = at + 1;
        match byte {
            b'(' | b'[' | b'{' => {
                line.has_bracket |= line.stack.is_empty();
                line.stack.push(match byte {
                    b'(' => b')',
                    b'[' => b']',
                    _ => b'}',
                });
                line.last = Last::Other;
            }
            b')' | b']' | b'}' => {
                if !self.close(line, at, byte) {
                    return self.cut(line, at);
                }
                line.last = Last::Other;
            }
            b':' if self.bytes.get(end) == Some(&b'=') => {
                end += 1;
                line.last = Last::Operator;
            }
            b':' => {
                line.has_colon |= line.stack.is_empty();
                line.last = Last::Colon;
            }
            b'.' if self.bytes[at..].starts_with(b"...") => {
                end += 2;
                line.last = Last::Other;
            }
            b'.' => line.last = Last::Dot,
            b'=' | b'+' | b'-' | b'*' | b'/' | b'%' | b'@' | b'|' | b'&' | b'^' | b'<' | b'>' | b'~' => {
                line.last = Last::Operator;
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | 0x80.. => {
                let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
                end = at + self.bytes[at..].iter().take_while(|byte| is_word(byte)).count();
                match &self.bytes[at..end] {
                    b"in" => line.has_in |= line.stack.is_empty(),
                    b"import" => line.has_import = true,
                    _ => {}
                }
                if byte.is_ascii_digit() {
                    end = self.number_end(at);
                }
                if self.is_stray(line, at, end) {
                    if line.stack.is_empty() {
                        return self.cut(line, at);
                    }
                    self.insert(line.end, ",".to_owned());
                }
                line.last = Last::Word { start: at, end };
            }
            b'$' | b'?' | b'!' if self.bytes.get(end) != Some(&b'=') => return self.cut(line, at),
            _ => line.last = Last::Other,
        }
        line.end = end;
        end
    }

    /// The end of a number: `1.5e-3j`.
    fn number_end(&self, at: usize) -> usize {
        let mut end = at + 1;
        while let Some(&byte) = self.bytes.get(end) {
            let is_exponent = matches!(byte, b'+' | b'-') && matches!(self.bytes[end - 1], b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' || is_exponent) {
                break;
            }
            end += 1;
        }
        end
    }

    /// Whether a word stands behind another as no two words do.
    fn is_stray(&self, line: &Line, at: usize, end: usize) -> bool {
        let Last::Word { start: first, end: stop } = line.last else { return false };
        let word = |from, to| self.text.get(from..to).unwrap_or_default();
        let is_soft = first == line.start && matches!(word(first, stop), "match" | "case" | "type" | "print" | "exec");
        !is_soft && !is_keyword(word(first, stop)) && !is_keyword(word(at, end))
    }

    /// A closing bracket; those opened inside it and not closed are closed in front of it.
    /// Says whether any was opened.
    fn close(&mut self, line: &mut Line, at: usize, byte: u8) -> bool {
        let Some(level) = line.stack.iter().rposition(|&closing| closing == byte) else { return false };
        let mut text = String::new();
        if level + 1 < line.stack.len() {
            self.fill(line, &mut text);
            while line.stack.len() > level + 1 {
                text.extend(line.stack.pop().map(char::from));
            }
        }
        line.stack.pop();
        if !text.is_empty() {
            self.insert(line.end.min(at), text);
        }
        true
    }

    /// Cuts off the rest of a line of text: it becomes a comment. Returns where it ends.
    fn cut(&mut self, line: &mut Line, at: usize) -> usize {
        if line.stack.is_empty() {
            let whole = line.clone();
            self.finish(whole);
            line.is_cut = true;
        }
        self.insert(line.end, "#".to_owned());
        self.line_end(at)
    }

    /// Puts in what a line lacks.
    fn finish(&mut self, mut line: Line) {
        if line.is_cut || line.stack.len() > MAX_DEPTH {
            return;
        }
        let rest = self.rest(line.start);
        let (first, behind) = split(rest);
        let second = split(behind).0;
        let mut text = String::new();
        if !line.stack.is_empty() {
            self.fill(&line, &mut text);
            while let Some(closing) = line.stack.pop() {
                text.push(char::from(closing));
            }
            line.last = Last::Other;
        }
        if is_header(first, second) {
            if !line.has_colon {
                let (word, named) = if first == "async" { (second, split(split(behind).1).0) } else { (first, second) };
                self.header(&line, word, named, &mut text);
                text.push(':');
            }
        } else if first == "from" && !line.has_import {
            text.push_str(match line.last {
                Last::Word { start, .. } if start == line.start => " _ import _",
                Last::Dot if !second.is_empty() => "_ import _",
                _ => " import _",
            });
        } else if is_match(first, behind) {
            if !line.has_colon {
                self.fill(&line, &mut text);
                text.push(':');
            }
        } else {
            // `from m import *`
            let is_star = first == "from" && line.last == Last::Operator;
            // `match(x):` may be either.
            let is_either = matches!(first, "match" | "case") && line.last == Last::Colon;
            if !is_star && !is_either {
                self.fill(&line, &mut text);
            }
        }
        if rest.starts_with('@') {
            self.decorator = Some((line.end, line.start));
        }
        if !text.is_empty() {
            self.insert(line.end, text);
        }
    }

    /// What a header lacks besides its colon.
    fn header(&self, line: &Line, word: &str, named: &str, text: &mut String) {
        match word {
            "def" if named.is_empty() => text.push_str(" _()"),
            "def" if !line.has_bracket => text.push_str("()"),
            "class" if named.is_empty() => text.push_str(" _"),
            "for" if named.is_empty() && !line.has_bracket => text.push_str(" _ in _"),
            "for" if !line.has_in => {
                self.fill(line, text);
                text.push_str(" in _");
            }
            "else" | "try" | "finally" | "except" if matches!(line.last, Last::Word { start, .. } if start == line.start) =>
                {}
            _ => self.fill(line, text),
        }
    }

    /// Puts a name where the last token wants something behind it.
    fn fill(&self, line: &Line, text: &mut String) {
        match line.last {
            Last::Dot => text.push('_'),
            Last::Operator => text.push_str(" _"),
            // An annotation, a value in a dictionary.
            Last::Colon if line.stack.last() != Some(&b']') => text.push_str(" _"),
            Last::Word { start, end } => match &self.text[start..end] {
                "for" => text.push_str(" _ in _"),
                "lambda" => text.push_str(": _"),
                word if wants_more(word) => text.push_str(" _"),
                _ => {}
            },
            _ => {}
        }
    }
}
