//! Findings as diagnostics.

use std::hash::{Hash, Hasher};

use auditline_hazards::Severity;
use auditline_project::{FileReport, ResolvedFinding};
use auditline_source::FilePath;
use rustc_hash::FxHasher;
use tower_lsp::ls_types::{
    CodeDescription, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
};

use crate::client::Abilities;
use crate::documents::{Documents, lsp_range};
use crate::engine::Snapshot;

/// The diagnostics of a file; empty for one without findings.
pub(crate) fn of_file(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    path: FilePath,
) -> Vec<Diagnostic> {
    match snapshot.report(path) {
        Some(report) => of_report(snapshot, documents, abilities, &report),
        None => Vec::new(),
    }
}

fn of_report(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    report: &FileReport,
) -> Vec<Diagnostic> {
    let mut diagnostics: Vec<Diagnostic> = report
        .findings
        .iter()
        .filter(|finding| is_shown(finding))
        .filter_map(|finding| diagnostic(snapshot, documents, abilities, finding))
        .collect();
    for hazard in &report.failed {
        diagnostics.push(Diagnostic {
            severity: Some(DiagnosticSeverity::INFORMATION),
            source: Some("auditline".to_owned()),
            message: format!("internal error: the check of {} failed on this file", hazard.code),
            ..Diagnostic::default()
        });
    }
    diagnostics
}

/// Whether an editor shows a finding: the posture of the whole project belongs in a report.
pub(crate) fn is_shown(finding: &ResolvedFinding) -> bool {
    finding.severity != Severity::Hint
}

/// One finding as a diagnostic.
pub(crate) fn diagnostic(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    finding: &ResolvedFinding,
) -> Option<Diagnostic> {
    let text = snapshot.text(finding.path)?;
    let related = abilities.related_information.then(|| {
        finding
            .evidence
            .iter()
            .filter_map(|evidence| {
                let text = snapshot.text(evidence.path)?;
                Some(DiagnosticRelatedInformation {
                    location: Location {
                        uri: documents.uri(evidence.path)?,
                        range: lsp_range(&text, evidence.range.offsets, abilities.encoding),
                    },
                    message: evidence.message.clone(),
                })
            })
            .collect()
    });
    let href = auditline_hazards::find(finding.code).map(|hazard| hazard.url());
    Some(Diagnostic {
        range: lsp_range(&text, finding.range.offsets, abilities.encoding),
        severity: Some(severity(finding.severity)),
        code: Some(NumberOrString::String(finding.code.to_owned())),
        code_description: href
            .filter(|_| abilities.code_description)
            .and_then(|href| href.parse().ok())
            .map(|href| CodeDescription { href }),
        source: Some("auditline".to_owned()),
        message: finding.message.clone(),
        related_information: related,
        data: abilities
            .diagnostic_data
            .then(|| serde_json::json!({ "fingerprint": finding.fingerprint, "name": finding.name })),
        ..Diagnostic::default()
    })
}

fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Information => DiagnosticSeverity::INFORMATION,
        Severity::Hint => DiagnosticSeverity::HINT,
    }
}

/// What names a list of diagnostics: equal lists have equal names.
pub(crate) fn result_id(diagnostics: &[Diagnostic]) -> String {
    let mut hasher = FxHasher::default();
    serde_json::to_string(diagnostics).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
