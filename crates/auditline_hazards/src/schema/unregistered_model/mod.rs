//! AUD409: a model that is not there when the tables are collected.

use std::sync::Arc;

use auditline_model::entry::{is_migration, is_script, is_test};
use auditline_model::names::{self, is_imported};
use auditline_model::schema::{Collector, Collectors, Metadata, collectors, metadata_of_class, standings};
use auditline_model::tables::{AttributeKind, mapped_tables, models_in, models_of_table, orm_model};
use auditline_model::{ClassRef, Db, Settings, SourceFile, classes};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// AUD409.
pub const HAZARD: Hazard = Hazard {
    code: "AUD409",
    name: "unregistered-model",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "A model is not imported where the tables are collected, or has a base of its own that nothing collects",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() {
        return;
    }
    blind(db, file, findings);
    if super::is_silent(db, file) {
        return;
    }
    let models = models_in(db, file);
    if models.is_empty() || is_script(db, file) {
        return;
    }
    let collectors = collectors(db);
    // A module that nothing imports is not part of the program.
    if collectors.is_open || !is_imported(db, file, |other| !is_migration(db, other)) {
        return;
    }
    let mut groups: Vec<(Metadata, Vec<ClassRef>)> = Vec::new();
    for class in models.iter() {
        let Some(metadata) = metadata_of_class(db, *class) else { continue };
        match groups.iter_mut().find(|(own, _)| *own == metadata) {
            Some((_, classes)) => classes.push(*class),
            None => groups.push((metadata, vec![*class])),
        }
    }
    for (metadata, models) in groups {
        judge(db, file, &collectors, metadata, &models, findings);
    }
}

fn judge(
    db: &dyn Db,
    file: SourceFile,
    collectors: &Collectors,
    metadata: Metadata,
    models: &[ClassRef],
    findings: &mut Vec<Finding>,
) {
    let of_kind = |is_migrations: bool| -> Vec<&Collector> {
        collectors
            .list
            .iter()
            .filter(|one| one.is_migrations == is_migrations && one.metadata.contains(&metadata))
            .collect()
    };
    let (environments, calls) = (of_kind(true), of_kind(false));
    let own = if environments.is_empty() { calls } else { environments };
    if own.is_empty() {
        return apart(db, file, collectors, metadata, models, findings);
    }
    // SQLModel has one metadata for all services of a repository.
    let near: Vec<&Collector> =
        own.into_iter().filter(|one| metadata != Metadata::SqlModel || one.is_near(db, file)).collect();
    let Some(first) = near.first() else { return };
    if near.iter().any(|one| one.reaches(db, file)) {
        return;
    }
    // An environment that knows no table at all writes its revisions by hand: that is told once, where it collects.
    if first.is_migrations && near.iter().all(|one| is_blind(db, one, metadata)) {
        return;
    }
    let (listed, their) = list(models);
    let what = if first.is_migrations {
        let is_there = models
            .iter()
            .any(|class| standings(db).iter().any(|standing| standing.is_of(*class) && !standing.described.is_empty()));
        let filters = |word: &&str| names::mentions(db, first.file, word);
        if is_there && !["include_object", "include_name"].iter().any(filters) {
            format!("`--autogenerate` takes {their} for dropped")
        } else {
            format!("`--autogenerate` does not see {their}")
        }
    } else {
        format!("`create_all` does not make {their}")
    };
    let message = format!("{listed}: nothing that `{}` imports leads to this module, so {what}", shown(db, first.file));
    let evidence = near
        .iter()
        .map(|one| Evidence {
            place: one.place,
            message: "The tables are collected here, without this module".to_owned(),
        })
        .collect();
    findings.push(finding(models, message, evidence));
}

/// How many models a metadata must have, so that an environment is said to know none of them.
const MIN_UNKNOWN: usize = 3;

/// An environment whose metadata has tables, of which it imports none.
fn blind(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.path(db).file_name() != "env.py" {
        return;
    }
    let collectors = collectors(db);
    if collectors.is_open {
        return;
    }
    for collector in collectors.list.iter().filter(|one| one.file == file && one.is_migrations) {
        let Some(metadata) = collector.metadata.iter().find(|metadata| is_blind(db, collector, **metadata)) else {
            continue;
        };
        let models = models_of(db, *metadata);
        let (listed, _) = list(&models);
        let mut found = finding(
            &models,
            format!(
                "Nothing that `{}` imports leads to a model, so `target_metadata` has no table: `--autogenerate` takes all of {listed} for dropped",
                shown(db, file)
            ),
            models
                .iter()
                .take(MAX_LISTED)
                .map(|class| Evidence { place: Place::Class(*class), message: "Not imported there".to_owned() })
                .collect(),
        );
        found.place = collector.place;
        found.symbol = "target_metadata".to_owned();
        found.severity = Severity::Information;
        findings.push(found);
    }
}

