//! Whether a build context has what a Dockerfile takes from it.

use auditline_model::image::{self, BuildRef, Context, Contexts, Entry};
use auditline_model::{Db, SourceFile};
use auditline_source::{FileKind, FilePath};
use auditline_syntax::TextRange;

use super::generated::is_made;
use super::sources::Taken;

/// A directory that may be the build context.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) directory: FilePath,
    /// The build that says so; `None` where it follows from the place of the Dockerfile.
    pub(super) build: Option<BuildRef>,
    filled: Vec<FilePath>,
    args: Vec<(auditline_syntax::Name, Option<Box<str>>)>,
}

/// What a build context has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    Missing,
    /// The pattern of that file leaves it out.
    LeftOut(SourceFile, TextRange),
    /// It cannot be told, or something makes it first.
    CannotTell,
}

impl From<&Context> for Candidate {
    fn from(context: &Context) -> Self {
        let (filled, args) = (context.filled.clone(), context.args.clone());
        Self { directory: context.directory, build: Some(context.build), filled, args }
    }
}

impl Candidate {
    fn by_place(directory: FilePath) -> Self {
        Self { directory, build: None, filled: Vec::new(), args: Vec::new() }
    }

    /// Whether this context has what is taken.
    pub(super) fn presence(&self, db: &dyn Db, dockerfile: SourceFile, taken: &Taken) -> Presence {
        if taken.path.is_empty() {
            return Presence::There;
        }
        let path = self.directory.join(&taken.path);
        let is_overridden = |arg| self.args.iter().any(|(name, _)| name == arg);
        // Where no build is known, nobody can tell with which arguments it runs.
        if taken.args().iter().any(|arg| self.build.is_none() || is_overridden(arg)) {
            return Presence::CannotTell;
        }
        match image::entry(db, path) {
            Entry::Unknown => Presence::CannotTell,
            Entry::Missing if self.filled.iter().any(|filled| path.starts_with(*filled)) || is_made(db, path) => {
                Presence::CannotTell
            }
            Entry::Missing => Presence::Missing,
            Entry::File | Entry::Directory | Entry::Unread => {
                let ignore = image::left_out_by(db, dockerfile, self.directory);
                let pattern =
                    ignore.and_then(|ignore| Some((ignore, image::left_out(db, ignore, self.directory, &taken.path)?)));
                pattern.map_or(Presence::There, |(ignore, pattern)| Presence::LeftOut(ignore, pattern))
            }
        }
    }
}

/// The directories that may be the build context of a Dockerfile. A finding must hold in all of them; none means that
/// nothing can be said.
pub(super) fn candidates(db: &dyn Db, dockerfile: SourceFile, taken: &[Taken]) -> Vec<Candidate> {
    let contexts = image::contexts(db, dockerfile);
    if !contexts.known.is_empty() {
        let possible = contexts.possible.iter().copied().map(Candidate::by_place);
        return contexts.known.iter().map(Candidate::from).chain(possible).collect();
    }
    if contexts.unknown { Vec::new() } else { by_place(db, dockerfile, taken, &contexts) }
}

/// Nothing says how the image is built: its own directory is the context, or one above it, if what the Dockerfile takes
/// bears that out.
fn by_place(db: &dyn Db, dockerfile: SourceFile, taken: &[Taken], contexts: &Contexts) -> Vec<Candidate> {
    let path = dockerfile.path(db);
    let Some(own) = path.parent() else { return Vec::new() };
    let root = image::repository(db, path);
    let above = path.ancestors().filter(|directory| directory.starts_with(root));
    let candidates: Vec<Candidate> = above.chain(contexts.possible.iter().copied()).map(Candidate::by_place).collect();
    let named: Vec<&Taken> = taken.iter().filter(|taken| !taken.path.is_empty()).collect();
    let is_there = |directory: FilePath, taken: &Taken| image::entry(db, directory.join(&taken.path)).exists();
    let is_borne_out =
        candidates.iter().any(|candidate| named.iter().any(|taken| is_there(candidate.directory, taken)));
    if is_borne_out {
        return candidates;
    }
    if image::is_part_of_repository(db, path) || is_written_from_above(db, own, &named) {
        return Vec::new();
    }
    if own == root && is_plain_name(path) {
        return candidates;
    }
    // It may be built with a context that lies elsewhere.
    let fits = |directory: FilePath| named.iter().all(|taken| is_there(directory, taken));
    let (below, _) = image::files_below(db, root, MAX_PATHS);
    let mut directories = below.iter().filter(|(_, entry)| *entry == Entry::Directory).map(|(path, _)| *path);
    let lies_in_project = image::children(db, own)
        .iter()
        .any(|(name, entry)| *entry != Entry::Directory && is_of_project(own.join(name)));
    if lies_in_project && is_plain_name(path) && !directories.any(fits) { candidates } else { Vec::new() }
}

/// Whether the paths start with the name of the directory itself: then the context is the one above it, which is no
/// candidate where the workspace does not reach so far.
fn is_written_from_above(db: &dyn Db, own: FilePath, named: &[&Taken]) -> bool {
    named.iter().any(|taken| {
        let rest = taken.path.split_once('/').filter(|(first, _)| *first == own.file_name()).map(|(_, rest)| rest);
        rest.is_some_and(|rest| image::entry(db, own.join(rest)).exists())
    })
}

/// How many paths of the repository are looked at for a context that fits.
const MAX_PATHS: usize = 20_000;

/// `Dockerfile` alone says nothing of another directory; `Dockerfile.web` may speak of `web/`.
fn is_plain_name(path: FilePath) -> bool {
    matches!(path.file_name().to_ascii_lowercase().as_str(), "dockerfile" | "containerfile")
}

/// Whether a file is what an image is made of, rather than what makes it.
fn is_of_project(path: FilePath) -> bool {
    match FileKind::of(path) {
        FileKind::Python | FileKind::Requirements | FileKind::PyProject | FileKind::Sql => true,
        FileKind::Other => matches!(path.file_name(), "package.json" | "go.mod" | "Cargo.toml" | "pom.xml" | "Gemfile"),
        _ => false,
    }
}
