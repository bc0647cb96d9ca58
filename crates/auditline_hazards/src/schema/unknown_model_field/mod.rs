//! AUD401: a keyword or attribute that the model does not have.

use std::sync::Arc;

use auditline_model::eval::value::RowOrigin;
use auditline_model::symbols::Symbol;
use auditline_model::tables::{ModelKind, OrmModel, orm_model};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, function, names};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};

mod add_column;
mod declared_elsewhere;
mod descriptions;
mod similar;
mod sqlmodel;
mod tables;

/// AUD401.
pub const HAZARD: Hazard = Hazard {
    code: "AUD401",
    name: "unknown-model-field",
    family: Family::Schema,
    severity: Severity::Error,
    summary: "A constructor, filter_by or attribute names a column that the model does not have",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of.file) {
        return;
    }
    let Some(body) = function(db, of) else { return };
    let code = &body.code;
    let called: Vec<ExprId> = code
        .exprs
        .iter()
        .filter_map(|expr| match expr {
            Expr::Call { func, .. } => Some(*func),
            _ => None,
        })
        .collect();
    for (expr, index) in code.exprs.iter().zip(0u32..) {
        match expr {
            Expr::Call { func, .. } => {
                keywords(db, of, code, ExprId(index), *func, findings);
                tables::values(db, of, code, ExprId(index), findings);
            }
            Expr::Attribute { value, attr } => {
                let is_call = called.contains(&ExprId(index));
                class_attribute(db, of, code, ExprId(index), *value, *attr, is_call, findings);
                tables::column(db, of, code, (ExprId(index), *value, *attr), findings);
            }
            _ => {}
        }
    }
    row_attributes(db, of, findings);
}

/// The model, if it is certain what attributes it has.
fn certain(db: &dyn Db, class: ClassRef) -> Option<Arc<OrmModel>> {
    orm_model(db, class).filter(|model| model.complete && model.is_table())
}

/// Whether the constructor and the objects of a model take nothing but what is listed.
fn is_closed(db: &dyn Db, class: ClassRef, model: &OrmModel) -> bool {
    match model.kind {
        ModelKind::Declarative => true,
        ModelKind::SqlModelTable => sqlmodel::is_closed(db, class),
        ModelKind::SqlModelBase => false,
    }
}

