//! The findings before and after.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `--output-format json` prints.
#[derive(Debug, Deserialize)]
pub(super) struct Document {
    findings: Vec<Finding>,
    #[serde(default)]
    rejected_fixes: Vec<RejectedFix>,
    pub(super) summary: Summary,
}

impl Document {
    /// How many fixes were taken back because they would have brought in another hazard.
    pub(super) fn withheld(&self) -> usize {
        self.rejected_fixes.iter().filter(|fix| fix.brings_in.is_some()).count()
    }
}

/// A fix that was taken back.
#[derive(Debug, Deserialize)]
struct RejectedFix {
    code: String,
    path: String,
    title: String,
    reason: String,
    brings_in: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    pub(super) fixed: usize,
}

#[derive(Debug, Deserialize)]
struct Finding {
    code: String,
    severity: String,
    message: String,
    path: String,
    fingerprint: String,
    fixes: Vec<Fix>,
}

#[derive(Debug, Deserialize)]
struct Fix {
    safety: String,
}

/// What is told of a place only when something else there is mended: a constructor that is handed a keyword which the model
/// does not have fails before it can lack a column.
const HIDDEN: &[(&str, &str)] = &[("AUD401", "AUD402")];

/// What is wrong with the findings afterwards: a fix that failed, a fixed one that is still there, an error or warning that was
/// not there before. A fix that was taken back because it would have brought in another hazard has done what it should; its
/// finding stays.
pub(super) fn compare(before: &Document, fixed: &Document, after: &Document, with_unsafe: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut withheld: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for fix in &fixed.rejected_fixes {
        match fix.brings_in {
            Some(_) => *withheld.entry((&fix.code, &fix.path)).or_default() += 1,
            None => {
                faults.push(format!("{}: “{}” of {} is not applied: {}", fix.path, fix.title, fix.code, fix.reason));
            }
        }
    }
    let fixable = |finding: &Finding| finding.fixes.iter().any(|fix| with_unsafe || fix.safety == "safe");
    for left in after.findings.iter().filter(|finding| fixable(finding)) {
        if let Some(count) = withheld.get_mut(&(left.code.as_str(), left.path.as_str()))
            && *count > 0
        {
            *count -= 1;
            continue;
        }
        faults.push(format!("{}: {} is still there, and could be fixed: {}", left.path, left.code, left.message));
    }
    let mut known: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for finding in &before.findings {
        *known.entry((&finding.code, &finding.path, &finding.fingerprint)).or_default() += 1;
    }
    let judged = |finding: &&Finding| finding.severity == "error" || finding.severity == "warning";
    for finding in after.findings.iter().filter(judged) {
        match known.get_mut(&(finding.code.as_str(), finding.path.as_str(), finding.fingerprint.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            _ if was_hidden(finding, before, after) => {}
            _ => faults.push(format!("{}: {} is brought in: {}", finding.path, finding.code, finding.message)),
        }
    }
    faults
}

/// Whether something that hid the finding is gone from its file.
fn was_hidden(finding: &Finding, before: &Document, after: &Document) -> bool {
    let count = |document: &Document, code: &str| {
        document.findings.iter().filter(|other| other.code == code && other.path == finding.path).count()
    };
    HIDDEN
        .iter()
        .filter(|(_, hidden)| *hidden == finding.code)
        .any(|(hiding, _)| count(after, hiding) < count(before, hiding))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &str, severity: &str, safety: Option<&str>) -> Finding {
        Finding {
            code: code.to_owned(),
            severity: severity.to_owned(),
            message: "m".to_owned(),
            path: "a.py".to_owned(),
            fingerprint: code.to_owned(),
            fixes: safety.map(|safety| Fix { safety: safety.to_owned() }).into_iter().collect(),
        }
    }

    fn document(findings: Vec<Finding>) -> Document {
        Document { findings, rejected_fixes: Vec::new(), summary: Summary { fixed: 0 } }
    }

    fn unfixed() -> Document {
        document(Vec::new())
    }

    #[test]
    fn a_fix_that_would_bring_in_another_hazard_is_rightly_withheld() {
        let before = document(vec![finding("AUD201", "warning", Some("safe"))]);
        let rejected = |brings_in: Option<&str>| {
            let fix = RejectedFix {
                code: "AUD201".to_owned(),
                path: "a.py".to_owned(),
                title: "t".to_owned(),
                reason: "r".to_owned(),
                brings_in: brings_in.map(str::to_owned),
            };
            Document { rejected_fixes: vec![fix], ..unfixed() }
        };
        assert_eq!(compare(&before, &rejected(Some("AUD211")), &before, false), [] as [&str; 0]);
        assert_eq!(compare(&before, &rejected(None), &before, false).len(), 2);
        let twice =
            document(vec![finding("AUD201", "warning", Some("safe")), finding("AUD201", "warning", Some("safe"))]);
        assert_eq!(compare(&twice, &rejected(Some("AUD211")), &twice, false).len(), 1);
    }

    #[test]
    fn what_could_be_fixed_and_is_still_there_is_a_fault() {
        let before = document(vec![finding("AUD101", "warning", Some("unsafe"))]);
        assert_eq!(compare(&before, &unfixed(), &before, false), [] as [&str; 0]);
        assert_eq!(compare(&before, &unfixed(), &before, true).len(), 1);
        assert_eq!(compare(&before, &unfixed(), &document(Vec::new()), true), [] as [&str; 0]);
    }

    #[test]
    fn a_warning_that_was_not_there_is_a_fault() {
        let before = document(vec![finding("AUD101", "warning", None)]);
        let twice = document(vec![finding("AUD101", "warning", None), finding("AUD101", "warning", None)]);
        assert_eq!(compare(&before, &unfixed(), &before, true), [] as [&str; 0]);
        assert_eq!(compare(&before, &unfixed(), &twice, true).len(), 1);
        assert_eq!(compare(&before, &unfixed(), &document(vec![finding("AUD301", "error", None)]), true).len(), 1);
        assert_eq!(
            compare(&before, &unfixed(), &document(vec![finding("AUD301", "information", None)]), true),
            [] as [&str; 0]
        );
    }

    #[test]
    fn what_was_hidden_is_not_brought_in() {
        let before = document(vec![finding("AUD401", "error", Some("unsafe"))]);
        let after = document(vec![finding("AUD402", "error", None)]);
        assert_eq!(compare(&before, &unfixed(), &after, true), [] as [&str; 0]);
        assert_eq!(compare(&document(Vec::new()), &unfixed(), &after, true).len(), 1);
    }
}
