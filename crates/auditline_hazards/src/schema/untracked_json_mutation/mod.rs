//! AUD414: a document or list column that is changed in place, which the ORM does not see.

use auditline_model::eval::value::{Derivation, RowOrigin, RowValue, Sources};
use auditline_model::tables::{Column, TypeFamily, orm_model};
use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, function, names};
use auditline_syntax::python::ir::{Code, Expr, StmtKind};
use auditline_syntax::python::{Call, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};

mod fix;

/// AUD414.
pub const HAZARD: Hazard = Hazard {
    code: "AUD414",
    name: "untracked-json-mutation",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "A JSON or list column is changed in place, which the ORM does not see: nothing is saved",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of.file) {
        return;
    }
    let unit = unit_of(db, of);
    let mut seen: Vec<(u32, Name)> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Write { row, column, in_place: true, by: None, .. } = &event.kind else { continue };
        if seen.contains(&(row.id, *column)) || !is_loaded(row) {
            continue;
        }
        let Some((class, declared)) = untracked(db, row, *column) else { continue };
        let Some(commit) = unit.flush_behind(ordinal) else { continue };
        let Some(body) = function(db, of) else { continue };
        if is_used_before(&unit, row, *column, ordinal, commit) {
            continue;
        }
        if is_handed_on(&unit, &body.code, row, *column, event.statement, commit) {
            continue;
        }
        if is_replaced(&unit, row, *column) || is_told(&body.code, *column) || escapes(&unit, row) {
            continue;
        }
        seen.push((row.id, *column));
        findings.push(finding(of, (row, *column), (class, &declared), event.range, event.statement, commit));
    }
}

/// Whether the row is one that the session knows from the database.
fn is_loaded(row: &RowValue) -> bool {
    matches!(row.origin, RowOrigin::Loaded { .. } | RowOrigin::Related(_) | RowOrigin::Dependency(_))
}

/// The column, where it holds a container whose changes nobody tracks, with the class that declares it.
fn untracked(db: &dyn Db, row: &RowValue, name: Name) -> Option<(ClassRef, Column)> {
    let model = orm_model(db, row.model?)?;
    let attribute = model.attribute(name)?;
    let column = model.column(name)?;
    let is_container = match column.family {
        TypeFamily::Json | TypeFamily::Array => true,
        TypeFamily::Other(name) => name == "PickleType",
        _ => false,
    };
    // A map of annotations, or an association for all columns of a type, may make them tracked.
    let elsewhere = !names::files_mentioning(db, "associate_with").is_empty()
        || !column.type_written && !names::files_mentioning(db, "type_annotation_map").is_empty();
    (is_container && !column.mutable && !column.own_type && !elsewhere).then(|| (attribute.declared_in, column.clone()))
}

/// Whether the changed value is used between the change and the commit: then it may have been changed for that, as one
/// puts old documents into shape before they are read.
fn is_used_before(unit: &Unit, row: &RowValue, name: Name, write: u32, commit: u32) -> bool {
    unit.numbered().any(|(at, event)| match &event.kind {
        EventKind::Read { row: other, column } if other.id == row.id && *column == name => {
            let changes = |other: &auditline_model::unit::Event| {
                matches!(&other.kind, EventKind::Write { row: changed, column, .. }
                    if other.statement == event.statement && changed.id == row.id && *column == name)
            };
            at > write && at < commit && !unit.events.iter().any(changes)
        }
        _ => false,
    })
}

