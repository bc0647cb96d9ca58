//! AUD702: requirements of one program that no version of a package meets together.

use auditline_model::packages::{Tie, included, installed_together, project_file, requirement_file, taken_in, tied};
use auditline_model::{Db, SourceFile, entry};
use auditline_source::FileKind;
use auditline_syntax::packages::{Group, GroupKind, Requirement};
use auditline_syntax::{Name, TextRange};

use super::relative;
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};
use groups::meet;

mod groups;

/// AUD702.
pub const HAZARD: Hazard = Hazard {
    code: "AUD702",
    name: "conflicting-requirements",
    family: Family::Delivery,
    severity: Severity::Warning,
    summary: "Requirements of one program ask for versions of a package that exclude each other",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if entry::is_below_tests(db, file) || file.path(db).parts().any(|part| part.contains("{{")) {
        return;
    }
    match file.kind(db) {
        FileKind::Requirements => {
            check_own(db, file, findings);
            check_includes(db, file, findings);
        }
        FileKind::PyProject => check_groups(db, file, findings),
        FileKind::Dockerfile | FileKind::Ci | FileKind::Makefile | FileKind::Shell => {
            check_commands(db, file, findings)
        }
        _ => {}
    }
}

/// Another requirement, and why it counts in the same environment.
struct Other {
    file: SourceFile,
    requirement: Requirement,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It stands in the same list.
    Same,
    /// The file takes in the one where it stands.
    Taken,
    /// Its file speaks of the same program.
    Tied(Tie),
}

fn check_own(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    let own = requirement_file(db, file);
    let mut others: Vec<Other> = Vec::new();
    let mut seen = vec![file];
    let mut take = |source: SourceFile, why: Why| {
        for file in taken_in(db, source).iter() {
            if !seen.contains(file) {
                seen.push(*file);
                let requirements = requirement_file(db, *file).requirements.clone();
                others.extend(requirements.into_iter().map(|requirement| Other { file: *file, requirement, why }));
            }
        }
    };
    for include in &own.includes {
        if let Some(source) = included(db, file, include) {
            take(source, Why::Taken);
        }
    }
    let ties = tied(db, file);
    for (source, tie) in &ties {
        take(*source, Why::Tied(*tie));
    }
    for (project, tie) in ties.iter().filter(|(_, tie)| *tie == Tie::Project) {
        for group in project_file(db, *project).groups.iter().filter(|group| group.kind == GroupKind::Project) {
            let requirements = group.requirements.iter().cloned();
            others.extend(requirements.map(|requirement| Other { file: *project, requirement, why: Why::Tied(*tie) }));
        }
    }
    for (at, requirement) in own.requirements.iter().enumerate() {
        let before = own.requirements[..at].iter().filter(|other| other.excludes(requirement));
        let before = before.map(|other| Other { file, requirement: other.clone(), why: Why::Same });
        let excluded: Vec<Other> = before.chain(drain_excluded(&mut others, requirement)).collect();
        if let Some(first) = excluded.first() {
            let message = message(db, requirement, first);
            findings.push(finding(file, requirement.range, message, evidence(&excluded)));
        }
    }
}

/// Takes out what excludes a requirement: one place tells enough.
fn drain_excluded(others: &mut Vec<Other>, requirement: &Requirement) -> Vec<Other> {
    let (excluded, rest) =
        std::mem::take(others).into_iter().partition(|other| other.requirement.excludes(requirement));
    *others = rest;
    excluded
}

/// Two files that only this one brings together.
fn check_includes(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    let own = requirement_file(db, file);
    let all: Vec<(TextRange, Vec<SourceFile>)> = own
        .includes
        .iter()
        .filter_map(|include| Some((include.range, taken_in(db, included(db, file, include)?).to_vec())))
        .collect();
    check_together(db, file, &all, findings);
}

/// Files that one command installs.
fn check_commands(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    for command in installed_together(db, file).iter() {
        let all: Vec<(TextRange, Vec<SourceFile>)> =
            command.iter().map(|(file, range)| (*range, taken_in(db, *file).to_vec())).collect();
        check_together(db, file, &all, findings);
    }
}

