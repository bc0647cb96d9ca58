//! AUD403: a table that the code does not know.

use auditline_model::schema::{descriptions, may_be_named, without_model};
use auditline_model::{Db, SourceFile};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Finding, Severity};

use super::sides::{last_step, name};

/// AUD403.
pub const HAZARD: Hazard = Hazard {
    code: "AUD403",
    name: "table-without-model",
    family: Family::Schema,
    severity: Severity::Information,
    summary: "A migration or schema file makes a table that no model maps and no code names",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    let descriptions = descriptions(db);
    for description in descriptions.iter() {
        if !description.schema.tables.values().any(|table| table.origin.file() == file) {
            continue;
        }
        for table in without_model(db, description) {
            let Some(own) = description.schema.tables.get(&table) else { continue };
            if own.origin.file() != file || may_be_named(db, table.name) {
                continue;
            }
            findings.push(Finding {
                hazard: &HAZARD,
                severity: Severity::Information,
                message: format!(
                    "The table `{}` is made by {} and never dropped, and no model or SQL of the code names it",
                    table.name,
                    name(db, description)
                ),
                place: own.origin,
                symbol: String::new(),
                evidence: last_step(db, description).into_iter().collect(),
                story: None,
                fixes: Vec::new(),
            });
        }
    }
}
