//! The hover on a finding: what goes wrong, the story with the user's own names, the evidence, the fix, the page.

use std::fmt::Write;

use auditline_hazards::{Safety, Story, find};
use auditline_project::ResolvedFinding;

use crate::client::Abilities;
use crate::documents::Documents;
use crate::engine::Snapshot;

/// The text of the hover, as Markdown or plain.
pub(crate) fn text(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    findings: &[&ResolvedFinding],
) -> String {
    let parts: Vec<String> = findings
        .iter()
        .map(|finding| {
            let markdown = markdown(snapshot, documents, finding);
            if abilities.markdown { markdown } else { plain(&markdown) }
        })
        .collect();
    parts.join(if abilities.markdown { "\n\n---\n\n" } else { "\n\n" })
}

fn markdown(snapshot: &Snapshot, documents: &Documents, finding: &ResolvedFinding) -> String {
    let mut out = String::new();
    let hazard = find(finding.code);
    let _ = writeln!(out, "**{} {}**\n\n{}.", finding.code, finding.name, finding.message);
    let page = hazard.and_then(|hazard| auditline_hazards::page::parse(hazard.page).ok());
    if let Some(page) = &page {
        let _ = writeln!(out, "\n{}", page.summary());
    }
    if let Some(story) = &finding.story {
        out.push('\n');
        write_story(&mut out, story);
    }
    if !finding.evidence.is_empty() {
        out.push_str("\nEvidence:\n\n");
        for evidence in &finding.evidence {
            let root = snapshot.workspace(evidence.path).map(|workspace| workspace.root);
            let shown = root.and_then(|root| evidence.path.relative_to(root)).unwrap_or(evidence.path.as_str());
            let line = evidence.range.start.line;
            match documents.uri(evidence.path) {
                Some(uri) => {
                    let _ = writeln!(out, "- [{shown}:{line}]({}#L{line}): {}", uri.as_str(), evidence.message);
                }
                None => {
                    let _ = writeln!(out, "- {shown}:{line}: {}", evidence.message);
                }
            }
        }
    }
    if let Some(fix) = finding.fixes.first() {
        let note = if fix.safety == Safety::Unsafe { " (changes behaviour)" } else { "" };
        let _ = writeln!(out, "\nFix: {}{note}.", fix.title);
    }
    if let Some(hazard) = hazard {
        let _ = writeln!(out, "\n[About {}]({})", hazard.code, hazard.url());
    }
    out.truncate(out.trim_end().len());
    out
}

/// Several actors make a table with a column each, one makes a list.
fn write_story(out: &mut String, story: &Story) {
    if story.actors.len() > 1 {
        let _ = writeln!(out, "| | {} |", story.actors.join(" | "));
        let _ = writeln!(out, "|---|{}", "---|".repeat(story.actors.len()));
        for (number, (actor, step)) in story.steps.iter().enumerate() {
            let cells: Vec<&str> =
                (0..story.actors.len()).map(|column| if column == *actor { step.as_str() } else { "" }).collect();
            let _ = writeln!(out, "| {} | {} |", number + 1, cells.join(" | "));
        }
    } else {
        for (number, (_, step)) in story.steps.iter().enumerate() {
            let _ = writeln!(out, "{}. {step}", number + 1);
        }
    }
    let _ = writeln!(out, "\n{}", story.outcome);
}

/// The same without Markdown's marks.
fn plain(markdown: &str) -> String {
    let mut out = String::new();
    for line in markdown.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("|---") {
            continue;
        }
        if let Some(row) = trimmed.strip_prefix('|') {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            out.push_str(&strip(&cells.join("  ")));
        } else {
            out.push_str(&strip(line));
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Without emphasis and code marks; a link keeps its text.
fn strip(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let (before, after) = rest.split_at(open);
        out.push_str(before);
        match after.find("](").and_then(|middle| after[middle..].find(')').map(|close| (middle, middle + close))) {
            Some((middle, close)) => {
                out.push_str(&after[1..middle]);
                rest = &after[close + 1..];
            }
            None => {
                out.push_str(after);
                rest = "";
            }
        }
    }
    out.push_str(rest);
    out.replace(['*', '`'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_keeps_the_words() {
        assert_eq!(
            plain("**AUD201 x**\n\n- [a.py:3](file:///a.py#L3): `x` is read"),
            "AUD201 x\n\n- a.py:3: x is read"
        );
        assert_eq!(plain("| | A | B |\n|---|---|---|\n| 1 | reads | |"), "  A  B\n1  reads");
    }
}