fn check_together(db: &dyn Db, file: SourceFile, all: &[(TextRange, Vec<SourceFile>)], findings: &mut Vec<Finding>) {
    for (at, (range, files)) in all.iter().enumerate() {
        let mut told: Vec<Name> = Vec::new();
        for (_, earlier) in &all[..at] {
            let one = earlier.iter().filter(|file| !files.contains(file));
            for (one, other) in one.flat_map(|one| files.iter().map(move |other| (*one, *other))) {
                if earlier.contains(&other) {
                    continue;
                }
                for pair in excluding(db, one, other) {
                    if !told.contains(&pair.0.package) {
                        told.push(pair.0.package);
                        findings.push(together(db, file, *range, (one, &pair.0), (other, &pair.1)));
                    }
                }
            }
        }
    }
}

fn excluding(db: &dyn Db, one: SourceFile, other: SourceFile) -> Vec<(Requirement, Requirement)> {
    let (one, other) = (requirement_file(db, one), requirement_file(db, other));
    let pairs = one.requirements.iter().flat_map(|first| {
        let excluded = other.requirements.iter().filter(|second| first.excludes(second));
        excluded.map(|second| (first.clone(), second.clone()))
    });
    pairs.collect()
}

fn together(
    db: &dyn Db,
    file: SourceFile,
    range: TextRange,
    (first, one): (SourceFile, &Requirement),
    (second, other): (SourceFile, &Requirement),
) -> Finding {
    let path = |file: SourceFile| relative(db, file.path(db));
    let message = format!(
        "`{}` of `{}` and `{}` of `{}` exclude each other: pip installs neither (`ResolutionImpossible`)",
        one.shown,
        path(first),
        other.shown,
        path(second)
    );
    let at = |file: SourceFile, requirement: &Requirement| Evidence {
        place: Place::File(file, requirement.range),
        message: format!("`{}` is asked for here", requirement.shown),
    };
    finding(file, range, message, vec![at(first, one), at(second, other)])
}

fn check_groups(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    let project = project_file(db, file);
    for (at, group) in project.groups.iter().enumerate() {
        for (index, requirement) in group.requirements.iter().enumerate() {
            let inside = group.requirements[..index].iter().map(|other| (group, other));
            let outside = project.groups[..at].iter().filter(|other| meet(&project, group, other));
            let outside = outside.flat_map(|group| group.requirements.iter().map(move |other| (group, other)));
            let Some((other_group, other)) = inside.chain(outside).find(|(_, other)| other.excludes(requirement))
            else {
                continue;
            };
            let message = format!(
                "`{}` of {} and `{}` of {} exclude each other: they cannot be installed together",
                requirement.shown,
                words(group),
                other.shown,
                words(other_group)
            );
            let evidence = Evidence {
                place: Place::File(file, other.range),
                message: format!("`{}` is asked for here", other.shown),
            };
            findings.push(finding(file, requirement.range, message, vec![evidence]));
        }
    }
}

fn words(group: &Group) -> String {
    match group.kind {
        GroupKind::Project => "the project".to_owned(),
        GroupKind::Extra => format!("the extra `{}`", group.name),
        GroupKind::Group => format!("the group `{}`", group.name),
    }
}

fn message(db: &dyn Db, requirement: &Requirement, other: &Other) -> String {
    let (own, theirs) = (&requirement.shown, &other.requirement.shown);
    let path = relative(db, other.file.path(db));
    match other.why {
        Why::Same => {
            format!("`{own}` and `{theirs}` exclude each other: pip installs neither (`ResolutionImpossible`)")
        }
        Why::Taken => format!(
            "`{own}` and `{theirs}` of `{path}`, which this file takes in, exclude each other: pip installs neither \
             (`ResolutionImpossible`)"
        ),
        Why::Tied(Tie::Source) => {
            format!("`{own}` is not what `{path}` asks for, from which this file is compiled: `{theirs}`")
        }
        Why::Tied(Tie::Main) => format!(
            "`{own}` and `{theirs}` of `{path}` exclude each other: what is installed from here is not what the program \
             runs with elsewhere"
        ),
        Why::Tied(Tie::Project) => format!(
            "`{own}` and `{theirs}` of `{path}` exclude each other: what is installed from here is not what the project \
             asks for"
        ),
    }
}

fn evidence(excluded: &[Other]) -> Vec<Evidence> {
    let at = |other: &Other| Evidence {
        place: Place::File(other.file, other.requirement.range),
        message: format!("`{}` is asked for here", other.requirement.shown),
    };
    excluded.iter().map(at).collect()
}

fn finding(file: SourceFile, range: TextRange, message: String, evidence: Vec<Evidence>) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message,
        place: Place::File(file, range),
        symbol: String::new(),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
