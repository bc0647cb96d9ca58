//! AUD408: a mapped table that nothing writes.

use auditline_model::names::files_mentioning;
use auditline_model::schema::{Standing, standings};
use auditline_model::tables::{is_filled, mapped_tables, models_in};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// AUD408.
pub const HAZARD: Hazard = Hazard {
    code: "AUD408",
    name: "unused-model",
    family: Family::Schema,
    severity: Severity::Information,
    summary: "Nothing writes the table of a model",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || entry::is_aside(db, file) {
        return;
    }
    let models = models_in(db, file);
    if models.is_empty() || models.iter().all(|class| is_filled(db, *class)) || !writes_its_tables(db) {
        return;
    }
    let standings = standings(db);
    let is_of_another = |class: ClassRef| {
        let is_there = |standing: &Standing| !standing.described.is_empty() || !standing.missing.is_empty();
        standings.iter().any(is_there) && !standings.iter().any(|one| one.is_of(class) && is_there(one))
    };
    // A base that no migration knows, among others that they do, describes the database of another program.
    for class in models.iter().filter(|class| !is_filled(db, **class) && !is_of_another(**class)) {
        let mut evidence: Vec<Evidence> = standings
            .iter()
            .filter(|standing| standing.is_of(*class))
            .flat_map(|standing| &standing.described)
            .filter_map(|(description, name)| description.schema.tables.get(name))
            .map(|table| Evidence { place: table.origin, message: "The table is made here".to_owned() })
            .take(1)
            .collect();
        let (place, message) = match reader(db, *class) {
            Some(reader) => (Place::Function(reader), "Its rows are asked for here".to_owned()),
            None => {
                (Place::Attribute(*class, Name::new("__tablename__")), "No code but the models names it".to_owned())
            }
        };
        evidence.push(Evidence { place, message });
        let model = classes::simple(class.path);
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Information,
            message: format!("Nothing adds rows to the table of `{model}`: it is read or kept, and stays empty"),
            place: Place::Class(*class),
            symbol: symbol(class.path),
            evidence,
            story: None,
            fixes: Vec::new(),
        });
    }
}

/// A function that names the class, which then only reads.
fn reader(db: &dyn Db, class: ClassRef) -> Option<FunctionRef> {
    let name = classes::simple(class.path);
    let mut files: Vec<SourceFile> = files_mentioning(db, name).to_vec();
    files.retain(|file| file.kind(db).is_python() && !entry::is_test(db, *file) && !entry::is_migration(db, *file));
    files.sort_by_key(|file| file.path(db));
    files.into_iter().find_map(|file| functions_naming(db, file, Name::new(name)))
}

/// The first function of a file whose body names something so. A query, so that an edit there that changes nothing of it
/// does not check the model again.
#[salsa::tracked(returns(copy))]
fn functions_naming(db: &dyn Db, file: SourceFile, name: Name) -> Option<FunctionRef> {
    let parsed = parsed(db, file);
    let function = parsed.module.functions.iter().find(|function| {
        function
            .code
            .exprs
            .iter()
            .any(|expr| matches!(expr, Expr::Name(own) | Expr::Attribute { attr: own, .. } if *own == name))
    })?;
    Some(FunctionRef { file, path: function.path })
}

/// Whether the project writes most of its tables: else another program does, and this one reads.
fn writes_its_tables(db: &dyn Db) -> bool {
    const LOOKUPS: &[&str] = &["__subclasses__", "_class_registry", "_decl_class_registry"];
    let looks_up = LOOKUPS.iter().any(|word| files_mentioning(db, word).iter().any(|file| !entry::is_test(db, *file)));
    let tables = mapped_tables(db);
    let (all, filled) = tables
        .values()
        .flatten()
        .fold((0u32, 0u32), |(all, filled), class| (all + 1, filled + u32::from(is_filled(db, *class))));
    !looks_up && filled * 4 >= all * 3
}
