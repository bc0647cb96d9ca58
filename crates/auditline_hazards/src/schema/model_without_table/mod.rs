//! AUD404: a model whose table nothing creates.

use auditline_model::entry::is_migration;
use auditline_model::names::{files_mentioning_both, is_imported};
use auditline_model::schema::{Standing, makes_tables, standings, stands_in_migrations};
use auditline_model::{Db, SourceFile, classes};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Finding, Severity, symbol};

use super::new_revision;
use super::sides::{last_step, name};

/// AUD404.
pub const HAZARD: Hazard = Hazard {
    code: "AUD404",
    name: "model-without-table",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "No migration and no schema file creates the table of a model",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || super::is_silent(db, file) {
        return;
    }
    let standings = standings(db);
    for standing in standings.iter().filter(|standing| standing.declared.file() == file) {
        if !standing.described.is_empty() || stands_in_migrations(db, standing.table.name) {
            continue;
        }
        let Some(missing) = standing.missing.first() else { continue };
        if is_made_as_view(db, standing) {
            continue;
        }
        let (severity, elsewhere) = if makes_tables(db) {
            (Severity::Information, "; only `create_all` would make it")
        } else if is_imported(db, file, |other| !is_migration(db, other)) {
            (Severity::Warning, ": the first query fails")
        } else {
            // A module that nothing imports is not part of the program.
            (Severity::Information, "; nothing imports the module")
        };
        findings.push(Finding {
            hazard: &HAZARD,
            severity,
            message: format!(
                "The table `{}` of `{}` is not in {}, which has the tables of the other models{elsewhere}",
                standing.table.name,
                classes::simple(standing.declared.path()),
                name(db, missing)
            ),
            place: standing.declared.place(),
            symbol: symbol(standing.declared.path()),
            evidence: standing.missing.iter().filter_map(|one| last_step(db, one)).collect(),
            story: None,
            fixes: vec![new_revision::create_table(standing.table, standing.declared)],
        });
    }
}

/// Whether the name of the table stands beside that of a view: the code makes it by statements that it keeps as texts.
fn is_made_as_view(db: &dyn Db, standing: &Standing) -> bool {
    ["VIEW", "view"].iter().any(|word| {
        let files = files_mentioning_both(db, &standing.table.name, word);
        files.iter().any(|file| *file != standing.declared.file())
    })
}
