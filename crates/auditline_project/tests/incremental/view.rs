//! Everything that an analysis says, as text without anything that names the database it came from.

use std::fmt::Write;

use auditline_model::owner::{Lack, Ownership, Source, owner};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{FunctionRef, RootDatabase, parsed};
use auditline_project::{Config, FixDetail, Workspace, file_report};

use crate::workspace::root;

/// The findings of every file with all that belongs to them, and below them the units of work with their owners.
pub(crate) fn view(db: &RootDatabase) -> String {
    let workspace = Workspace::new(root(), Config::default(), &[], &[]);
    let mut text = String::new();
    for file in db.all_files() {
        let report = file_report(db, file, &workspace, FixDetail::Edits);
        writeln!(text, "{}: {} suppressed, {:?} failed", report.path, report.suppressed, report.failed).unwrap();
        for finding in &report.findings {
            writeln!(text, "  {finding:?}").unwrap();
        }
        if !file.kind(db).is_python() {
            continue;
        }
        for function in &parsed(db, file).module.functions {
            units(db, FunctionRef { file, path: function.path }, &mut text);
        }
    }
    text
}

/// How many findings a view holds.
pub(crate) fn findings(view: &str) -> usize {
    view.lines().filter(|line| line.starts_with("  ResolvedFinding")).count()
}

fn units(db: &RootDatabase, of: FunctionRef, text: &mut String) {
    let unit = unit_of(db, of);
    for (ordinal, event) in unit.numbered() {
        let kind = std::mem::discriminant(&event.kind);
        write!(text, "  {} #{ordinal} {kind:?} {:?}", of.path, event.range).unwrap();
        if let EventKind::Session { session, action, by, maybe } = &event.kind {
            let by = by.map(|by| name(db, by));
            write!(text, " {action:?} by {by:?}, maybe: {maybe}, owner: ").unwrap();
            match owner(db, of, session) {
                Ownership::Managed { commits } => write!(text, "managed, commits: {commits}").unwrap(),
                Ownership::Unknown => text.push_str("unknown"),
                Ownership::Unmanaged(lack) => text.push_str(&describe(db, &lack)),
            }
        }
        text.push('\n');
    }
}

fn describe(db: &RootDatabase, lack: &Lack) -> String {
    let source = match lack.source {
        Source::Opened => "opened".to_owned(),
        Source::Accessor(function) => format!("accessor {}", name(db, function)),
        Source::Dependency(function) => format!("dependency {}", name(db, function)),
        Source::Attribute(class, attribute) => format!("attribute {}.{attribute}", class.path),
        Source::Global(variable) => format!("global {}", variable.name),
        Source::Middleware(function) => format!("middleware {}", name(db, function)),
        Source::Decorator(function) => format!("decorator {}", name(db, function)),
        Source::Caller(function) => format!("caller {}", name(db, function)),
    };
    let evidence = lack.evidence.iter().map(|(place, message)| {
        let place = place.resolve(db).map(|(file, range)| (file.path(db), range));
        format!("{place:?} {message}")
    });
    format!("{source}, shared: {}, {:?}", lack.shared, evidence.collect::<Vec<_>>())
}

fn name(db: &RootDatabase, function: FunctionRef) -> String {
    format!("{}:{}", function.file.path(db), function.path)
}
