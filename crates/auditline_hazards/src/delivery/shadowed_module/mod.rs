//! AUD707: a package that hides the module of the same name beside it.

use auditline_model::imports::{Broken, broken_imports, hiding_package};
use auditline_model::{Db, SourceFile, entry, names};
use auditline_source::FileKind;
use auditline_syntax::{Name, TextRange, TextSize};

use super::{hidden_name, place_of, relative};
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};

/// AUD707.
pub const HAZARD: Hazard = Hazard {
    code: "AUD707",
    name: "shadowed-module",
    family: Family::Delivery,
    severity: Severity::Error,
    summary: "A package hides a module of the same name, from which names are imported",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// How many imports are shown.
const MAX_SHOWN: usize = 5;

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != FileKind::Python || entry::is_test(db, file) {
        return;
    }
    let Some(package) = hiding_package(db, file) else { return };
    let mut users: Vec<SourceFile> = names::files_mentioning(db, file.path(db).stem()).to_vec();
    users.retain(|user| user.kind(db) == FileKind::Python && !entry::is_test(db, *user));
    let mut broken: Vec<(SourceFile, Broken, Name)> = Vec::new();
    for user in users {
        for found in broken_imports(db, user) {
            if let Some((hidden, name)) = hidden_name(db, &found)
                && hidden == file
            {
                broken.push((user, found, name));
            }
        }
    }
    // The import that certainly runs proves most.
    broken.sort_by_key(|(_, found, _)| (found.site.function.is_some(), found.site.is_conditional));
    findings.extend(finding(db, file, package, &broken));
}

fn finding(
    db: &dyn Db,
    file: SourceFile,
    package: SourceFile,
    broken: &[(SourceFile, Broken, Name)],
) -> Option<Finding> {
    let (_, first, name) = broken.first()?;
    let is_certain = first.site.function.is_none() && !first.site.is_conditional;
    let path = relative(db, file.path(db));
    let directory = path.strip_suffix(".py").unwrap_or(path);
    let message = format!(
        "`{path}` is hidden by the package `{directory}/`, so `{name}` cannot be imported from it (`ImportError`)"
    );
    let start = TextRange::empty(TextSize::new(0));
    let mut evidence = vec![Evidence {
        place: Place::File(package, start),
        message: format!("the package is imported in its stead, and has no `{name}`"),
    }];
    for (user, found, name) in broken.iter().take(MAX_SHOWN) {
        evidence.push(Evidence {
            place: Place::File(*user, found.site.range),
            message: format!("`{name}` is imported here"),
        });
    }
    let place = place_of(db, file, *name).filter(|place| place.file() == file);
    Some(Finding {
        hazard: &HAZARD,
        severity: if is_certain { Severity::Error } else { Severity::Warning },
        message,
        place: place.unwrap_or(Place::File(file, start)),
        symbol: String::new(),
        evidence,
        story: None,
        fixes: Vec::new(),
    })
}
