//! AUD407: a graph of migrations with which Alembic can do nothing.

use auditline_model::migrations::{Fault, History, Revision, history_of, revision};
use auditline_model::{Db, SourceFile, VariableRef, names, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};

/// AUD407.
pub const HAZARD: Hazard = Hazard {
    code: "AUD407",
    name: "migration-heads",
    family: Family::Schema,
    severity: Severity::Error,
    summary: "The migrations have several heads, follow one that does not exist, or run in a circle",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if revision(db, file).is_none() {
        return;
    }
    let Some(history) = history_of(db, file) else { return };
    for fault in &history.faults {
        let found = match fault {
            Fault::Missing { at, id, depends } => missing(db, &history, *at, *id, *depends),
            Fault::Heads(heads) => several_heads(db, &history, heads),
            Fault::Cycle(cycle) => circle(&history, cycle),
        };
        // A fault is told once, in the file where it stands.
        findings.extend(found.filter(|finding| finding.place.file() == file));
    }
}

fn missing(db: &dyn Db, history: &History, at: usize, id: Name, depends: bool) -> Option<Finding> {
    let own = history.revisions.get(at)?;
    if exists_elsewhere(db, id, own.file) {
        return None;
    }
    let name = if depends { "depends_on" } else { "down_revision" };
    let message = format!(
        "Revision `{}` names `{id}` as its `{name}`, which no revision has: every Alembic command fails with `KeyError: '{id}'`",
        own.id
    );
    let variable = VariableRef { file: own.file, name: Name::new("revision") };
    let evidence = Evidence { place: Place::Variable(variable), message: format!("This is revision `{}`", own.id) };
    Some(finding(own, name, message, vec![evidence]))
}

/// Whether a revision of that name may be there and is not read as one: the identifier is assigned somewhere else.
fn exists_elsewhere(db: &dyn Db, id: Name, besides: SourceFile) -> bool {
    let words: Vec<&str> = id.split(|char: char| !char.is_alphanumeric() && char != '_').collect();
    let Some(word) = words.into_iter().max_by_key(|word| word.len()) else { return true };
    names::files_mentioning(db, word).iter().filter(|file| **file != besides).any(|file| {
        let assigned = VariableRef { file: *file, name: Name::new("revision") };
        let value = auditline_model::classes::variable(db, assigned).and_then(|info| info.value.clone());
        value.is_some_and(|value| value.text().is_none_or(|text| text == id))
            || !parsed(db, *file).module.errors.is_empty()
    })
}

fn several_heads(db: &dyn Db, history: &History, heads: &[usize]) -> Option<Finding> {
    let mut heads: Vec<&Revision> = heads.iter().filter_map(|at| history.revisions.get(*at)).collect();
    heads.sort_by_key(|head| head.file.path(db));
    // Branches with names of their own are meant to stay apart, and are upgraded by `heads` or `name@head`.
    if history.revisions.iter().any(|revision| revision.has_label) || upgrades_all_heads(db) {
        return None;
    }
    let (own, others) = heads.split_last()?;
    let names: Vec<String> = heads.iter().map(|head| format!("`{}`", head.id)).collect();
    let message = format!(
        "The migrations have {} heads, {}: `alembic upgrade head` fails with `Multiple head revisions are present`",
        heads.len(),
        names.join(", ")
    );
    let evidence = others.iter().map(|head| at_links(head, format!("`{}` is a head as well", head.id))).collect();
    Some(finding(own, "down_revision", message, evidence))
}

/// Whether the project's own code or scripts upgrade to `heads`.
fn upgrades_all_heads(db: &dyn Db) -> bool {
    use auditline_source::FileKind;
    let says_heads = |text: &str| {
        text.split("upgrade").skip(1).any(|rest| {
            let rest = rest.trim_start_matches(|char: char| !char.is_alphanumeric());
            rest.starts_with("heads")
        })
    };
    let kinds = [FileKind::Shell, FileKind::Makefile, FileKind::Ci, FileKind::Compose, FileKind::Dockerfile];
    let in_scripts = kinds.iter().any(|kind| {
        let files = db.files().of_kind(db, *kind);
        files.files(db).iter().any(|file| file.content(db).text().is_some_and(|text| says_heads(text.text())))
    });
    in_scripts
        || names::files_mentioning(db, "heads").iter().any(|file| {
            let module = parsed(db, *file);
            let module = &module.module;
            let bodies = module.functions.iter().map(|function| &function.code).chain([&module.code]);
            bodies.flat_map(|code| &code.exprs).any(|expr| matches!(expr, Expr::Str(text) if &**text == "heads"))
                && names::mentions(db, *file, "upgrade")
        })
}

fn circle(history: &History, cycle: &[usize]) -> Option<Finding> {
    let revisions: Vec<&Revision> = cycle.iter().filter_map(|at| history.revisions.get(*at)).collect();
    let (own, others) = revisions.split_first()?;
    let message = if others.is_empty() {
        format!("Revision `{}` follows itself: every Alembic command fails with `LoopDetected`", own.id)
    } else {
        let names: Vec<String> = revisions.iter().map(|one| format!("`{}`", one.id)).collect();
        format!(
            "The revisions {} follow one another in a circle: every Alembic command fails with `CycleDetected`",
            names.join(", ")
        )
    };
    let evidence = others.iter().map(|one| at_links(one, format!("`{}` is part of the circle", one.id))).collect();
    Some(finding(own, "down_revision", message, evidence))
}

fn at_links(revision: &Revision, message: String) -> Evidence {
    let variable = VariableRef { file: revision.file, name: Name::new("down_revision") };
    Evidence { place: Place::Variable(variable), message }
}

fn finding(revision: &Revision, variable: &str, message: String, evidence: Vec<Evidence>) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place: Place::Variable(VariableRef { file: revision.file, name: Name::new(variable) }),
        symbol: String::new(),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
