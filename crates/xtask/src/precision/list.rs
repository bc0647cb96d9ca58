//! The findings that were judged.

use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use auditline_hazards::CATALOGUE;
use serde::Deserialize;

/// What somebody who read the code says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It is so, and it matters: a warning.
    True,
    /// It is so, and a maintainer would shrug.
    Debatable,
    /// It is not so.
    False,
}

/// A judged finding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judged {
    /// The hazard's code.
    pub(super) hazard: String,
    /// The file.
    pub(super) path: String,
    /// The line on which it is reported, from 1.
    pub(super) line: u32,
    pub(super) verdict: Verdict,
    /// Why, in a word or two: what is lost, or what keeps it from being so.
    pub(super) why: String,
    /// Why one that is true is no warning any more, if it is none.
    pub(super) lapsed: Option<String>,
}

/// The judged findings of a backend.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backend {
    /// `OWNER/NAME` at GitHub.
    pub(super) repository: String,
    /// The commit at which they were judged.
    pub(super) commit: String,
    pub(super) findings: Vec<Judged>,
}

/// Reads and checks the lists of a folder, one for each backend.
pub(super) fn read(folder: &Path) -> Result<Vec<Backend>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let backend = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        parse(&text).with_context(|| format!("{} is not right", path.display()))
    };
    paths.iter().map(backend).collect()
}

fn parse(text: &str) -> Result<Backend> {
    let backend: Backend = toml::from_str(text)?;
    if backend.commit.len() != 40 || !backend.commit.chars().all(|c| c.is_ascii_hexdigit()) {
        bail!("{} is no commit", backend.commit);
    }
    for (index, judged) in backend.findings.iter().enumerate() {
        let place = || format!("{} {}:{}", judged.hazard, judged.path, judged.line);
        if !CATALOGUE.iter().any(|hazard| hazard.code == judged.hazard) {
            bail!("{}: there is no such hazard", place());
        }
        if !Path::new(&judged.path).components().all(|part| matches!(part, Component::Normal(_))) || judged.line == 0 {
            bail!("{}: that is no place", place());
        }
        if judged.lapsed.is_some() && judged.verdict != Verdict::True {
            bail!("{}: only what is true can lapse", place());
        }
        let same =
            |other: &&Judged| (&other.hazard, &other.path, other.line) == (&judged.hazard, &judged.path, judged.line);
        if backend.findings.iter().take(index).any(|other| same(&other)) {
            bail!("{} stands there twice", place());
        }
    }
    Ok(backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "repository = \"owner/name\"\ncommit = \"0123456789012345678901234567890123456789\"\n";

    #[test]
    fn the_lists_are_right() -> Result<()> {
        assert!(!read(&crate::shell::root().join("tests/precision"))?.is_empty());
        Ok(())
    }

    #[test]
    fn what_stands_there_twice_or_is_no_hazard_is_refused() {
        let one = "{ hazard = \"AUD201\", path = \"a.py\", line = 3, verdict = \"true\", why = \"lost\" }";
        assert!(parse(&format!("{HEAD}findings = [{one}]")).is_ok());
        assert!(parse(&format!("{HEAD}findings = [{one}, {one}]")).is_err());
        assert!(parse(&format!("{HEAD}findings = [{}]", one.replace("AUD201", "AUD999"))).is_err());
        assert!(parse(&format!("{HEAD}findings = [{}]", one.replace("a.py", "../a.py"))).is_err());
        assert!(parse(&format!("{HEAD}findings = [{}]", one.replace("true", "perhaps"))).is_err());
    }
}
