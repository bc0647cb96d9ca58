//! AUD410: a query on a request path finds or sorts its rows by columns that no index begins with.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, QueryValue};
use auditline_model::names::files_mentioning;
use auditline_model::schema::{Led, led};
use auditline_model::tables::{Column, OrmModel, TypeFamily, models_in, orm_model};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry, parsed};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};
use crate::races::served::is_served;

/// AUD410.
pub const HAZARD: Hazard = Hazard {
    code: "AUD410",
    name: "missing-index",
    family: Family::Schema,
    severity: Severity::Information,
    summary: "A query of a request finds or sorts its rows by columns that no index begins with",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// How many queries are shown.
const SHOWN: usize = 3;

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || entry::is_aside(db, file) {
        return;
    }
    for class in models_in(db, file).iter() {
        let searches = searches_of(db, *class);
        if searches.is_empty() {
            continue;
        }
        let (Some(model), led) = (orm_model(db, *class), led(db, *class)) else { continue };
        if led.is_open {
            continue;
        }
        let mut found: Vec<(Missing, Vec<FunctionRef>)> = Vec::new();
        for search in &searches {
            let Some(missing) = missing(db, search, &model, &led) else { continue };
            match found.iter_mut().find(|(known, _)| *known == missing) {
                Some((_, functions)) => functions.push(search.function),
                None => found.push((missing, vec![search.function])),
            }
        }
        for (missing, mut functions) in found {
            functions.dedup();
            functions.retain(|function| is_served(db, *function));
            if !functions.is_empty() {
                findings.push(finding(*class, &model, &missing, &functions));
            }
        }
    }
}

/// What a query of a function asks of the rows of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Search {
    class: ClassRef,
    columns: Vec<Name>,
    fixed: Vec<Name>,
    order: Option<Name>,
    function: FunctionRef,
}

/// The columns with which an index would have to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Missing {
    columns: Vec<Name>,
    sorts: bool,
}

fn searches_of(db: &dyn Db, class: ClassRef) -> Vec<Search> {
    let mut files: Vec<SourceFile> = files_mentioning(db, classes::simple(class.path)).to_vec();
    files.retain(|file| file.kind(db).is_python() && !entry::is_aside(db, *file));
    files.sort_by_key(|file| file.path(db));
    files
        .into_iter()
        .flat_map(|file| {
            searches_in(db, file).iter().filter(|search| search.class == class).cloned().collect::<Vec<_>>()
        })
        .collect()
}

/// The queries of a file that an index may help with. A query of its own, without places: a model is checked again only
/// where another one asks for other columns.
#[salsa::tracked(returns(clone))]
fn searches_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<Search>> {
    let mut found = Vec::new();
    for function in &parsed(db, file).module.functions {
        let function = FunctionRef { file, path: function.path };
        for event in &unit_of(db, function).events {
            let query = match &event.kind {
                EventKind::Load { query, by: None, .. } => query,
                EventKind::Execute(query) if matches!(query.kind, QueryKind::Update | QueryKind::Delete) => query,
                _ => continue,
            };
            if let Some(search) = search(function, query)
                && !found.contains(&search)
            {
                found.push(search);
            }
        }
    }
    Arc::new(found)
}

fn search(function: FunctionRef, query: &QueryValue) -> Option<Search> {
    let sought = &query.sought;
    let class = query.model.filter(|_| !sought.open)?;
    // Without a limit all rows are wanted, in whatever order.
    let order = sought.order.filter(|_| sought.limited && sought.columns.is_empty());
    if sought.columns.is_empty() && order.is_none() {
        return None;
    }
    Some(Search { class, columns: sought.columns.to_vec(), fixed: sought.fixed.to_vec(), order, function })
}

/// What no index helps with.
fn missing(db: &dyn Db, search: &Search, model: &OrmModel, led: &Led) -> Option<Missing> {
    // MySQL makes an index for each foreign key by itself.
    let is_helped = |name: &Name| {
        led.names.contains(name)
            || model.column(*name).is_none_or(|column| column.foreign_key.is_some() && speaks_mysql(db))
    };
    if search.columns.iter().chain(&search.fixed).chain(&search.order).any(is_helped) {
        return None;
    }
    let sorts = search.order.is_some();
    let mut columns: Vec<Name> = search.columns.iter().chain(&search.order).copied().collect();
    columns.retain(|name| model.column(*name).is_some_and(is_selective));
    columns.sort_by_key(|name| model.attributes.iter().position(|attribute| attribute.name == *name));
    (!columns.is_empty()).then_some(Missing { columns, sorts })
}

/// Whether few rows agree in a column, so that an index helps to find them.
fn is_selective(column: &Column) -> bool {
    let is_kept = !matches!(
        column.family,
        TypeFamily::Boolean | TypeFamily::Enum | TypeFamily::Json | TypeFamily::Other(_) | TypeFamily::Unknown
    );
    is_kept && !column.own_type
}

fn speaks_mysql(db: &dyn Db) -> bool {
    ["mysql", "pymysql", "PyMySQL", "aiomysql", "asyncmy", "mysqlclient", "MySQLdb", "mysqlconnector"]
        .iter()
        .any(|word| files_mentioning(db, word).iter().any(|file| !entry::is_test(db, *file)))
}

fn finding(class: ClassRef, model: &OrmModel, missing: &Missing, functions: &[FunctionRef]) -> Finding {
    let name = classes::simple(class.path);
    let listed: Vec<String> = missing.columns.iter().map(|column| format!("`{column}`")).collect();
    let listed = listed.join(" or ");
    let does = if missing.sorts { "sort" } else { "find" };
    let message = format!(
        "No index of `{name}` begins with {listed}: to {does} its rows by {}, the database reads the whole table",
        if missing.columns.len() == 1 { "it" } else { "them" }
    );
    let own = missing.columns.first().and_then(|column| model.attribute(*column));
    let place = match own {
        Some(attribute) if attribute.declared_in == class => Place::Attribute(class, attribute.name),
        _ => Place::Class(class),
    };
    let evidence = functions.iter().take(SHOWN).map(|function| Evidence {
        place: Place::Function(*function),
        message: format!("`{}` {does}s rows by {listed} for a request", classes::simple(function.path)),
    });
    Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message,
        place,
        symbol: symbol(class.path),
        evidence: evidence.collect(),
        story: None,
        fixes: Vec::new(),
    }
}
