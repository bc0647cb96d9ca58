//! Findings as the protocol's diagnostics, and edits as its edits.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use auditline_hazards::{Hazard, Severity, find};
use auditline_project::{ConfigError, FileReport, FixDetail, ResolvedFinding, UnusedSuppression};
use auditline_source::{
    Encoding, FilePath, Position as SourcePosition, PositionRange, SourceText, TextEdit, TextRange, apply_edits,
};
use rustc_hash::FxHasher;
use serde_json::json;
use tower_lsp::ls_types::{
    AnnotatedTextEdit, ChangeAnnotation, CodeDescription, CreateFile, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, DiagnosticTag, DocumentChangeOperation, DocumentChanges, Location, NumberOrString, OneOf,
    OptionalVersionedTextDocumentIdentifier, Position, Range, ResourceOp, TextDocumentEdit, TextEdit as WireEdit, Uri,
    WorkspaceEdit,
};

use crate::actions::FileEdits;
use crate::features::Features;
use crate::settings::Shown;
use crate::snapshot::Snapshot;
use crate::uri;

/// What every diagnostic of ours is signed with.
pub(crate) const SOURCE: &str = "auditline";

/// The code of a comment that suppresses nothing.
pub(crate) const UNUSED: &str = "unused-suppression";

/// How the client is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    pub(crate) features: Features,
    /// What the user wants to see.
    pub(crate) shown: Shown,
}

/// What a client is told of one file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Told {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How many writes to the workspace came before.
    pub(crate) generation: u64,
}

impl Told {
    /// What names this content: the same for the same diagnostics; 0 for none.
    pub(crate) fn id(&self) -> u64 {
        if self.diagnostics.is_empty() {
            return 0;
        }
        let mut hasher = FxHasher::default();
        serde_json::to_vec(&self.diagnostics).unwrap_or_default().hash(&mut hasher);
        hasher.finish().max(1)
    }
}

/// The name of a content as the protocol writes it.
pub(crate) fn result_id(id: u64) -> String {
    format!("{id:016x}")
}

impl Speech {
    /// What the client is told of one file.
    pub(crate) fn told(&self, snapshot: &Snapshot, path: FilePath) -> Told {
        let mut diagnostics = Vec::new();
        let text = snapshot.text(path);
        for error in snapshot.config_errors.iter().filter(|error| error.file == path) {
            diagnostics.push(self.config_error(error, text.as_deref()));
        }
        if let (Some(report), Some(text)) = (snapshot.report(path, FixDetail::Titles), text) {
            diagnostics.extend(report.failed.iter().map(|hazard| failure(hazard)));
            let findings = self.visible(&report);
            diagnostics.extend(findings.map(|finding| self.diagnostic(snapshot, &text, finding)));
            if self.shown.unused_suppressions {
                diagnostics.extend(report.unused.iter().map(|unused| self.unused(&text, unused)));
            }
        }
        Told { diagnostics, generation: snapshot.generation }
    }

