//! AUD402: an object is added without a value that its table requires.

use auditline_model::eval::value::RowValue;
use auditline_model::tables::{Attribute, AttributeKind, Column, OrmModel, TypeFamily, orm_model};
use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, function, names};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::{Call, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// AUD402.
pub const HAZARD: Hazard = Hazard {
    code: "AUD402",
    name: "missing-required-field",
    family: Family::Schema,
    severity: Severity::Error,
    summary: "An object is added without a value for a column that is NOT NULL and has no default in the model",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of.file) {
        return;
    }
    let unit = unit_of(db, of);
    let Some(body) = function(db, of) else { return };
    for event in &unit.events {
        let EventKind::Create(row) = &event.kind else { continue };
        let Some(class) = row.model else { continue };
        let Some(created) = Created::of(db, of, &body.code, row, class, event.range) else { continue };
        let Some(added) = created.added(&unit, &body.code) else { continue };
        let Some(model) = orm_model(db, class).filter(|model| is_certain(model)) else { continue };
        // A keyword that the model does not have fails before, in the constructor.
        if created.keywords.iter().any(|keyword| model.attribute(*keyword).is_none()) {
            continue;
        }
        let missing: Vec<(&Attribute, &Column)> = model
            .columns()
            .filter(|(attribute, column)| {
                let by_relationship = column.foreign_key.is_some() && created.sets_relationship(&unit, &model);
                is_required(&model, attribute, column)
                    && !created.sets(&unit, attribute.name)
                    && !by_relationship
                    && !is_set_by_listener(db, attribute.name)
            })
            .collect();
        if !missing.is_empty() {
            findings.push(finding(of, class, event.range, added, &missing));
        }
    }
}

/// Whether everything is known that could fill a column.
fn is_certain(model: &OrmModel) -> bool {
    model.complete && model.is_table() && !model.custom_init && !model.has_version_counter
}

/// Whether the ORM has nothing for the column but NULL.
fn is_required(model: &OrmModel, attribute: &Attribute, column: &Column) -> bool {
    let filled = column.has_default || column.has_server_default || column.is_computed || column.own_type;
    if column.nullable != Some(false) || filled || model.polymorphic_on == Some(attribute.name) {
        return false;
    }
    // Keys of numbers are counted by the database; those that are foreign keys come from the parent of a joined table.
    !column.primary_key
        || matches!(column.family, TypeFamily::Uuid | TypeFamily::String | TypeFamily::Text)
            && column.foreign_key.is_none()
            && column.autoincrement.is_none()
}

/// Whether something else than the constructor may set attributes before they are written.
fn is_set_by_listener(db: &dyn Db, name: Name) -> bool {
    const LISTENERS: &[&str] =
        &["before_insert", "before_flush", "before_attach", "pending_to_persistent", "transient_to_pending"];
    LISTENERS.iter().any(|word| !names::files_mentioning_both(db, word, &name).is_empty())
}

/// A constructor call with nothing but keywords, and what happens to its object.
struct Created<'a> {
    row: &'a RowValue,
    keywords: Vec<Name>,
    /// The variable that holds it.
    variable: Option<Name>,
}

impl<'a> Created<'a> {
    fn of(
        db: &dyn Db,
        of: FunctionRef,
        code: &Code,
        row: &'a RowValue,
        class: ClassRef,
        range: TextRange,
    ) -> Option<Self> {
        let at = code
            .exprs
            .iter()
            .zip(&code.ranges)
            .position(|(expr, own)| *own == range && matches!(expr, Expr::Call { .. }))?;
        let call = ExprId(u32::try_from(at).ok()?);
        let Expr::Call { func, args } = &code[call] else { return None };
        if names::resolve_in(db, of, code, *func) != auditline_model::symbols::Symbol::Class(class) {
            return None;
        }
        let keywords: Option<Vec<Name>> = args
            .iter()
            .map(|arg| match arg.kind {
                ArgKind::Keyword(name) => Some(name),
                _ => None,
            })
            .collect();
        let mut variable = None;
        let mut is_inline = true;
        walk_statements(&code.block, &mut |stmt| match &stmt.kind {
            StmtKind::Assign { targets, value } if *value == call => {
                is_inline = false;
                variable = match targets.as_slice() {
                    [one] => match &code[*one] {
                        Expr::Name(name) => Some(*name),
                        _ => None,
                    },
                    _ => None,
                };
            }
            StmtKind::AnnAssign { target, value: Some(value), .. } if *value == call => {
                is_inline = false;
                variable = match &code[*target] {
                    Expr::Name(name) => Some(*name),
                    _ => None,
                };
            }
            _ => {}
        });
        if !is_inline && variable.is_none() {
            return None;
        }
        Some(Self { row, keywords: keywords?, variable })
    }