/// Whether a variable that holds the value is used between the change and the commit for anything but the column: what was
/// changed is handed on, and need not be saved.
fn is_handed_on(unit: &Unit, code: &Code, row: &RowValue, name: Name, statement: TextRange, commit: u32) -> bool {
    let Some(commit) = unit.events.get(commit as usize) else { return false };
    let is_of_column = |range: TextRange| {
        unit.events.iter().any(|event| {
            event.statement.contains_range(range)
                && matches!(&event.kind, EventKind::Write { row: other, column, .. } if other.id == row.id && *column == name)
        })
    };
    let names = |within: &dyn Fn(TextRange) -> bool| -> Vec<(Name, TextRange)> {
        let all = code.exprs.iter().zip(&code.ranges);
        all.filter_map(|(expr, range)| match expr {
            Expr::Name(name) if within(*range) => Some((*name, *range)),
            _ => None,
        })
        .collect()
    };
    let mut holders: Vec<Name> = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        if let StmtKind::Assign { targets, value } = &stmt.kind
            && matches!(&code[*value], Expr::Attribute { attr, .. } if *attr == name)
            && let [target] = &targets[..]
            && let Expr::Name(holder) = &code[*target]
        {
            holders.push(*holder);
        }
    });
    let changed = names(&|range| statement.contains_range(range));
    holders.retain(|holder| changed.iter().any(|(name, _)| name == holder));
    !holders.is_empty()
        && names(&|range| range.start() >= statement.end() && range.end() <= commit.range.start())
            .iter()
            .any(|(name, range)| holders.contains(name) && !is_of_column(*range))
}

/// Whether the function also gives the column another object: then the change is seen. Putting the same object back is
/// no change to the ORM, which compares the two.
fn is_replaced(unit: &Unit, row: &RowValue, name: Name) -> bool {
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Write { row: other, column, in_place: false, from, in_sql, .. } => {
            other.id == row.id && *column == name && (*in_sql || !is_same_object(from, row, name))
        }
        _ => false,
    })
}

fn is_same_object(from: &Sources, row: &RowValue, name: Name) -> bool {
    !from.other
        && from.external.is_none()
        && !from.fields.is_empty()
        && from.fields.iter().all(|field| field.row == row.id && field.column == name && field.how == Derivation::Same)
}

/// Whether the function says itself that the column has changed: `flag_modified(row, "data")`, `row.data.changed()`.
fn is_told(code: &Code, name: Name) -> bool {
    code.exprs.iter().any(|expr| match expr {
        Expr::Name(called) => *called == "flag_modified" || *called == "flag_dirty",
        Expr::Attribute { attr, .. } => *attr == "flag_modified" || *attr == "flag_dirty" || *attr == "changed",
        Expr::Call { func, args } => {
            matches!(&code[*func], Expr::Name(called) if *called == "setattr")
                && args.iter().any(|arg| match &code[arg.value] {
                    Expr::Str(text) => **text == *name.as_str(),
                    _ => false,
                })
        }
        _ => false,
    })
}

/// Whether the row is handed to a function that may do the rest.
fn escapes(unit: &Unit, row: &RowValue) -> bool {
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Call { arguments, object, .. } => {
            let is_row = |value: &auditline_model::eval::value::Value| value.row().is_some_and(|own| own.id == row.id);
            is_row(object) || arguments.iter().any(|(_, value)| is_row(value))
        }
        _ => false,
    })
}

fn finding(
    of: FunctionRef,
    (row, name): (&RowValue, Name),
    (class, column): (ClassRef, &Column),
    range: TextRange,
    statement: TextRange,
    commit: u32,
) -> Finding {
    let model = row.model.map_or("the row", |model| classes::simple(model.path));
    let kind = match column.family {
        TypeFamily::Json => "JSON",
        TypeFamily::Array => "ARRAY",
        _ => "pickled",
    };
    let fixes = vec![Fix::new(format!("Tell the session that `{name}` has changed"), Safety::Safe, move |db| {
        fix::flag(db, of, statement, name)
    })];
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!("`{model}.{name}` is changed in place, which the ORM does not see: the change is not saved"),
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence: vec![
            Evidence {
                place: Place::Attribute(class, name),
                message: format!("`{name}` is a plain {kind} column: changes inside its value are not tracked"),
            },
            Evidence { place: Place::Event(of, commit), message: "This writes nothing for the column".to_owned() },
        ],
        story: None,
        fixes,
    }
}

/// The object whose column a statement changes in place, as it is written: `row` of `row.data["x"] = 1`.
fn object_of(code: &Code, statement: TextRange, name: Name) -> Option<TextRange> {
    code.exprs.iter().zip(&code.ranges).find_map(|(expr, range)| match expr {
        Expr::Attribute { value, attr } if *attr == name && statement.contains_range(*range) => {
            let object = Call::awaited(code, *value).map_or(*value, |call| call.id);
            Some(code.range(object))
        }
        _ => None,
    })
}