    /// The findings that an editor shows.
    pub(crate) fn visible<'a>(&self, report: &'a FileReport) -> impl Iterator<Item = &'a ResolvedFinding> {
        let hints = self.shown.hints;
        report.findings.iter().filter(move |finding| hints || finding.severity > Severity::Hint)
    }

    /// One finding.
    pub(crate) fn diagnostic(&self, snapshot: &Snapshot, text: &SourceText, finding: &ResolvedFinding) -> Diagnostic {
        let href = self.features.code_description.then(|| find(finding.code)?.url().parse().ok()).flatten();
        let related: Vec<DiagnosticRelatedInformation> = if self.features.related_information {
            finding
                .evidence
                .iter()
                .filter_map(|evidence| {
                    let text = snapshot.text(evidence.path)?;
                    let range = range(&text, evidence.range.offsets, self.features.encoding);
                    let location = Location { uri: uri_of(snapshot, evidence.path)?, range };
                    Some(DiagnosticRelatedInformation { location, message: evidence.message.clone() })
                })
                .collect()
        } else {
            Vec::new()
        };
        let data = json!({ "fingerprint": finding.fingerprint, "hazard": finding.name });
        Diagnostic {
            range: range(text, finding.range.offsets, self.features.encoding),
            severity: Some(severity(finding.severity)),
            code: Some(NumberOrString::String(finding.code.to_owned())),
            code_description: href.map(|href| CodeDescription { href }),
            source: Some(SOURCE.to_owned()),
            message: finding.message.clone(),
            related_information: (!related.is_empty()).then_some(related),
            tags: None,
            data: self.features.diagnostic_data.then_some(data),
        }
    }

    /// A comment that suppresses nothing, in grey.
    pub(crate) fn unused(&self, text: &SourceText, unused: &UnusedSuppression) -> Diagnostic {
        Diagnostic {
            range: range(text, unused.range.offsets, self.features.encoding),
            severity: Some(DiagnosticSeverity::HINT),
            code: Some(NumberOrString::String(UNUSED.to_owned())),
            source: Some(SOURCE.to_owned()),
            message: unused.message.clone(),
            tags: self.features.unnecessary_tag.then(|| vec![DiagnosticTag::UNNECESSARY]),
            ..Diagnostic::default()
        }
    }

    /// A mistake in the configuration, from where it stands to the end of its line.
    fn config_error(&self, error: &ConfigError, text: Option<&SourceText>) -> Diagnostic {
        let line = error.line.map_or(0, |line| line.saturating_sub(1));
        let start = SourcePosition::new(line, error.column.saturating_sub(1));
        let range = match text {
            Some(text) => {
                let end = SourcePosition::new(line, u32::MAX);
                let range = text.range(PositionRange::new(start, end), Encoding::Utf32);
                self::range(text, range, self.features.encoding)
            }
            None => Range::new(position(start), position(start)),
        };
        Diagnostic {
            range,
            severity: Some(DiagnosticSeverity::ERROR),
            source: Some(SOURCE.to_owned()),
            message: error.message.clone(),
            ..Diagnostic::default()
        }
    }

    /// Edits of files, as the client applies them. `warning` says what the user has to confirm, if anything.
    pub(crate) fn workspace_edit(
        &self,
        snapshot: &Snapshot,
        files: &[FileEdits],
        warning: Option<(&str, &str)>,
    ) -> Option<WorkspaceEdit> {
        let encoding = self.features.encoding;
        let mut documents = Vec::with_capacity(files.len());
        let mut created = Vec::new();
        for FileEdits { path, edits, create } in files {
            if *create {
                // Who cannot make files is not offered such an edit.
                let edits = self.features.creates_files.then_some(edits)?;
                created
                    .push((uri_of(snapshot, *path)?, edits.iter().map(|edit| edit.text.as_str()).collect::<String>()));
                continue;
            }
            let text = snapshot.text(*path)?;
            let wire =
                |edit: &TextEdit| WireEdit { range: range(&text, edit.range, encoding), new_text: edit.text.clone() };
            let whole_lines = (!self.features.names_encodings).then(|| without_columns(&text, edits)).flatten();
            let edits: Vec<WireEdit> = whole_lines.as_deref().unwrap_or(edits).iter().map(wire).collect();
            documents.push((uri_of(snapshot, *path)?, snapshot.documents.get(path).map(|open| open.version), edits));
        }
        if !self.features.document_changes && created.is_empty() {
            let changes: HashMap<Uri, Vec<WireEdit>> =
                documents.into_iter().map(|(uri, _, edits)| (uri, edits)).collect();
            return Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() });
        }
        const ANNOTATION: &str = "auditline";
        let warning = warning.filter(|_| self.features.annotations);
        let edit = |edit: WireEdit| match warning {
            Some(_) => OneOf::Right(AnnotatedTextEdit { text_edit: edit, annotation_id: ANNOTATION.to_owned() }),
            None => OneOf::Left(edit),
        };
        let documents = documents.into_iter().map(|(uri, version, edits)| TextDocumentEdit {
            text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
            edits: edits.into_iter().map(edit).collect(),
        });
        let documents: Vec<TextDocumentEdit> = documents.collect();
        let changes = if created.is_empty() {
            DocumentChanges::Edits(documents)
        } else {
            let made = created.into_iter().flat_map(|(uri, text)| {
                let annotation_id = warning.map(|_| ANNOTATION.to_owned());
                let file = CreateFile { uri: uri.clone(), options: None, annotation_id };
                let text = WireEdit { range: Range::default(), new_text: text };
                let text_document = OptionalVersionedTextDocumentIdentifier { uri, version: None };
                let filled = TextDocumentEdit { text_document, edits: vec![edit(text)] };
                [DocumentChangeOperation::Op(ResourceOp::Create(file)), DocumentChangeOperation::Edit(filled)]
            });
            DocumentChanges::Operations(made.chain(documents.into_iter().map(DocumentChangeOperation::Edit)).collect())
        };
        let annotations = warning.map(|(label, description)| {
            let annotation = ChangeAnnotation {
                label: label.to_owned(),
                needs_confirmation: Some(true),
                description: Some(description.to_owned()),
            };
            HashMap::from([(ANNOTATION.to_owned(), annotation)])
        });
        Some(WorkspaceEdit {
            document_changes: Some(changes),
            change_annotations: annotations,
            ..WorkspaceEdit::default()
        })
    }
}

