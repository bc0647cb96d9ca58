//! A strict reader of the JSON output: it fails on a key that is missing, misspelt or new.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) version: u32,
    pub(crate) findings: Vec<Finding>,
    #[serde(default)]
    pub(crate) unused_suppressions: Vec<Unused>,
    #[serde(default)]
    pub(crate) rejected_fixes: Vec<RejectedFix>,
    pub(crate) summary: Summary,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectedFix {
    pub(crate) code: String,
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) reason: String,
    pub(crate) brings_in: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unused {
    pub(crate) message: String,
    pub(crate) path: String,
    pub(crate) range: Range,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finding {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) path: String,
    pub(crate) range: Range,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) fixes: Vec<Fix>,
    pub(crate) fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
    Information,
    Hint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evidence {
    pub(crate) path: String,
    pub(crate) range: Range,
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fix {
    pub(crate) title: String,
    pub(crate) safety: Safety,
    pub(crate) edits: Vec<Edit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Safety {
    Safe,
    Unsafe,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    pub(crate) path: String,
    pub(crate) range: Range,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    pub(crate) files_checked: usize,
    pub(crate) files_skipped: Vec<Skipped>,
    pub(crate) findings: usize,
    pub(crate) by_severity: BySeverity,
    pub(crate) by_code: BTreeMap<String, usize>,
    pub(crate) fixed: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BySeverity {
    pub(crate) error: usize,
    pub(crate) warning: usize,
    pub(crate) information: usize,
    pub(crate) hint: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// Reads the output, and checks what holds for every output.
#[track_caller]
pub(crate) fn read(text: &str) -> Document {
    let document: Document = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(document.version, 1);
    let Summary { findings, by_severity, by_code, .. } = &document.summary;
    assert_eq!(*findings, document.findings.len());
    assert_eq!(by_code.values().sum::<usize>(), *findings);
    assert_eq!(by_severity.error + by_severity.warning + by_severity.information + by_severity.hint, *findings);
    for finding in &document.findings {
        let ranges = finding.evidence.iter().map(|evidence| evidence.range);
        let edits = finding.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| edit.range);
        for range in ranges.chain(edits).chain([finding.range]) {
            assert!(range.start.line >= 1 && range.start.column >= 1 && range.start <= range.end, "{range:?}");
        }
        assert!(finding.fixes.iter().all(|fix| !fix.title.is_empty() && !fix.edits.is_empty()));
        assert_eq!(finding.fingerprint.len(), 16);
        assert!(finding.fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(finding.code.starts_with("AUD") && !finding.name.is_empty() && !finding.message.is_empty());
    }
    document
}

/// The text after the edits of one file.
pub(crate) fn apply(text: &str, edits: &[&Edit]) -> String {
    let offset = |position: Position| -> usize {
        let start: usize = text.split_inclusive('\n').take(position.line as usize - 1).map(str::len).sum();
        start + text[start..].chars().take(position.column as usize - 1).map(char::len_utf8).sum::<usize>()
    };
    let mut out = text.to_owned();
    let mut sorted: Vec<&&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    for edit in sorted {
        out.replace_range(offset(edit.range.start)..offset(edit.range.end), &edit.text);
    }
    out
}
