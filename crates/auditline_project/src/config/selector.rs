//! Naming hazards: codes, prefixes of codes, names.

use std::fmt;

use auditline_hazards::{CATALOGUE, Hazard};
use thiserror::Error;

/// Which hazards a word means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// `ALL` or `AUD`: every hazard.
    All,
    /// `AUD2`, `AUD20`: every hazard whose code starts so.
    Prefix(String),
    /// `AUD201` or `unlocked-read-modify-write`: one hazard, by its code.
    Exact(&'static str),
}

/// A word that means no hazard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown hazard `{word}`{}", .suggestion.as_ref().map(|other| format!(", did you mean `{other}`?")).unwrap_or_default())]
pub struct UnknownHazard {
    /// The word.
    pub word: String,
    /// A hazard that is written much like it.
    pub suggestion: Option<&'static str>,
}

impl Selector {
    /// What the word means.
    ///
    /// # Errors
    /// If there is no hazard of that code or name, and none whose code starts so.
    pub fn parse(word: &str) -> Result<Self, UnknownHazard> {
        let word = word.trim();
        if let Some(hazard) = auditline_hazards::find(word) {
            return Ok(Self::Exact(hazard.code));
        }
        let upper = word.to_ascii_uppercase();
        if upper == "ALL" || upper == "AUD" {
            return Ok(Self::All);
        }
        // A family's digit is known before its first hazard is.
        let family = matches!(upper.as_bytes(), [b'A', b'U', b'D', b'1'..=b'9']);
        let starts_a_code = upper.len() > "AUD".len() && CATALOGUE.iter().any(|hazard| hazard.code.starts_with(&upper));
        if family || starts_a_code {
            return Ok(Self::Prefix(upper));
        }
        Err(UnknownHazard { word: word.to_owned(), suggestion: suggest(word) })
    }

    /// Reads a list such as `AUD201,AUD3`.
    ///
    /// # Errors
    /// The first word that means no hazard.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, UnknownHazard> {
        list.split(',').filter(|word| !word.trim().is_empty()).map(Self::parse).collect()
    }

    /// Whether it means that hazard.
    #[must_use]
    pub fn matches(&self, hazard: &Hazard) -> bool {
        self.rank(hazard).is_some()
    }

    /// How closely it names the hazard: the longer, the closer. `None` if it does not mean it.
    pub(crate) fn rank(&self, hazard: &Hazard) -> Option<usize> {
        match self {
            Self::All => Some(0),
            Self::Prefix(prefix) => hazard.code.starts_with(prefix.as_str()).then_some(prefix.len()),
            Self::Exact(code) => (hazard.code == *code).then_some(usize::MAX),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("ALL"),
            Self::Prefix(prefix) => f.write_str(prefix),
            Self::Exact(code) => f.write_str(code),
        }
    }
}

/// The code or name of a hazard that is written much like `word`.
fn suggest(word: &str) -> Option<&'static str> {
    let names = CATALOGUE.iter().flat_map(|hazard| [hazard.code, hazard.name]);
    closest(word, names)
}

/// The candidate that differs from `word` in the fewest letters, if it is much like it.
pub(crate) fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let limit = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .map(|candidate| (distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters are to be put in, taken out or replaced to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
