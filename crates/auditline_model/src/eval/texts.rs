//! What handlers of `try` ask the text of their exception, where it decides which way they go.

use auditline_syntax::python::ir::{
    Block, Code, CompareOp, Expr, ExprId, FStringPart, Handler, Stmt, StmtKind, UnaryOp,
};
use auditline_syntax::python::{walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::unit::TextTest;

use super::handlers::{inner_blocks, says};

/// The tests of the exception's text that decide which way the handler goes.
pub(super) fn text_tests(code: &Code, handler: &Handler, matchers: Vec<Name>) -> Vec<TextTest> {
    let Some(exception) = handler.name else { return Vec::new() };
    let mut texts = Texts { exception, held: Vec::new(), matchers };
    let mut found = Vec::new();
    let alike = alike(code, &handler.body);
    let looked_up = looked_up(code, &handler.body);
    // What a test has given: `taken = "duplicate key" in str(e)`.
    let mut answers: Vec<(Name, ExprId)> = Vec::new();
    walk_statements(&handler.body, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } => {
            if let [target] = targets[..]
                && let Expr::Name(name) = &code[target]
            {
                if texts.is_text(code, *value) {
                    let lowered = texts.is_lowered(code, *value);
                    texts.held.push((*name, lowered));
                } else {
                    answers.push((*name, *value));
                }
            }
        }
        StmtKind::If(branch) if !alike.contains(&stmt.range) => {
            let looks_up = looked_up.contains(&stmt.range);
            tests_in(code, branch.test, &texts, looks_up, &mut found);
            walk_expression(code, branch.test, &mut |id| {
                let answer = match &code[id] {
                    Expr::Name(name) => answers.iter().rev().find(|(answer, _)| answer == name),
                    _ => None,
                };
                if let Some((_, test)) = answer {
                    tests_in(code, *test, &texts, looks_up, &mut found);
                }
            });
        }
        StmtKind::Raise { exception: Some(value), .. } | StmtKind::Return(Some(value)) => {
            walk_expression(code, *value, &mut |id| {
                let Expr::Conditional { test, body, orelse } = &code[id] else { return };
                // Words are chosen for whoever reads them.
                let is_text = |id: ExprId| matches!(code[id], Expr::Str(_) | Expr::FString(_));
                if !is_text(*body) || !is_text(*orelse) {
                    tests_in(code, *test, &texts, false, &mut found);
                }
            });
        }
        _ => {}
    });
    if found.iter().any(|test| test.words.is_some()) && raises_unmet(code, &handler.body) == Some(true) {
        for test in &mut found {
            test.raises_unmet = true;
        }
    }
    found
}

/// Whether a block raises where none of its `if`s holds; `None` where control comes to its end.
fn raises_unmet(code: &Code, block: &Block) -> Option<bool> {
    block.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::Raise { .. } => Some(true),
        StmtKind::Return(_) | StmtKind::Continue | StmtKind::Break => Some(false),
        StmtKind::If(branch) => {
            let is_negated = match &code[branch.test] {
                Expr::Compare { rest, .. } => matches!(rest[..], [(CompareOp::NotIn | CompareOp::NotEq, _)]),
                Expr::Unary { op: UnaryOp::Not, operand } => matches!(code[*operand], Expr::Compare { .. }),
                _ => false,
            };
            raises_unmet(code, if is_negated { &branch.body } else { &branch.orelse })
        }
        StmtKind::With { body, .. } => raises_unmet(code, body),
        _ => None,
    })
}

