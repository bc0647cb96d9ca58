//! Strings: prefixes, escapes, holes.

use text_size::TextRange;

use super::super::ir::{Expr, ExprId, FStringPart};
use super::Lowerer;
use super::kind::Kind;

/// One literal.
enum Piece {
    Text(Box<str>),
    Bytes,
    Format(Vec<FStringPart>),
    /// Python 2's backticks, or a literal without an end.
    Unknown,
}

/// How a literal is written: its prefix and where its content lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) is_raw: bool,
    pub(super) is_bytes: bool,
    pub(super) is_format: bool,
    pub(super) is_template: bool,
    /// The length of prefix and opening quotes.
    pub(super) open: usize,
    /// The length of the closing quotes.
    pub(super) close: usize,
}

impl Shape {
    pub(super) fn of(literal: &str) -> Option<Self> {
        let bytes = literal.as_bytes();
        let prefix = bytes.iter().position(|byte| !byte.is_ascii_alphabetic())?;
        let quote = bytes[prefix];
        if quote != b'"' && quote != b'\'' {
            return None;
        }
        let rest = &bytes[prefix..];
        let close = if rest.len() >= 6 && rest[1] == quote && rest[2] == quote { 3 } else { 1 };
        if rest.len() < 2 * close || rest[rest.len() - close..].iter().any(|&byte| byte != quote) {
            return None;
        }
        let has = |letter: u8| bytes[..prefix].iter().any(|byte| byte.to_ascii_lowercase() == letter);
        Some(Self {
            is_raw: has(b'r'),
            is_bytes: has(b'b'),
            is_format: has(b'f') || has(b't'),
            is_template: has(b't'),
            open: prefix + close,
            close,
        })
    }
}

impl Lowerer<'_> {
    pub(super) fn string(&mut self, range: TextRange) -> ExprId {
        let expr = match self.piece() {
            Piece::Text(text) => Expr::Str(text),
            Piece::Bytes => Expr::Bytes,
            Piece::Format(parts) => Expr::FString(parts),
            Piece::Unknown => {
                self.frame.has_errors = true;
                Expr::Opaque(Vec::new())
            }
        };
        self.push(expr, range)
    }

    /// Adjacent literals.
    pub(super) fn concatenated(&mut self) -> Expr {
        let mut parts: Vec<FStringPart> = Vec::new();
        let mut is_format = false;
        let mut other = None;
        self.children(|this, kind| {
            if kind != Kind::String {
                return;
            }
            match this.piece() {
                Piece::Text(text) => add_text(&mut parts, text),
                Piece::Format(own) => {
                    is_format = true;
                    for part in own {
                        match part {
                            FStringPart::Text(text) => add_text(&mut parts, text),
                            FStringPart::Hole(id) => parts.push(FStringPart::Hole(id)),
                        }
                    }
                }
                Piece::Bytes => other = Some(Expr::Bytes),
                Piece::Unknown => {
                    this.frame.has_errors = true;
                    other = Some(Expr::Opaque(Vec::new()));
                }
            }
        });
        if let Some(other) = other {
            return other;
        }
        if is_format {
            return Expr::FString(parts);
        }
        match parts.pop() {
            Some(FStringPart::Text(text)) => Expr::Str(text),
            _ => Expr::Str("".into()),
        }
    }

    fn piece(&mut self) -> Piece {
        let literal = self.slice();
        let Some(shape) = Shape::of(literal) else { return Piece::Unknown };
        if shape.is_bytes {
            return Piece::Bytes;
        }
        if !shape.is_format {
            return Piece::Text(unescape(&literal[shape.open..literal.len() - shape.close], shape.is_raw));
        }
        let mut parts = Vec::new();
        let mut has_holes = false;
        self.depth += 1;
        self.children(|this, kind| match kind {
            Kind::StringContent => {
                let text = unescape(&unbrace(this.slice()), shape.is_raw);
                add_text(&mut parts, text);
            }
            Kind::Interpolation => {
                has_holes = true;
                this.hole(&mut parts);
            }
            _ => {}
        });
        self.depth -= 1;
        if has_holes || shape.is_template {
            parts.shrink_to_fit();
            return Piece::Format(parts);
        }
        match parts.pop() {
            Some(FStringPart::Text(text)) => Piece::Text(text),
            _ => Piece::Text("".into()),
        }
    }

    /// `{value=!r:spec}`; the holes in a format specification follow the hole that it belongs to.
    fn hole(&mut self, parts: &mut Vec<FStringPart>) {
        if self.depth >= super::MAX_EXPRESSION_DEPTH {
            let at = self.start();
            let id = self.absent(at);
            return parts.push(FStringPart::Hole(id));
        }
        self.depth += 1;
        let mut open = self.start();
        let mut hole = None;
        let mut shown = None;
        let mut nested = Vec::new();
        self.children(|this, kind| match kind {
            Kind::OpenBrace => open = this.end(),
            // `{value=}` shows its own text.
            Kind::Equal => shown = this.text.get(open as usize..this.end() as usize),
            Kind::FormatSpecifier => this.children(|this, kind| {
                if kind == Kind::FormatExpression {
                    this.hole(&mut nested);
                }
            }),
            _ if hole.is_none() && kind.is_expression() => hole = Some(this.expr(kind)),
            Kind::Error => this.frame.has_errors = true,
            _ => {}
        });
        self.depth -= 1;
        if let Some(shown) = shown {
            add_text(parts, shown.into());
        }
        let end = self.end();
        let hole = hole.unwrap_or_else(|| self.absent(end));
        parts.push(FStringPart::Hole(hole));
        parts.extend(nested);
    }
}

