//! With which contexts a Dockerfile is built.

use std::sync::Arc;

use auditline_source::{FileKind, FilePath};
use auditline_syntax::Name;
use auditline_syntax::docker::{Build, BuildPath, DockerfileAt, PathBase};

use super::builds;
use super::tree::{Entry, entry};
use crate::db::{Db, Settings, SourceFile};

/// A build that a file describes, by its place in [`builds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BuildRef {
    /// The file that describes it.
    pub file: SourceFile,
    /// Which of its builds.
    pub index: u32,
}

/// A build context of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The directory.
    pub directory: FilePath,
    /// The build that says so.
    pub build: BuildRef,
    /// Directories into which the build's earlier steps put files.
    pub filled: Vec<FilePath>,
    /// The build arguments that it sets, with their values as far as they are known.
    pub args: Vec<(Name, Option<Box<str>>)>,
}

/// What is known of the contexts of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contexts {
    /// The contexts that builds name. One build may stand for several, where the directory in which it starts is not
    /// known.
    pub known: Vec<Context>,
    /// Whether a build of this Dockerfile has a context that cannot be told.
    pub unknown: bool,
    /// Contexts of builds whose Dockerfile cannot be told: it may be this one.
    pub possible: Vec<FilePath>,
}

/// The contexts with which a Dockerfile is built, as compose files, CI files, Makefiles, scripts and its own comments
/// say.
#[salsa::tracked(returns(clone))]
pub fn contexts(db: &dyn Db, dockerfile: SourceFile) -> Arc<Contexts> {
    let mut contexts = Contexts::default();
    let kinds = [FileKind::Compose, FileKind::Ci, FileKind::Makefile, FileKind::Shell];
    for kind in kinds {
        for file in db.files().of_kind(db, kind).files(db).iter() {
            add(db, dockerfile, *file, &mut contexts);
        }
    }
    add(db, dockerfile, dockerfile, &mut contexts);
    Arc::new(contexts)
}

fn add(db: &dyn Db, dockerfile: SourceFile, file: SourceFile, contexts: &mut Contexts) {
    let path = dockerfile.path(db);
    for (index, build) in (0..).zip(builds(db, file).iter()) {
        let mut is_found = false;
        for start in starts(db, file) {
            let places = Places { db, file, start };
            let context = build.context.as_ref().map(|context| places.directory(context));
            let built = match (&build.dockerfile, context) {
                (DockerfileAt::InContext(name), Some(context)) => Some(context.join(name)),
                (DockerfileAt::InContext(_), None) | (DockerfileAt::Unknown, _) => None,
                (DockerfileAt::At(at), _) => Some(places.directory(at)),
            };
            match (built, context) {
                (Some(built), Some(context)) if built == path => {
                    is_found = true;
                    add_known(&places, build, BuildRef { file, index }, context, contexts);
                }
                (Some(built), None) if built == path => contexts.unknown = true,
                (None, Some(context)) if path.starts_with(context) && !is_found => contexts.possible.push(context),
                _ => {}
            }
        }
    }
    contexts.possible.sort_unstable();
    contexts.possible.dedup();
}

fn add_known(places: &Places<'_>, build: &Build, at: BuildRef, context: FilePath, contexts: &mut Contexts) {
    // A context that is made on the way, or stands outside of the workspace, holds what nobody can tell.
    if entry(places.db, context) != Entry::Directory {
        contexts.unknown = true;
        return;
    }
    let filled = build.filled.iter().map(|path| places.directory(path)).collect();
    let args = build.args.iter().map(|arg| (arg.name, arg.value.clone())).collect();
    let context = Context { directory: context, build: at, filled, args };
    if !contexts.known.contains(&context) {
        contexts.known.push(context);
    }
}

struct Places<'a> {
    db: &'a dyn Db,
    file: SourceFile,
    start: FilePath,
}

impl Places<'_> {
    fn directory(&self, path: &BuildPath) -> FilePath {
        let own = self.file.path(self.db);
        let base = match path.base {
            PathBase::Start => self.start,
            PathBase::Directory => own.parent().unwrap_or(own),
            PathBase::Root => repository(self.db, own),
        };
        base.join(&path.path)
    }
}

/// Where the commands of a file may be started.
fn starts(db: &dyn Db, file: SourceFile) -> Vec<FilePath> {
    let path = file.path(db);
    let Some(directory) = path.parent() else { return Vec::new() };
    match file.kind(db) {
        FileKind::Compose | FileKind::Makefile => vec![directory],
        FileKind::Ci => {
            let above =
                path.ancestors().find(|above| above.file_name().starts_with(".github")).and_then(FilePath::parent);
            above.map_or_else(|| up_to_repository(db, path), |root| vec![root])
        }
        _ => up_to_repository(db, path),
    }
}

/// The directories above a file, up to its repository.
fn up_to_repository(db: &dyn Db, path: FilePath) -> Vec<FilePath> {
    let root = repository(db, path);
    path.ancestors().filter(|above| above.starts_with(root)).collect()
}

/// The directory of the repository in which a file stands, as far as the workspace reaches, or its workspace folder.
#[must_use]
pub fn repository(db: &dyn Db, path: FilePath) -> FilePath {
    let folder = folder(db, path);
    let mut within = path.ancestors().take_while(|above| above.starts_with(folder));
    within.find(|above| entry(db, above.join(".git")).exists()).unwrap_or(folder)
}

/// Whether the workspace folder of a file is only a part of its repository: then more may be said of it elsewhere.
#[must_use]
pub fn is_part_of_repository(db: &dyn Db, path: FilePath) -> bool {
    let folder = folder(db, path);
    let holds_repository = |directory: FilePath| {
        let listed = db.files().directory(db, directory);
        listed.contains(db, ".git") || listed.unread(db).binary_search(&".git").is_ok()
    };
    !holds_repository(repository(db, path)) && folder.ancestors().any(holds_repository)
}

fn folder(db: &dyn Db, path: FilePath) -> FilePath {
    let roots = Settings::get(db).roots(db);
    let folder = roots.iter().copied().filter(|root| path.starts_with(*root)).min();
    folder.or(path.parent()).unwrap_or(path)
}
