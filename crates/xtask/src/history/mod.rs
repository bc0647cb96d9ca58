//! `cargo xtask history`: public commits that cured a race, as a test.
//!
//! The list is `tests/history/races.toml`. For each commit of it the tree before and the tree after are written to a temporary
//! directory and checked: before, the race must be found where the list says; after, it must be gone. Nothing is fetched: what
//! is not on disk is named as skipped, and counts as nothing.

mod functions;
mod list;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::repository::Repository;
use crate::shell;
use functions::Function;
use list::Entry;
use report::{Report, Verdict};

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
    /// Only entries whose repository, commit, path or hazard contains this.
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let list = list::read(&shell::root().join("tests/history/races.toml"))?;
    let entries: Vec<&Entry> =
        list.iter().filter(|entry| options.filter.as_deref().is_none_or(|filter| entry.mentions(filter))).collect();
    if entries.is_empty() {
        bail!("no entry of the list mentions that");
    }
    let auditline = shell::build_auditline(!options.debug)?;
    let repositories = shell::root().join(&options.repositories);

    let mut report = Report::default();
    for of_commit in entries.chunk_by(|a, b| a.commit == b.commit && a.repository == b.repository) {
        let Some(first) = of_commit.first() else { continue };
        let repository = Repository::find(&repositories, &first.repository);
        let has_both =
            |repository: &Repository| repository.has(&first.commit) && repository.has(&format!("{}^", first.commit));
        match repository.filter(has_both) {
            Some(repository) => {
                let (before, after) = sides(&auditline, &repository, first, of_commit)
                    .with_context(|| format!("{} {}", first.repository, first.commit))?;
                for entry in of_commit {
                    report.add(entry, judge(entry, &before, &after)?);
                }
            }
            None => of_commit.iter().for_each(|entry| report.skip(entry)),
        }
    }
    report.close()
}

/// What is found in one tree, and the files of it that the list names.
struct Side {
    findings: Vec<Finding>,
    files: Vec<(String, Vec<Function>)>,
}

#[derive(Debug, Deserialize)]
struct Document {
    findings: Vec<Finding>,
}

/// A finding, as `--output-format json` prints it.
#[derive(Debug, Deserialize)]
struct Finding {
    code: String,
    message: String,
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

impl Side {
    fn functions(&self, path: &str) -> &[Function] {
        self.files.iter().find(|(name, _)| name == path).map_or(&[], |(_, functions)| functions)
    }

    /// The findings of that hazard in the functions of that name.
    fn findings_in<'a>(&'a self, entry: &'a Entry, name: &'a str) -> impl Iterator<Item = &'a Finding> {
        let inside =
            move |line| functions::at(self.functions(&entry.path), line).is_some_and(|function| function.name == name);
        let of_entry = |finding: &&Finding| finding.code == entry.hazard && finding.path == entry.path;
        self.findings.iter().filter(of_entry).filter(move |finding| inside(finding.range.start.line))
    }
}

fn sides(auditline: &Path, repository: &Repository, commit: &Entry, entries: &[&Entry]) -> Result<(Side, Side)> {
    let side = |revision: &str| -> Result<Side> {
        let tree = tempfile::tempdir()?;
        repository.write(revision, tree.path())?;
        let mut codes: Vec<&str> = entries.iter().map(|entry| entry.hazard.as_str()).collect();
        codes.dedup();
        let mut check = Command::new(auditline);
        check.current_dir(tree.path()).args(["check", "--output-format", "json", "--exit-zero"]);
        check.args(["--select", &codes.join(",")]);
        let mut paths: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        paths.dedup();
        check.args(paths.into_iter().filter(|path| tree.path().join(path).is_file()));
        let document: Document = serde_json::from_str(&shell::output(&mut check)?)?;
        let mut files = Vec::new();
        for entry in entries {
            // A file that is gone, or that is no UTF-8, has no functions.
            let text = std::fs::read_to_string(tree.path().join(&entry.path)).unwrap_or_default();
            files.push((entry.path.clone(), functions::all(&text)?));
        }
        Ok(Side { findings: document.findings, files })
    };
    Ok((side(&format!("{}^", commit.commit))?, side(&commit.commit)?))
}

