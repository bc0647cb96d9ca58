//! AUD412: a row is deleted whose children lose a key that they must have.

use auditline_model::eval::value::{RowOrigin, RowValue};
use auditline_model::owner::callers;
use auditline_model::schema::{column_in, standings};
use auditline_model::tables::{Bereaved, TypeFamily, bereaved, orm_model};
use auditline_model::unit::{
    Breadth, Event, EventKind, FrameId, FrameKind, SessionAction, Subject, Unit, summary, unit_of,
};
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, classes, entry, function, names, parsed};
use auditline_syntax::python::ir::{Code, Expr};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};
use crate::races::served::is_served;

mod fix;

/// AUD412.
pub const HAZARD: Hazard = Hazard {
    code: "AUD412",
    name: "delete-nullifies-required-key",
    family: Family::Schema,
    severity: Severity::Error,
    summary: "A row is deleted, and the session sets the key of its children to NULL, which it must not be",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of.file) {
        return;
    }
    let unit = unit_of(db, of);
    for (ordinal, event) in unit.numbered() {
        let EventKind::Delete { row: Some(row), by, .. } = &event.kind else { continue };
        let Some(parent) = row.model else { continue };
        // A helper that knows what it deletes is told of it itself.
        if by.is_some_and(|by| knows_what_it_deletes(db, by) || is_told(db, &unit, event, parent)) || !is_known(row) {
            continue;
        }
        let lost: Vec<Bereaved> = bereaved(db, parent)
            .iter()
            .filter(|one| {
                !is_restricted(one) && !is_taken_care_of(db, of, &unit, row, one) && !may_be_null_there(db, one)
            })
            .cloned()
            .collect();
        if lost.is_empty() || is_expected(db, of, &unit, ordinal) || is_listened_to(db, parent) {
            continue;
        }
        // What a runner loads by itself knows which rows it has made, and which children they have.
        let is_part = |file: SourceFile| names::is_imported(db, file, |_| true);
        if is_part(of.file) || lost.iter().any(|one| is_named_in(db, of.file, one)) || is_started(db, of) {
            findings.push(finding(of, parent, event.range, lost));
        }
    }
}

/// Whether the key says that a row with children is not to be deleted: that it fails is meant.
fn is_restricted(lost: &Bereaved) -> bool {
    lost.column
        .on_delete
        .is_some_and(|action| action.eq_ignore_ascii_case("RESTRICT") || action.eq_ignore_ascii_case("NO ACTION"))
}

/// Whether a method that is called there knows what it deletes, whatever the helper does that it calls itself.
fn is_told(db: &dyn Db, unit: &Unit, delete: &Event, parent: ClassRef) -> bool {
    unit.events.iter().any(|event| match &event.kind {
        EventKind::Call { callee, .. } => event.range == delete.range && deletes(db, *callee, Some(parent)),
        _ => false,
    })
}

/// Whether the file of the deletion has to do with the children elsewhere.
fn is_named_in(db: &dyn Db, file: SourceFile, lost: &Bereaved) -> bool {
    let name = classes::simple(lost.child.path);
    parsed(db, file).module.functions.iter().any(|function| {
        let names = |expr: &Expr| matches!(expr, Expr::Name(own) | Expr::Attribute { attr: own, .. } if *own == *name);
        function.code.exprs.iter().any(names)
    })
}

/// Whether a worker, the clock or a request starts the function.
fn is_started(db: &dyn Db, of: FunctionRef) -> bool {
    entry::entry_point(db, of).is_some() || is_served(db, of)
}

/// Whether the row is one that the database has.
fn is_known(row: &RowValue) -> bool {
    !matches!(row.origin, RowOrigin::Created | RowOrigin::Unknown)
}

pub(super) fn knows_what_it_deletes(db: &dyn Db, of: FunctionRef) -> bool {
    deletes(db, of, None)
}

/// Whether a function deletes a row of a class, or, without one, by itself a row whose class it knows. A query, so that
/// other edits in the function check its callers' files no second time.
#[salsa::tracked(returns(copy))]
fn deletes(db: &dyn Db, of: FunctionRef, class: Option<ClassRef>) -> bool {
    unit_of(db, of).events.iter().any(|event| match &event.kind {
        EventKind::Delete { row: Some(row), by, .. } => match class {
            None => by.is_none() && row.model.is_some(),
            Some(_) => row.model == class,
        },
        _ => false,
    })
}

/// How many calls up are looked at.
const DEPTH: u32 = 2;

/// Whether the code looks at the children: it may delete them first, or refuse to delete a row that has some.
fn is_taken_care_of(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, lost: &Bereaved) -> bool {
    looks_at(db, of, lost)
        || tests_a_number(db, unit, row)
        || unit.events.iter().any(|event| {
            // What a statement does that cannot be read, nobody knows.
            matches!(&event.kind, EventKind::Execute(query) if query.model.is_none())
        })
        || cared_for_above(db, of, lost, DEPTH)
}

fn cared_for_above(db: &dyn Db, of: FunctionRef, lost: &Bereaved, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of)
        .iter()
        .filter(|site| site.function != of)
        .any(|site| looks_at(db, site.function, lost) || cared_for_above(db, site.function, lost, depth))
}

/// Whether a function reads, writes or names the children, itself or in what it calls.
fn looks_at(db: &dyn Db, of: FunctionRef, lost: &Bereaved) -> bool {
    let done = summary(db, of);
    let is_child = |class: &ClassRef| {
        classes::mro(db, *class).contains(&lost.child) || classes::mro(db, lost.child).contains(class)
    };
    done.reads.iter().chain(&done.writes).any(is_child)
        || function(db, of).is_some_and(|body| names_child(&body.code, lost))
}

