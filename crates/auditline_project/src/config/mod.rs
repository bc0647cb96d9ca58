//! The configuration of a workspace.

mod error;
mod parse;
mod selector;
mod spot;

use auditline_hazards::{Hazard, Severity};
use auditline_source::{FilePath, SourceText};
use toml::de::DeTable;

use crate::pattern::PathPatterns;
use crate::read::{MAX_FILE_SIZE, read_text};
use crate::skipped::SkipReason;

pub use error::{ConfigError, ConfigErrors};
pub use parse::KEYS;
pub use selector::{Selector, UnknownHazard};
pub use spot::{ConfigSpot, ConfigSpotKind, config_spot};

/// The names of the configuration file, the stronger first; `pyproject.toml` comes after them.
const FILE_NAMES: &[&str] = &["auditline.toml", ".auditline.toml"];

/// What the user configured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The file that it was read from.
    pub file: Option<FilePath>,
    /// Which hazards are looked for; empty: all.
    pub select: Vec<Selector>,
    /// Which of them are not.
    pub ignore: Vec<Selector>,
    /// Which are not looked for in some files.
    pub per_file_ignores: Vec<PerFileIgnore>,
    /// Which have another severity than the evidence gives them.
    pub severity: Vec<(Selector, Severity)>,
    /// Which paths do not belong to the workspace.
    pub exclude: PathPatterns,
    /// Directories from which absolute imports are resolved, besides those that are found.
    pub source_roots: Vec<FilePath>,
    /// Whether tests are reported on as production code is.
    pub include_tests: bool,
}

/// Hazards that are not looked for in some files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerFileIgnore {
    /// Which files.
    pub paths: PathPatterns,
    /// The pattern started with `!`: every other file is meant.
    pub negated: bool,
    /// Which hazards.
    pub hazards: Vec<Selector>,
}

impl Config {
    /// The configuration of the workspace at `root`: `auditline.toml`, `.auditline.toml` or `[tool.auditline]` in
    /// `pyproject.toml`, whichever is there first; the default where none is.
    ///
    /// # Errors
    /// If the file cannot be read or says what it should not.
    pub fn load(root: FilePath) -> Result<Self, ConfigErrors> {
        for name in FILE_NAMES {
            let file = root.join(name);
            if file.as_path().is_file() {
                return Self::read(root, file);
            }
        }
        let pyproject = root.join("pyproject.toml");
        match declared_in(root) {
            Some(Declared::Auditline) => Self::read(root, pyproject),
            _ => Ok(Self::default()),
        }
    }

    /// Whether a configuration may stand in a file of that name.
    #[must_use]
    pub fn is_config_file(path: FilePath) -> bool {
        path.file_name() == "pyproject.toml" || FILE_NAMES.contains(&path.file_name())
    }

    /// The configuration in `file`, a `pyproject.toml` or a file with the keys at its top. Paths in it are relative to
    /// `root`.
    ///
    /// # Errors
    /// If the file cannot be read or says what it should not.
    pub fn read(root: FilePath, file: FilePath) -> Result<Self, ConfigErrors> {
        match read_text(file.as_path(), MAX_FILE_SIZE) {
            Ok(text) => Self::parse(root, file, &text),
            Err(SkipReason::Io(error)) => Err(ConfigErrors::whole(file, format!("cannot be read: {error}"))),
            Err(reason) => Err(ConfigErrors::whole(file, format!("cannot be read: {reason}"))),
        }
    }

    /// The configuration in `text`, which is the content of `file`.
    ///
    /// # Errors
    /// If it says what it should not.
    pub fn parse(root: FilePath, file: FilePath, text: &SourceText) -> Result<Self, ConfigErrors> {
        parse::parse(root, file, text)
    }

    /// The severity that was configured for the hazard; the closest name counts.
    #[must_use]
    pub fn severity_of(&self, hazard: &Hazard) -> Option<Severity> {
        self.severity
            .iter()
            .filter_map(|(selector, severity)| Some((selector.rank(hazard)?, *severity)))
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, severity)| severity)
    }

    /// Whether the hazard is not looked for in that file.
    #[must_use]
    pub fn is_ignored_in(&self, hazard: &Hazard, path: FilePath) -> bool {
        self.per_file_ignores.iter().any(|entry| {
            entry.hazards.iter().any(|selector| selector.matches(hazard)) && entry.paths.matches(path) != entry.negated
        })
    }
}

/// What a directory's files say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    /// It has a configuration of this tool.
    Auditline,
    /// It is the top of a `uv` workspace.
    UvWorkspace,
}

/// What the configuration files directly in `directory` declare.
pub(crate) fn declared_in(directory: FilePath) -> Option<Declared> {
    if FILE_NAMES.iter().any(|name| directory.as_path().join(name).is_file()) {
        return Some(Declared::Auditline);
    }
    let pyproject = directory.as_path().join("pyproject.toml");
    if !pyproject.is_file() {
        return None;
    }
    let text = read_text(&pyproject, MAX_FILE_SIZE).ok()?;
    let Ok(table) = DeTable::parse(parse::without_mark(text.text()).0) else {
        // A broken file counts if it means us, so that the mistake is shown; otherwise it is none of our business.
        let mentions = text.text().lines().any(|line| line.trim_start().starts_with("[tool.auditline"));
        return mentions.then_some(Declared::Auditline);
    };
    let tool = table.get_ref().get("tool")?.get_ref();
    if tool.get("auditline").is_some() {
        return Some(Declared::Auditline);
    }
    tool.get("uv")?.get_ref().get("workspace").map(|_| Declared::UvWorkspace)
}