/// The same edits as one of whole lines, which have no columns to disagree about, where a character outside of the
/// basic plane stands in one of the lines.
fn without_columns(text: &SourceText, edits: &[TextEdit]) -> Option<Vec<TextEdit>> {
    let lines = text.line_index();
    let first = edits.iter().map(|edit| edit.range.start()).min()?;
    let last = edits.iter().map(|edit| edit.range.end()).max()?;
    let start = lines.line_content(text.text(), lines.line_of(first))?.start();
    // The lines end where the next one starts; the last of the text has none behind it.
    let next = lines.line_content(text.text(), lines.line_of(last) + 1);
    let end = next.map_or(text.len(), TextRange::start);
    let range = TextRange::new(start, end);
    if text.slice(range).chars().all(|char| char.len_utf16() == 1) {
        return None;
    }
    let moved = edits.iter().map(|edit| TextEdit::replace(edit.range - start, edit.text.clone()));
    let replaced = apply_edits(text.slice(range), &moved.collect::<Vec<_>>()).ok()?;
    Some(vec![TextEdit::replace(range, replaced)])
}

/// A check that failed on a file: the user is told, and the other checks go on.
fn failure(hazard: &Hazard) -> Diagnostic {
    Diagnostic {
        severity: Some(DiagnosticSeverity::INFORMATION),
        code: Some(NumberOrString::String(hazard.code.to_owned())),
        source: Some(SOURCE.to_owned()),
        message: format!("internal error: the check for {} failed on this file", hazard.code),
        ..Diagnostic::default()
    }
}

pub(crate) fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Hint => DiagnosticSeverity::HINT,
        Severity::Information => DiagnosticSeverity::INFORMATION,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Error => DiagnosticSeverity::ERROR,
    }
}

fn position(position: SourcePosition) -> Position {
    Position::new(position.line, position.character)
}

/// A range of a text, in the client's columns.
pub(crate) fn range(text: &SourceText, range: TextRange, encoding: Encoding) -> Range {
    let range = text.position_range(range, encoding);
    Range::new(position(range.start), position(range.end))
}

/// A range of the client, in offsets; what lies outside of the text is clamped to it.
pub(crate) fn offsets(text: &SourceText, range: Range, encoding: Encoding) -> TextRange {
    let position = |position: Position| SourcePosition::new(position.line, position.character);
    text.range(PositionRange::new(position(range.start), position(range.end)), encoding)
}

/// The address of a file: the one by which the client knows it, if it has it open.
pub(crate) fn uri_of(snapshot: &Snapshot, path: FilePath) -> Option<Uri> {
    match snapshot.documents.get(&path) {
        Some(open) => uri::parse(&open.uri),
        None => uri::parse(&uri::uri_text(path)),
    }
}
