//! The list of commits.

use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use auditline_hazards::CATALOGUE;
use serde::Deserialize;

/// A race that a commit cured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// `OWNER/NAME` at GitHub.
    pub(super) repository: String,
    /// The commit that cured it.
    pub(super) commit: String,
    /// The file, in the commit's parent.
    pub(super) path: String,
    /// A line of the function in which it is, in the commit's parent.
    pub(super) line: u32,
    /// The hazard.
    pub(super) hazard: String,
    /// What raced, and how it was cured, in a sentence.
    pub(super) cured: String,
    /// Why it is missed, if it is.
    pub(super) missed: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    race: Vec<Entry>,
}

impl Entry {
    /// Whether a filter of the command line names it.
    pub(super) fn mentions(&self, filter: &str) -> bool {
        [&self.repository, &self.commit, &self.path, &self.hazard].into_iter().any(|text| text.contains(filter))
    }
}

/// Reads and checks the list.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is not right", path.display()))
}

fn parse(text: &str) -> Result<Vec<Entry>> {
    let list: List = toml::from_str(text)?;
    for (index, entry) in list.race.iter().enumerate() {
        check(entry).with_context(|| format!("entry {} ({} {})", index + 1, entry.repository, entry.commit))?;
        let same = |other: &&Entry| {
            (&other.repository, &other.commit, &other.path, other.line, &other.hazard)
                == (&entry.repository, &entry.commit, &entry.path, entry.line, &entry.hazard)
        };
        if list.race.iter().take(index).any(|other| same(&other)) {
            bail!("{} {} {}:{} stands there twice", entry.repository, entry.commit, entry.path, entry.line);
        }
    }
    Ok(list.race)
}

fn check(entry: &Entry) -> Result<()> {
    let is_name = |name: &str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
    };
    if !entry.repository.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name)) {
        bail!("the repository is not OWNER/NAME");
    }
    if entry.commit.len() != 40 || !entry.commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        bail!("the commit is not written out");
    }
    let inside = Path::new(&entry.path).components().all(|part| matches!(part, Component::Normal(_)));
    if entry.path.is_empty() || !inside || entry.line == 0 {
        bail!("{}:{} is no place in a repository", entry.path, entry.line);
    }
    if !CATALOGUE.iter().any(|hazard| hazard.code == entry.hazard) {
        bail!("there is no hazard `{}`", entry.hazard);
    }
    for sentence in [Some(&entry.cured), entry.missed.as_ref()].into_iter().flatten() {
        if !sentence.ends_with('.') || sentence.contains('\n') {
            bail!("not a sentence on a line: {sentence}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    const ENTRY: &str = r#"
        [[race]]
        repository = "owner/name"
        commit = "0123456789012345678901234567890123456789"
        path = "app/orders.py"
        line = 12
        hazard = "AUD201"
        cured = "The stock was counted down without a lock; the load locks now."
    "#;

    #[test]
    fn the_list_is_right() {
        let list = read(&shell::root().join("tests/history/races.toml")).map(|list| list.len());
        assert!(list.as_ref().is_ok_and(|length| *length >= 30), "{list:?}");
    }

    #[test]
    fn an_entry_says_all() {
        let list = parse(ENTRY).unwrap_or_default();
        let [entry] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((entry.path.as_str(), entry.line, entry.missed.as_ref()), ("app/orders.py", 12, None));
        assert!(entry.mentions("owner/name") && entry.mentions("AUD201") && !entry.mentions("AUD202"));
    }

    #[test]
    fn mistakes_are_refused() {
        for (right, wrong) in [
            ("owner/name", "name"),
            ("owner/name", "../name"),
            ("0123456789012345678901234567890123456789", "0123456"),
            ("app/orders.py", "../orders.py"),
            ("line = 12", "line = 0"),
            ("AUD201", "AUD999"),
            ("locks now.", "locks now"),
            ("line = 12", "line = 12\nwhy = 'unknown key'"),
        ] {
            assert!(parse(&ENTRY.replace(right, wrong)).is_err(), "{wrong}");
        }
        assert!(parse(&ENTRY.repeat(2)).is_err(), "the same entry twice");
    }
}