/// Whether the race is found before the commit, in the function that the list names by a line, and not after it.
fn judge(entry: &Entry, before: &Side, after: &Side) -> Result<Verdict> {
    let Some(function) = functions::at(before.functions(&entry.path), entry.line) else {
        bail!("{}:{} is in no function of the commit's parent", entry.path, entry.line);
    };
    let name = function.name.as_str();
    let nearest = before.findings_in(entry, name).min_by_key(|finding| finding.range.start.line.abs_diff(entry.line));
    let found = nearest.is_some();
    // What the message names first is the column or the model; other races of the same function are other entries.
    let subject = nearest.and_then(|finding| subject(&finding.message));
    let stays = after
        .findings_in(entry, name)
        .any(|finding| subject.is_none_or(|subject| finding.message.split('`').any(|word| word == subject)));
    let vanished = !after.functions(&entry.path).iter().any(|function| function.name == name);
    Ok(Verdict { found, gone: !stays && !vanished, vanished })
}

/// What a message quotes first.
fn subject(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "def other(): pass\ndef take(db):\n    row = db.get(1)\n    row.left -= 1\n";
    const AFTER: &str = "def take(db):\n    row = db.lock(1)\n    row.left -= 1\n";

    fn entry() -> Entry {
        Entry {
            repository: "owner/name".to_owned(),
            commit: "a".repeat(40),
            path: "shop.py".to_owned(),
            line: 3,
            hazard: "AUD201".to_owned(),
            cured: "Locks.".to_owned(),
            missed: None,
        }
    }

    fn side(text: &str, findings: &[(&str, u32, &str)]) -> Side {
        let findings = findings
            .iter()
            .map(|(code, line, message)| Finding {
                code: (*code).to_owned(),
                message: (*message).to_owned(),
                path: "shop.py".to_owned(),
                range: Range { start: Position { line: *line } },
            })
            .collect();
        Side { findings, files: vec![("shop.py".to_owned(), functions::all(text).unwrap_or_default())] }
    }

    fn verdict(before: &Side, after: &Side) -> (bool, bool, bool) {
        let verdict = judge(&entry(), before, after).unwrap_or_default();
        (verdict.found, verdict.gone, verdict.vanished)
    }

    #[test]
    fn a_finding_counts_in_the_function_of_the_line() {
        let found = side(BEFORE, &[("AUD201", 4, "`Item.left` is lost")]);
        let cured = side(AFTER, &[]);
        assert_eq!(verdict(&found, &cured), (true, true, false));
        let elsewhere = side(BEFORE, &[("AUD201", 1, "`Item.left` is lost"), ("AUD202", 4, "`Item` is created")]);
        assert_eq!(verdict(&elsewhere, &cured), (false, true, false));
    }

    #[test]
    fn a_race_of_another_column_is_another_race() {
        let found = side(BEFORE, &[("AUD201", 4, "`Item.left` is lost")]);
        let same = side(AFTER, &[("AUD201", 3, "`Item.sold`, `Item.left` is lost")]);
        let other = side(AFTER, &[("AUD201", 3, "`Item.sold` is lost")]);
        assert_eq!(verdict(&found, &same), (true, false, false));
        assert_eq!(verdict(&found, &other), (true, true, false));
    }

    #[test]
    fn a_function_that_is_gone_shows_nothing() {
        let found = side(BEFORE, &[("AUD201", 4, "`Item.left` is lost")]);
        assert_eq!(verdict(&found, &side("def taken(): pass\n", &[])), (true, false, true));
    }

    #[test]
    fn a_line_outside_of_functions_is_an_error() {
        let outside = Entry { line: 30, ..entry() };
        assert!(judge(&outside, &side(BEFORE, &[]), &side(AFTER, &[])).is_err());
    }
}
