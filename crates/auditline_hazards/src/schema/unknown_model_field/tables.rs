//! Columns that a `Table(…)` does not have: in `insert(table).values(…)` and as `table.c.name`.

use auditline_model::symbols::Symbol;
use auditline_model::tables::{CoreTable, table_of_variable};
use auditline_model::{Db, FunctionRef, VariableRef, names};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange, TextSize};

use super::HAZARD;
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

/// The table that an expression names, if it is certain which columns it has.
fn certain(db: &dyn Db, of: FunctionRef, code: &Code, expr: ExprId) -> Option<(VariableRef, CoreTable)> {
    if !matches!(code[expr], Expr::Name(_) | Expr::Attribute { .. }) {
        return None;
    }
    let Symbol::Variable(variable) = names::resolve_in(db, of, code, expr) else { return None };
    let table = table_of_variable(db, variable)?;
    let grows = ["append_column", "reflect", "extend_existing", "keep_existing"]
        .iter()
        .any(|word| names::files_mentioning(db, word).iter().any(|file| !auditline_model::entry::is_test(db, *file)));
    (table.complete && !table.keyed && !table.columns.is_empty() && !grows).then_some((variable, table))
}

fn lacks(table: &CoreTable, name: &str) -> bool {
    !table.columns.iter().any(|(own, _)| *own == *name)
}

/// The keywords and keys of `values(…)` on a statement that inserts into a table or updates it.
pub(super) fn values(db: &dyn Db, of: FunctionRef, code: &Code, call: ExprId, findings: &mut Vec<Finding>) {
    let Expr::Call { func, args } = &code[call] else { return };
    let Expr::Attribute { value: statement, attr } = &code[*func] else { return };
    if *attr != "values" {
        return;
    }
    let Some((variable, table)) = written(db, of, code, *statement) else { return };
    let mut report = |name: Name, range: TextRange| {
        if lacks(&table, &name) {
            let message = format!(
                "The table `{}` has no column `{name}`: executing the statement raises `CompileError: Unconsumed column names`",
                variable.name
            );
            findings.push(finding(of, variable, range, message));
        }
    };
    for arg in args {
        match (arg.kind, &code[arg.value]) {
            (ArgKind::Keyword(name), _) => report(name, TextRange::at(arg.range.start(), TextSize::of(name.as_str()))),
            (ArgKind::Positional, Expr::Dict(entries)) => {
                for key in entries.iter().filter_map(|(key, _)| *key) {
                    if let Expr::Str(text) = &code[key] {
                        report(Name::new(text), code.range(key));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The table that a statement writes: `insert(table)`, `table.update().where(…)`.
fn written(db: &dyn Db, of: FunctionRef, code: &Code, mut statement: ExprId) -> Option<(VariableRef, CoreTable)> {
    loop {
        let Expr::Call { func, args } = &code[statement] else { return None };
        match &code[*func] {
            Expr::Attribute { value, attr } => match attr.as_str() {
                "where" | "returning" | "values" | "prefix_with" | "execution_options" => statement = *value,
                "insert" | "update" if args.is_empty() => return certain(db, of, code, *value),
                "insert" | "update" => return of_library(db, of, code, *func, args),
                _ => return None,
            },
            Expr::Name(_) => return of_library(db, of, code, *func, args),
            _ => return None,
        }
    }
}

/// `sqlalchemy.insert(table)`.
fn of_library(
    db: &dyn Db,
    of: FunctionRef,
    code: &Code,
    func: ExprId,
    args: &[auditline_syntax::python::ir::Arg],
) -> Option<(VariableRef, CoreTable)> {
    let Symbol::External(path) = names::resolve_in(db, of, code, func) else { return None };
    let is_known = path.starts_with("sqlalchemy.") && (path.ends_with(".insert") || path.ends_with(".update"));
    certain(db, of, code, args.first().filter(|_| is_known)?.value)
}

/// `table.c.name`.
pub(super) fn column(
    db: &dyn Db,
    of: FunctionRef,
    code: &Code,
    (expr, value, attr): (ExprId, ExprId, Name),
    findings: &mut Vec<Finding>,
) {
    const OFFERED: &[&str] =
        &["keys", "values", "items", "get", "contains_column", "as_readonly", "corresponding_column", "compare", "add"];
    let Expr::Attribute { value: table, attr: collection } = &code[value] else { return };
    if !matches!(collection.as_str(), "c" | "columns") || attr.starts_with('_') || OFFERED.contains(&attr.as_str()) {
        return;
    }
    let Some((variable, table)) = certain(db, of, code, *table) else { return };
    if lacks(&table, &attr) {
        let end = code.range(expr).end();
        let message =
            format!("The table `{}` has no column `{attr}`: reading it raises `AttributeError`", variable.name);
        findings.push(finding(of, variable, TextRange::new(end - TextSize::of(attr.as_str()), end), message));
    }
}

fn finding(of: FunctionRef, table: VariableRef, range: TextRange, message: String) -> Finding {
    Finding {
        hazard: &HAZARD,
        severity: Severity::Error,
        message,
        place: Place::InFunction(of, range),
        symbol: symbol(of.path),
        evidence: vec![Evidence {
            place: Place::Variable(table),
            message: format!("`{}` is declared here", table.name),
        }],
        story: None,
        fixes: Vec::new(),
    }
}
