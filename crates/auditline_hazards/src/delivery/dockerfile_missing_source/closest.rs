//! The path that was meant.

use auditline_model::image::{Entry, files_below};
use auditline_model::{Db, SourceFile};
use auditline_source::FilePath;

use super::presence::{Candidate, Presence};
use super::sources::Taken;

/// How many paths of a context are looked at.
const MAX_PATHS: usize = 20_000;

/// The path of the context, relative to it, that is closest to one that is missing: the same name elsewhere, or nearly
/// the same name in the same directory. `None` where there is none, or more than one equally close.
pub(super) fn closest(db: &dyn Db, dockerfile: SourceFile, contexts: &[Candidate], missing: &Taken) -> Option<String> {
    let context = contexts.first()?.directory;
    let (below, _) = files_below(db, context, MAX_PATHS);
    let found = below.iter().filter_map(|(path, entry)| Some((path.relative_to(context)?, *entry)));
    let found: Vec<(&str, Entry)> = found.collect();
    let path = same_name(&found, &missing.path).or_else(|| similar_name(&found, &missing.path))?;
    let meant = Taken { path: path.to_owned(), ..missing.clone() };
    let is_there = |context: &Candidate| context.presence(db, dockerfile, &meant) == Presence::There;
    contexts.iter().all(is_there).then(|| path.to_owned())
}

/// The one path of the same name that shares most of its end with the missing one.
fn same_name<'a>(found: &[(&'a str, Entry)], missing: &str) -> Option<&'a str> {
    let name = last(missing);
    let common = |path: &str| path.rsplit('/').zip(missing.rsplit('/')).take_while(|(one, other)| one == other).count();
    unique_best(found.iter().filter(|(path, _)| last(path) == name).map(|(path, _)| (*path, usize::MAX - common(path))))
}

/// The one path beside the missing one whose name is written nearly the same.
fn similar_name<'a>(found: &[(&'a str, Entry)], missing: &str) -> Option<&'a str> {
    let (directory, name) = missing.rsplit_once('/').unwrap_or(("", missing));
    let allowed = match name.chars().count() {
        0..=3 => return None,
        4..=6 => 1,
        7..=11 => 2,
        _ => 3,
    };
    let beside = found.iter().filter(|(path, _)| path.rsplit_once('/').map_or("", |(parent, _)| parent) == directory);
    let near = beside.filter_map(|(path, _)| {
        let other = last(path);
        // Case alone is no difference at all to a user on another system.
        let distance = if other.eq_ignore_ascii_case(name) { 0 } else { strsim::osa_distance(other, name) };
        (distance <= allowed).then_some((*path, distance))
    });
    unique_best(near)
}

fn unique_best<'a>(found: impl Iterator<Item = (&'a str, usize)>) -> Option<&'a str> {
    let mut best: Option<(&str, usize)> = None;
    let mut tied = false;
    for (path, distance) in found {
        match best {
            Some((_, known)) if known < distance => {}
            Some((_, known)) if known == distance => tied = true,
            _ => (best, tied) = (Some((path, distance)), false),
        }
    }
    best.filter(|_| !tied).map(|(path, _)| path)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file at a path of a context, if it is one that is read.
pub(super) fn file_at(db: &dyn Db, context: FilePath, path: &str) -> Option<SourceFile> {
    db.files().existing(db, context.join(path))
}
