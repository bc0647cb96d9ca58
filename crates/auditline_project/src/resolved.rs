//! Findings in their owned form, with absolute positions: what is shown, and what leaves the process.

use auditline_hazards::{Family, Finding, Fix, NewFile, Safety, Severity, Story};
use auditline_model::{Db, SourceFile};
use auditline_source::{Encoding, FilePath, SourceText, TextEdit, TextRange, TextSize};

/// A line and a column as they are shown: both count from 1, columns in Unicode characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl LineColumn {
    /// The line and column of an offset.
    #[must_use]
    pub fn of(text: &SourceText, offset: TextSize) -> Self {
        let position = text.position(offset, Encoding::Utf32);
        Self { line: position.line + 1, column: position.character + 1 }
    }
}

/// A range of a file, as offsets and as lines and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResolvedRange {
    /// The offsets in bytes; a byte order mark counts.
    pub offsets: TextRange,
    /// Where it starts.
    pub start: LineColumn,
    /// Where it ends; exclusive.
    pub end: LineColumn,
}

impl ResolvedRange {
    /// The range in that text; what reaches behind the text ends with it.
    #[must_use]
    pub fn new(text: &SourceText, range: TextRange) -> Self {
        let start = range.start().min(text.len());
        let offsets = TextRange::new(start, range.end().clamp(start, text.len()));
        Self { offsets, start: LineColumn::of(text, offsets.start()), end: LineColumn::of(text, offsets.end()) }
    }
}

/// One hazard at one place.
#[derive(Debug, Clone)]
pub struct ResolvedFinding {
    /// `AUD201`.
    pub code: &'static str,
    /// `unlocked-read-modify-write`.
    pub name: &'static str,
    /// The family of the hazard.
    pub family: Family,
    /// How bad, after the evidence and the configuration.
    pub severity: Severity,
    /// One sentence, without a full stop at its end.
    pub message: String,
    /// The file in which it stands.
    pub path: FilePath,
    /// Where in the file.
    pub range: ResolvedRange,
    /// The path of the function or class in which it stands, empty at module level.
    pub symbol: String,
    /// The places that prove it.
    pub evidence: Vec<ResolvedEvidence>,
    /// How to cure it, the best one first.
    pub fixes: Vec<ResolvedFix>,
    /// How it goes wrong, step by step.
    pub story: Option<Story>,
    /// What names this finding while its file is edited elsewhere.
    pub fingerprint: String,
}

/// A place that proves a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedEvidence {
    /// The file.
    pub path: FilePath,
    /// Where in it.
    pub range: ResolvedRange,
    /// What stands there.
    pub message: String,
}

/// A cure.
#[derive(Debug, Clone)]
pub struct ResolvedFix {
    /// What it does, in the imperative.
    pub title: String,
    /// Whether it keeps the behaviour.
    pub safety: Safety,
    /// Its edits; `None` until they are asked for.
    pub edits: Option<Vec<ResolvedFileEdit>>,
    fix: Fix,
}

impl ResolvedFix {
    /// Computes the edits, now; `None` where no complete edit exists.
    #[must_use]
    pub fn compute(&self, db: &dyn Db) -> Option<Vec<ResolvedFileEdit>> {
        let mut files = Vec::new();
        let changes = self.fix.changes(db)?;
        for file in changes.edits {
            files.push(ResolvedFileEdit::new(db, file.file, file.edits)?);
        }
        files.extend(changes.created.into_iter().map(ResolvedFileEdit::created));
        (!files.is_empty()).then_some(files)
    }
}

/// The edits of one file. Their ranges all speak of the text before any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedFileEdit {
    /// The file.
    pub path: FilePath,
    /// The edits, sorted.
    pub edits: Vec<ResolvedEdit>,
    /// Whether the file does not exist yet. It has one edit then, at its start, which writes all that it holds.
    pub create: bool,
}

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedEdit {
    /// What is replaced.
    pub range: ResolvedRange,
    /// What stands there afterwards.
    pub text: String,
}

impl ResolvedFileEdit {
    fn new(db: &dyn Db, file: SourceFile, edits: Vec<TextEdit>) -> Option<Self> {
        let text = file.content(db).text()?;
        let mut edits: Vec<ResolvedEdit> = edits
            .into_iter()
            .map(|edit| ResolvedEdit { range: ResolvedRange::new(text, edit.range), text: edit.text })
            .collect();
        edits.sort_by_key(|edit| (edit.range.offsets.start(), edit.range.offsets.end()));
        Some(Self { path: file.path(db), edits, create: false })
    }

    fn created(file: NewFile) -> Self {
        let at = LineColumn { line: 1, column: 1 };
        let range = ResolvedRange { offsets: TextRange::default(), start: at, end: at };
        Self { path: file.path, edits: vec![ResolvedEdit { range, text: file.text }], create: true }
    }

    /// The edits as they are applied to a text.
    #[must_use]
    pub fn text_edits(&self) -> Vec<TextEdit> {
        self.edits.iter().map(|edit| TextEdit::replace(edit.range.offsets, edit.text.clone())).collect()
    }
}

/// How much of the fixes is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FixDetail {
    /// Titles alone. A fix may turn out not to apply when its edits are asked for.
    #[default]
    Titles,
    /// Titles and edits; a fix that does not apply is left out.
    Edits,
}

/// Resolves a finding of the file under check; `None` if its place is gone. The severity is that of the evidence, and
/// the fingerprint is left empty: both are the business of [`crate::file_report()`].
#[must_use]
pub fn resolve_finding(db: &dyn Db, finding: &Finding, detail: FixDetail) -> Option<ResolvedFinding> {
    let (file, range) = finding.place.resolve(db)?;
    let text = file.content(db).text()?;
    let evidence = finding.evidence.iter().filter_map(|evidence| {
        let (file, range) = evidence.place.resolve(db)?;
        let text = file.content(db).text()?;
        let range = ResolvedRange::new(text, range);
        Some(ResolvedEvidence { path: file.path(db), range, message: evidence.message.clone() })
    });
    let fixes = finding.fixes.iter().filter_map(|fix| {
        let mut resolved = ResolvedFix { title: fix.title.clone(), safety: fix.safety, edits: None, fix: fix.clone() };
        if detail == FixDetail::Edits {
            resolved.edits = Some(resolved.compute(db)?);
        }
        Some(resolved)
    });
    Some(ResolvedFinding {
        code: finding.hazard.code,
        name: finding.hazard.name,
        family: finding.hazard.family,
        severity: finding.severity,
        message: finding.message.clone(),
        path: file.path(db),
        range: ResolvedRange::new(text, range),
        symbol: finding.symbol.clone(),
        evidence: evidence.collect(),
        fixes: fixes.collect(),
        story: finding.story.clone(),
        fingerprint: String::new(),
    })
}
