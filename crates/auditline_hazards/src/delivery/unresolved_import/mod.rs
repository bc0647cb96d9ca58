//! AUD706: an import of something in the project that is not there.

use auditline_model::imports::{Broken, Missing, broken_imports};
use auditline_model::names::module_scope;
use auditline_model::{Db, SourceFile, entry};
use auditline_source::FilePath;
use auditline_syntax::{Name, TextRange, TextSize};

use super::{hidden_name, place_of, relative};
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};

/// AUD706.
pub const HAZARD: Hazard = Hazard {
    code: "AUD706",
    name: "unresolved-import",
    family: Family::Delivery,
    severity: Severity::Error,
    summary: "A module of the project, or a name in one, is imported and does not exist",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != auditline_source::FileKind::Python
        || entry::is_test(db, file)
        || entry::is_migration(db, file)
        || is_template(file.path(db))
    {
        return;
    }
    let broken = broken_imports(db, file);
    // A name of a module that a package hides is told there (AUD707).
    let is_ours = |broken: &&Broken| hidden_name(db, broken).is_none();
    findings.extend(broken.iter().filter(is_ours).map(|broken| finding(db, file, broken)));
}

/// A file from which a project is made: its imports lead to what is there then.
fn is_template(path: FilePath) -> bool {
    path.parts().any(|part| part.contains("{{") || part.contains("cookiecutter"))
}

fn finding(db: &dyn Db, file: SourceFile, broken: &Broken) -> Finding {
    let (what, evidence) = match broken.missing {
        Missing::Module { directory, name, package } => missing_module(db, file, directory, name, package),
        Missing::NotPackage { module, name } => {
            let path = relative(db, module.path(db));
            let what = format!("`{name}` is imported from below `{path}`, which is a module and no package");
            (what, vec![at(module, "this module has nothing below it".to_owned())])
        }
        Missing::Name { module, name } => missing_name(db, module, name),
    };
    let (severity, when) = match (broken.site.function, broken.site.is_conditional) {
        (None, false) => (Severity::Error, "the module cannot be imported".to_owned()),
        (None, true) => (Severity::Warning, "the module cannot be imported where the condition holds".to_owned()),
        (Some(function), _) => (Severity::Warning, format!("`{function}` fails when it comes here")),
    };
    let error = match broken.missing {
        Missing::Name { .. } => "ImportError",
        Missing::Module { .. } | Missing::NotPackage { .. } => "ModuleNotFoundError",
    };
    Finding {
        hazard: &HAZARD,
        severity,
        message: format!("{what}: {when} (`{error}`)"),
        place: Place::File(file, broken.site.range),
        symbol: broken.site.function.map(|function| function.to_string()).unwrap_or_default(),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}

fn missing_module(
    db: &dyn Db,
    file: SourceFile,
    directory: FilePath,
    name: Name,
    package: Option<SourceFile>,
) -> (String, Vec<Evidence>) {
    let shown = match relative(db, directory) {
        "" => "the root of the workspace".to_owned(),
        path => format!("`{path}`"),
    };
    let mut evidence: Vec<Evidence> =
        package.map(|package| at(package, format!("the package has no module `{name}`"))).into_iter().collect();
    let entries = db.files().directory(db, directory);
    let modules = entries.entries(db).iter().filter_map(|entry| match entry.strip_suffix(".py") {
        Some(module) => Some(module),
        None => (!entry.contains('.')).then_some(*entry),
    });
    let own = file.path(db);
    let modules =
        modules.filter(|module| *module != "__init__" && !(own.parent() == Some(directory) && own.stem() == *module));
    if let Some(close) = closest(&name, modules)
        && let Some(there) = db.files().existing(db, directory.join(&format!("{close}.py")))
    {
        evidence.push(at(there, format!("the closest module is `{close}`")));
    }
    if evidence.is_empty() {
        let mut files = entries.entries(db).iter().filter(|entry| entry.ends_with(".py"));
        let there = files.find_map(|entry| db.files().existing(db, directory.join(entry)));
        evidence.extend(there.map(|there| at(there, format!("this module stands where `{name}` is looked for"))));
    }
    (format!("{shown} has no module `{name}`"), evidence)
}

fn missing_name(db: &dyn Db, module: SourceFile, name: Name) -> (String, Vec<Evidence>) {
    let path = relative(db, module.path(db));
    let names = module_scope(db, module).names();
    let mut evidence = vec![at(module, format!("the module neither defines nor imports `{name}`"))];
    if let Some(close) = closest(&name, names.iter().map(|name| name.as_str()))
        && let Some(place) = place_of(db, module, Name::new(close))
    {
        evidence.push(Evidence { place, message: format!("the closest name is `{close}`") });
    }
    (format!("`{path}` has no `{name}`"), evidence)
}

fn at(file: SourceFile, message: String) -> Evidence {
    Evidence { place: Place::File(file, TextRange::empty(TextSize::new(0))), message }
}

/// The one name that is written nearly the same.
fn closest<'a>(name: &str, others: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match name.chars().count() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let near = others.map(|other| (strsim::osa_distance(&name.to_lowercase(), &other.to_lowercase()), other));
    near.filter(|(distance, other)| *distance <= allowed && *other != name).min().map(|(_, other)| other)
}
