//! Words as the builder sees them: quotes removed, variables filled in.

use rustc_hash::FxHashMap;

use crate::Name;

/// The variables that an instruction sees.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    variables: FxHashMap<Name, Value>,
}

/// What a variable holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// `None` where nobody can tell.
    pub(super) text: Option<String>,
    /// The build arguments on which it depends.
    pub(super) args: Vec<Name>,
}

impl Scope {
    pub(super) fn set(&mut self, name: Name, value: Value) {
        self.variables.insert(name, value);
    }

    pub(super) fn get(&self, name: Name) -> Option<&Value> {
        self.variables.get(&name)
    }
}

/// What a word says, with the rules of BuildKit's shell lexer.
pub(super) fn expand(word: &str, escape: char, scope: &Scope) -> Value {
    let mut expander = Expander { rest: word, escape, scope, args: Vec::new(), depth: 0 };
    let text = expander.word(None);
    Value { text, args: expander.args }
}

/// Deeper nesting of `${a:-${b:-…}}` has no known value.
const MAX_DEPTH: u32 = 16;

struct Expander<'a> {
    rest: &'a str,
    escape: char,
    scope: &'a Scope,
    args: Vec<Name>,
    depth: u32,
}

impl Expander<'_> {
    fn take(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = &self.rest[char.len_utf8()..];
        Some(char)
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Reads up to `end`, which is left in place, or to the end of the text.
    fn word(&mut self, end: Option<char>) -> Option<String> {
        let mut out = String::new();
        while let Some(char) = self.peek() {
            if Some(char) == end {
                break;
            }
            self.take();
            match char {
                '\'' => loop {
                    match self.take()? {
                        '\'' => break,
                        inner => out.push(inner),
                    }
                },
                '"' => loop {
                    match self.take()? {
                        '"' => break,
                        '$' => out.push_str(&self.variable()?),
                        inner if inner == self.escape => match self.take()? {
                            escaped @ ('"' | '$') => out.push(escaped),
                            escaped if escaped == self.escape => out.push(escaped),
                            other => out.extend([inner, other]),
                        },
                        inner => out.push(inner),
                    }
                },
                '$' => out.push_str(&self.variable()?),
                // The last character of a word stands for itself.
                escape if escape == self.escape => out.push(self.take().unwrap_or(escape)),
                other => out.push(other),
            }
        }
        Some(out)
    }

    /// Reads what stands behind a `$`.
    fn variable(&mut self) -> Option<String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return if name.is_empty() { Some("$".to_owned()) } else { self.lookup(&name) };
        }
        self.take();
        let name = self.name();
        if name.is_empty() {
            return None;
        }
        let mut operator = self.take()?;
        if operator == '}' {
            return self.lookup(&name);
        }
        let empty_counts_as_unset = operator == ':';
        if empty_counts_as_unset {
            operator = self.take()?;
        }
        if !matches!(operator, '-' | '+' | '?') || self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let known = self.args.len();
        let word = self.word(Some('}'));
        self.depth -= 1;
        if self.take() != Some('}') {
            return None;
        }
        let word_args = self.args.split_off(known);
        let value = self.scope.get(Name::new(&name)).cloned();
        let is_set = match &value {
            // Nothing in the file sets it. The base image could, but then the default would have no sense.
            None => false,
            Some(Value { text: Some(text), .. }) => !(empty_counts_as_unset && text.is_empty()),
            // An argument without a default: set or not, by the one who builds.
            Some(Value { text: None, .. }) => return None,
        };
        if let Some(value) = &value {
            self.args.extend(&value.args);
        }
        match (operator, is_set) {
            ('-' | '?', true) => value.and_then(|value| value.text),
            ('+', false) => Some(String::new()),
            ('-', false) | ('+', true) => {
                self.args.extend(word_args);
                word
            }
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let length =
            self.rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        name.to_owned()
    }

    fn lookup(&mut self, name: &str) -> Option<String> {
        let value = self.scope.get(Name::new(name))?;
        self.args.extend(&value.args);
        value.text.clone()
    }
}
