//! Applying fixes in bulk, until nothing is left to fix.

mod pass;
mod reach;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use auditline_hazards::{Family, Safety, Severity};
use auditline_source::{FilePath, SourceText};
use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use crate::project::{OnProgress, Project};
use crate::report::Report;
use crate::resolved::{FixDetail, ResolvedFinding};
use pass::{Candidate, Place, choose, combine, place, reach_in};

pub use reach::{reach, touch};
pub use write::{WriteError, write_changes};

/// A fix may make way for another one; more rounds than this mean that fixes undo each other.
const MAX_PASSES: usize = 10;

/// What applying fixes did. Nothing is written yet: see [`write_changes`].
#[derive(Debug, Default)]
pub struct FixOutcome {
    /// The findings that remain.
    pub report: Report,
    /// The fixes that were applied.
    pub applied: Vec<AppliedFix>,
    /// The fixes that turned out to be wrong, and were not applied.
    pub rejected: Vec<RejectedFix>,
    /// The files that change.
    pub changes: Vec<FileChange>,
    /// Whether no fix was left when the work ended.
    pub converged: bool,
}

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedFix {
    /// The hazard that it cured.
    pub code: &'static str,
    /// The file in which the finding stood.
    pub path: FilePath,
    /// What it did.
    pub title: String,
}

/// A fix that was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedFix {
    /// The hazard that it should have cured.
    pub code: &'static str,
    /// The file in which the finding stands.
    pub path: FilePath,
    /// What it should have done.
    pub title: String,
    /// Why it was not applied.
    pub reason: FixRejection,
}

/// Why a fix was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FixRejection {
    /// The result has syntax errors that were not there before.
    #[error("the result would not parse")]
    DoesNotParse,
    /// Its edits lie outside the text or overlap each other.
    #[error("its edits do not fit the text")]
    DoesNotFit,
    /// The finding is still there afterwards.
    #[error("the finding would still be there")]
    DoesNotCure,
    /// It puts another hazard in its place.
    #[error("it would bring in {0}")]
    BringsIn(&'static str),
}

/// A file that fixes change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: FilePath,
    /// Its text on disk; `None` where the fixes make the file.
    pub before: Option<Arc<SourceText>>,
    /// Its text with the fixes.
    pub after: Arc<SourceText>,
}

/// What tells a finding from others across a pass, without positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    code: &'static str,
    path: FilePath,
    symbol: String,
    message: String,
}

impl Key {
    fn of(finding: &ResolvedFinding) -> Self {
        Self {
            code: finding.code,
            path: finding.path,
            symbol: finding.symbol.clone(),
            message: finding.message.clone(),
        }
    }
}

/// Applies the best allowed fix of each finding, checks again, and goes on until no fix is left.
///
/// In each pass whole fixes that do not touch each other are applied together; a fix over several files is applied in
/// all of them or not at all. A fix whose result does not parse or leaves its finding standing is taken back.
pub fn apply_fixes(project: &mut Project, allowed: Safety, on_progress: OnProgress<'_>) -> FixOutcome {
    let mut outcome = FixOutcome { report: project.check(FixDetail::Edits, on_progress), ..FixOutcome::default() };
    let mut texts: BTreeMap<FilePath, (Option<Arc<SourceText>>, Arc<SourceText>)> = BTreeMap::new();
    let mut blocked: FxHashSet<(Key, String)> = FxHashSet::default();
    let mut passes = 0;
    loop {
        let root = project.workspace().root;
        let candidates = choose(
            &outcome.report,
            allowed,
            |finding, title| blocked.contains(&(Key::of(finding), title.to_owned())),
            |path| path.starts_with(root),
            |path, edits| reach_in(project, path, edits),
        );
        if candidates.is_empty() {
            outcome.converged = true;
            break;
        }
        if passes == MAX_PASSES {
            break;
        }
        let (accepted, rejected, changed) = combine(project, candidates);
        for (candidate, reason) in rejected {
            reject(candidate, reason, &mut blocked, &mut outcome.rejected);
        }
        if accepted.is_empty() {
            continue;
        }
        let places: Vec<_> = accepted.iter().map(|candidate| candidate.places(project)).collect();
        let mut before = Vec::new();
        for (path, text) in &changed {
            before.push((*path, project.text(*path)));
            project.set_text(*path, Arc::clone(text));
        }
        let report = project.check(FixDetail::Edits, on_progress);
        let useless = without_effect(&accepted, &outcome.report, &report);
        let harmful = brought_in(&accepted, &places, project, &outcome.report, &report);
        if useless.is_empty() && harmful.is_empty() {
            passes += 1;
            outcome.report = report;
            for (path, old) in before {
                let Some(new) = changed.get(&path) else { continue };
                texts.entry(path).and_modify(|entry| entry.1 = Arc::clone(new)).or_insert((old, Arc::clone(new)));
            }
            outcome.applied.extend(accepted.into_iter().map(|candidate| AppliedFix {
                code: candidate.key.code,
                path: candidate.key.path,
                title: candidate.title,
            }));
            continue;
        }
        for (path, old) in before {
            match old {
                Some(old) => project.set_text(path, old),
                None => project.remove_text(path),
            }
        }
        for candidate in accepted {
            if useless.contains(&candidate.key) {
                reject(candidate, FixRejection::DoesNotCure, &mut blocked, &mut outcome.rejected);
            } else if let Some(code) = harmful.get(&candidate.key) {
                reject(candidate, FixRejection::BringsIn(code), &mut blocked, &mut outcome.rejected);
            }
        }
    }
    outcome.changes = texts
        .into_iter()
        .filter(|(_, (before, after))| before.as_ref() != Some(after))
        .map(|(path, (before, after))| FileChange { path, before, after })
        .collect();
    outcome
}

