//! Wrapping in `try`, on random functions: whatever the style, every line is there afterwards, unchanged but for one step of
//! indentation, strings say what they said, and the result parses.

use auditline_hazards::edit::{self, Document};
use auditline_source::apply_edits;
use auditline_syntax::python::ir::{Expr, FStringPart, Stmt, StmtKind};
use auditline_syntax::python::{lower, parse, walk_statements};
use auditline_syntax::{Name, TextRange};
use proptest::prelude::*;

/// A statement of a random function; `{}` in a line is one step of indentation.
#[derive(Debug, Clone)]
enum Piece {
    Simple(&'static str),
    If(Vec<Piece>, Vec<Piece>, bool),
    Loop(Vec<Piece>),
    With(Vec<Piece>),
    Try(Vec<Piece>, Vec<Piece>),
    Gap(&'static str),
}

const SIMPLE: &[&str] = &[
    "db.add(item)",
    "db.commit()",
    "x = 1; db.add(x)",
    "item.note = 'né 🦀'  # why: because",
    "call(\n{}a,\n{}{}b,  # deep\n)",
    "text = \"\"\"\n  kept\n{}kept too # no comment\n\"\"\"",
    "f'''{a\n+ b}\n  tail'''",
    "y = 1 + \\\n{}2",
    "z = 'one\\\n two'",
    "items = [\n\n{}1,\n    # inside\n]",
    "return f\"{x['a']}: {y!r:>{width}}\"",
    "if a: db.add(a); pass",
    "while b: db.flush()",
    "@decorate(\n{}1\n)\ndef inner():\n{}return '''\nraw\n'''",
    "match a:\n{}case {'b': [1, *rest]}:\n{}{}pass",
];

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        8 => prop::sample::select(SIMPLE).prop_map(Piece::Simple),
        1 => prop::sample::select(&["", "# a comment", "   "][..]).prop_map(Piece::Gap),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let block = prop::collection::vec(inner, 1..4);
        prop_oneof![
            (block.clone(), block.clone(), any::<bool>()).prop_map(|(a, b, elif)| Piece::If(a, b, elif)),
            block.clone().prop_map(Piece::Loop),
            block.clone().prop_map(Piece::With),
            (block.clone(), block).prop_map(|(a, b)| Piece::Try(a, b)),
        ]
    })
}

fn write(out: &mut String, pieces: &[Piece], indent: &str, unit: &str) {
    // A block of comments alone is no block.
    let empty = pieces.iter().all(|piece| matches!(piece, Piece::Gap(_)));
    for piece in pieces {
        let inner = format!("{indent}{unit}");
        match piece {
            Piece::Simple(text) => {
                let text = text.replace("{}", unit);
                let mut in_string = false;
                for (at, line) in text.split('\n').enumerate() {
                    // Lines inside a string stand as they are.
                    if at == 0 || !in_string {
                        out.push_str(if line.is_empty() { "" } else { indent });
                    }
                    out.push_str(line);
                    out.push('\n');
                    in_string ^= line.matches("\"\"\"").count() % 2 == 1 || line.matches("'''").count() % 2 == 1;
                    in_string |= line.starts_with("z = ");
                }
            }
            Piece::Gap(text) if text.trim().is_empty() => out.push_str(&format!("{text}\n")),
            Piece::Gap(text) => out.push_str(&format!("{indent}{text}\n")),
            Piece::If(then, other, elif) => {
                out.push_str(&format!("{indent}if a:\n"));
                write(out, then, &inner, unit);
                out.push_str(&format!("{indent}{}:\n", if *elif { "elif b" } else { "else" }));
                write(out, other, &inner, unit);
            }
            Piece::Loop(body) => {
                out.push_str(&format!("{indent}for a in b:  # each\n"));
                write(out, body, &inner, unit);
            }
            Piece::With(body) => {
                out.push_str(&format!("{indent}with a(\n{indent}{unit}1\n{indent}) as b:\n"));
                write(out, body, &inner, unit);
            }
            Piece::Try(body, handler) => {
                out.push_str(&format!("{indent}try:\n"));
                write(out, body, &inner, unit);
                out.push_str(&format!("{indent}except (A, B) as e:\n"));
                write(out, handler, &inner, unit);
            }
        }
    }
    if empty {
        out.push_str(&format!("{indent}pass\n"));
    }
}

