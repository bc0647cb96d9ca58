//! AUD413: a foreign key whose type is not that of the column it points to.

use auditline_model::classes;
use auditline_model::tables::{Attribute, Column, TypeFamily, models_in, orm_model, referred};
use auditline_model::{ClassRef, Db, SourceFile};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// AUD413.
pub const HAZARD: Hazard = Hazard {
    code: "AUD413",
    name: "foreign-key-type",
    family: Family::Schema,
    severity: Severity::Warning,
    summary: "A foreign key column has another type than the column that it points to",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if !file.kind(db).is_python() || super::is_silent(db, file) {
        return;
    }
    // Most files have no models; asking for them would parse each.
    let speaks = |word: &str| file.content(db).text().is_some_and(|text| text.text().contains(word));
    if !speaks("ForeignKey") && !speaks("foreign_key") {
        return;
    }
    for class in models_in(db, file).iter() {
        let Some(model) = orm_model(db, *class) else { continue };
        for (attribute, column) in model.columns() {
            // Those of bases and mixins are judged where they are declared.
            if attribute.declared_in == *class {
                findings.extend(judge(db, *class, attribute, column));
            }
        }
    }
}

fn judge(db: &dyn Db, class: ClassRef, attribute: &Attribute, column: &Column) -> Option<Finding> {
    let key = column.foreign_key?;
    // Without a written type the column takes that of the other one, whatever the annotation says.
    if !is_told(column) {
        return None;
    }
    let targets = referred(db, class.file, key);
    let mut clashes = targets
        .iter()
        .filter_map(|(owner, name, target)| Some((*owner, *name, target, clash(column.family, target.family)?)));
    let (owner, name, target, clash) = clashes.next()?;
    // Where several tables have that name, all of them must disagree.
    if clashes.count() + 1 != targets.len() || !is_told_target(target) {
        return None;
    }
    let own = format!("{}.{}", classes::simple(class.path), attribute.name);
    let other = format!("{}.{name}", classes::simple(owner.path));
    let (own_type, other_type) = (family_name(column.family)?, family_name(target.family)?);
    let consequence = match clash {
        Clash::Refused => "PostgreSQL refuses the constraint (`key columns … are of incompatible types`)",
        Clash::Narrow => "keys above 2,147,483,647 do not fit",
    };
    Some(Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!("`{own}` is {own_type} and points to `{other}`, which is {other_type}: {consequence}"),
        place: Place::Attribute(class, attribute.name),
        symbol: symbol(class.path),
        evidence: vec![Evidence {
            place: Place::Attribute(owner, name),
            message: format!("`{other}` is {other_type}"),
        }],
        story: None,
        fixes: Vec::new(),
    })
}

/// Whether the type of a foreign key is known for certain.
fn is_told(column: &Column) -> bool {
    column.type_written && !column.own_type
}

/// The same for what it points to, where an annotation alone is enough.
fn is_told_target(column: &Column) -> bool {
    !column.own_type && (column.type_written || column.foreign_key.is_none())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clash {
    /// The database refuses the constraint.
    Refused,
    /// It takes it, and large keys do not fit.
    Narrow,
}

fn clash(own: TypeFamily, other: TypeFamily) -> Option<Clash> {
    #[derive(PartialEq, Eq)]
    enum Group {
        Number,
        Text,
        Uuid,
        Boolean,
        Time,
        Bytes,
    }
    let group = |family: TypeFamily| {
        Some(match family {
            TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Numeric | TypeFamily::Float => Group::Number,
            TypeFamily::String | TypeFamily::Text => Group::Text,
            TypeFamily::Uuid => Group::Uuid,
            TypeFamily::Boolean => Group::Boolean,
            // PostgreSQL compares dates with times, and takes the constraint.
            TypeFamily::DateTime | TypeFamily::Date => Group::Time,
            TypeFamily::Binary => Group::Bytes,
            _ => return None,
        })
    };
    if group(own)? != group(other)? {
        return Some(Clash::Refused);
    }
    (own == TypeFamily::Integer && other == TypeFamily::BigInteger).then_some(Clash::Narrow)
}

fn family_name(family: TypeFamily) -> Option<&'static str> {
    Some(match family {
        TypeFamily::Integer => "an integer of 32 bits",
        TypeFamily::BigInteger => "an integer of 64 bits",
        TypeFamily::Numeric | TypeFamily::Float => "a decimal number",
        TypeFamily::String | TypeFamily::Text => "a string",
        TypeFamily::Uuid => "a UUID",
        TypeFamily::Boolean => "a boolean",
        TypeFamily::DateTime => "a date and time",
        TypeFamily::Date => "a date",
        TypeFamily::Binary => "bytes",
        _ => return None,
    })
}
