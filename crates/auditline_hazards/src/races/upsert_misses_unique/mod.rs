//! AUD216: `ON CONFLICT` names one unique key, and the insert can violate another.

use auditline_model::eval::value::{Inserted, Insertion, Passes, QueryKind, QueryValue, Supplied};
use auditline_model::tables::{
    KeyedTable, UniqueKey, keyed_by_name, keyed_class, keyed_table, orm_model, table_of_variable,
};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{Db, FunctionRef};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, listed, symbol};

use super::check_then_create::is_violation_handled;
use super::rows;

/// AUD216.
pub const HAZARD: Hazard = Hazard {
    code: "AUD216",
    name: "upsert-misses-unique",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "`ON CONFLICT` names one unique key, and the insert can violate another one of the table",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    for event in &unit.events {
        let EventKind::Execute(query) = &event.kind else { continue };
        let (QueryKind::Insert | QueryKind::Text, Some(insertion)) = (query.kind, &query.insertion) else { continue };
        if matches!(insertion.passes, Passes::None | Passes::All | Passes::Unknown) {
            continue;
        }
        let Some((table, name)) = inserted(db, query, insertion) else { continue };
        let target = match &insertion.passes {
            Passes::Columns(columns) => table.attributes(columns),
            Passes::Constraint(constraint) => table.constraint(name, *constraint),
            Passes::None | Passes::All | Passes::Unknown => None,
        };
        let Some(target) = target else { continue };
        // A key that holds all columns of the one that is named cannot be violated alone.
        let missed = table.keys.iter().find(|key| {
            !target.iter().all(|column| key.columns.contains(column))
                && !follows(&target, &key.columns)
                && !refers(&table, &target, &key.columns)
                && can_be_violated(&table, insertion, key)
        });
        let Some(missed) = missed else { continue };
        if is_violation_handled(db, of, &unit, event.frame) {
            continue;
        }
        findings.push(finding(of, table.label, event.range, &target, missed));
    }
}

/// The table into which a statement inserts, with its name in the database.
fn inserted(db: &dyn Db, query: &QueryValue, insertion: &Insertion) -> Option<(KeyedTable, Option<Name>)> {
    if let Some(class) = query.model {
        return Some((keyed_class(db, class)?, orm_model(db, class).and_then(|model| model.table)));
    }
    match insertion.table? {
        Inserted::Variable(variable) => Some((keyed_table(db, variable)?, table_of_variable(db, variable)?.name)),
        Inserted::Named(name) => Some((keyed_by_name(db, name)?, Some(name.name))),
    }
}

/// Whether a column is made from another one: `email_lower` from `email`. Rows that agree in the one agree in the other.
fn follows(target: &[Name], columns: &[Name]) -> bool {
    let is_part = |part: &Name, whole: &Name| {
        whole.strip_suffix(part.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
            || whole.strip_prefix(part.as_str()).is_some_and(|rest| rest.starts_with('_'))
    };
    columns.iter().any(|own| target.iter().any(|other| own != other && (is_part(other, own) || is_part(own, other))))
}

/// Whether a column of the named key and one of the other refer to the same row elsewhere: the one tells the other.
fn refers(table: &KeyedTable, target: &[Name], columns: &[Name]) -> bool {
    let only = |these: &[Name], those: &[Name], reference: &[Name]| {
        these.iter().any(|column| !those.contains(column) && reference.contains(column))
    };
    table.references.iter().any(|reference| only(target, columns, reference) && only(columns, target, reference))
}

/// Whether two inserts can supply the same values for a key.
fn can_be_violated(table: &KeyedTable, insertion: &Insertion, key: &UniqueKey) -> bool {
    key.columns.iter().all(|name| {
        let Some((_, own_name, column)) = table.columns.iter().find(|(attribute, ..)| attribute == name) else {
            return false;
        };
        match insertion.supplied(|own| own == *name || own == *own_name) {
            // One column that is the key of the table is mostly made for each row, wherever its value comes from.
            Some(supplied) if key.primary && key.columns.len() == 1 => supplied == Supplied::Given,
            Some(supplied) => !matches!(supplied, Supplied::Fresh | Supplied::Unknown),
            // What has no default and is not NULL must be supplied.
            None => {
                insertion.open
                    && !key.primary
                    && column.nullable == Some(false)
                    && !column.has_default
                    && !column.has_server_default
                    && !column.is_computed
            }
        }
    })
}

fn finding(
    of: FunctionRef,
    model: Name,
    range: auditline_syntax::TextRange,
    target: &[Name],
    missed: &UniqueKey,
) -> Finding {
    let (named, other) = (listed(target), listed(&missed.columns));
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!(
            "`ON CONFLICT` passes over rows of `{model}` with the same {named}, but {other} is unique too: a row that agrees in that alone raises `IntegrityError`"
        ),
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence: vec![Evidence {
            place: missed.place,
            message: if missed.primary {
                format!("{other} is the primary key, and the insert supplies it")
            } else {
                format!("{other} is unique, and the insert supplies it")
            },
        }],
        story: Some(Story {
            actors: vec!["Request A".to_owned(), "Request B".to_owned()],
            steps: vec![
                (0, format!("inserts a `{model}`, commits")),
                (1, format!("inserts a `{model}` with another {named} and the same {other}")),
            ],
            outcome: format!("The upsert of request B raises `IntegrityError`: {named} is not what the two agree in."),
        }),
        fixes: Vec::new(),
    }
}