/// Keywords of a constructor, or of `filter_by` on a query over one entity.
fn keywords(db: &dyn Db, of: FunctionRef, code: &Code, call: ExprId, func: ExprId, findings: &mut Vec<Finding>) {
    let Expr::Call { args, .. } = &code[call] else { return };
    if !args.iter().any(|arg| matches!(arg.kind, ArgKind::Keyword(_))) {
        return;
    }
    let (class, use_) = match names::resolve_in(db, of, code, func) {
        Symbol::Class(class) => (class, Use::Constructor),
        _ => match &code[func] {
            Expr::Attribute { value, attr } if *attr == "filter_by" => match entity(db, of, code, *value) {
                Some(class) => (class, Use::FilterBy),
                None => return,
            },
            _ => return,
        },
    };
    let Some(model) = certain(db, class) else { return };
    if use_ == Use::Constructor && (model.custom_init || !is_closed(db, class, &model)) {
        return;
    }
    for arg in args {
        let ArgKind::Keyword(name) = arg.kind else { continue };
        // The declarative constructor takes any attribute of the class; filter_by takes mapped ones.
        if model.attribute(name).is_some() || declared_elsewhere::is_declared(db, class, name) {
            continue;
        }
        let class_name = classes::simple(class.path);
        let message = match use_ {
            Use::Constructor if model.kind != ModelKind::Declarative => {
                format!("`{class_name}` has no field `{name}`: SQLModel drops the value without a word")
            }
            Use::Constructor => format!(
                "`{class_name}` has no column `{name}`: constructing it raises `TypeError: '{name}' is an invalid keyword argument for {class_name}`"
            ),
            Use::FilterBy => {
                format!("`{class_name}` has no column `{name}`: `filter_by` raises `InvalidRequestError`")
            }
        };
        let keyword = TextRange::at(arg.range.start(), auditline_syntax::TextSize::of(name.as_str()));
        let mut fixes = rename(of, &model, name, keyword);
        if use_ == Use::Constructor {
            let range = arg.range;
            fixes.push(Fix::new(format!("Remove the keyword `{name}`"), Safety::Unsafe, move |db| {
                edit::in_function(db, of, |scope| edit::remove_argument(scope, range))
            }));
            fixes.extend(add_column::fix(db, of, class, name, arg.value));
        }
        findings.push(finding(db, of, (class, name), arg.range, message, fixes));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Constructor,
    FilterBy,
}

/// The one mapped class that a query chain is over; `None` where it joins or selects several.
fn entity(db: &dyn Db, of: FunctionRef, code: &Code, mut chain: ExprId) -> Option<ClassRef> {
    loop {
        match &code[chain] {
            Expr::Call { func, args } => match &code[*func] {
                Expr::Attribute { value, attr } => match attr.as_str() {
                    "query" => return only_class(db, of, code, args),
                    "filter" | "filter_by" | "where" | "order_by" | "limit" | "offset" | "options" | "distinct"
                    | "with_for_update" | "execution_options" | "populate_existing" => chain = *value,
                    "select" => return only_class(db, of, code, args),
                    _ => return None,
                },
                Expr::Name(_) => {
                    let Symbol::External(path) = names::resolve_in(db, of, code, *func) else { return None };
                    return (path.as_str().ends_with(".select")).then(|| only_class(db, of, code, args)).flatten();
                }
                _ => return None,
            },
            // `Model.query` of Flask-SQLAlchemy.
            Expr::Attribute { value, attr } if *attr == "query" => {
                return match names::resolve_in(db, of, code, *value) {
                    Symbol::Class(class) => Some(class),
                    _ => None,
                };
            }
            Expr::Await(inner) => chain = *inner,
            _ => return None,
        }
    }
}

fn only_class(
    db: &dyn Db,
    of: FunctionRef,
    code: &Code,
    args: &[auditline_syntax::python::ir::Arg],
) -> Option<ClassRef> {
    match args {
        [one] if one.kind == ArgKind::Positional => match names::resolve_in(db, of, code, one.value) {
            Symbol::Class(class) => Some(class),
            _ => None,
        },
        _ => None,
    }
}

/// `Model.attribute`.
#[allow(clippy::too_many_arguments)]
fn class_attribute(
    db: &dyn Db,
    of: FunctionRef,
    code: &Code,
    expr: ExprId,
    value: ExprId,
    attr: Name,
    is_call: bool,
    findings: &mut Vec<Finding>,
) {
    if !matches!(code[value], Expr::Name(_) | Expr::Attribute { .. }) || attr.starts_with('_') {
        return;
    }
    let Symbol::Class(class) = names::resolve_in(db, of, code, value) else { return };
    let Some(model) = certain(db, class) else { return };
    let offered = match model.kind {
        ModelKind::Declarative => matches!(attr.as_str(), "metadata" | "registry" | "query" | "mro"),
        // Pydantic offers many methods of its own.
        ModelKind::SqlModelTable | ModelKind::SqlModelBase => {
            is_call || attr.starts_with("model_") || matches!(attr.as_str(), "metadata" | "schema" | "fields")
        }
    };
    let nested = Name::new(&format!("{}.{attr}", class.path));
    if offered
        || model.attribute(attr).is_some()
        || asks_first(db, of, attr)
        || auditline_model::class(db, ClassRef { file: class.file, path: nested }).is_some()
        || declared_elsewhere::is_declared(db, class, attr)
    {
        return;
    }
    let class_name = classes::simple(class.path);
    let range = attribute_range(code, expr, attr);
    let message = format!("`{class_name}` has no attribute `{attr}`: reading it raises `AttributeError`");
    findings.push(finding(db, of, (class, attr), range, message, rename(of, &model, attr, range)));
}

/// Attributes of rows whose model is known.
fn row_attributes(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    let unit = unit_of(db, of);
    let mut seen: Vec<(ClassRef, Name)> = Vec::new();
    for event in &unit.events {
        let (row, column, is_write) = match &event.kind {
            EventKind::Read { row, column } => (row, *column, false),
            EventKind::Write { row, column, by: None, .. } => (row, *column, true),
            _ => continue,
        };
        let Some(class) = row.model else { continue };
        // What only a variable names is written in brackets.
        if column.starts_with(['_', '['])
            || seen.contains(&(class, column))
            || !is_evident(&row.origin)
            || asks_first(db, of, column)
        {
            continue;
        }
        let Some(model) = certain(db, class) else { continue };
        if model.attribute(column).is_some()
            || matches!(column.as_str(), "metadata" | "registry")
            || !is_closed(db, class, &model)
            || model.kind != ModelKind::Declarative && sqlmodel::offers(&column)
            || declared_elsewhere::is_declared(db, class, column)
        {
            continue;
        }
        let assigned = declared_elsewhere::is_assigned_on_objects(db, column);
        let close = similar::closest(&model, column);
        let class_name = classes::simple(class.path);
        let message = if is_write && model.kind != ModelKind::Declarative {
            format!("`{class_name}` has no field `{column}`: setting it raises `ValueError`")
        } else if is_write {
            // Setting what is no column makes a plain attribute, and nothing is saved. Where nothing else reads it and a
            // column has nearly the same name, that was not meant.
            let Some(close) = close else { continue };
            if declared_elsewhere::is_read_on_objects(db, column) {
                continue;
            }
            format!("`{class_name}` has no column `{column}`: setting it saves nothing (the column is `{close}`)")
        } else {
            if assigned {
                continue;
            }
            format!("`{class_name}` has no attribute `{column}`: reading it raises `AttributeError`")
        };
        seen.push((class, column));
        let end = if is_write { target_end(db, of, event.range, column) } else { Some(event.range.end()) };
        let Some(end) = end else { continue };
        let range = TextRange::new(end - auditline_syntax::TextSize::of(column.as_str()), end);
        findings.push(finding(db, of, (class, column), range, message, rename(of, &model, column, range)));
    }
}

/// Whether the kind of a row is known from code that makes or loads it: an annotation may promise something else.
fn is_evident(origin: &RowOrigin) -> bool {
    matches!(origin, RowOrigin::Loaded { .. } | RowOrigin::Created)
}

/// Whether the function asks for the attribute by name first: `hasattr(Model, "x")`.
fn asks_first(db: &dyn Db, of: FunctionRef, name: Name) -> bool {
    function(db, of).is_some_and(|body| {
        body.code.exprs.iter().any(|expr| matches!(expr, Expr::Str(text) if **text == *name.as_str()))
    })
}

/// The end of the attribute that a statement's range assigns.
fn target_end(db: &dyn Db, of: FunctionRef, range: TextRange, column: Name) -> Option<auditline_syntax::TextSize> {
    let body = function(db, of)?;
    body.code
        .exprs
        .iter()
        .zip(&body.code.ranges)
        .find(|(expr, at)| {
            range.contains_range(**at) && matches!(expr, Expr::Attribute { attr, .. } if *attr == column)
        })
        .map(|(_, at)| at.end())
}

fn attribute_range(code: &Code, expr: ExprId, attr: Name) -> TextRange {
    let end = code.range(expr).end();
    TextRange::new(end - auditline_syntax::TextSize::of(attr.as_str()), end)
}

fn rename(of: FunctionRef, model: &OrmModel, wrong: Name, range: TextRange) -> Vec<Fix> {
    match similar::closest(model, wrong) {
        Some(close) => vec![Fix::new(format!("Rename to `{close}`"), Safety::Unsafe, move |db| {
            edit::in_function(db, of, |scope| scope.replace(range, &close))
        })],
        None => Vec::new(),
    }
}

fn finding(
    db: &dyn Db,
    of: FunctionRef,
    (class, name): (ClassRef, Name),
    range: TextRange,
    message: String,
    fixes: Vec<Fix>,
) -> Finding {
    let mut evidence = vec![Evidence {
        place: Place::Class(class),
        message: format!("`{}` is declared here", classes::simple(class.path)),
    }];
    evidence.extend(descriptions::evidence(db, class, name));
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