/// The `if`s of a block that only look for something, return it where it is there, and else come to the `raise` behind them, to
/// which the other way comes as well: not the text decides, but what is found.
fn looked_up(code: &Code, block: &Block) -> Vec<TextRange> {
    let raises = |behind: &[Stmt]| {
        let first = behind.iter().find(|stmt| !matches!(&stmt.kind, StmtKind::Expr(expr) if says(code, *expr)));
        first.is_some_and(|stmt| matches!(stmt.kind, StmtKind::Raise { .. }))
    };
    let mut found = Vec::new();
    for (at, stmt) in block.iter().enumerate() {
        let StmtKind::If(branch) = &stmt.kind else { continue };
        if !branch.orelse.is_empty() || !raises(block.get(at + 1..).unwrap_or_default()) {
            continue;
        }
        let mut names: Vec<Name> = Vec::new();
        let only_looks = branch.body.iter().all(|stmt| match &stmt.kind {
            StmtKind::Expr(expr) => says(code, *expr),
            StmtKind::Assign { targets, .. } => targets.iter().all(|target| match &code[*target] {
                Expr::Name(name) => {
                    names.push(*name);
                    true
                }
                _ => false,
            }),
            StmtKind::If(inner) => {
                let asked = match &code[inner.test] {
                    Expr::Compare { left, rest } if matches!(rest.as_slice(), [(CompareOp::IsNot, right)] if code[*right] == Expr::None) => {
                        &code[*left]
                    }
                    other => other,
                };
                matches!(asked, Expr::Name(name) if names.contains(name))
                    && inner.orelse.is_empty()
                    && inner.body.iter().all(|stmt| match &stmt.kind {
                        StmtKind::Return(_) => true,
                        StmtKind::Expr(expr) => says(code, *expr),
                        _ => false,
                    })
            }
            _ => false,
        });
        if only_looks && !names.is_empty() {
            found.push(stmt.range);
        }
    }
    found
}

/// The `if`s of a block, and of the blocks in it, that decide no more than what is said: either way does the same besides.
fn alike(code: &Code, block: &Block) -> Vec<TextRange> {
    let mut found = Vec::new();
    for (at, stmt) in block.iter().enumerate() {
        for inner in inner_blocks(stmt) {
            found.extend(alike(code, inner));
        }
        let StmtKind::If(branch) = &stmt.kind else { continue };
        let behind = block.get(at + 1..).unwrap_or_default();
        let (one, two) = (done(code, &branch.body, behind), done(code, &branch.orelse, behind));
        if one.len() == two.len() && one.iter().zip(&two).all(|(one, two)| same(code, one, two)) {
            found.push(stmt.range);
        }
    }
    found
}

/// What a block does besides saying something, with what stands behind it where it does not leave.
fn done<'a>(code: &Code, block: &'a [Stmt], behind: &'a [Stmt]) -> Vec<&'a Stmt> {
    let mut all = Vec::new();
    for stmt in block.iter().chain(behind) {
        match &stmt.kind {
            StmtKind::Pass => {}
            // What is printed is for whoever runs it: an answer.
            StmtKind::Expr(expr) if says(code, *expr) && !prints(code, *expr) => {}
            StmtKind::Return(_) | StmtKind::Raise { .. } | StmtKind::Continue | StmtKind::Break => {
                all.push(stmt);
                break;
            }
            _ => all.push(stmt),
        }
    }
    all
}

