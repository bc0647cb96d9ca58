//! `cargo xtask precision`: findings in public backends that somebody has judged, as a test.
//!
//! The lists are `tests/precision/*.toml`. Each backend is written to a temporary directory at the commit at which it was judged, and
//! checked: what was judged true must still be a warning, and of all warnings it is counted how many are. Nothing is fetched: what
//! is not on disk is named as skipped, and counts as nothing.

mod list;
mod tally;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repository::Repository;
use crate::shell;
use list::{Backend, Judged, Verdict};
use tally::Tally;

/// Where repositories are looked for if nothing is said.
const REPOSITORIES: &str = "target/history";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the repositories are: bare clones or checkouts, each called `OWNER+NAME`, `OWNER/NAME` or `NAME`.
    #[arg(long, value_name = "DIR", default_value = REPOSITORIES)]
    repositories: PathBuf,
    /// Check with the build for debugging, which takes ten times as long.
    #[arg(long)]
    debug: bool,
    /// Only these hazards: codes, or beginnings of codes, separated by commas.
    #[arg(long, value_name = "CODES", default_value = "AUD1,AUD2,AUD3")]
    select: String,
    /// Only repositories whose name contains this.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let backends = list::read(&shell::root().join("tests/precision"))?;
    let auditline = shell::build_auditline(!options.debug)?;
    let repositories = shell::root().join(&options.repositories);

    let mut tally = Tally::default();
    let (mut checked, mut lost) = (0_usize, 0_usize);
    for backend in &backends {
        if options.filter.as_deref().is_some_and(|filter| !backend.repository.contains(filter)) {
            continue;
        }
        let repository = Repository::find(&repositories, &backend.repository);
        let Some(repository) = repository.filter(|repository| repository.has(&backend.commit)) else {
            println!("skipped    {} {}: not on disk", backend.repository, backend.commit);
            continue;
        };
        let findings = findings(&auditline, &repository, backend, &options.select)
            .with_context(|| format!("{} {}", backend.repository, backend.commit))?;
        checked += 1;
        for finding in findings.iter().filter(|finding| finding.is_loud()) {
            let judged = backend.findings.iter().find(|judged| finding.is(judged));
            tally.add(&finding.code, judged.map(|judged| judged.verdict));
            if judged.is_none() {
                println!(
                    "unjudged   {} {}:{} {}",
                    finding.code, backend.repository, finding.path, finding.range.start.line
                );
            }
        }
        for judged in backend.findings.iter().filter(|judged| selects(&options.select, &judged.hazard)) {
            lost += usize::from(!stands(backend, judged, &findings));
        }
    }
    print!("{}", tally.table());
    if checked == 0 {
        bail!("none of the repositories is on disk: tests/precision/README.md says how to get them");
    }
    if lost > 0 {
        bail!("{lost} findings that were judged true are no warnings any more, and not listed as such");
    }
    Ok(())
}

/// Whether a finding that was judged true is still told as one, or is listed as lapsed; says what is not as the list has it.
fn stands(backend: &Backend, judged: &Judged, findings: &[Finding]) -> bool {
    if judged.verdict != Verdict::True {
        return true;
    }
    let place = || format!("{} {} {}:{} ({})", judged.hazard, backend.repository, judged.path, judged.line, judged.why);
    let same = findings.iter().filter(|finding| finding.is(judged)).max_by_key(|finding| finding.is_loud());
    match (same.map(Finding::is_loud), &judged.lapsed) {
        (Some(true), None) => true,
        (Some(true), Some(_)) => {
            println!("not lapsed {}: take `lapsed` out of the list", place());
            true
        }
        (_, Some(_)) => true,
        (Some(false), None) => {
            println!("LOST       {}: it is information", place());
            false
        }
        (None, None) => {
            println!("LOST       {}: it is not found", place());
            false
        }
    }
}

/// Whether one of the codes, or beginnings of codes, is that of a hazard.
fn selects(codes: &str, hazard: &str) -> bool {
    codes.split(',').any(|code| hazard.starts_with(code.trim()))
}

#[derive(Debug, Deserialize)]
struct Document {
    findings: Vec<Finding>,
}

/// A finding, as `--output-format json` prints it.
#[derive(Debug, Deserialize)]
struct Finding {
    code: String,
    severity: String,
    path: String,
    range: Range,
}

#[derive(Debug, Deserialize)]
struct Range {
    start: Position,
}

#[derive(Debug, Deserialize)]
struct Position {
    line: u32,
}

impl Finding {
    fn is(&self, judged: &Judged) -> bool {
        self.code == judged.hazard && self.path == judged.path && self.range.start.line == judged.line
    }

    /// Whether it is an error or a warning.
    fn is_loud(&self) -> bool {
        matches!(self.severity.as_str(), "error" | "warning")
    }
}

fn findings(auditline: &Path, repository: &Repository, backend: &Backend, codes: &str) -> Result<Vec<Finding>> {
    let tree = tempfile::tempdir()?;
    repository.write(&backend.commit, tree.path())?;
    let mut check = Command::new(auditline);
    check.current_dir(tree.path());
    check.args(["check", "--output-format", "json", "--exit-zero", "--select", codes]);
    let document: Document = serde_json::from_str(&shell::output(&mut check)?)?;
    Ok(document.findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(verdict: Verdict, lapsed: Option<&str>) -> Judged {
        Judged {
            hazard: "AUD201".to_owned(),
            path: "shop.py".to_owned(),
            line: 3,
            verdict,
            why: "lost-update".to_owned(),
            lapsed: lapsed.map(str::to_owned),
        }
    }

    fn found(line: u32, severity: &str) -> Finding {
        Finding {
            code: "AUD201".to_owned(),
            severity: severity.to_owned(),
            path: "shop.py".to_owned(),
            range: Range { start: Position { line } },
        }
    }

    #[test]
    fn what_was_judged_true_must_stay_a_warning() {
        let backend = Backend { repository: "owner/name".to_owned(), commit: "a".repeat(40), findings: Vec::new() };
        let stands = |judged: &Judged, findings: &[Finding]| super::stands(&backend, judged, findings);
        let right = judged(Verdict::True, None);
        assert!(stands(&right, &[found(3, "warning")]));
        assert!(!stands(&right, &[found(3, "information")]));
        assert!(!stands(&right, &[found(4, "warning")]));
        assert!(stands(&judged(Verdict::True, Some("the row is one of many")), &[]));
        assert!(stands(&judged(Verdict::False, None), &[]));
    }

    #[test]
    fn hazards_are_selected_by_the_beginnings_of_codes() {
        assert!(selects("AUD1,AUD20", "AUD201"));
        assert!(!selects("AUD1, AUD3", "AUD201"));
    }
}
