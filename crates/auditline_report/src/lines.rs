//! Findings as one line each, and as a table of counts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use auditline_hazards::{CATALOGUE, Safety};
use auditline_project::{Report, ResolvedFinding, UnusedSuppression};
use auditline_source::FilePath;

use crate::json::BySeverity;
use crate::paths::{relative, visible};

/// Writes one line for each finding: `path:line:column: severity CODE message`.
///
/// # Errors
/// If it cannot be written.
pub fn write_concise(report: &Report, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        let ResolvedFinding { code, severity, range, message, .. } = finding;
        let path = visible(&relative(from, finding.path));
        let (line, column, severity) = (range.start.line, range.start.column, severity.as_str());
        writeln!(out, "{path}:{line}:{column}: {severity} {code} {}", visible(message))?;
    }
    Ok(())
}

/// Writes one line for each comment that suppresses nothing: `path:line:column: unused-suppression message`.
///
/// # Errors
/// If it cannot be written.
pub fn write_unused(report: &Report, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    for UnusedSuppression { path, range, message, .. } in &report.unused {
        let (path, line, column) = (visible(&relative(from, *path)), range.start.line, range.start.column);
        writeln!(out, "{path}:{line}:{column}: unused-suppression {}", visible(message))?;
    }
    Ok(())
}

/// Writes how many findings there are of each hazard, the most frequent first, and how many of them have a safe fix.
///
/// # Errors
/// If it cannot be written.
pub fn write_statistics(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for finding in &report.findings {
        let entry = counts.entry((finding.code, finding.name)).or_default();
        entry.0 += 1;
        entry.1 += usize::from(finding.fixes.iter().any(|fix| fix.safety == Safety::Safe));
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(key, (count, _))| (std::cmp::Reverse(*count), *key));
    if rows.is_empty() {
        return Ok(());
    }
    let name_width = rows.iter().map(|((_, name), _)| name.len()).max().unwrap_or(0);
    writeln!(out, "{:>6}  {:>8}  {:<6}  hazard", "count", "safe fix", "code")?;
    for ((code, name), (count, fixable)) in rows {
        let row = format!("{count:>6}  {fixable:>8}  {code:<6}  {name:<name_width$}");
        writeln!(out, "{}", row.trim_end())?;
    }
    Ok(())
}

/// One sentence about what was found.
#[must_use]
pub fn summary(report: &Report, fixed: usize) -> String {
    let files = plural(report.stats.files_checked, "file", "files");
    let total = report.findings.len();
    let mut text = if total == 0 {
        format!("No findings in {files}")
    } else {
        let by = BySeverity::of(&report.findings);
        let parts = [
            (by.error, plural(by.error, "error", "errors")),
            (by.warning, plural(by.warning, "warning", "warnings")),
            (by.information, format!("{} information", by.information)),
            (by.hint, plural(by.hint, "hint", "hints")),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
        format!("{} in {files} ({})", plural(total, "finding", "findings"), parts.join(", "))
    };
    if fixed > 0 {
        text.push_str(&format!(", {fixed} fixed"));
    }
    if report.stats.suppressed > 0 {
        text.push_str(&format!(", {} suppressed by comments", report.stats.suppressed));
    }
    if !report.unused.is_empty() {
        let comments = plural(report.unused.len(), "comment suppresses", "comments suppress");
        text.push_str(&format!(", {comments} nothing"));
    }
    text.push('.');
    text
}

/// Writes the catalogue as a table.
///
/// # Errors
/// If it cannot be written.
pub fn write_hazards(out: &mut dyn Write) -> io::Result<()> {
    let width = |column: fn(&auditline_hazards::Hazard) -> &'static str| {
        CATALOGUE.iter().map(|hazard| column(hazard).len()).max().unwrap_or(0)
    };
    let names = width(|hazard| hazard.name);
    let families = width(|hazard| hazard.family.as_str());
    let severities = width(|hazard| hazard.severity.as_str());
    for hazard in CATALOGUE {
        let (family, severity) = (hazard.family.as_str(), hazard.severity.as_str());
        let (code, name, summary) = (hazard.code, hazard.name, hazard.summary);
        writeln!(out, "{code}  {name:<names$}  {family:<families$}  {severity:<severities$}  {summary}")?;
    }
    Ok(())
}

/// A number with its noun.
#[must_use]
pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