fn reject(
    candidate: Candidate,
    reason: FixRejection,
    blocked: &mut FxHashSet<(Key, String)>,
    rejected: &mut Vec<RejectedFix>,
) {
    let Candidate { key, title, .. } = candidate;
    rejected.push(RejectedFix { code: key.code, path: key.path, title: title.clone(), reason });
    blocked.insert((key, title));
}

/// The findings whose fixes put another hazard in its place, each with the other's code: two functions that were both given
/// a lock may take their locks in opposite orders, which neither does alone; a helper's lock is held across whatever its
/// callers do next, and lost with their next commit; a rollback expires rows that the next round reads. A fix is suspected of what stands in a function that it changes, or has
/// evidence there. Of several suspects of a finding one is named, the one that is suspected most often: the others may be
/// sound without it.
fn brought_in(
    applied: &[Candidate],
    changed: &[FxHashSet<Place>],
    project: &Project,
    before: &Report,
    after: &Report,
) -> FxHashMap<Key, &'static str> {
    let known: FxHashSet<Key> = before.findings.iter().map(Key::of).collect();
    let is_new =
        |finding: &&ResolvedFinding| finding.severity != Severity::Information && !known.contains(&Key::of(finding));
    let suspected: Vec<(&'static str, Vec<usize>)> = after
        .findings
        .iter()
        .filter(is_new)
        .map(|finding| {
            let places = places_of(project, finding);
            let suspects = applied.iter().zip(changed).enumerate().filter(|(_, (candidate, changed))| {
                let harms = match candidate.family {
                    Family::Races => true,
                    // A rollback expires rows; where that has a cure, the next pass applies it.
                    Family::Transactions => finding.fixes.is_empty(),
                    Family::Sessions
                    | Family::Schema
                    | Family::Security
                    | Family::Resilience
                    | Family::Delivery
                    | Family::QueryCost
                    | Family::Posture => false,
                };
                harms && candidate.key.code != finding.code && !changed.is_disjoint(&places)
            });
            (finding.code, suspects.map(|(index, _)| index).collect())
        })
        .collect();
    let mut times = vec![0_usize; applied.len()];
    suspected.iter().flat_map(|(_, suspects)| suspects).for_each(|index| times[*index] += 1);
    suspected
        .into_iter()
        .filter_map(|(code, suspects)| {
            let at_fault = suspects.into_iter().max_by_key(|index| times[*index])?;
            Some((applied[at_fault].key.clone(), code))
        })
        .collect()
}

/// The functions in which a finding and its evidence stand.
fn places_of(project: &Project, finding: &ResolvedFinding) -> FxHashSet<Place> {
    let evidence = finding.evidence.iter().map(|evidence| (evidence.path, evidence.range.offsets));
    let all = evidence.chain([(finding.path, finding.range.offsets)]);
    all.filter_map(|(path, range)| place(project, path, range)).collect()
}

/// The findings that should have gone with the fixes and did not.
fn without_effect(applied: &[Candidate], before: &Report, after: &Report) -> FxHashSet<Key> {
    let count = |report: &Report| {
        let mut counts: FxHashMap<Key, usize> = FxHashMap::default();
        report.findings.iter().for_each(|finding| *counts.entry(Key::of(finding)).or_default() += 1);
        counts
    };
    let (before, after) = (count(before), count(after));
    let mut cured: FxHashMap<&Key, usize> = FxHashMap::default();
    applied.iter().for_each(|candidate| *cured.entry(&candidate.key).or_default() += 1);
    cured
        .into_iter()
        .filter(|(key, cured)| {
            let expected = before.get(*key).copied().unwrap_or(0).saturating_sub(*cured);
            after.get(*key).copied().unwrap_or(0) > expected
        })
        .map(|(key, _)| key.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use auditline_source::TextRange;

    use super::*;
    use crate::resolved::{LineColumn, ResolvedRange};

    fn finding(symbol: &str) -> ResolvedFinding {
        let at = LineColumn { line: 1, column: 1 };
        ResolvedFinding {
            code: "AUD201",
            name: "unlocked-read-modify-write",
            family: Family::Races,
            severity: Severity::Warning,
            message: "m".to_owned(),
            path: FilePath::from_str("/a.py").unwrap(),
            range: ResolvedRange { offsets: TextRange::default(), start: at, end: at },
            symbol: symbol.to_owned(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            story: None,
            fingerprint: String::new(),
        }
    }

    fn report(symbols: &[&str]) -> Report {
        Report { findings: symbols.iter().map(|symbol| finding(symbol)).collect(), ..Report::default() }
    }

    #[test]
    fn a_fix_that_leaves_its_finding_is_told_from_one_that_cures() {
        let applied: Vec<Candidate> =
            ["f", "f", "g"].into_iter().map(|symbol| Candidate::without_edits(Key::of(&finding(symbol)))).collect();
        let before = report(&["f", "f", "f", "g", "h"]);
        let useless = |after: &[&str]| {
            let mut symbols: Vec<String> =
                without_effect(&applied, &before, &report(after)).into_iter().map(|key| key.symbol).collect();
            symbols.sort();
            symbols
        };
        assert!(useless(&["f", "h"]).is_empty());
        assert!(useless(&["f", "h", "new"]).is_empty());
        assert_eq!(useless(&["f", "f", "h"]), ["f"]);
        assert_eq!(useless(&["f", "g", "h"]), ["g"]);
    }
}
