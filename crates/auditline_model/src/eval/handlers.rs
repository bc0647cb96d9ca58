//! Handlers of `try`: what they catch, where their paths lead, and what they ask the exception.

use auditline_syntax::python::ir::{
    ArgKind, Block, Code, CompareOp, Expr, ExprId, FStringPart, Handler, Stmt, StmtKind,
};
use auditline_syntax::python::{walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange, TextSize};

use crate::symbols::Symbol;
use crate::unit::{Breadth, FrameId, HandlerInfo, TextTest};

use super::{Evaluator, Flow};

impl Evaluator<'_> {
    /// What a handler catches, and where its paths lead.
    pub(super) fn handler_info(
        &self,
        code: &Code,
        handler: &Handler,
        (handled, frame): (FrameId, FrameId),
        flow: Flow,
    ) -> HandlerInfo {
        let (mut breadth, catches) = self.caught(code, handler.exceptions.iter().copied());
        if handler.exceptions.is_empty() {
            breadth = Breadth::Everything;
        }
        let start = handler.range.start();
        let end = handler.exceptions.last().map_or(start + TextSize::of("except"), |last| code.range(*last).end());
        let head = TextRange::new(start, end.max(start));
        HandlerInfo {
            breadth,
            missed: self.missed_where(handled, &catches),
            catches,
            frame,
            raises: flow == Flow::Raises,
            refuses: flow == Flow::Raises && refuses(code, &handler.body),
            exits: flow != Flow::Falls,
            repeats: jumps(&handler.body, &StmtKind::Continue),
            breaks: jumps(&handler.body, &StmtKind::Break),
            only_says: only_says(code, &handler.body),
            tells: tells(code, handler),
            text_tests: text_tests(code, handler, self.matchers(code, handler)),
            head,
            range: handler.range,
        }
    }

    /// The names under which a handler calls functions of `re` that look for a pattern: `from re import search as find`.
    fn matchers(&self, code: &Code, handler: &Handler) -> Vec<Name> {
        let mut found: Vec<Name> = Vec::new();
        if handler.name.is_none() {
            return found;
        }
        for (expr, range) in code.exprs.iter().zip(&code.ranges) {
            let Expr::Call { func, args } = expr else { continue };
            let Expr::Name(name) = code[*func] else { continue };
            if args.len() < 2 || !handler.range.contains_range(*range) || found.contains(&name) {
                continue;
            }
            if let Symbol::External(path) = self.symbol(code, *func)
                && matches!(path.as_str(), "re.search" | "re.match" | "re.fullmatch")
            {
                found.push(name);
            }
        }
        found
    }

    /// What `contextlib.suppress(…)` catches.
    pub(super) fn suppressed(&self, code: &Code, context: ExprId, frame: FrameId) -> HandlerInfo {
        let exceptions = match &code[context] {
            Expr::Call { args, .. } => args.iter().map(|arg| arg.value).collect(),
            _ => Vec::new(),
        };
        let (breadth, catches) = self.caught(code, exceptions.into_iter());
        HandlerInfo {
            breadth,
            catches,
            frame,
            raises: false,
            refuses: false,
            exits: false,
            repeats: false,
            breaks: false,
            only_says: true,
            tells: false,
            missed: Vec::new(),
            text_tests: Vec::new(),
            head: code.range(context),
            range: code.range(context),
        }
    }

    /// The breadth of some exceptions together, and their names, those first that catch most of the database's errors.
    fn caught(&self, code: &Code, exceptions: impl Iterator<Item = ExprId>) -> (Breadth, Vec<Name>) {
        let mut breadth = Breadth::Narrow;
        let mut catches = Vec::new();
        for exception in exceptions {
            let symbol = self.symbol(code, exception);
            let path = match symbol {
                Symbol::External(path) => path,
                Symbol::Class(class) => class.path,
                _ => auditline_syntax::python::dotted(code, exception).map_or(Name::new(""), |path| Name::new(&path)),
            };
            let last = path.as_str().rsplit('.').next().unwrap_or_default();
            let one = match last {
                "BaseException" => Breadth::Everything,
                "Exception" => Breadth::Exception,
                "SQLAlchemyError" | "DatabaseError" | "DBAPIError" | "StatementError" => Breadth::AllDatabase,
                "IntegrityError"
                | "OperationalError"
                | "DataError"
                | "InterfaceError"
                | "InternalError"
                | "ProgrammingError"
                | "NotSupportedError"
                | "StaleDataError"
                | "FlushError"
                | "UniqueViolation"
                | "PendingRollbackError" => Breadth::Database,
                _ => Breadth::Narrow,
            };
            breadth = breadth.max(one);
            catches.push((one, Name::new(last)));
        }
        catches.sort_by_key(|(breadth, _)| std::cmp::Reverse(*breadth));
        (breadth, catches.into_iter().map(|(_, name)| name).collect())
    }
}

