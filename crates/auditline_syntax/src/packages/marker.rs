//! Environment markers.

use std::str::FromStr;

use pep508_rs::MarkerTree;

/// The environments in which a requirement holds, by the rules of PEP 508.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker(MarkerTree);

impl Marker {
    /// Longer markers are not read.
    const MAX_LENGTH: usize = 1_000;
    /// Markers nested deeper are not read: their reader recurses.
    const MAX_DEPTH: usize = 20;

    /// Reads `python_version < "3.12" and sys_platform == "linux"`. `None` where it is nothing of that kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > Self::MAX_LENGTH || text.matches('(').count() > Self::MAX_DEPTH {
            return None;
        }
        MarkerTree::from_str(text).ok().map(Self)
    }

    /// The environments whose Python is one of those versions: `>=3.9,<4`.
    #[must_use]
    pub fn python(versions: &str) -> Option<Self> {
        let mut marker = MarkerTree::TRUE;
        for version in versions.split(',').map(str::trim).filter(|version| !version.is_empty()) {
            let at = version.find(|char: char| !matches!(char, '<' | '>' | '=' | '!' | '~'))?;
            let (operator, version) = version.split_at(at);
            let text = format!("python_full_version {operator} '{}'", version.trim());
            marker.and(Self::parse(&text)?.0);
        }
        Some(Self(marker))
    }

    /// The environments of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.0.clone();
        both.and(other.0.clone());
        Self(both)
    }

    /// The environments of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut either = self.0.clone();
        either.or(other.0.clone());
        Self(either)
    }

    /// Whether some environment is in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        !self.0.is_disjoint(&other.0)
    }
}
