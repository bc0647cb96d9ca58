//! `cargo xtask bulk`: every fix of a tree at once, and what they did to it.
//!
//! Nothing is changed where the trees are: each is copied, and the copy is fixed. CPython judges the texts
//! (`tests/bulk/compare.py`), this chore the findings.

mod copy;
mod findings;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;
use copy::Writing;
use findings::Document;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The trees; the sample project, as it is and as Windows writes it, if none is named.
    #[arg(value_name = "DIR")]
    trees: Vec<PathBuf>,
    /// Fix with the build for debugging, which takes ten times as long.
    #[arg(long)]
    debug: bool,
    /// Leave the trees and the findings before and after in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Options {
    /// The sample project, with that build.
    pub(crate) fn sample(release: bool) -> Self {
        Self { trees: Vec::new(), debug: !release, keep: None }
    }
}

/// A tree with the fixes that are applied to it.
struct Job<'a> {
    tree: &'a Path,
    writing: Writing,
    with_unsafe: bool,
}

/// What came out of a job.
#[derive(Default)]
struct Outcome {
    applied: usize,
    withheld: usize,
    changed: String,
    faults: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let auditline = shell::build_auditline(!options.debug)?;
    let python = newest_python()?;
    let sample = [shell::root().join("tests/projects/storefront")];
    let (trees, writings): (&[PathBuf], &[Writing]) = match options.trees.as_slice() {
        [] => (&sample, &[Writing::AsIs, Writing::Windows]),
        trees => (trees, &[Writing::AsIs]),
    };
    let (mut passed, mut failed) = (0, 0);
    for tree in trees {
        for &writing in writings {
            for with_unsafe in [false, true] {
                let job = Job { tree, writing, with_unsafe };
                let outcome = job.run(&auditline, &python, options.keep.as_deref())?;
                let withheld = match outcome.withheld {
                    0 => String::new(),
                    count => format!("{count} withheld, "),
                };
                println!("{}: {} fixes, {withheld}{}", job.name()?, outcome.applied, outcome.changed);
                outcome.faults.iter().for_each(|fault| println!("  {fault}"));
                *(if outcome.faults.is_empty() { &mut passed } else { &mut failed }) += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        bail!("fixes do what they must not");
    }
    Ok(())
}

impl Job<'_> {
    fn name(&self) -> Result<String> {
        let name = self.tree.canonicalize().with_context(|| format!("{}", self.tree.display()))?;
        let name = name.file_name().context("a tree without a name")?.to_string_lossy().into_owned();
        let writing = if self.writing == Writing::Windows { "-windows" } else { "" };
        Ok(format!("{name}{writing}-{}", if self.with_unsafe { "unsafe" } else { "safe" }))
    }

    fn run(&self, auditline: &Path, python: &str, keep: Option<&Path>) -> Result<Outcome> {
        let temporary = tempfile::tempdir()?;
        let folder = keep.unwrap_or(temporary.path()).join(self.name()?);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let (before, after) = (folder.join("before"), folder.join("after"));
        copy::copy(self.tree, &before, self.writing)?;
        copy::copy(self.tree, &after, self.writing)?;

        let found = folder.join("before.json");
        let earlier = self.check(auditline, &before, &[], &found)?;
        let mut fixing = vec!["--fix"];
        if self.with_unsafe {
            fixing.push("--unsafe-fixes");
        }
        let fixed = self.check(auditline, &after, &fixing, &folder.join("fixed.json"))?;
        let later = self.check(auditline, &after, &[], &folder.join("after.json"))?;

        let mut outcome = Outcome { applied: fixed.document.summary.fixed, ..Outcome::default() };
        let unfinished = fixed.said.lines().filter(|line| line.contains("still left"));
        outcome.faults.extend(unfinished.map(str::to_owned));
        outcome.faults.extend(findings::compare(&earlier.document, &fixed.document, &later.document, self.with_unsafe));
        outcome.withheld = fixed.document.withheld();
        outcome.faults.extend(self.again(auditline, &after, &fixing)?);
        let mut compare = Command::new(python);
        compare.arg(shell::root().join("tests/bulk/compare.py")).args([&before, &after, &found]);
        let said = shell::output(&mut compare)?;
        let mut lines: Vec<&str> = said.lines().collect();
        outcome.changed = lines.pop().context("the comparison says nothing")?.to_owned();
        outcome.faults.extend(lines.into_iter().map(str::to_owned));
        Ok(outcome)
    }

    /// Runs the check in a tree, and keeps what it prints.
    fn check(&self, auditline: &Path, tree: &Path, options: &[&str], keep: &Path) -> Result<Checked> {
        let mut check = Command::new(auditline);
        check.current_dir(tree).args(["check", "--output-format", "json", "--exit-zero"]).args(options);
        let output = check.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("`{}` failed in {}\n{said}", shell::line(&check), self.tree.display());
        }
        std::fs::write(keep, &output.stdout)?;
        Ok(Checked { document: serde_json::from_slice(&output.stdout)?, said })
    }

    /// What a second run would change.
    fn again(&self, auditline: &Path, tree: &Path, fixing: &[&str]) -> Result<Option<String>> {
        let mut diff = Command::new(auditline);
        diff.current_dir(tree).args(["check", "--exit-zero", "--diff"]).args(&fixing[1..]);
        let diff = shell::output(&mut diff)?;
        Ok((!diff.is_empty()).then(|| format!("a second run changes something:\n{diff}")))
    }
}

struct Checked {
    document: Document,
    /// Its standard error.
    said: String,
}

/// The newest interpreter that answers: an older one reads fewer files.
fn newest_python() -> Result<String> {
    let named = std::env::var("PYTHON").ok();
    let known = ["python3.15", "python3.14", "python3.13", "python3.12", "python3"].map(str::to_owned);
    let answers = |python: &String| shell::output(shell::command(python).arg("--version")).is_ok();
    named.into_iter().chain(known).find(answers).context("there is no Python 3")
}
