//! Handlers of `try`: what they catch, and where their paths lead.

use auditline_syntax::python::ir::{ArgKind, Block, Code, Expr, ExprId, Handler, Stmt, StmtKind};
use auditline_syntax::python::{walk_expression, walk_statements};
use auditline_syntax::{Name, TextRange, TextSize};

use crate::symbols::Symbol;
use crate::unit::{Breadth, FrameId, HandlerInfo};

use super::texts::text_tests;
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
            answers: flow == Flow::Raises && answers(code, &handler.body),
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
            answers: false,
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

/// Whether all that a block raises is an answer of that status, or the error that was caught.
fn answers(code: &Code, block: &Block) -> bool {
    let (mut any, mut all) = (false, true);
    walk_statements(block, &mut |stmt| match stmt.kind {
        StmtKind::Raise { exception: None, .. } => {}
        StmtKind::Raise { exception: Some(raised), .. } => {
            any = true;
            all &= has_status(code, raised, is_error_status);
        }
        StmtKind::Expr(expr) => any |= has_status(code, expr, is_error_status),
        _ => {}
    });
    any && all
}

/// Whether a status is one of errors: `500`, `HTTP_503_SERVICE_UNAVAILABLE`.
fn is_error_status(code: &Code, status: ExprId) -> bool {
    match &code[status] {
        Expr::Int(Some(status)) => (400..600).contains(status),
        Expr::Attribute { attr, .. } => attr.starts_with("HTTP_5") || is_refused(code, status),
        Expr::Conditional { body, orelse, .. } => is_error_status(code, *body) && is_error_status(code, *orelse),
        _ => false,
    }
}

/// Whether a call is told the status of a refusal: first, or by the name of the parameter.
fn is_refusal(code: &Code, expr: ExprId) -> bool {
    has_status(code, expr, is_refused)
}

/// Whether a call is told such a status.
fn has_status(code: &Code, expr: ExprId, is_such: fn(&Code, ExprId) -> bool) -> bool {
    let Expr::Call { args, .. } = &code[expr] else { return false };
    args.iter().enumerate().any(|(position, arg)| match arg.kind {
        ArgKind::Positional => position == 0 && is_such(code, arg.value),
        ArgKind::Keyword(name) => {
            matches!(name.as_str(), "status_code" | "status" | "code") && is_such(code, arg.value)
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

pub(super) fn inner_blocks(stmt: &Stmt) -> Vec<&Block> {
    let mut found = Vec::new();
    auditline_syntax::python::walk::blocks(stmt, |block| found.push(block));
    found
}