/// Whether two statements are one and the same, or leave in the same way. In doubt they do not.
fn same(code: &Code, one: &Stmt, two: &Stmt) -> bool {
    if one.range == two.range {
        return true;
    }
    let plain = |one: ExprId, two: ExprId| match (&code[one], &code[two]) {
        (Expr::List(one), Expr::List(two)) | (Expr::Tuple(one), Expr::Tuple(two)) => one.is_empty() && two.is_empty(),
        (Expr::Dict(one), Expr::Dict(two)) => one.is_empty() && two.is_empty(),
        (Expr::Int(None), _) => false,
        (one @ (Expr::None | Expr::Bool(_) | Expr::Str(_) | Expr::Int(_) | Expr::Name(_)), two) => one == two,
        _ => false,
    };
    match (&one.kind, &two.kind) {
        (StmtKind::Continue, StmtKind::Continue)
        | (StmtKind::Break, StmtKind::Break)
        | (StmtKind::Return(None), StmtKind::Return(None)) => true,
        (StmtKind::Return(Some(one)), StmtKind::Return(Some(two))) => plain(*one, *two),
        // `message = "…"` either way.
        (StmtKind::Assign { targets: ones, value: one }, StmtKind::Assign { targets: twos, value: two }) => {
            // What shows the error itself tells whom it should not.
            let is_written_text = |id: ExprId| is_text(code, id) && matches!(code[id], Expr::Str(_));
            let is_one_name = |targets: &[ExprId], name: &[ExprId]| match (targets, name) {
                ([one], [two]) => {
                    matches!((&code[*one], &code[*two]), (Expr::Name(one), Expr::Name(two)) if one == two)
                }
                _ => false,
            };
            is_one_name(ones, twos) && is_written_text(*one) && is_written_text(*two)
        }
        (StmtKind::Raise { exception: one, .. }, StmtKind::Raise { exception: two, .. }) => match (one, two) {
            (None, None) => true,
            (Some(one), Some(two)) => plain(*one, *two) || differ_in_words(code, *one, *two),
            _ => false,
        },
        _ => false,
    }
}

/// Whether an expression is a text for people.
fn is_text(code: &Code, id: ExprId) -> bool {
    match &code[id] {
        // One word may be a code, by which programs go.
        Expr::Str(words) => words.contains(' '),
        Expr::FString(_) => true,
        Expr::Call { func, .. } => matches!(&code[*func], Expr::Name(name) if matches!(name.as_str(), "str" | "repr")),
        _ => false,
    }
}

/// Whether two exceptions are of one class, and are told apart by what people read alone: `BadRequest("taken")`,
/// `BadRequest("not saved")`.
fn differ_in_words(code: &Code, one: ExprId, two: ExprId) -> bool {
    let (Expr::Call { func: one, args: ones }, Expr::Call { func: two, args: twos }) = (&code[one], &code[two]) else {
        return false;
    };
    let path = auditline_syntax::python::dotted(code, *one);
    let is_same = |one: ExprId, two: ExprId| match (&code[one], &code[two]) {
        (Expr::Int(one), Expr::Int(two)) => one.is_some() && one == two,
        (Expr::Attribute { .. }, Expr::Attribute { .. }) => {
            let path = auditline_syntax::python::dotted(code, one);
            path.is_some() && path == auditline_syntax::python::dotted(code, two)
        }
        _ => is_text(code, one) && is_text(code, two),
    };
    path.is_some()
        && path == auditline_syntax::python::dotted(code, *two)
        && ones.len() == twos.len()
        && ones.iter().zip(twos).all(|(one, two)| one.kind == two.kind && is_same(one.value, two.value))
}

fn tests_in(code: &Code, test: ExprId, texts: &Texts, looks_up: bool, found: &mut Vec<TextTest>) {
    let mut named: Vec<TextRange> = Vec::new();
    let from = found.len();
    walk_expression(code, test, &mut |id| {
        if let Expr::BoolOp { is_and: true, values } = &code[id]
            && values.iter().any(|value| asked(code, *value, texts).is_some_and(|(words, _)| is_own_name(code, words)))
        {
            named.push(code.range(id));
        }
        let Some((wanted, text)) = asked(code, id, texts) else { return };
        // What is looked for in `any(word in text for word in (...))` is not written here.
        let words = match &code[wanted] {
            Expr::Str(text) => Some(Name::new(text)),
            Expr::Name(_) => None,
            _ => return,
        };
        let lowered = texts.is_lowered(code, text);
        found.push(TextTest { range: code.range(id), words, lowered, with_name: false, looks_up, raises_unmet: false });
    });
    for one in found.iter_mut().skip(from) {
        one.with_name = named.iter().any(|range| range.contains_range(one.range));
    }
}