fn strings(text: &str) -> Vec<String> {
    let module = lower(text, &parse(text, None));
    let codes = module.functions.iter().map(|function| &function.code);
    codes
        .flat_map(|code| code.exprs.iter())
        .filter_map(|expr| match expr {
            Expr::Str(text) => Some(text.to_string()),
            Expr::FString(parts) => Some(
                parts
                    .iter()
                    .map(|part| match part {
                        FStringPart::Text(text) => &**text,
                        FStringPart::Hole(_) => "{}",
                    })
                    .collect(),
            ),
            _ => None,
        })
        .collect()
}

/// All statements of the function but those of nested functions.
fn statements(document: &Document) -> Vec<TextRange> {
    let scope = document.function(Name::new("f")).expect("a function f");
    let mut ranges = Vec::new();
    walk_statements(&scope.code.block, &mut |stmt: &Stmt| {
        // An `elif` is a part of its `if`.
        if !matches!(&stmt.kind, StmtKind::If(branch) if branch.is_elif) {
            ranges.push(stmt.range);
        }
    });
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wrapping_keeps_every_line(
        pieces in prop::collection::vec(piece(), 1..6),
        unit in prop::sample::select(&["    ", "  ", "\t", "   "][..]),
        crlf in any::<bool>(),
        last_line_end in any::<bool>(),
        (one, two) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        let mut text = String::from("import db\n\n\ndef f(db, item):\n");
        write(&mut text, &pieces, unit, unit);
        if !last_line_end {
            text.truncate(text.trim_end_matches('\n').len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let document = Document::parse(&text);
        prop_assume!(document.function(Name::new("f")).is_some());
        prop_assert!(!parse(&text, None).has_errors(), "the generator wrote\n{text}");
        let ranges = statements(&document);
        let (first, last) = (one.get(&ranges), two.get(&ranges));
        let scope = document.function(Name::new("f")).expect("a function f");
        let Some(edits) = edit::wrap_in_try(scope, *first, *last, "db", false) else {
            return Err(TestCaseError::fail(format!("nothing for {first:?} to {last:?} of\n{text}")));
        };
        let new = apply_edits(&text, &edits).expect("edits that apply");
        prop_assert!(!parse(&new, None).has_errors(), "\n{new}");
        prop_assert_eq!(strings(&text), strings(&new), "\n{}", new);
        let eol = if crlf { "\r\n" } else { "\n" };
        prop_assert!(!crlf || new.matches('\n').count() == new.matches("\r\n").count());
        prop_assert_eq!(text.ends_with(eol), new.ends_with(eol));
        // A block on its header's line was opened up: its lines are others.
        if edits.iter().any(|edit| !edit.range.is_empty()) {
            return Ok(());
        }
        // Else the new lines are the four of the `try`, and all others are there, in order, deeper by one step or not.
        let mut old = text.split('\n').map(|line| line.trim_end_matches('\r')).peekable();
        let mut added = Vec::new();
        for line in new.split('\n').map(|line| line.trim_end_matches('\r')) {
            match old.peek() {
                Some(expected) if is_same_or_deeper(expected, line, unit) => {
                    old.next();
                }
                _ => added.push(line.trim()),
            }
        }
        prop_assert_eq!(old.next(), None, "\n{}\nbecame\n{}", text, new);
        prop_assert_eq!(added, ["try:", "except Exception:", "db.rollback()", "raise"], "\n{}", new);
    }
}

/// Whether a line is the same, or has one step of blanks more in its indentation.
fn is_same_or_deeper(old: &str, new: &str, unit: &str) -> bool {
    if old == new {
        return true;
    }
    let blanks = |line: &str| line.len() - line.trim_start().len();
    old.trim_start() == new.trim_start() && blanks(new) == blanks(old) + unit.len()
}