/// Whether a name in the code has that of the children or of the relationship in it: what it means may not be understood.
fn names_child(code: &Code, lost: &Bereaved) -> bool {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let words = [plain(classes::simple(lost.child.path)), plain(&lost.relationship)]
        .map(|word| word.trim_end_matches('s').to_owned());
    let says = |name: &str| {
        let name = plain(name);
        words.iter().any(|word| word.len() > 2 && name.contains(word.as_str()))
    };
    code.exprs.iter().any(|expr| match expr {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => says(name),
        Expr::Str(text) => says(text),
        _ => false,
    })
}

/// Whether a number in the row is tested on the way: it may be that of its children.
fn tests_a_number(db: &dyn Db, unit: &Unit, row: &RowValue) -> bool {
    let Some(model) = row.model.and_then(|model| orm_model(db, model)) else { return false };
    unit.frames.iter().any(|frame| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions.iter().any(|condition| match &condition.subject {
            Subject::Field { row: of, column } if *of == row.id => model.column(*column).is_none_or(|column| {
                !column.primary_key
                    && column.foreign_key.is_none()
                    && matches!(column.family, TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Unknown)
            }),
            Subject::Count { .. } => true,
            _ => false,
        }),
        _ => false,
    })
}

/// Whether the database allows NULL in the key, whatever the model says.
fn may_be_null_there(db: &dyn Db, lost: &Bereaved) -> bool {
    let column = lost.column.column_name.unwrap_or(lost.key);
    standings(db).iter().filter(|standing| standing.is_of(lost.child) || standing.is_of(lost.key_in)).any(|standing| {
        standing.described.iter().any(|(description, name)| {
            description
                .schema
                .tables
                .get(name)
                .and_then(|table| column_in(table, column))
                .is_some_and(|own| own.column.nullable == Some(true))
        })
    })
}

/// Whether the failure is expected: who catches `IntegrityError` refuses to delete what is still in use.
fn is_expected(db: &dyn Db, of: FunctionRef, unit: &Unit, delete: u32) -> bool {
    let is_caught = |frame: FrameId| {
        unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Try(id) => unit
                .tries
                .get(id.0 as usize)
                .is_some_and(|info| info.handlers.iter().any(|handler| handler.breadth == Breadth::Database)),
            _ => false,
        })
    };
    let is_flush = |kind: &EventKind| {
        matches!(kind, EventKind::Delete { .. })
            || matches!(kind, EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. })
    };
    let here = unit.numbered().any(|(at, event)| {
        is_flush(&event.kind) && (at == delete || unit.can_follow(delete, at)) && is_caught(event.frame)
    });
    here || catches_above(db, of, DEPTH) || is_answered(db)
}

fn catches_above(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of).iter().filter(|site| site.function != of).any(|site| {
        let unit = unit_of(db, site.function);
        let Some(event) = unit.events.get(site.ordinal as usize) else { return false };
        let caught = unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Try(id) => unit
                .tries
                .get(id.0 as usize)
                .is_some_and(|info| info.handlers.iter().any(|handler| handler.breadth == Breadth::Database)),
            _ => false,
        });
        caught || catches_above(db, site.function, depth)
    })
}

/// Whether the application answers requests that end in an `IntegrityError` in a way of its own.
fn is_answered(db: &dyn Db) -> bool {
    ["exception_handler", "add_exception_handler", "errorhandler"]
        .iter()
        .any(|word| !names::files_mentioning_both(db, word, "IntegrityError").is_empty())
}

/// Whether something runs when a session is about to delete, which may take the children away.
fn is_listened_to(db: &dyn Db, parent: ClassRef) -> bool {
    !names::files_mentioning(db, "before_flush").is_empty()
        || !names::files_mentioning_both(db, "before_delete", classes::simple(parent.path)).is_empty()
}

fn finding(of: FunctionRef, parent: ClassRef, range: auditline_syntax::TextRange, lost: Vec<Bereaved>) -> Finding {
    let model = classes::simple(parent.path);
    let listed: Vec<String> = lost.iter().map(|one| format!("`{}`", one.relationship)).collect();
    let keys: Vec<String> =
        lost.iter().map(|one| format!("`{}.{}`", classes::simple(one.child.path), one.key)).collect();
    let mut evidence = Vec::new();
    for one in &lost {
        let (class, name) = one.backref_of.unwrap_or((one.declared_in, one.relationship));
        evidence.push(Evidence {
            place: Place::Attribute(class, name),
            message: format!("`{}` neither cascades the deletion nor leaves it to the database", one.relationship),
        });
        let what = if one.column.primary_key { "belongs to the primary key" } else { "is NOT NULL" };
        evidence
            .push(Evidence { place: Place::Attribute(one.key_in, one.key), message: format!("`{}` {what}", one.key) });
    }
    let message = format!(
        "Deleting a `{model}` that has {} fails: the session sets {} to NULL, which must not be NULL",
        listed.join(" or "),
        keys.join(" and ")
    );
    let mut fixes = Vec::new();
    let children = lost.clone();
    let whose = listed.join(" and ");
    fixes.push(Fix::new(format!("Delete {whose} with the `{model}`"), Safety::Unsafe, move |db| {
        fix::options(db, &children, fix::Cure::Cascade)
    }));
    if lost.iter().all(fix::leaves_to_database) {
        fixes.push(Fix::new(format!("Leave {whose} to the database, which deletes them"), Safety::Unsafe, move |db| {
            fix::options(db, &lost, fix::Cure::Passive)
        }));
    }
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes,
    }
}
