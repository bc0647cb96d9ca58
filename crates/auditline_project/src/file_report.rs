//! The findings of one file as they are reported.

use auditline_hazards::{Finding, Hazard, check_file};
use auditline_model::entry::is_test;
use auditline_model::names::imported_modules;
use auditline_model::{Db, SourceFile, parsed};
use auditline_source::FilePath;

use crate::fingerprint::Fingerprints;
use crate::resolved::{FixDetail, ResolvedFinding, resolve_finding};
use crate::suppress::{Suppressions, UnusedSuppression, Usage, may_hold_ours};
use crate::workspace::Workspace;

/// The findings of one file after configuration and suppressions, in the order in which they stand.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The file.
    pub path: FilePath,
    /// Its findings.
    pub findings: Vec<ResolvedFinding>,
    /// How many findings comments suppress.
    pub suppressed: usize,
    /// Comments that suppress nothing.
    pub unused: Vec<UnusedSuppression>,
    /// Hazards whose check failed on this file: an internal error.
    pub failed: Vec<&'static Hazard>,
}

/// Reads a module and its imports, which are a part of every check.
pub(crate) fn prepare(db: &dyn Db, file: SourceFile) {
    if file.kind(db).is_python() && !is_test(db, file) {
        imported_modules(db, file);
    }
}

/// Checks one file: what the command line and the server report of it.
#[must_use]
pub fn file_report(db: &dyn Db, file: SourceFile, workspace: &Workspace, detail: FixDetail) -> FileReport {
    let path = file.path(db);
    let mut report = FileReport { path, findings: Vec::new(), suppressed: 0, unused: Vec::new(), failed: Vec::new() };
    let Some(text) = file.content(db).text() else { return report };
    let is_python = file.kind(db).is_python();
    // Every hazard is silent in tests; asking first spares their parse.
    if is_python && is_test(db, file) {
        return report;
    }
    let found = check_file(db, file);
    report.failed.extend(found.failed.iter().copied().filter(|hazard| workspace.selection.contains(hazard)));
    if found.findings.is_empty() && !may_hold_ours(text.text()) {
        return report;
    }
    let module = is_python.then(|| parsed(db, file));
    let suppressions = Suppressions::of(file.kind(db), text, module.as_deref().map(|parsed| &parsed.module));
    let relative = path.relative_to(workspace.root).unwrap_or(path.as_str());
    let mut fingerprints = Fingerprints::default();
    let mut usage = Usage::default();
    for finding in &found.findings {
        // Every finding takes its place in the count, so that the fingerprint of one does not depend on whether the
        // one before it is suppressed.
        let fingerprint = fingerprints.next(finding.hazard.code, relative, &finding.symbol, &finding.message);
        // A comment also counts where the configuration leaves the finding out.
        let is_suppressed = finding.range(db).is_some_and(|range| {
            let module = module.as_deref().map(|parsed| &parsed.module);
            suppressions.covers_and_notes(&mut usage, finding.hazard, range, text, module)
        });
        if !is_reported(workspace, finding, path) {
            continue;
        }
        if is_suppressed {
            report.suppressed += 1;
            continue;
        }
        let Some(mut resolved) = resolve_finding(db, finding, detail) else { continue };
        resolved.fingerprint = fingerprint;
        if let Some(severity) = workspace.config.severity_of(finding.hazard) {
            resolved.severity = severity;
        }
        report.findings.push(resolved);
    }
    report.unused = suppressions.unused(usage, &found.failed, path, text);
    report
}

fn is_reported(workspace: &Workspace, finding: &Finding, path: FilePath) -> bool {
    workspace.selection.contains(finding.hazard) && !workspace.config.is_ignored_in(finding.hazard, path)
}
