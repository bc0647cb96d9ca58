//! Sets of versions.

use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};
use version_ranges::Ranges;

/// A set of versions of a package, by the rules of PEP 440.
///
/// What stands behind the `+` of a local version is left out: `==2.1` allows `2.1+cpu`, and which local versions there are
/// is for the index to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(Ranges<Version>);

impl Versions {
    /// Longer lists are not read.
    const MAX_LENGTH: usize = 500;

    /// Reads `>=1,<2`; an empty text allows every version. `None` where it is nothing of that kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > Self::MAX_LENGTH {
            return None;
        }
        let specifiers = VersionSpecifiers::from_str(text).ok()?;
        let mut all = Ranges::full();
        for specifier in specifiers.iter() {
            let (operator, version) = (*specifier.operator(), specifier.version().clone().without_local());
            let specifier = VersionSpecifier::from_version(operator, version).ok()?;
            all = all.intersection(&Ranges::from(specifier));
        }
        Some(Self(all))
    }

    /// The versions that are in one set or the other.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0))
    }

    /// Whether no version is in both. A set without versions excludes nothing: it is wrong by itself.
    #[must_use]
    pub fn exclude(&self, other: &Self) -> bool {
        !self.0.is_empty() && !other.0.is_empty() && self.0.is_disjoint(&other.0)
    }
}