    /// The event that adds it to a session that is then flushed, if nobody else gets hold of the object before.
    fn added(&self, unit: &Unit, code: &Code) -> Option<u32> {
        let (added, _) = unit.numbered().find(|(_, event)| {
            let EventKind::Add { row: Some(row), by: None, .. } = &event.kind else { return false };
            // `merge` may find the row and change it.
            row.id == self.row.id && calls(code, event.range, "add")
        })?;
        let is_flushed = unit.flush_behind(added).is_some();
        let is_kept = self.variable.is_none_or(|variable| !escapes(code, variable));
        (is_flushed && is_kept).then_some(added)
    }

    fn sets(&self, unit: &Unit, name: Name) -> bool {
        self.keywords.contains(&name) || self.writes(unit, name)
    }

    fn writes(&self, unit: &Unit, name: Name) -> bool {
        unit.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Write { row, column, .. } if row.id == self.row.id && *column == name)
        })
    }

    /// Whether something that fills foreign keys is set: a relationship, or what another class's `backref` made.
    fn sets_relationship(&self, unit: &Unit, model: &OrmModel) -> bool {
        let fills = |name: Name| {
            model.attribute(name).is_none_or(|attribute| {
                matches!(attribute.kind, AttributeKind::Relationship(_) | AttributeKind::Derived(_))
            })
        };
        self.keywords.iter().any(|name| fills(*name))
            || unit.events.iter().any(|event| {
                matches!(&event.kind, EventKind::Write { row, column, .. } if row.id == self.row.id && fills(*column))
            })
    }
}

/// Whether the expression at that range is a call of a method of that name.
fn calls(code: &Code, range: TextRange, name: &str) -> bool {
    code.exprs.iter().zip(&code.ranges).any(|(expr, own)| {
        *own == range
            && matches!(expr, Expr::Call { func, .. } if matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == *name))
    })
}

/// Whether a variable is used for more than its attributes, a session's methods, and being returned.
fn escapes(code: &Code, variable: Name) -> bool {
    let is_variable = |expr: ExprId| matches!(&code[expr], Expr::Name(name) if *name == variable);
    let uses = code.exprs.iter().filter(|expr| matches!(expr, Expr::Name(name) if *name == variable)).count();
    let mut allowed = 0;
    for expr in &code.exprs {
        match expr {
            Expr::Attribute { value, .. } if is_variable(*value) => allowed += 1,
            Expr::Call { func, args } => {
                let is_session_method = matches!(&code[*func], Expr::Attribute { attr, .. }
                    if matches!(attr.as_str(), "add" | "refresh" | "expunge" | "delete"));
                if is_session_method {
                    allowed += args.iter().filter(|arg| is_variable(arg.value)).count();
                }
            }
            _ => {}
        }
    }
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Return(Some(value)) if is_variable(*value) => allowed += 1,
        StmtKind::Assign { targets, value } if targets.iter().any(|target| is_variable(*target)) => {
            // Bound once, to the new object.
            allowed += usize::from(Call::of(code, *value).is_some());
        }
        StmtKind::AnnAssign { target, .. } if is_variable(*target) => allowed += 1,
        _ => {}
    });
    uses > allowed
}

fn finding(
    of: FunctionRef,
    class: ClassRef,
    range: TextRange,
    added: u32,
    missing: &[(&Attribute, &Column)],
) -> Finding {
    let model = classes::simple(class.path);
    let names: Vec<String> = missing.iter().map(|(attribute, _)| format!("`{}`", attribute.name)).collect();
    let (what, columns) = match names.as_slice() {
        [one] => (one.clone(), "the column is NOT NULL and has no default in the model"),
        several => (several.join(", "), "the columns are NOT NULL and have no default in the model"),
    };
    let mut evidence: Vec<Evidence> = missing
        .iter()
        .map(|(attribute, _)| Evidence {
            place: Place::Attribute(attribute.declared_in, attribute.name),
            message: format!("`{}` may not be NULL, and the model has no default for it", attribute.name),
        })
        .collect();
    evidence.push(Evidence { place: Place::Event(of, added), message: "Here the object is added".to_owned() });
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message: format!("`{model}` is added without {what}: {columns}, so the flush fails with `IntegrityError`"),
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
