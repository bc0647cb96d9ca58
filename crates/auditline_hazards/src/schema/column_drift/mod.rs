//! AUD405: a column that models and migrations do not agree about.

use auditline_model::schema::{
    Difference, SchemaColumn, Standing, column_in, differences, schema_of_models, standings,
};
use auditline_model::tables::{Column, TypeFamily};
use auditline_model::{Db, SourceFile, classes};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, listed, symbol};

use super::new_revision;
use super::sides::{last_step, name};

/// AUD405.
pub const HAZARD: Hazard = Hazard {
    code: "AUD405",
    name: "column-drift",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "A column is in the model and not in the database that the migrations build, or the other way round, or differs",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || super::is_silent(db, file) {
        return;
    }
    let standings = standings(db);
    for standing in standings.iter().filter(|standing| standing.declared.file() == file) {
        judge(db, standing, findings);
    }
}

fn judge(db: &dyn Db, standing: &Standing, findings: &mut Vec<Finding>) {
    let models = schema_of_models(db);
    let Some(own) = models.tables.get(&standing.table) else { return };
    let mut sides = standing
        .described
        .iter()
        .filter_map(|(description, name)| Some((description, description.schema.tables.get(name)?)));
    let Some((first, table)) = sides.next() else { return };
    // Several descriptions are several databases, or several ages of one: what they all say counts.
    let others: Vec<Vec<Difference>> = sides.map(|(_, table)| differences(own, table)).collect();
    let mut minor: Vec<(Minor, Name)> = Vec::new();
    let mut lacking: Vec<Name> = Vec::new();
    let mut lacks: Vec<Finding> = Vec::new();
    for difference in differences(own, table) {
        if !others.iter().all(|other| other.iter().any(|one| is_same(*one, difference))) {
            continue;
        }
        let column = difference.column();
        let (here, there) = (own.column(column), column_in(table, column));
        let what = match weigh(difference, here, there) {
            Weight::Major(what) => what,
            Weight::Minor(kind) => {
                minor.push((kind, column));
                continue;
            }
            Weight::None => continue,
        };
        let class = classes::simple(standing.declared.path());
        let place = match here.map(|here| here.origin) {
            Some(place @ Place::Attribute(owner, _)) if owner.file == standing.declared.file() => place,
            _ => standing.declared.place(),
        };
        let other = match there {
            Some(there) => {
                Evidence { place: there.origin, message: format!("`{}.{column}` there", standing.table.name) }
            }
            None => Evidence { place: table.origin, message: format!("`{}` is made here", standing.table.name) },
        };
        let last = last_step(db, first).filter(|_| there.is_none());
        let message = format!("`{class}.{column}` and {} differ: {what}", name(db, first));
        let evidence = std::iter::once(other).chain(last).collect();
        let found = finding(standing, Severity::Warning, message, place, evidence);
        if matches!(difference, Difference::OnlyFirst(_)) {
            lacking.push(column);
            lacks.push(found);
        } else {
            findings.push(found);
        }
    }
    // One revision for all of them: two revisions behind one are two heads.
    for mut found in lacks {
        found.fixes = vec![new_revision::add_columns(standing.table, standing.declared, lacking.clone())];
        findings.push(found);
    }
    for kind in [Minor::Kept, Minor::MayBeNull, Minor::NeverNull] {
        let columns: Vec<Name> = minor.iter().filter(|(own, _)| *own == kind).map(|(_, column)| *column).collect();
        if columns.is_empty() {
            continue;
        }
        let listed = listed(columns.iter().take(MAX_LISTED));
        let rest = columns.len().saturating_sub(MAX_LISTED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let class = classes::simple(standing.declared.path());
        let side = name(db, first);
        let message = match kind {
            Minor::Kept => format!("The table of `{class}` keeps {listed}{rest} in {side}, and the model lacks them"),
            Minor::MayBeNull => format!("{listed}{rest} of `{class}` may be NULL in {side}, and never in the model"),
            Minor::NeverNull => {
                format!("{listed}{rest} of `{class}` must not be NULL in {side}, and the model does not say so")
            }
        };
        let evidence = columns
            .iter()
            .take(MAX_LISTED)
            .filter_map(|column| Some((column, column_in(table, *column)?)))
            .map(|(column, own)| Evidence { place: own.origin, message: format!("`{column}` there") })
            .collect();
        findings.push(finding(standing, Severity::Information, message, standing.declared.place(), evidence));
    }
}

/// How many columns a message names.
const MAX_LISTED: usize = 5;

fn finding(standing: &Standing, severity: Severity, message: String, place: Place, evidence: Vec<Evidence>) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity,
        message,
        place,
        symbol: symbol(standing.declared.path()),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}

