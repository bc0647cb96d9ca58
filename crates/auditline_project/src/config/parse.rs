//! Reading a configuration with the places of its mistakes.

use std::ops::Range;

use auditline_hazards::Severity;
use auditline_source::{FilePath, SourceText};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigErrors, Errors};
use super::selector::{Selector, closest};
use super::{Config, PerFileIgnore};
use crate::pattern::PathPatterns;

/// The keys of a configuration.
pub const KEYS: &[&str] =
    &["select", "ignore", "per-file-ignores", "severity", "exclude", "source-roots", "include-tests"];

/// The text without a byte order mark, and the length of the mark.
pub(super) fn without_mark(text: &str) -> (&str, usize) {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, text.len() - rest.len()),
        None => (text, 0),
    }
}

pub(super) fn parse(root: FilePath, file: FilePath, text: &SourceText) -> Result<Config, ConfigErrors> {
    let (source, mark) = without_mark(text.text());
    let mut reader = Reader { root, mark, errors: Errors::new(file, text) };
    let mut config = Config { file: Some(file), ..Config::default() };
    match DeTable::parse(source) {
        Ok(table) => reader.document(&table, file.file_name() == "pyproject.toml", &mut config),
        Err(error) => reader.error(&error.span().unwrap_or_default(), error.message().to_owned()),
    }
    reader.errors.finish()?;
    Ok(config)
}

struct Reader<'a> {
    root: FilePath,
    mark: usize,
    errors: Errors<'a>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn error(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.errors.add(span.start + self.mark..span.end + self.mark, message);
    }

    fn document(&mut self, document: &Spanned<DeTable<'_>>, is_pyproject: bool, config: &mut Config) {
        if !is_pyproject {
            return self.table(document.get_ref(), config);
        }
        let section = document.get_ref().get("tool").and_then(|tool| tool.get_ref().get("auditline"));
        let Some(section) = section else { return };
        match section.get_ref().as_table() {
            Some(table) => self.table(table, config),
            None => self.wrong_type(section, "`tool.auditline`", "a table"),
        }
    }

    fn table(&mut self, table: &DeTable<'_>, config: &mut Config) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "select" => config.select = self.selectors(value, "`select`"),
                "ignore" => config.ignore = self.selectors(value, "`ignore`"),
                "per-file-ignores" => config.per_file_ignores = self.per_file_ignores(value),
                "severity" => config.severity = self.severities(value),
                "exclude" => config.exclude = self.exclude(value),
                "source-roots" => config.source_roots = self.source_roots(value),
                "include-tests" => match value.get_ref().as_bool() {
                    Some(include) => config.include_tests = include,
                    None => self.wrong_type(value, "`include-tests`", "`true` or `false`"),
                },
                unknown => {
                    let hint = match closest(unknown, KEYS.iter().copied()) {
                        Some(key) => format!("did you mean `{key}`?"),
                        None => format!("the keys are {}", quoted(KEYS)),
                    };
                    self.error(&key.span(), format!("unknown key `{unknown}`; {hint}"));
                }
            }
        }
    }

    fn wrong_type(&mut self, value: &Value<'_>, what: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        self.error(&value.span(), format!("{what} must be {wanted}, not {} {found}", article(found)));
    }

    fn strings(&mut self, value: &Value<'_>, what: &str) -> Vec<Spanned<String>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, what, "an array of strings");
            return Vec::new();
        };
        let mut strings = Vec::new();
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => strings.push(Spanned::new(item.span(), text.to_owned())),
                None => self.wrong_type(item, &format!("an entry of {what}"), "a string"),
            }
        }
        strings
    }

    fn selector(&mut self, span: &Range<usize>, word: &str) -> Option<Selector> {
        match Selector::parse(word) {
            Ok(selector) => Some(selector),
            Err(error) => {
                self.error(span, error.to_string());
                None
            }
        }
    }

    fn selectors(&mut self, value: &Value<'_>, what: &str) -> Vec<Selector> {
        let strings = self.strings(value, what);
        strings.iter().filter_map(|word| self.selector(&word.span(), word.get_ref())).collect()
    }

    fn per_file_ignores(&mut self, value: &Value<'_>) -> Vec<PerFileIgnore> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, "`per-file-ignores`", "a table of patterns with their hazards");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (pattern, hazards) in table {
            let text = pattern.get_ref().as_ref();
            let hazards = self.selectors(hazards, &format!("`per-file-ignores.{text:?}`"));
            let (text, negated) = match text.strip_prefix('!') {
                Some(rest) => (rest, true),
                None => (text, false),
            };
            match PathPatterns::new(self.root, &[text.to_owned()]) {
                Ok(paths) => entries.push(PerFileIgnore { paths, negated, hazards }),
                Err((_, message)) => self.error(&pattern.span(), format!("the pattern cannot be read: {message}")),
            }
        }
        entries
    }

    fn severities(&mut self, value: &Value<'_>) -> Vec<(Selector, Severity)> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(value, "`severity`", "a table of hazards with their severity");
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (word, value) in table {
            let selector = self.selector(&word.span(), word.get_ref());
            let severity = match value.get_ref().as_str() {
                Some("error") => Some(Severity::Error),
                Some("warning") => Some(Severity::Warning),
                Some("information") => Some(Severity::Information),
                Some("hint") => Some(Severity::Hint),
                Some(other) => {
                    let names = quoted(&["error", "warning", "information", "hint"]);
                    self.error(&value.span(), format!("unknown severity `{other}`; the severities are {names}"));
                    None
                }
                None => {
                    self.wrong_type(value, "a severity", "a string");
                    None
                }
            };
            entries.extend(selector.zip(severity));
        }
        entries
    }

    fn exclude(&mut self, value: &Value<'_>) -> PathPatterns {
        let strings = self.strings(value, "`exclude`");
        let patterns: Vec<String> = strings.iter().map(|pattern| pattern.get_ref().clone()).collect();
        PathPatterns::new(self.root, &patterns).unwrap_or_else(|(index, message)| {
            let span = strings.get(index).map(Spanned::span).unwrap_or_default();
            self.error(&span, format!("the pattern cannot be read: {message}"));
            PathPatterns::default()
        })
    }

    fn source_roots(&mut self, value: &Value<'_>) -> Vec<FilePath> {
        let mut roots = Vec::new();
        for text in self.strings(value, "`source-roots`") {
            let path = self.root.join(text.get_ref());
            if !path.starts_with(self.root) {
                self.error(&text.span(), format!("the source root `{}` leads out of the workspace", text.get_ref()));
            } else if !path.as_path().is_dir() {
                self.error(&text.span(), format!("the source root `{}` is not a directory", text.get_ref()));
            } else {
                roots.push(path);
            }
        }
        roots
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
