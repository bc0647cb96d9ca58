//! Findings as one page for people: an audit report that opens in any browser, without scripts and without a network.

mod markup;

use std::collections::BTreeMap;
use std::io::{self, Write};

use auditline_hazards::{Family, Safety, Story, find};
use auditline_project::{Report, ResolvedFinding, ResolvedRange};
use auditline_source::FilePath;

use self::markup::{address, escape, inline};
use crate::json::BySeverity;
use crate::lines::plural;
use crate::paths::relative;

/// So many lines of an excerpt stand before and after the finding.
const AROUND: u32 = 2;

/// No excerpt is longer than this.
const MAX_LINES: u32 = 16;

const STYLE: &str = include_str!("style.css");

/// Writes the page. Paths are shown as they are seen from `from`.
///
/// # Errors
///
/// If `out` cannot be written to.
pub fn write(title: &str, report: &Report, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    let title = escape(&format!("Audit of {title}"));
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>")?;
    writeln!(out, "<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>")?;
    let findings = plural(report.findings.len(), "finding", "findings");
    let files = plural(report.stats.files_checked, "file", "files");
    writeln!(out, "<p class=\"place\">{findings} in {files}, by Auditline {}</p>", env!("CARGO_PKG_VERSION"))?;
    counts(report, out)?;
    summary(report, out)?;
    let mut families: BTreeMap<Family, Vec<&ResolvedFinding>> = BTreeMap::new();
    for finding in &report.findings {
        families.entry(finding.family).or_default().push(finding);
    }
    for (family, mut findings) in families {
        // The worst first; the order within stays that of the files.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        writeln!(out, "<section>\n<h2>{}</h2>", family.as_str().replace('-', " "))?;
        for finding in findings {
            article(report, finding, from, out)?;
        }
        writeln!(out, "</section>")?;
    }
    for skipped in &report.skipped {
        let path = FilePath::from_str(&skipped.path).map_or(skipped.path.clone(), |path| relative(from, path));
        writeln!(out, "<p class=\"place\">Left out: {}: {}</p>", escape(&path), escape(&skipped.reason.to_string()))?;
    }
    writeln!(out, "</body>\n</html>")
}

fn counts(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let counts = BySeverity::of(&report.findings);
    let all = [
        (counts.error, "error", "errors"),
        (counts.warning, "warning", "warnings"),
        (counts.information, "information", "information"),
        (counts.hint, "hint", "hints"),
    ];
    writeln!(out, "<ul class=\"counts\">")?;
    for (count, class, words) in all {
        let words = if count == 1 { class } else { words };
        writeln!(out, "<li class=\"{class}\"><b>{count}</b>{words}</li>")?;
    }
    writeln!(out, "</ul>")
}

/// How many findings of each hazard.
fn summary(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &report.findings {
        *codes.entry(finding.code).or_default() += 1;
    }
    if codes.is_empty() {
        return writeln!(out, "<p>Nothing was found.</p>");
    }
    writeln!(out, "<table>\n<tr><th>Hazard</th><th>What it is</th><th>Findings</th></tr>")?;
    for (code, count) in codes {
        let Some(hazard) = find(code) else { continue };
        let (url, name, what) = (escape(&hazard.url()), escape(hazard.name), inline(hazard.summary));
        let link = format!("<a href=\"{url}\">{code} {name}</a>");
        writeln!(out, "<tr><td>{link}</td><td>{what}</td><td class=\"count\">{count}</td></tr>")?;
    }
    writeln!(out, "</table>")
}

fn article(report: &Report, finding: &ResolvedFinding, from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    let severity = finding.severity.as_str();
    writeln!(out, "<article id=\"{}\">\n<h3>{}</h3>", escape(&finding.fingerprint), inline(&finding.message))?;
    let link = link(from, finding.path, finding.range);
    let (code, name) = (finding.code, escape(finding.name));
    writeln!(out, "<p class=\"place\"><span class=\"{severity}\">{severity}</span> · {code} {name} · {link}</p>")?;
    excerpt(report, finding, out)?;
    if let Some(story) = &finding.story {
        tell(story, out)?;
    }
    if !finding.evidence.is_empty() {
        writeln!(out, "<p class=\"label\">Why</p>\n<ul>")?;
        for evidence in &finding.evidence {
            let link = self::link(from, evidence.path, evidence.range);
            writeln!(out, "<li>{link} {}</li>", inline(&evidence.message))?;
        }
        writeln!(out, "</ul>")?;
    }
    if !finding.fixes.is_empty() {
        writeln!(out, "<p class=\"label\">Fix</p>\n<ul>")?;
        for fix in &finding.fixes {
            let note = if fix.safety == Safety::Unsafe { " (changes behaviour)" } else { "" };
            writeln!(out, "<li>{}{note}</li>", inline(&fix.title))?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</article>")
}

fn link(from: FilePath, path: FilePath, range: ResolvedRange) -> String {
    let line = range.start.line;
    format!("<a href=\"{}\">{}:{line}</a>", address(path.as_str(), line), escape(&relative(from, path)))
}

/// The lines of the finding, with a few around them.
fn excerpt(report: &Report, finding: &ResolvedFinding, out: &mut dyn Write) -> io::Result<()> {
    let Some(text) = report.texts.get(&finding.path) else { return Ok(()) };
    let (first, last) = (finding.range.start.line, finding.range.end.line);
    let start = first.saturating_sub(AROUND).max(1);
    let end = last.saturating_add(AROUND).min(start.saturating_add(MAX_LINES - 1));
    write!(out, "<pre>")?;
    for line in start..=end {
        let Some(content) = text.line_index().line_content(text.text(), line - 1) else { break };
        let class = if (first..=last).contains(&line) { " class=\"at\"" } else { "" };
        write!(out, "<span{class}><i>{line}</i>{}</span>", escape(text.slice(content)))?;
    }
    writeln!(out, "</pre>")
}

/// Several actors side by side, one alone as a list.
fn tell(story: &Story, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<p class=\"label\">What happens</p>")?;
    if story.actors.len() > 1 {
        let heads: String = story.actors.iter().map(|actor| format!("<th>{}</th>", inline(actor))).collect();
        writeln!(out, "<table>\n<tr>{heads}</tr>")?;
        for (actor, step) in &story.steps {
            let cell = |column| if column == *actor { inline(step) } else { String::new() };
            let cells: String = (0..story.actors.len()).map(|column| format!("<td>{}</td>", cell(column))).collect();
            writeln!(out, "<tr>{cells}</tr>")?;
        }
        writeln!(out, "</table>")?;
    } else {
        writeln!(out, "<ol>")?;
        for (_, step) in &story.steps {
            writeln!(out, "<li>{}</li>", inline(step))?;
        }
        writeln!(out, "</ol>")?;
    }
    if !story.outcome.is_empty() {
        writeln!(out, "<p>{}</p>", inline(&story.outcome))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use auditline_hazards::Severity;

    use super::*;

    #[test]
    fn the_worst_severity_is_the_greatest() {
        // The order of the page relies on it.
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Hint);
    }

    #[test]
    fn a_page_without_findings_says_so() {
        let mut out = Vec::new();
        let from = FilePath::from_str("/shop").unwrap();
        write("<shop>", &Report::default(), from, &mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains("Audit of &lt;shop&gt;") && page.contains("Nothing was found."), "{page}");
    }
}
