//! Findings as JSON, in the form that other programs may rely on.

use std::collections::BTreeMap;
use std::io::{self, Write};

use auditline_hazards::{CATALOGUE, Hazard, Safety, Severity};
use auditline_project::{FixRejection, LineColumn, RejectedFix, Report, ResolvedFinding, ResolvedRange, Skipped};
use auditline_source::FilePath;
use serde::Serialize;

use crate::paths::{relative, relative_text};

/// The version of the form. It changes only when a reader of the old form would misunderstand the new one.
pub const VERSION: u32 = 1;

/// The whole output.
#[derive(Debug, Serialize)]
pub struct Document {
    /// [`VERSION`].
    pub version: u32,
    /// The findings, by file and place.
    pub findings: Vec<JsonFinding>,
    /// Comments that suppress nothing, by file and place; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unused_suppressions: Vec<JsonUnused>,
    /// Fixes that turned out to be wrong here, and were not applied; left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected_fixes: Vec<JsonRejectedFix>,
    /// What was done.
    pub summary: Summary,
}

/// A fix that was not applied.
#[derive(Debug, Serialize)]
pub struct JsonRejectedFix {
    /// The hazard that it should have cured.
    pub code: &'static str,
    /// The file in which the finding stands, relative to the working directory.
    pub path: String,
    /// What it should have done.
    pub title: String,
    /// Why it was not applied, in words.
    pub reason: String,
    /// The hazard that it would have put in the place of the other; left out where that is not the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brings_in: Option<&'static str>,
}

/// A comment that suppresses nothing.
#[derive(Debug, Serialize)]
pub struct JsonUnused {
    /// One sentence.
    pub message: String,
    /// The file, relative to the working directory.
    pub path: String,
    /// The comment, or the words in its list.
    pub range: JsonRange,
}

/// A finding.
#[derive(Debug, Serialize)]
pub struct JsonFinding {
    /// `AUD201`.
    pub code: &'static str,
    /// `unlocked-read-modify-write`.
    pub name: &'static str,
    /// `error`, `warning`, `information`, `hint`.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The file, relative to the working directory.
    pub path: String,
    /// Where.
    pub range: JsonRange,
    /// The places that prove it.
    pub evidence: Vec<JsonEvidence>,
    /// The cures.
    pub fixes: Vec<JsonFix>,
    /// Survives edits elsewhere in the file.
    pub fingerprint: String,
}

/// A range.
#[derive(Debug, Serialize)]
pub struct JsonRange {
    /// Where it starts.
    pub start: JsonPosition,
    /// Where it ends; exclusive.
    pub end: JsonPosition,
}

/// A position; lines and columns count from 1, columns in Unicode characters.
#[derive(Debug, Serialize)]
pub struct JsonPosition {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// A place that proves a finding.
#[derive(Debug, Serialize)]
pub struct JsonEvidence {
    /// The file.
    pub path: String,
    /// Where.
    pub range: JsonRange,
    /// What stands there.
    pub message: String,
}

/// A cure.
#[derive(Debug, Serialize)]
pub struct JsonFix {
    /// What it does.
    pub title: String,
    /// `safe` or `unsafe`.
    pub safety: Safety,
    /// Its edits; the ranges all speak of the files before any of them.
    pub edits: Vec<JsonEdit>,
}

/// A replacement.
#[derive(Debug, Serialize)]
pub struct JsonEdit {
    /// The file.
    pub path: String,
    /// What is replaced.
    pub range: JsonRange,
    /// What stands there afterwards.
    pub text: String,
    /// Whether the file does not exist yet: the range is 1:1-1:1 then, and the text all that the file holds. Left out
    /// where it exists.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many files were checked.
    pub files_checked: usize,
    /// What could not be read.
    pub files_skipped: Vec<JsonSkipped>,
    /// How many findings there are.
    pub findings: usize,
    /// How many of each severity.
    pub by_severity: BySeverity,
    /// How many of each hazard.
    pub by_code: BTreeMap<&'static str, usize>,
    /// How many were fixed.
    pub fixed: usize,
}

/// How many findings of each severity.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct BySeverity {
    pub error: usize,
    pub warning: usize,
    pub information: usize,
    pub hint: usize,
}

impl BySeverity {
    /// Counts the findings.
    #[must_use]
    pub fn of(findings: &[ResolvedFinding]) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            match finding.severity {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Information => counts.information += 1,
                Severity::Hint => counts.hint += 1,
            }
        }
        counts
    }
}

