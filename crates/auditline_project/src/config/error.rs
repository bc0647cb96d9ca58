//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

use auditline_source::{Encoding, FilePath, SourceText, TextSize};
use thiserror::Error;

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// The file.
    pub file: FilePath,
    /// The line, from 1; `None` where the whole file is meant.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong, without a full stop at its end.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// All mistakes in a configuration, in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn whole(file: FilePath, message: impl Into<String>) -> Self {
        Self(vec![ConfigError { file, line: None, column: 1, message: message.into() }])
    }
}

/// Collects mistakes with their places.
pub(super) struct Errors<'a> {
    file: FilePath,
    text: &'a SourceText,
    found: Vec<ConfigError>,
}

impl<'a> Errors<'a> {
    pub(super) fn new(file: FilePath, text: &'a SourceText) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        let offset = TextSize::try_from(span.start).unwrap_or(self.text.len());
        let position = self.text.position(offset, Encoding::Utf32);
        self.found.push(ConfigError {
            file: self.file,
            line: Some(position.line + 1),
            column: position.character + 1,
            message: message.into(),
        });
    }

    pub(super) fn finish(mut self) -> Result<(), ConfigErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|error| (error.line, error.column));
        Err(ConfigErrors(self.found))
    }
}
