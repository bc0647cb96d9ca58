//! What a project asks to be installed: requirement files of pip and `pyproject.toml`.
//!
//! A requirement that cannot be read is left out: a URL, a variable, a line that is being typed. All ranges are
//! absolute.

mod installs;
mod marker;
mod poetry;
mod pyproject;
mod requirements;
#[cfg(test)]
mod tests;
mod versions;

use text_size::{TextRange, TextSize};

use crate::Name;

pub use installs::installs;
pub use marker::Marker;
pub use pyproject::pyproject;
pub use requirements::requirements;
pub use versions::Versions;

/// A package that is asked for, in some versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The package, in the normal form of names: lower case, with `-` for what joins words.
    pub package: Name,
    /// The requirement as it is written, on one line.
    pub shown: Box<str>,
    /// Where it stands.
    pub range: TextRange,
    /// The versions that it allows.
    pub versions: Versions,
    /// In which environments it holds.
    pub marker: Marker,
}

impl Requirement {
    /// Whether no version of the package meets both requirements, and some environment has both.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        self.package == other.package && self.versions.exclude(&other.versions) && self.marker.meets(&other.marker)
    }
}

/// Another file that a requirement file takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The path as written.
    pub path: Box<str>,
    /// Where the whole directive stands.
    pub range: TextRange,
}

/// A requirement or constraint file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequirementFile {
    /// What it asks for, in order.
    pub requirements: Vec<Requirement>,
    /// `-r` and `-c`, in order. A constraint binds what is installed as a requirement does.
    pub includes: Vec<Include>,
}

/// A `pyproject.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PyProject {
    /// What it asks for, group by group; the project's own first, if it has any.
    pub groups: Vec<Group>,
    /// Whether one lock file holds all groups, so that they must agree with each other.
    pub is_locked_as_one: bool,
    /// Groups that are declared to exclude each other.
    pub conflicts: Vec<Vec<(GroupKind, Name)>>,
    /// Requirement files that make the project's own requirements.
    pub dynamic: Vec<Include>,
}

/// A group of requirements that are installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What it is.
    pub kind: GroupKind,
    /// Its name; empty for the project's own requirements.
    pub name: Name,
    /// What it asks for, without what it takes in.
    pub requirements: Vec<Requirement>,
    /// The groups that it takes in.
    pub includes: Vec<(GroupKind, Name)>,
}

/// What a group of requirements is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// What the project needs.
    Project,
    /// An extra, installed on top of the project.
    Extra,
    /// A dependency group, for those who develop the project.
    Group,
}

/// The normal form of the name of a package or extra.
pub(crate) fn normal(name: &str) -> Name {
    let mut out = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&part.to_ascii_lowercase());
    }
    Name::new(&out)
}

fn range(start: usize, end: usize) -> TextRange {
    let size = |at: usize| TextSize::try_from(at).unwrap_or(TextSize::new(u32::MAX));
    TextRange::new(size(start), size(end.max(start)))
}

/// A requirement in the words of PEP 508: `name[extra] >=1,<2; marker`. `None` for URLs and what cannot be read.
fn read(text: &str, at: TextRange) -> Option<Requirement> {
    let text = text.trim();
    let (asked, marker) = match text.split_once(';') {
        Some((asked, marker)) => (asked.trim(), Marker::parse(marker)?),
        None => (text, Marker::default()),
    };
    let end = asked.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')));
    let (name, rest) = asked.split_at(end.unwrap_or(asked.len()));
    let is_name = name.starts_with(|char: char| char.is_ascii_alphanumeric())
        && name.ends_with(|char: char| char.is_ascii_alphanumeric());
    if !is_name {
        return None;
    }
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1.trim_start(),
        None => rest,
    };
    let versions = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
    Some(Requirement {
        package: normal(name),
        shown: asked.split_whitespace().collect::<Vec<_>>().join(" ").into(),
        range: at,
        versions: Versions::parse(versions)?,
        marker,
    })
}