/// Whether all that a block raises says that the request is to blame: `HTTPException(409)`, `abort(400)`.
fn refuses(code: &Code, block: &Block) -> bool {
    let (mut any, mut all) = (false, true);
    walk_statements(block, &mut |stmt| {
        let raised = match stmt.kind {
            StmtKind::Raise { exception, .. } => exception,
            StmtKind::Expr(expr) if is_refusal(code, expr) => Some(expr),
            _ => return,
        };
        any = true;
        all &= raised.is_some_and(|raised| is_refusal(code, raised));
    });
    any && all
}

/// Whether a call is told the status of a refusal: first, or by the name of the parameter.
fn is_refusal(code: &Code, expr: ExprId) -> bool {
    let Expr::Call { args, .. } = &code[expr] else { return false };
    args.iter().enumerate().any(|(position, arg)| match arg.kind {
        ArgKind::Positional => position == 0 && is_refused(code, arg.value),
        ArgKind::Keyword(name) => {
            matches!(name.as_str(), "status_code" | "status" | "code") && is_refused(code, arg.value)
        }
        _ => false,
    })
}

/// `409`, `status.HTTP_409_CONFLICT`, `HTTPStatus.CONFLICT`.
pub(super) fn is_refused(code: &Code, status: ExprId) -> bool {
    match &code[status] {
        Expr::Int(Some(status)) => (400..500).contains(status),
        Expr::Attribute { value, attr } => {
            let of_library = auditline_syntax::python::dotted(code, *value)
                .is_some_and(|path| path.rsplit('.').next() == Some("HTTPStatus"));
            attr.starts_with("HTTP_4")
                || of_library
                    && matches!(
                        attr.as_str(),
                        "BAD_REQUEST" | "CONFLICT" | "FORBIDDEN" | "NOT_FOUND" | "UNPROCESSABLE_ENTITY"
                    )
        }
        _ => false,
    }
}

/// Whether a path through a block ends in a `continue` or `break` of a loop around it.
fn jumps(block: &Block, kind: &StmtKind) -> bool {
    block.iter().any(|stmt| {
        stmt.kind == *kind
            || match &stmt.kind {
                // A loop inside takes its own jumps; its `else` does not.
                StmtKind::For { orelse, .. } | StmtKind::While { orelse, .. } => jumps(orelse, kind),
                _ => inner_blocks(stmt).into_iter().any(|block| jumps(block, kind)),
            }
    })
}

/// Whether a block does nothing but log, print, roll back, and go on.
fn only_says(code: &Code, block: &Block) -> bool {
    let mut only = true;
    walk_statements(block, &mut |stmt| {
        only &= match &stmt.kind {
            StmtKind::Pass | StmtKind::Continue | StmtKind::If(_) => true,
            StmtKind::Expr(expr) => says(code, *expr),
            _ => false,
        };
    });
    only
}

/// Whether a handler hands its exception on to something else than a log.
fn tells(code: &Code, handler: &Handler) -> bool {
    let Some(exception) = handler.name else { return false };
    let mut found = false;
    walk_statements(&handler.body, &mut |stmt| {
        let handed = match &stmt.kind {
            StmtKind::Expr(expr) if !says(code, *expr) => *expr,
            StmtKind::Assign { value, .. } | StmtKind::Return(Some(value)) => *value,
            _ => return,
        };
        walk_expression(code, handed, &mut |id| {
            found |= matches!(&code[id], Expr::Name(name) if *name == exception);
        });
    });
    found
}

pub(super) fn says(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Await(inner) => says(code, *inner),
        Expr::Str(_) | Expr::Ellipsis => true,
        Expr::Call { func, .. } => match &code[*func] {
            Expr::Name(name) => matches!(name.as_str(), "print" | "capture_exception" | "print_exc"),
            Expr::Attribute { attr, .. } => matches!(
                attr.as_str(),
                "critical"
                    | "debug"
                    | "error"
                    | "exception"
                    | "info"
                    | "log"
                    | "warn"
                    | "warning"
                    | "capture_exception"
                    | "capture_message"
                    | "print_exc"
                    | "rollback"
                    | "expunge"
                    | "expunge_all"
                    | "expire_all"
            ),
            _ => false,
        },
        _ => false,
    }
}

