//! Findings: one hazard at one place, with its evidence and its fixes.

use std::fmt;
use std::sync::Arc;

use auditline_model::{Db, SourceFile};
use auditline_source::{FilePath, TextEdit};
use auditline_syntax::{Name, TextRange};
use serde::{Deserialize, Serialize};

pub use auditline_model::place::Place;

use crate::catalogue::Hazard;

/// How sure and how bad: see "Severity is what the evidence supports" in the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Posture of the whole project.
    Hint,
    /// Costs later.
    Information,
    /// Goes wrong when two requests meet or a statement fails.
    Warning,
    /// Proved from the code.
    Error,
}

impl Severity {
    /// The lower-case word used in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One hazard at one place.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which hazard.
    pub hazard: &'static Hazard,
    /// How bad, after the evidence; configuration may override it later.
    pub severity: Severity,
    /// One sentence with the user's own names, without a full stop at its end.
    pub message: String,
    /// Where it stands; it must resolve to a place in the file under check.
    pub place: Place,
    /// The path of the function or class it stands in, empty at module level; part of the fingerprint.
    pub symbol: String,
    /// The places that prove it, in the order in which they are to be read.
    pub evidence: Vec<Evidence>,
    /// How it goes wrong, step by step, with the user's own names; shown in the hover.
    pub story: Option<Story>,
    /// How to cure it, the best one first.
    pub fixes: Vec<Fix>,
}

/// A place that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where; in any file.
    pub place: Place,
    /// What stands there, as a sentence without a full stop at its end.
    pub message: String,
}

/// What happens step by step when the hazard strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The actors, one column each: `["Request A", "Request B"]`; a single actor makes a plain list.
    pub actors: Vec<String>,
    /// The steps in time order: the index of the actor and what it does, as Markdown with code spans.
    pub steps: Vec<(usize, String)>,
    /// What is lost in the end.
    pub outcome: String,
}

/// Whether a fix keeps the behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// The same behaviour, but for the hazard.
    Safe,
    /// It also changes behaviour: shown, never applied in bulk unless asked for.
    Unsafe,
}

/// Edits to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file.
    pub file: SourceFile,
    /// The edits, sorted, not overlapping; absolute ranges.
    pub edits: Vec<TextEdit>,
}

/// A file that a fix makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Where it will stand. Nothing stands there yet, and its directory exists.
    pub path: FilePath,
    /// What it will hold.
    pub text: String,
}

/// All that a fix does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The edits of files that exist, file by file.
    pub edits: Vec<FileEdit>,
    /// The files that it makes.
    pub created: Vec<NewFile>,
}

impl From<Vec<FileEdit>> for Changes {
    fn from(edits: Vec<FileEdit>) -> Self {
        Self { edits, created: Vec::new() }
    }
}

type BuildChanges = dyn Fn(&dyn Db) -> Option<Changes> + Send + Sync;

/// A cure. Its edits are computed when they are asked for.
#[derive(Clone)]
pub struct Fix {
    /// What it does, in the imperative: ``Lock the load of `item` ``.
    pub title: String,
    /// Whether it keeps the behaviour.
    pub safety: Safety,
    build: Arc<BuildChanges>,
}

impl Fix {
    /// A fix whose edits `build` computes; `build` answers `None` where no complete edit exists, and then the fix is
    /// not offered.
    pub fn new(
        title: impl Into<String>,
        safety: Safety,
        build: impl Fn(&dyn Db) -> Option<Vec<FileEdit>> + Send + Sync + 'static,
    ) -> Self {
        Self::creating(title, safety, move |db| build(db).map(Changes::from))
    }

    /// A fix that may also make files; as [`Fix::new`].
    pub fn creating(
        title: impl Into<String>,
        safety: Safety,
        build: impl Fn(&dyn Db) -> Option<Changes> + Send + Sync + 'static,
    ) -> Self {
        Self { title: title.into(), safety, build: Arc::new(build) }
    }

    /// What it does; `None` where the fix does not apply.
    #[must_use]
    pub fn changes(&self, db: &dyn Db) -> Option<Changes> {
        (self.build)(db)
    }
}

impl fmt::Debug for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fix").field("title", &self.title).field("safety", &self.safety).finish_non_exhaustive()
    }
}

impl Finding {
    /// The absolute range, for the file under check; `None` if the place is gone.
    #[must_use]
    pub fn range(&self, db: &dyn Db) -> Option<TextRange> {
        self.place.resolve(db).map(|(_, range)| range)
    }

    /// The names of everything a suppression may call this finding: its code and its name.
    #[must_use]
    pub fn answers_to(&self, word: &str) -> bool {
        self.hazard.code.eq_ignore_ascii_case(word) || self.hazard.name == word
    }
}

/// Names in a message: each as code, with commas between them.
#[must_use]
pub fn listed(names: impl IntoIterator<Item: fmt::Display>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The symbol path of a function for [`Finding::symbol`].
#[must_use]
pub fn symbol(path: Name) -> String {
    path.as_str().to_owned()
}