/// What a test looks for in the text of an exception, and that text.
fn asked(code: &Code, test: ExprId, texts: &Texts) -> Option<(ExprId, ExprId)> {
    let (words, text) = match &code[test] {
        Expr::Compare { left, rest } => match rest.as_slice() {
            [(CompareOp::In | CompareOp::NotIn, right)] => (*left, *right),
            [(CompareOp::Eq | CompareOp::NotEq, right)] => (*right, *left),
            _ => return None,
        },
        Expr::Call { func, args } => match &code[*func] {
            Expr::Attribute { value, attr }
                if matches!(attr.as_str(), "startswith" | "endswith" | "find" | "count") =>
            {
                (args.first()?.value, *value)
            }
            // `re.search("duplicate key", str(e))`.
            Expr::Attribute { attr, .. } if matches!(attr.as_str(), "search" | "match" | "fullmatch") => {
                (args.first()?.value, args.get(1)?.value)
            }
            // `from re import search`
            Expr::Name(name) if texts.matchers.contains(name) => (args.first()?.value, args.get(1)?.value),
            _ => return None,
        },
        _ => return None,
    };
    texts.is_text(code, text).then_some((words, text))
}

/// Whether words are the name of a constraint, index or column, which is the project's own and stays what it is.
fn is_own_name(code: &Code, words: ExprId) -> bool {
    matches!(&code[words], Expr::Str(words) if words.contains('_') && !words.contains(' '))
}

/// What holds the text of an exception in a handler.
struct Texts {
    exception: Name,
    /// Variables that hold it, and whether in lower case.
    held: Vec<(Name, bool)>,
    /// The names under which functions are called that look for a pattern.
    matchers: Vec<Name>,
}

impl Texts {
    /// Whether an expression is the exception's text: `str(e)`, `f"{e}"`, `e.args[0]`, `str(e.orig).lower()`, or a variable
    /// that holds it.
    fn is_text(&self, code: &Code, id: ExprId) -> bool {
        match &code[id] {
            Expr::Name(name) => self.held.iter().any(|(held, _)| held == name),
            Expr::FString(parts) => parts.iter().any(|part| match part {
                FStringPart::Hole(hole) => self.is_exception(code, *hole),
                FStringPart::Text(_) => false,
            }),
            Expr::Call { func, args } => match &code[*func] {
                Expr::Name(name) if matches!(name.as_str(), "str" | "repr") => {
                    args.first().is_some_and(|arg| self.is_exception(code, arg.value))
                }
                Expr::Attribute { value, attr }
                    if matches!(attr.as_str(), "lower" | "upper" | "casefold" | "strip") =>
                {
                    self.is_text(code, *value)
                }
                _ => false,
            },
            Expr::Subscript { value, .. } => match &code[*value] {
                Expr::Attribute { attr, .. } if *attr == "args" => self.is_exception(code, *value),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a text is in lower case.
    fn is_lowered(&self, code: &Code, text: ExprId) -> bool {
        match &code[text] {
            Expr::Name(name) => self.held.iter().any(|(held, lowered)| held == name && *lowered),
            Expr::Call { func, .. } => match &code[*func] {
                Expr::Attribute { value, attr } => {
                    matches!(attr.as_str(), "lower" | "casefold") || self.is_lowered(code, *value)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// `e`, `e.orig`, `e.__cause__`, `e.args[0]`.
    fn is_exception(&self, code: &Code, id: ExprId) -> bool {
        match &code[id] {
            Expr::Name(name) => *name == self.exception,
            Expr::Attribute { value, attr } => {
                matches!(attr.as_str(), "orig" | "__cause__" | "args") && self.is_exception(code, *value)
            }
            Expr::Subscript { value, .. } => self.is_exception(code, *value),
            _ => false,
        }
    }
}

fn prints(code: &Code, expr: ExprId) -> bool {
    matches!(&code[expr], Expr::Call { func, .. } if matches!(&code[*func], Expr::Name(name) if *name == "print"))
}
