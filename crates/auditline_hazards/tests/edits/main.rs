//! The edits that fixes are made of, on texts of many styles.

mod accessors;
mod arguments;
mod arithmetic;
mod generators;
mod imports;
mod insert;
mod insert_rollback;
mod lock_get;
mod lock_query;
mod moving;
mod refresh_behind_check;
mod wrap_in_try;

use auditline_hazards::edit::{self, Document, Refresh, RowLock, Scope};
use auditline_source::{TextEdit, apply_edits};
use auditline_syntax::python::ir::{Expr, ExprId};
use auditline_syntax::{Name, TextRange, TextSize};

/// The scope of `def f`.
fn f(document: &Document) -> Scope<'_> {
    document.function(Name::new("f")).expect("the text has a function f")
}

/// The range of the first occurrence of `part` in the function, relative to it.
fn at(scope: Scope<'_>, part: &str) -> TextRange {
    let text = scope.document.text();
    let from = usize::from(scope.start);
    let start = text[from..].find(part).unwrap_or_else(|| panic!("`{part}` is not in the function"));
    TextRange::at(TextSize::new(start as u32), TextSize::of(part))
}

fn call(scope: Scope<'_>, part: &str) -> ExprId {
    let expr = scope.expr_at(at(scope, part)).unwrap_or_else(|| panic!("`{part}` is no expression"));
    assert!(matches!(scope.code[expr], Expr::Call { .. }));
    expr
}

fn applied(document: &Document, edits: Option<Vec<TextEdit>>) -> String {
    match edits {
        Some(edits) => apply_edits(document.text(), &edits).expect("edits that apply"),
        None => "nothing".to_owned(),
    }
}

#[track_caller]
fn check(before: &str, after: &str, edit: impl Fn(Scope<'_>) -> Option<Vec<TextEdit>>) {
    for (name, shape) in [
        ("as written", &(|text: &str| text.to_owned()) as &dyn Fn(&str) -> String),
        ("crlf", &|text: &str| text.replace('\n', "\r\n")),
        ("behind a mark and an emoji", &|text: &str| format!("\u{feff}# 🦀 né\n{text}")),
        ("without a last line end", &|text: &str| text.trim_end_matches('\n').to_owned()),
    ] {
        let document = Document::parse(&shape(before));
        let expected = if after == "nothing" { after.to_owned() } else { shape(after) };
        similar_asserts(&expected, &applied(&document, edit(f(&document))), name);
    }
}

#[track_caller]
fn similar_asserts(expected: &str, actual: &str, name: &str) {
    if expected != actual {
        let diff = similar::TextDiff::from_lines(expected, actual);
        panic!("{name}\n{}", diff.unified_diff().header("expected", "actual"));
    }
}
