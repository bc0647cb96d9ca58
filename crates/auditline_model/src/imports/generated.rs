//! Modules that are not in the repository and will be there when the program runs.

use auditline_source::{FileKind, FilePath};

use crate::db::{Db, SourceFile};
use crate::image::is_git_ignored;
use crate::names::files_mentioning;

/// Whether a module or package of that name may be made, brought or installed into a directory: its name says so, git
/// leaves it out, a submodule stands there, or a build step or program speaks of its file.
pub(super) fn may_be_made(db: &dyn Db, directory: FilePath, name: &str) -> bool {
    is_generated_name(name)
        || [format!("{name}.py"), name.to_owned()].iter().any(|entry| is_git_ignored(db, directory.join(entry)))
        || is_in_submodule(db, directory.join(name))
        || is_spoken_of(db, name)
}

fn is_generated_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    name.ends_with("_pb2")
        || name.ends_with("_pb2_grpc")
        || words.iter().any(|word| matches!(*word, "generated" | "gen" | "autogen" | "codegen" | "pb2"))
        || matches!(words.as_slice(), ["version"] | ["build" | "git", ..] | ["commit"] | ["scm", "version"])
}

fn is_in_submodule(db: &dyn Db, path: FilePath) -> bool {
    let files = db.files().of_kind(db, FileKind::Config).files(db);
    files.iter().filter(|file| file.path(db).file_name() == ".gitmodules").any(|file| {
        let (Some(root), Some(text)) = (file.path(db).parent(), file.content(db).text()) else { return false };
        let mut paths =
            text.text().lines().filter_map(|line| line.trim().strip_prefix("path")?.trim().strip_prefix('='));
        paths.any(|module| path.starts_with(root.join(module.trim())))
    })
}

/// Whether a build step, a setting of one, or a program names the file or directory.
fn is_spoken_of(db: &dyn Db, name: &str) -> bool {
    let kinds = [
        FileKind::Ci,
        FileKind::Makefile,
        FileKind::Shell,
        FileKind::Dockerfile,
        FileKind::DockerIgnore,
        FileKind::PyProject,
        FileKind::Config,
    ];
    let in_builds = kinds
        .into_iter()
        .any(|kind| db.files().of_kind(db, kind).files(db).iter().any(|file| names_path(db, *file, name)));
    let makes_modules =
        |file: SourceFile| file.content(db).text().is_some_and(|text| text.text().contains("sys.modules"));
    in_builds || files_mentioning(db, name).iter().any(|file| names_path(db, *file, name) || makes_modules(*file))
}

/// Whether the text has `name.py`, or the name as a part of a path.
fn names_path(db: &dyn Db, file: SourceFile, name: &str) -> bool {
    let Some(text) = file.content(db).text() else { return false };
    let text = text.text();
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        if before.chars().next_back().is_some_and(is_part) {
            return false;
        }
        let is_file = after.strip_prefix(".py").is_some_and(|rest| !rest.chars().next().is_some_and(is_part));
        is_file || (before.ends_with('/') || after.starts_with('/')) && !after.chars().next().is_some_and(is_part)
    })
}