/// Something that could not be read.
#[derive(Debug, Serialize)]
pub struct JsonSkipped {
    /// What.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl Document {
    /// The document of a report, with paths as seen from the directory `from`.
    #[must_use]
    pub fn new(report: &Report, from: FilePath, fixed: usize, rejected: &[RejectedFix]) -> Self {
        let findings: Vec<JsonFinding> = report.findings.iter().map(|found| finding(from, found)).collect();
        let mut by_code = BTreeMap::new();
        report.findings.iter().for_each(|finding| *by_code.entry(finding.code).or_insert(0) += 1);
        let summary = Summary {
            files_checked: report.stats.files_checked,
            files_skipped: report.skipped.iter().map(|skipped| json_skipped(from, skipped)).collect(),
            findings: findings.len(),
            by_severity: BySeverity::of(&report.findings),
            by_code,
            fixed,
        };
        let unused = report.unused.iter().map(|unused| JsonUnused {
            message: unused.message.clone(),
            path: relative(from, unused.path),
            range: range(&unused.range),
        });
        let rejected = rejected.iter().map(|fix| JsonRejectedFix {
            code: fix.code,
            path: relative(from, fix.path),
            title: fix.title.clone(),
            reason: fix.reason.to_string(),
            brings_in: match fix.reason {
                FixRejection::BringsIn(code) => Some(code),
                FixRejection::DoesNotParse | FixRejection::DoesNotFit | FixRejection::DoesNotCure => None,
            },
        });
        Self {
            version: VERSION,
            findings,
            unused_suppressions: unused.collect(),
            rejected_fixes: rejected.collect(),
            summary,
        }
    }

    /// Writes the document, indented, with a line end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

fn finding(from: FilePath, finding: &ResolvedFinding) -> JsonFinding {
    let evidence = finding.evidence.iter().map(|evidence| JsonEvidence {
        path: relative(from, evidence.path),
        range: range(&evidence.range),
        message: evidence.message.clone(),
    });
    let fixes = finding.fixes.iter().filter_map(|fix| {
        let files = fix.edits.as_ref()?;
        let edits = files.iter().flat_map(|file| {
            let path = relative(from, file.path);
            file.edits.iter().map(move |edit| JsonEdit {
                path: path.clone(),
                range: range(&edit.range),
                text: edit.text.clone(),
                create: file.create,
            })
        });
        Some(JsonFix { title: fix.title.clone(), safety: fix.safety, edits: edits.collect() })
    });
    JsonFinding {
        code: finding.code,
        name: finding.name,
        severity: finding.severity,
        message: finding.message.clone(),
        path: relative(from, finding.path),
        range: range(&finding.range),
        evidence: evidence.collect(),
        fixes: fixes.collect(),
        fingerprint: finding.fingerprint.clone(),
    }
}

fn range(range: &ResolvedRange) -> JsonRange {
    let position = |at: LineColumn| JsonPosition { line: at.line, column: at.column };
    JsonRange { start: position(range.start), end: position(range.end) }
}

fn json_skipped(from: FilePath, skipped: &Skipped) -> JsonSkipped {
    JsonSkipped { path: relative_text(from, &skipped.path), reason: skipped.reason.to_string() }
}

/// A hazard of the catalogue.
#[derive(Debug, Serialize)]
pub struct JsonHazard {
    /// `AUD201`.
    pub code: &'static str,
    /// `unlocked-read-modify-write`.
    pub name: &'static str,
    /// `races`.
    pub family: &'static str,
    /// The severity where the evidence says nothing else.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// Where its page is.
    pub url: String,
}

impl JsonHazard {
    /// A hazard as JSON.
    #[must_use]
    pub fn of(hazard: &Hazard) -> Self {
        Self {
            code: hazard.code,
            name: hazard.name,
            family: hazard.family.as_str(),
            severity: hazard.severity,
            summary: hazard.summary,
            url: hazard.url(),
        }
    }
}

/// Writes the catalogue as JSON: `{"version":1,"hazards":[…]}`.
///
/// # Errors
/// If it cannot be written.
pub fn write_hazards(out: &mut dyn Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct Catalogue {
        version: u32,
        hazards: Vec<JsonHazard>,
    }
    let hazards = CATALOGUE.iter().map(|hazard| JsonHazard::of(hazard)).collect();
    serde_json::to_writer_pretty(&mut *out, &Catalogue { version: VERSION, hazards })?;
    writeln!(out)
}
