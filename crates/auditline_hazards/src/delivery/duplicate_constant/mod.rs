//! AUD705: a constant of a module that is assigned twice.

use auditline_model::{Db, SourceFile, entry, parsed};
use auditline_source::FileKind;
use auditline_syntax::python::ir::{Code, Expr, ExprId, Module, Stmt, StmtKind};
use auditline_syntax::python::{blocks, walk_statement_expressions, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit::{Document, remove_statement};
use crate::finding::{Evidence, FileEdit, Finding, Fix, Place, Safety, Severity};

/// AUD705.
pub const HAZARD: Hazard = Hazard {
    code: "AUD705",
    name: "duplicate-constant",
    family: Family::Delivery,
    severity: Severity::Warning,
    summary: "A constant of a module is assigned twice, and nothing reads the first value",
    page: include_str!("page.md"),
    check: Check::File(check),
};

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != FileKind::Python || entry::is_test(db, file) || entry::is_migration(db, file) {
        return;
    }
    let Some(text) = file.content(db).text() else { return };
    if is_generated(text.text()) {
        return;
    }
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let constants: Vec<Constant> =
        module.code.block.iter().zip(0..).filter_map(|(stmt, at)| constant(module, stmt, at)).collect();
    for (index, second) in constants.iter().enumerate() {
        let Some(first) = constants[..index].iter().rev().find(|first| first.name == second.name) else { continue };
        if is_meant(module, first, second) {
            continue;
        }
        let source = |value: ExprId| text.slice(module.code.range(value));
        let is_same = source(first.value) == source(second.value);
        findings.push(finding(file, first, second, is_same));
    }
}

/// An assignment of a constant at the top of a module.
struct Constant {
    name: Name,
    value: ExprId,
    statement: TextRange,
    /// Its place among the statements of the module.
    at: usize,
}

fn constant(module: &Module, stmt: &Stmt, at: usize) -> Option<Constant> {
    let (&[target], value) = stmt.kind.assignment()? else { return None };
    match &module.code[target] {
        Expr::Name(name) if is_constant(name) => Some(Constant { name: *name, value, statement: stmt.range, at }),
        _ => None,
    }
}

/// A name that says that its value stays. One letter may be a type variable or a dummy.
fn is_constant(name: &str) -> bool {
    name.chars().filter(char::is_ascii_alphabetic).count() > 1
        && name.chars().all(|char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_')
}

/// Whether the second assignment may be more than a slip: the value is made in steps, read in between, or a place was
/// only held for it.
fn is_meant(module: &Module, first: &Constant, second: &Constant) -> bool {
    let code = &module.code;
    let name = first.name;
    if matches!(code[first.value], Expr::None | Expr::Ellipsis) && code[first.value] != code[second.value] {
        return true;
    }
    let reads = |code: &Code, expr: ExprId| matches!(&code[expr], Expr::Name(other) if *other == name);
    let mut is_used = false;
    for stmt in &code.block[first.at + 1..=second.at] {
        let is_second = stmt.range == second.statement;
        let mut look = |inner: &Stmt| {
            walk_statement_expressions(code, inner, &mut |expr| {
                let is_target = is_second && code.range(expr).start() == inner.range.start();
                is_used |= reads(code, expr) && !is_target || calls_reader(module, expr, name);
            });
            is_used |= match &inner.kind {
                StmtKind::ImportFrom(import) => import.star,
                StmtKind::Class(index) => {
                    module.classes.get(index.index()).is_some_and(|class| mentions(&class.code, name))
                }
                // Decorators and defaults are evaluated here, the body later.
                StmtKind::Function(index) => {
                    module.functions.get(index.index()).is_some_and(|function| mentions(&function.head().code, name))
                }
                _ => false,
            };
        };
        look(stmt);
        blocks(stmt, |block| walk_statements(block, &mut look));
    }
    is_used
}

/// Whether an expression calls a function of the module that looks at the constant.
fn calls_reader(module: &Module, expr: ExprId, name: Name) -> bool {
    let code = &module.code;
    let Expr::Call { func, .. } = &code[expr] else { return false };
    let Expr::Name(called) = &code[*func] else { return false };
    let by_function =
        module.functions.iter().any(|function| function.name == *called && mentions(&function.code, name));
    let by_class = module.classes.iter().any(|class| {
        class.name == *called
            && module.functions.iter().any(|function| {
                function.path.starts_with(&*format!("{}.", class.path)) && mentions(&function.code, name)
            })
    });
    by_function || by_class
}

fn mentions(code: &Code, name: Name) -> bool {
    code.exprs.iter().any(|expr| matches!(expr, Expr::Name(other) if *other == name))
}

/// Whether the head of a file says that a program has written it.
fn is_generated(text: &str) -> bool {
    const LINES: usize = 20;
    let text = text.trim_start_matches('\u{feff}');
    text.lines().take(LINES).filter(|line| line.starts_with(['#', '"'])).any(|line| {
        let line = line.to_ascii_lowercase();
        ["generated by", "auto-generated", "autogenerated", "do not edit"].iter().any(|word| line.contains(word))
    })
}

fn finding(file: SourceFile, first: &Constant, second: &Constant, is_same: bool) -> Finding {
    let name = first.name;
    let (one, other) = (first.statement, second.statement);
    let remove = move |db: &dyn Db, statement: TextRange| {
        let document = Document::of(db, file)?;
        Some(vec![FileEdit { file, edits: remove_statement(document.module(), statement)? }])
    };
    let (message, fixes) = if is_same {
        let fix = Fix::new(format!("Remove the second `{name}`"), Safety::Safe, move |db| remove(db, other));
        (format!("`{name}` is assigned the same value twice: whoever changes one of them leaves the other"), vec![fix])
    } else {
        let fixes = vec![
            Fix::new(format!("Remove the first `{name}`, which nothing reads"), Safety::Safe, move |db| {
                remove(db, one)
            }),
            Fix::new(format!("Remove the second `{name}`"), Safety::Unsafe, move |db| remove(db, other)),
        ];
        (format!("`{name}` is assigned twice: this value counts, and nothing reads the first one"), fixes)
    };
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message,
        place: Place::File(file, other),
        symbol: String::new(),
        evidence: vec![Evidence {
            place: Place::File(file, one),
            message: format!("the first assignment of `{name}`"),
        }],
        story: None,
        fixes,
    }
}