fn prints(code: &Code, expr: ExprId) -> bool {
    matches!(&code[expr], Expr::Call { func, .. } if matches!(&code[*func], Expr::Name(name) if *name == "print"))
}

fn inner_blocks(stmt: &Stmt) -> Vec<&Block> {
    let mut found = Vec::new();
    auditline_syntax::python::walk::blocks(stmt, |block| found.push(block));
    found
}

/// The tests of the exception's text that decide which way the handler goes.
fn text_tests(code: &Code, handler: &Handler, matchers: Vec<Name>) -> Vec<TextTest> {
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
                    texts.held.push(*name);
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
    found
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
        (StmtKind::Raise { exception: one, .. }, StmtKind::Raise { exception: two, .. }) => match (one, two) {
            (None, None) => true,
            (Some(one), Some(two)) => plain(*one, *two) || differ_in_words(code, *one, *two),
            _ => false,
        },
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
    let is_text = |id: ExprId| match &code[id] {
        // One word may be a code, by which programs go.
        Expr::Str(words) => words.contains(' '),
        Expr::FString(_) => true,
        Expr::Call { func, .. } => matches!(&code[*func], Expr::Name(name) if matches!(name.as_str(), "str" | "repr")),
        _ => false,
    };
    let is_same = |one: ExprId, two: ExprId| match (&code[one], &code[two]) {
        (Expr::Int(one), Expr::Int(two)) => one.is_some() && one == two,
        (Expr::Attribute { .. }, Expr::Attribute { .. }) => {
            let path = auditline_syntax::python::dotted(code, one);
            path.is_some() && path == auditline_syntax::python::dotted(code, two)
        }
        _ => is_text(one) && is_text(two),
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
            && values.iter().any(|value| asked(code, *value, texts).is_some_and(|words| is_own_name(code, words)))
        {
            named.push(code.range(id));
        }
        let Some(wanted) = asked(code, id, texts) else { return };
        // What is looked for in `any(word in text for word in (...))` is not written here.
        let words = match &code[wanted] {
            Expr::Str(text) => Some(Name::new(text)),
            Expr::Name(_) => None,
            _ => return,
        };
        found.push(TextTest { range: code.range(id), words, with_name: false, looks_up });
    });
    for one in found.iter_mut().skip(from) {
        one.with_name = named.iter().any(|range| range.contains_range(one.range));
    }
}

/// What a test looks for in the text of an exception.
fn asked(code: &Code, test: ExprId, texts: &Texts) -> Option<ExprId> {
    match &code[test] {
        Expr::Compare { left, rest } => match rest.as_slice() {
            [(CompareOp::In | CompareOp::NotIn, right)] => texts.is_text(code, *right).then_some(*left),
            [(CompareOp::Eq | CompareOp::NotEq, right)] => texts.is_text(code, *left).then_some(*right),
            _ => None,
        },
        Expr::Call { func, args } => match &code[*func] {
            Expr::Attribute { value, attr }
                if matches!(attr.as_str(), "startswith" | "endswith" | "find" | "count") =>
            {
                texts.is_text(code, *value).then_some(args.first()?.value)
            }
            // `re.search("duplicate key", str(e))`.
            Expr::Attribute { attr, .. } if matches!(attr.as_str(), "search" | "match" | "fullmatch") => {
                texts.is_text(code, args.get(1)?.value).then_some(args.first()?.value)
            }
            // `from re import search`
            Expr::Name(name) if texts.matchers.contains(name) => {
                texts.is_text(code, args.get(1)?.value).then_some(args.first()?.value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether words are the name of a constraint, index or column, which is the project's own and stays what it is.
fn is_own_name(code: &Code, words: ExprId) -> bool {
    matches!(&code[words], Expr::Str(words) if words.contains('_') && !words.contains(' '))
}

/// What holds the text of an exception in a handler.
struct Texts {
    exception: Name,
    held: Vec<Name>,
    /// The names under which functions are called that look for a pattern.
    matchers: Vec<Name>,
}

impl Texts {
    /// Whether an expression is the exception's text: `str(e)`, `f"{e}"`, `e.args[0]`, `str(e.orig).lower()`, or a variable
    /// that holds it.
    fn is_text(&self, code: &Code, id: ExprId) -> bool {
        match &code[id] {
            Expr::Name(name) => self.held.contains(name),
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