fn add_text(parts: &mut Vec<FStringPart>, text: Box<str>) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(FStringPart::Text(last)) => {
            let mut joined = String::with_capacity(last.len() + text.len());
            joined.push_str(last);
            joined.push_str(&text);
            *last = joined.into();
        }
        _ => parts.push(FStringPart::Text(text)),
    }
}

/// `{{` and `}}` of an f-string.
fn unbrace(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains("{{") || text.contains("}}") {
        text.replace("{{", "{").replace("}}", "}").into()
    } else {
        text.into()
    }
}

/// The text that a literal's content stands for. `\N{…}` stays as it is written; line ends become `\n`, as Python has
/// it.
pub(super) fn unescape(content: &str, is_raw: bool) -> Box<str> {
    let bytes = content.as_bytes();
    if memchr::memchr2(b'\\', b'\r', bytes).is_none() || (is_raw && memchr::memchr(b'\r', bytes).is_none()) {
        return content.into();
    }
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find(['\\', '\r']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\r') {
            rest = after.strip_prefix('\n').unwrap_or(after);
            out.push('\n');
        } else if is_raw {
            out.push('\\');
            rest = &rest[1..];
        } else {
            rest = escape(&rest[1..], &mut out);
        }
    }
    out.push_str(rest);
    out.into()
}

/// Reads what stands behind a backslash; returns what is left.
fn escape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else {
        out.push('\\');
        return rest;
    };
    let after = chars.as_str();
    let simple = match first {
        '\n' => return after,
        '\r' => return after.strip_prefix('\n').unwrap_or(after),
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'v' => '\x0b',
        '\\' | '\'' | '"' => first,
        'x' | 'u' | 'U' => {
            let len = match first {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits = after.get(..len).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let Some(value) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                out.push('\\');
                return rest;
            };
            // A lone surrogate is no character.
            out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            return &after[len..];
        }
        '0'..='7' => {
            let len = rest.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let value = u32::from_str_radix(&rest[..len], 8).unwrap_or(0);
            out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            return &rest[len..];
        }
        _ => {
            out.push('\\');
            return rest;
        }
    };
    out.push(simple);
    after
}

#[cfg(test)]
mod tests {
    use super::{Shape, unescape};

    #[test]
    fn escapes() {
        for (written, meant) in [
            (r"plain", "plain"),
            (r"a\nb\t\\", "a\nb\t\\"),
            (r"\x41\u00e9\U0001F600", "Aé😀"),
            (r"\101\0", "A\0"),
            (r"\d\.", "\\d\\."),
            (r"\N{DASH}", "\\N{DASH}"),
            ("a\\\nb", "ab"),
            ("a\\\r\nb\r\nc", "ab\nc"),
            (r"\ud800", "\u{fffd}"),
            (r"\x4", "\\x4"),
            (r"\é", "\\é"),
        ] {
            assert_eq!(&*unescape(written, false), meant, "{written}");
        }
        assert_eq!(&*unescape(r"a\n", true), r"a\n");
    }

    #[test]
    fn shapes() {
        assert_eq!(Shape::of("''").map(|shape| (shape.open, shape.close)), Some((1, 1)));
        assert_eq!(Shape::of("rb'''x'''").map(|shape| (shape.open, shape.close)), Some((5, 3)));
        assert_eq!(Shape::of("''''''").map(|shape| (shape.open, shape.close)), Some((3, 3)));
        assert_eq!(Shape::of("'x"), None);
        assert_eq!(Shape::of("`x`"), None);
        assert_eq!(Shape::of("'"), None);
    }
}
