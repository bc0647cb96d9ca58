//! AUD411: a stored counter that rises where rows are added and stays where they are deleted.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, RowOrigin, RowValue};
use auditline_model::names::files_mentioning;
use auditline_model::tables::refers;
use auditline_model::unit::{EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry, parsed};
use auditline_syntax::{Name, TextRange};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};
use crate::races::served::is_served;

mod steps;

/// AUD411.
pub const HAZARD: Hazard = Hazard {
    code: "AUD411",
    name: "one-sided-counter",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "A counter is raised where rows are added and never lowered where they are deleted",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if crate::check::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut seen: Vec<ClassRef> = Vec::new();
    for event in &unit.events {
        let Some(child) = deleted(db, &event.kind) else { continue };
        if seen.contains(&child) {
            continue;
        }
        seen.push(child);
        for counter in counters_of(db, child).iter() {
            // A counter goes with its row.
            let goes_too = unit.events.iter().any(|other| deleted(db, &other.kind) == Some(counter.parent));
            if !goes_too && is_served(db, of) {
                findings.push(finding(of, event.range, counter));
            }
        }
    }
}

/// The class whose rows an event deletes.
fn deleted(db: &dyn Db, kind: &EventKind) -> Option<ClassRef> {
    match kind {
        EventKind::Delete { row: Some(row), by, .. } => {
            // A helper that knows what it deletes is told of it itself.
            let is_told = by.is_some_and(|by| super::delete_nullifies_required_key::knows_what_it_deletes(db, by));
            let was_there = !matches!(row.origin, RowOrigin::Created | RowOrigin::Unknown);
            row.model.filter(|_| was_there && !is_told)
        }
        EventKind::Execute(query) if query.kind == QueryKind::Delete => query.model,
        _ => None,
    }
}

/// A column of one class that rises where rows of another are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counter {
    child: ClassRef,
    parent: ClassRef,
    column: Name,
    /// Where it rises.
    raised_in: FunctionRef,
    /// Whether it is compared with something there, so that it limits how many are added.
    limits: bool,
}

/// The counters of the rows of a class that nothing lowers.
#[salsa::tracked(returns(clone))]
fn counters_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Counter>> {
    let child = ClassRef { file, path };
    let mut found: Vec<Counter> = Vec::new();
    let mut files: Vec<SourceFile> = files_mentioning(db, classes::simple(path)).to_vec();
    files.retain(|file| file.kind(db).is_python() && !entry::is_test(db, *file) && !entry::is_migration(db, *file));
    files.sort_by_key(|file| file.path(db));
    for file in files {
        for counter in raises_in(db, file).iter().filter(|counter| counter.child == child) {
            match found.iter_mut().find(|known| (known.parent, known.column) == (counter.parent, counter.column)) {
                Some(known) => known.limits |= counter.limits,
                None => found.push(*counter),
            }
        }
    }
    found
        .retain(|counter| (counter.limits || counts(counter)) && steps::only_rises(db, counter.parent, counter.column));
    Arc::new(found)
}

fn counters_of(db: &dyn Db, child: ClassRef) -> Arc<Vec<Counter>> {
    counters_at(db, child.file, child.path)
}

/// The columns that rise in a function of the file which also adds a row that refers to theirs.
#[salsa::tracked(returns(clone))]
fn raises_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<Counter>> {
    let mut found: Vec<Counter> = Vec::new();
    for function in &parsed(db, file).module.functions {
        let function = FunctionRef { file, path: function.path };
        let unit = unit_of(db, function);
        let raised: Vec<(u32, Option<u32>, ClassRef, Name)> = unit
            .numbered()
            .flat_map(|(at, event)| {
                steps::raised(&event.kind).into_iter().map(move |(row, class, name)| (at, row, class, name))
            })
            .collect();
        if raised.is_empty() {
            continue;
        }
        for (added, event) in unit.numbered() {
            let EventKind::Add { row: Some(row), .. } = &event.kind else { continue };
            let Some(child) = row.model.filter(|_| row.origin == RowOrigin::Created) else { continue };
            for (at, holder, parent, column) in &raised {
                let together = unit.can_follow(added, *at) || unit.can_follow(*at, added);
                if *parent == child || !together || numbers(&unit, row, *column) || !refers(db, child, *parent) {
                    continue;
                }
                let limits = holder.is_some_and(|holder| is_limited(&unit, holder, *column));
                let counter = Counter { child, parent: *parent, column: *column, raised_in: function, limits };
                if !found.contains(&counter) {
                    found.push(counter);
                }
            }
        }
    }
    Arc::new(found)
}

/// Whether the new row is given the counter's value: it hands out numbers then, and must never fall.
fn numbers(unit: &Unit, row: &RowValue, column: Name) -> bool {
    unit.ingredients.iter().any(|own| own.created == row.id && own.column == Some(column))
}

/// Whether the column of a row is compared for order.
fn is_limited(unit: &Unit, row: u32, column: Name) -> bool {
    unit.frames.iter().any(|frame| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions
            .iter()
            .any(|condition| condition.test == Test::Order && condition.subject == Subject::Field { row, column }),
        _ => false,
    })
}

/// Whether the column says by its name that it counts the rows of the child, and not all that ever were.
fn counts(counter: &Counter) -> bool {
    const OF_ALL_TIMES: &[&str] = &[
        "total",
        "next",
        "last",
        "max",
        "seq",
        "sequence",
        "version",
        "revision",
        "ever",
        "lifetime",
        "cumulative",
        "created",
        "sent",
        "processed",
        "latest",
        "serial",
    ];
    let words: Vec<&str> = counter.column.split('_').collect();
    let child = classes::simple(counter.child.path);
    let start = child.rfind(char::is_uppercase).unwrap_or(0);
    let noun = child[start..].to_lowercase();
    let is_noun = |word: &&str| word.trim_end_matches('s') == noun.trim_end_matches('s');
    words.iter().any(is_noun) && !words.iter().any(|word| OF_ALL_TIMES.contains(word))
}

fn finding(of: FunctionRef, range: TextRange, counter: &Counter) -> Finding {
    let (child, parent) = (classes::simple(counter.child.path), classes::simple(counter.parent.path));
    let (column, adds) = (counter.column, classes::simple(counter.raised_in.path));
    let evidence = vec![
        Evidence {
            place: Place::Function(counter.raised_in),
            message: format!("`{adds}` raises `{parent}.{column}` with each `{child}` that it adds"),
        },
        Evidence {
            place: Place::Attribute(counter.parent, column),
            message: "Nothing in the project lowers or recounts it".to_owned(),
        },
    ];
    let after = if counter.limits { "its limit is reached too early" } else { "it counts too many" };
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!("A `{child}` is deleted and `{parent}.{column}` stays as it is: {after}"),
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
