//! What compose files, CI files and scripts say of how an image is built.

use text_size::TextRange;

use crate::Name;

/// One build of an image, as a file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Where the file says so.
    pub range: TextRange,
    /// The directory that is the build context. `None` where it cannot be told or is none of this repository.
    pub context: Option<BuildPath>,
    /// The Dockerfile.
    pub dockerfile: DockerfileAt,
    /// The build arguments that are set.
    pub args: Vec<BuildArg>,
    /// Directories into which earlier steps put files that are not in the repository.
    pub filled: Vec<BuildPath>,
}

/// Where a build finds its Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerfileAt {
    /// Relative to the build context.
    InContext(Box<str>),
    /// Somewhere else.
    At(BuildPath),
    /// It cannot be told.
    Unknown,
}

/// A build argument that a build sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildArg {
    /// Its name.
    pub name: Name,
    /// Its value; `None` where it cannot be told.
    pub value: Option<Box<str>>,
}

/// A path in a build description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildPath {
    /// What it is relative to.
    pub base: PathBase,
    /// The rest of the way; may hold `..`.
    pub path: Box<str>,
}

/// What a path in a build description is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathBase {
    /// Where the script is started, which is for the reader to know: a job starts at the root of the repository, a
    /// recipe beside its Makefile, a script wherever its user stands.
    Start,
    /// The directory of the file that says it.
    Directory,
    /// The root of the repository.
    Root,
}

/// Stands in a text for the root of the repository, where a variable or command names it.
pub(super) const ROOT: char = '\u{1}';
/// Stands in a text for the directory of the file.
pub(super) const DIRECTORY: char = '\u{2}';
/// Stands in a text for something that cannot be told.
pub(super) const UNKNOWN: char = '\u{3}';

impl BuildPath {
    /// A path from the directory of the file.
    pub(super) fn beside(path: &str) -> Option<Self> {
        is_local(path).then(|| Self { base: PathBase::Directory, path: path.into() })
    }

    /// The path that `text` names for a command that runs in `workdir`; `None` if it cannot be told, or is not local.
    pub(super) fn resolve(text: &str, workdir: Option<&Self>) -> Option<Self> {
        let mut rest = text.chars();
        let base = match rest.next() {
            Some(ROOT) => PathBase::Root,
            Some(DIRECTORY) => PathBase::Directory,
            _ => {
                let workdir = workdir?;
                if !is_local(text) {
                    return None;
                }
                let path =
                    if workdir.path.is_empty() { text.into() } else { format!("{}/{text}", workdir.path).into() };
                return Some(Self { base: workdir.base, path });
            }
        };
        let path = rest.as_str().trim_start_matches('/');
        (path.is_empty() || is_local(path)).then(|| Self { base, path: path.into() })
    }
}

/// Whether a context is a directory of this machine, written in full.
fn is_local(text: &str) -> bool {
    let is_remote = text.contains("://")
        || text.starts_with("git@")
        || text.starts_with("github.com/")
        || text.split('#').next().is_some_and(|url| url.ends_with(".git") && url.contains('/'));
    !text.is_empty()
        && text != "-"
        && !is_remote
        && !text.starts_with(['/', '~'])
        && !text.contains([ROOT, DIRECTORY, UNKNOWN, '$'])
}

/// `NAME=value` or `NAME` as an argument of a build; without a value it is the builder's environment that knows.
pub(super) fn build_arg(text: &str) -> Option<BuildArg> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    is_name.then(|| BuildArg { name: Name::new(name), value: value.filter(|value| is_plain(value)).map(Into::into) })
}

/// Whether a value holds nothing that is filled in later.
pub(super) fn is_plain(value: &str) -> bool {
    !value.contains([ROOT, DIRECTORY, UNKNOWN, '$'])
}
