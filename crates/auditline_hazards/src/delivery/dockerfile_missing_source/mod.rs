//! AUD701: a path that the build context does not have.

use auditline_model::image::{self, dockerfile};
use auditline_model::{Db, SourceFile, entry};
use auditline_source::{FileKind, FilePath};
use auditline_syntax::{TextRange, TextSize};

use super::relative;
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Fix, Place, Severity, Story};
use presence::{Candidate, Presence};
use sources::{By, Taken};

mod closest;
mod fix;
mod generated;
mod presence;
mod sources;

/// AUD701.
pub const HAZARD: Hazard = Hazard {
    code: "AUD701",
    name: "dockerfile-missing-source",
    family: Family::Delivery,
    severity: Severity::Error,
    summary: "`COPY` or `ADD` of a path that the build context does not have",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != FileKind::Dockerfile || entry::is_test(db, file) || is_template(file.path(db)) {
        return;
    }
    let taken = sources::taken(&dockerfile(db, file));
    if taken.iter().all(|taken| taken.path.is_empty()) {
        return;
    }
    let candidates = presence::candidates(db, file, &taken);
    if candidates.is_empty() {
        return;
    }
    let found: Vec<(&Taken, Vec<Presence>)> = taken
        .iter()
        .map(|taken| (taken, candidates.iter().map(|candidate| candidate.presence(db, file, taken)).collect()))
        .collect();
    if is_elsewhere(&found) {
        return;
    }
    for (taken, presences) in &found {
        let fails = |presence: &Presence| matches!(presence, Presence::Missing | Presence::LeftOut(..));
        if presences.iter().all(fails) {
            findings.push(finding(db, file, taken, &candidates, presences));
        }
    }
}

/// How many paths must be missing, so that their number says something.
const MIN_ELSEWHERE: usize = 4;

/// Whether most of what is taken by name is missing: then the context, or what is checked out of it, is another one than this.
fn is_elsewhere(found: &[(&Taken, Vec<Presence>)]) -> bool {
    let named: Vec<&[Presence]> =
        found.iter().filter(|(taken, _)| !taken.path.is_empty()).map(|(_, presences)| presences.as_slice()).collect();
    let missing = |presences: &&&[Presence]| presences.iter().all(|presence| matches!(presence, Presence::Missing));
    let missing = named.iter().filter(missing).count();
    missing >= MIN_ELSEWHERE && missing * 2 > named.len()
}

/// A file from which a Dockerfile is made.
fn is_template(path: FilePath) -> bool {
    let extension = path.extension().map(str::to_ascii_lowercase);
    matches!(
        extension.as_deref(),
        Some(
            "j2" | "jinja" | "jinja2" | "tmpl" | "tpl" | "template" | "erb" | "mustache" | "in" | "md" | "txt" | "rst"
        )
    )
}

fn finding(db: &dyn Db, file: SourceFile, taken: &Taken, candidates: &[Candidate], presences: &[Presence]) -> Finding {
    let left_out = presences.iter().find_map(|presence| match presence {
        Presence::LeftOut(ignore, pattern) => Some((*ignore, *pattern)),
        _ => None,
    });
    let (by, path) = (taken.by.as_str(), &taken.path);
    let contexts = contexts_text(db, candidates);
    let message = match left_out {
        Some((ignore, _)) => {
            format!("`{by}` takes `{path}`, which `{}` leaves out of the build context", name(db, ignore))
        }
        None => format!("`{by}` takes `{path}`, which is not in the build context, {contexts}"),
    };
    let mut evidence = context_evidence(db, candidates, taken, file);
    let mut fixes: Vec<Fix> = Vec::new();
    match left_out {
        Some((ignore, pattern)) => {
            evidence.push(Evidence {
                place: Place::File(ignore, pattern),
                message: format!("this pattern leaves `{path}` out"),
            });
            fixes.extend(fix::except(db, ignore, taken));
        }
        None => {
            if let Some(meant) = closest::closest(db, file, candidates, taken) {
                if let Some(there) = closest::file_at(db, candidates[0].directory, &meant) {
                    evidence.push(Evidence {
                        place: Place::File(there, TextRange::empty(TextSize::new(0))),
                        message: format!("the closest path of the build context is `{meant}`"),
                    });
                }
                fixes.extend(fix::take(db, file, taken, &meant));
            }
        }
    }
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place: Place::File(file, taken.word.range),
        symbol: String::new(),
        evidence,
        story: Some(story(db, file, taken, candidates)),
        fixes,
    }
}

/// The builds that name the contexts, or that there is none.
fn context_evidence(db: &dyn Db, candidates: &[Candidate], taken: &Taken, file: SourceFile) -> Vec<Evidence> {
    const MAX: usize = 4;
    let mut seen = Vec::new();
    for candidate in candidates {
        let Some(at) = candidate.build else { continue };
        let Some(build) = image::builds(db, at.file).get(at.index as usize).map(|build| build.range) else { continue };
        let place = Place::File(at.file, build);
        if seen.iter().any(|evidence: &Evidence| evidence.place == place) || seen.len() >= MAX {
            continue;
        }
        let message =
            format!("the image is built here with {} as its context", directory_text(db, candidate.directory));
        seen.push(Evidence { place, message });
    }
    if seen.is_empty() {
        let message = format!(
            "nothing in the workspace says how `{}` is built, so its context is {}",
            name(db, file),
            directory_text(db, candidates[0].directory)
        );
        seen.push(Evidence { place: Place::File(file, taken.stage), message });
    }
    seen
}

fn story(db: &dyn Db, file: SourceFile, taken: &Taken, candidates: &[Candidate]) -> Story {
    let path = &taken.path;
    let context = directory_text(db, candidates[0].directory);
    let wants = match taken.by {
        By::Mount => format!("`RUN --mount` wants to mount `/{path}` of the context"),
        By::Copy | By::Add => format!("`{}` asks for `/{path}` of the context", taken.by.as_str()),
    };
    Story {
        actors: vec!["docker build".to_owned()],
        steps: vec![(0, format!("`{}` is built with {context} as its context", name(db, file))), (0, wants)],
        outcome: format!("the build stops with `\"/{path}\": not found`, and there is no image to deliver"),
    }
}

fn contexts_text(db: &dyn Db, candidates: &[Candidate]) -> String {
    let mut directories: Vec<FilePath> = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.build.is_some() || candidates[0].build.is_none()) {
        if !directories.contains(&candidate.directory) {
            directories.push(candidate.directory);
        }
    }
    match directories.as_slice() {
        [only] => directory_text(db, *only),
        [first, second] if candidates[0].build.is_some() => {
            format!("be it {} or {}", directory_text(db, *first), directory_text(db, *second))
        }
        [first, ..] if candidates[0].build.is_some() => {
            format!("be it {} or one of {} others", directory_text(db, *first), directories.len() - 1)
        }
        [own, ..] => format!("be it {} or a directory above it", directory_text(db, *own)),
        [] => "wherever it is".to_owned(),
    }
}

/// A directory as a user calls it.
fn directory_text(db: &dyn Db, directory: FilePath) -> String {
    match relative(db, directory) {
        "" => "the root of the workspace".to_owned(),
        path => format!("`{path}`"),
    }
}

fn name(db: &dyn Db, file: SourceFile) -> &'static str {
    relative(db, file.path(db))
}
