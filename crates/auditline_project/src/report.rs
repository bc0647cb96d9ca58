//! What a check of a project found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use auditline_hazards::Hazard;
use auditline_source::{FilePath, SourceText};

use crate::resolved::ResolvedFinding;
use crate::skipped::Skipped;
use crate::suppress::UnusedSuppression;

/// What a check found.
#[derive(Debug, Default)]
pub struct Report {
    /// The findings, by file and place.
    pub findings: Vec<ResolvedFinding>,
    /// Comments that suppress nothing, by file and place.
    pub unused: Vec<UnusedSuppression>,
    /// What should have been checked and could not be read.
    pub skipped: Vec<Skipped>,
    /// What else of the workspace could not be read: it was not to be checked, but might have been looked into.
    pub skipped_elsewhere: Vec<Skipped>,
    /// Checks that failed: internal errors.
    pub failures: Vec<Failure>,
    /// The texts of the files in which findings and their evidence stand.
    pub texts: BTreeMap<FilePath, Arc<SourceText>>,
    /// Counts and times.
    pub stats: Stats,
}

/// A check that failed on a file.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The file.
    pub path: FilePath,
    /// The hazard; `None` if the file could not be analysed at all.
    pub hazard: Option<&'static Hazard>,
}

/// Counts and times of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// The files that were checked.
    pub files_checked: usize,
    /// The files that were read.
    pub files_read: usize,
    /// Findings that comments suppress.
    pub suppressed: usize,
    /// The time it took to find and read the files.
    pub reading: Duration,
    /// The time it took to check them.
    pub checking: Duration,
}

impl Report {
    /// Adds what was found in another workspace.
    pub fn merge(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.unused.extend(other.unused);
        self.skipped.extend(other.skipped);
        self.skipped_elsewhere.extend(other.skipped_elsewhere);
        self.failures.extend(other.failures);
        self.texts.extend(other.texts);
        self.stats.files_checked += other.stats.files_checked;
        self.stats.files_read += other.stats.files_read;
        self.stats.suppressed += other.stats.suppressed;
        self.stats.reading += other.stats.reading;
        self.stats.checking += other.stats.checking;
    }
}