fn is_same(one: Difference, two: Difference) -> bool {
    match (one, two) {
        (Difference::Family(one, ..), Difference::Family(two, ..)) => one == two,
        (one, two) => one == two,
    }
}

/// What weighs a difference.
enum Weight {
    /// Something fails; what.
    Major(String),
    /// The sides say different things, and both work.
    Minor(Minor),
    /// Nothing to tell.
    None,
}

/// Differences with which everything works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Minor {
    /// The database keeps a column that the model lacks.
    Kept,
    /// The database allows NULL where the model does not.
    MayBeNull,
    /// The model leaves open what the database forbids.
    NeverNull,
}

fn weigh(difference: Difference, here: Option<&SchemaColumn>, there: Option<&SchemaColumn>) -> Weight {
    let is_filled =
        |own: &SchemaColumn| own.column.has_server_default || own.column.is_computed || own.column.primary_key;
    match (difference, here, there) {
        // What is loaded on demand or computed may come from elsewhere.
        (Difference::OnlyFirst(_), Some(own), _) if own.column.is_deferred || own.column.is_computed => Weight::None,
        (Difference::OnlyFirst(_), ..) => {
            Weight::Major("no step adds it, and every query of the model fails with `UndefinedColumn`".to_owned())
        }
        (Difference::OnlySecond(_), _, Some(there)) if there.column.nullable == Some(false) && !is_filled(there) => {
            Weight::Major(
                "the model lacks it, and it is NOT NULL without a default there: no row can be added".to_owned(),
            )
        }
        (Difference::OnlySecond(_), ..) => Weight::Minor(Minor::Kept),
        (Difference::Family(_, own, other), ..) => match (family_name(own), family_name(other)) {
            (Some(own), Some(other)) => Weight::Major(format!("{own} here, {other} there")),
            _ => Weight::None,
        },
        // Filled in any case.
        (Difference::Nullable(_, true), Some(own), _) if own.column.has_default => Weight::None,
        (Difference::Nullable(_, true), _, Some(there)) if is_filled(there) => Weight::None,
        (Difference::Nullable(_, true), Some(own), _) if says_null(&own.column) => {
            Weight::Major("it may be `None` here and is NOT NULL there: storing `None` fails".to_owned())
        }
        (Difference::Nullable(_, true), ..) => Weight::Minor(Minor::NeverNull),
        (Difference::Nullable(_, false), ..) => Weight::Minor(Minor::MayBeNull),
    }
}

/// Whether a declaration says that a column may be NULL: by `nullable=True` or `Mapped[… | None]`. A `Column(…)` that says
/// nothing may be NULL as well, which few mean.
fn says_null(column: &Column) -> bool {
    column.nullable == Some(true) && (column.nullable_written || column.annotated)
}

fn family_name(family: TypeFamily) -> Option<&'static str> {
    Some(match family {
        TypeFamily::Integer | TypeFamily::BigInteger => "an integer",
        TypeFamily::Numeric | TypeFamily::Float => "a decimal number",
        TypeFamily::String | TypeFamily::Text => "a string",
        TypeFamily::Uuid => "a UUID",
        TypeFamily::Boolean => "a boolean",
        TypeFamily::DateTime => "a date and time",
        TypeFamily::Date => "a date",
        TypeFamily::Time => "a time",
        TypeFamily::Interval => "a span of time",
        TypeFamily::Json => "a document",
        TypeFamily::Array => "an array",
        TypeFamily::Enum => "one of a list of values",
        TypeFamily::Binary => "bytes",
        TypeFamily::Other(_) | TypeFamily::Unknown => return None,
    })
}