/// Whether an environment imports none of the models of a metadata, which has several.
fn is_blind(db: &dyn Db, collector: &Collector, metadata: Metadata) -> bool {
    let models = models_of(db, metadata);
    models.len() >= MIN_UNKNOWN && !models.iter().any(|class| collector.reaches(db, class.file))
}

/// The models of a metadata that are part of the program, sorted by path.
fn models_of(db: &dyn Db, metadata: Metadata) -> Arc<[ClassRef]> {
    models_of_query(db, Settings::get(db), metadata)
}

/// A query of its own: each file whose models an environment misses asks for all of them.
#[salsa::tracked(returns(clone))]
fn models_of_query(db: &dyn Db, _settings: Settings, metadata: Metadata) -> Arc<[ClassRef]> {
    let mut found: Vec<ClassRef> = mapped_tables(db)
        .values()
        .flatten()
        .copied()
        .filter(|class| metadata_of_class(db, *class) == Some(metadata))
        .collect();
    found.retain(|class| !is_test(db, class.file) && is_imported(db, class.file, |other| !is_migration(db, other)));
    found.sort_by_key(|class| (class.file.path(db), class.path));
    found.dedup();
    found.into()
}

/// A base of its own, which nothing collects, among models that another base collects.
fn apart(
    db: &dyn Db,
    file: SourceFile,
    collectors: &Collectors,
    metadata: Metadata,
    models: &[ClassRef],
    findings: &mut Vec<Finding>,
) {
    let base = match metadata {
        Metadata::Class(class) => Place::Class(class),
        Metadata::Variable(variable) => Place::Variable(variable),
        Metadata::SqlModel => return,
    };
    if is_test(db, base.file()) || collectors.names(metadata) {
        return;
    }
    // A key to a table of the collected models shows that it was meant to be one of them.
    let tied = models.iter().find_map(|class| {
        let model = orm_model(db, *class)?;
        model.attributes.iter().find_map(|attribute| {
            let AttributeKind::Column(column) = &attribute.kind else { return None };
            let table = table_of(column.foreign_key?)?;
            let targets = models_of_table(db, table);
            let is_own = |class: &ClassRef| metadata_of_class(db, *class).is_none_or(|other| other == metadata);
            if targets.is_empty() || targets.iter().any(is_own) {
                return None;
            }
            let collector = collectors.list.iter().find(|one| {
                targets
                    .iter()
                    .any(|class| metadata_of_class(db, *class).is_some_and(|other| one.metadata.contains(&other)))
            })?;
            Some((*class, attribute.declared_in, attribute.name, table, collector))
        })
    });
    let Some((class, declared_in, key, table, collector)) = tied else { return };
    // Another class of the metadata may be mapped to the table, under a name that cannot be told.
    if mapped_tables(db).get(&table).is_none_or(Vec::is_empty) || file == collector.file {
        return;
    }
    let message = format!(
        "`{}` has a base of its own, which nothing collects: its table is never made, and its key to `{table}` leads nowhere",
        classes::simple(class.path)
    );
    let evidence = vec![
        Evidence { place: base, message: "This base has a metadata of its own".to_owned() },
        Evidence {
            place: Place::Attribute(declared_in, key),
            message: format!("`{table}` is not in it: adding a row raises `NoReferencedTableError`"),
        },
        Evidence { place: collector.place, message: "The other models are collected here".to_owned() },
    ];
    findings.push(finding(&[class], message, evidence));
}

fn table_of(foreign_key: Name) -> Option<Name> {
    let (path, _) = foreign_key.as_str().rsplit_once('.')?;
    Some(Name::new(path.rsplit('.').next().unwrap_or(path)))
}

/// How many models a message names.
const MAX_LISTED: usize = 3;

fn list(models: &[ClassRef]) -> (String, &'static str) {
    let names: Vec<String> =
        models.iter().take(MAX_LISTED).map(|class| format!("`{}`", classes::simple(class.path))).collect();
    let rest = models.len().saturating_sub(MAX_LISTED);
    let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    (names.join(", ") + &rest, if models.len() == 1 { "its table" } else { "their tables" })
}

fn shown(db: &dyn Db, file: SourceFile) -> String {
    let parts: Vec<&str> = file.path(db).parts().rev().take(2).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

fn finding(models: &[ClassRef], message: String, evidence: Vec<Evidence>) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message,
        place: Place::Class(models[0]),
        symbol: symbol(models[0].path),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
