//! Patterns of paths, as `.dockerignore`, `.gitignore` and `COPY` write them.

/// A pattern: `*` and `?` stay within one part of a path, `**` crosses parts, `[a-z]` is a class, `\` escapes.
///
/// Matching takes time in proportion to the lengths of pattern and path, whatever they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Part,
    /// `**` at the end.
    Rest,
    /// `**` or `**/` before something: any number of whole parts.
    Parts,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some(char) = rest.chars().next() {
            rest = &rest[char.len_utf8()..];
            match char {
                '*' => match rest.strip_prefix('*') {
                    Some(behind) => {
                        let behind = behind.trim_start_matches('*');
                        rest = behind.strip_prefix('/').unwrap_or(behind);
                        tokens.push(if rest.is_empty() { Token::Rest } else { Token::Parts });
                    }
                    None => tokens.push(Token::Part),
                },
                '?' => tokens.push(Token::One),
                '\\' => match rest.chars().next() {
                    Some(escaped) => {
                        rest = &rest[escaped.len_utf8()..];
                        tokens.push(Token::Char(escaped));
                    }
                    None => tokens.push(Token::Char('\\')),
                },
                '[' => match class(rest) {
                    Some((token, behind)) => {
                        tokens.push(token);
                        rest = behind;
                    }
                    None => tokens.push(Token::Char('[')),
                },
                other => tokens.push(Token::Char(other)),
            }
        }
        Self { tokens }
    }

    /// Whether a text holds anything that a pattern treats specially.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '\\'])
    }

    /// Whether the pattern matches the whole path. Parts are separated by `/`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut states = vec![false; self.tokens.len() + 1];
        let mut next = states.clone();
        self.enter(&mut states, 0);
        for char in path.chars() {
            next.fill(false);
            for (index, token) in self.tokens.iter().enumerate().filter(|(index, _)| states[*index]) {
                match token {
                    Token::Part if char != '/' => self.enter(&mut next, index),
                    Token::Rest => self.enter(&mut next, index),
                    Token::Parts => {
                        // Once inside a part, only its `/` leads on.
                        next[index] = true;
                        if char == '/' {
                            self.enter(&mut next, index + 1);
                        }
                    }
                    token if token.is(char) => self.enter(&mut next, index + 1),
                    _ => {}
                }
            }
            std::mem::swap(&mut states, &mut next);
        }
        states.last().copied().unwrap_or(false)
    }

    /// Enters a state, and those behind it that can be reached without reading.
    fn enter(&self, states: &mut [bool], index: usize) {
        let mut index = index;
        states[index] = true;
        while matches!(self.tokens.get(index), Some(Token::Part | Token::Rest | Token::Parts)) {
            index += 1;
            states[index] = true;
        }
    }
}

impl Token {
    /// Whether it stands for this one character.
    fn is(&self, char: char) -> bool {
        match self {
            Self::Char(expected) => *expected == char,
            Self::One => char != '/',
            Self::Class { negated, ranges } => {
                char != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated
            }
            Self::Part | Self::Rest | Self::Parts => false,
        }
    }
}

/// Reads a class behind its `[`; returns what stands behind its `]`.
fn class(text: &str) -> Option<(Token, &str)> {
    let (negated, body) = match text.strip_prefix(['^', '!']) {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut ranges = Vec::new();
    let mut chars = body.char_indices().peekable();
    while let Some((offset, char)) = chars.next() {
        if char == ']' && !ranges.is_empty() {
            return Some((Token::Class { negated, ranges }, &body[offset + 1..]));
        }
        let low = if char == '\\' { chars.next()?.1 } else { char };
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some((_, '-')), Some((_, high))) if high != ']' => {
                chars = ahead;
                if high == '\\' { chars.next()?.1 } else { high }
            }
            _ => low,
        };
        ranges.push((low, high));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("a.txt", "a.txt", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "d/a.txt", false),
            ("**/*.txt", "a.txt", true),
            ("**/*.txt", "d/e/a.txt", true),
            ("**/x", "ax", false),
            ("**/x", "a/bx", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/xb", false),
            ("**", "a/b", true),
            ("**/a/**/b", "q/a/a/c/b", true),
            ("?.py", "a.py", true),
            ("?.py", "/.py", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a]x", "bx", true),
            ("[]x", "[]x", true),
            ("[", "[", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
            ("*", "", true),
            ("*a*b*c*", "xxaxxbxxcxx", true),
            ("ä?ö", "äxö", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "*a**/".repeat(200) + "b";
        let path = "a/".repeat(2_000);
        assert!(!Glob::new(&pattern).matches(&path));
    }
}
