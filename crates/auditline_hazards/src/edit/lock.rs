//! Locking the row that a statement loads.

use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId, Stmt, StmtKind, UnaryOp};
use auditline_syntax::python::{
    dotted, walk, walk_block_expressions, walk_expression, walk_statement_expressions, walk_statements,
};
use auditline_syntax::{Name, TextRange, TextSize};

use super::block::{Layout, Siblings};
use super::insert::{behind, insert_before};
use super::layout::{indent, is_first, line_end, line_start, next_line};
use super::lex::{TokenKind, lex};
use super::reload::bindings;
use super::{Scope, add_keyword, offset};

/// How a row is locked.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowLock<'a> {
    /// The model of the row, as it is called in this scope: with a join only its rows are locked, and an outer join
    /// cannot be locked otherwise.
    pub model: Option<&'a str>,
    /// Whether the mapper joins other tables by itself (`lazy="joined"`).
    pub joins: bool,
    /// Whether the session may hold the row already: then its old values must be replaced by the locked ones.
    pub populate: bool,
}

/// Appends `.with_for_update()` to the statement expression of that range: in a query's chain before the method that
/// executes it, behind a `select`, or behind the name of a statement that was built before.
#[must_use]
pub fn lock_query(scope: Scope<'_>, statement: TextRange, lock: RowLock<'_>) -> Option<Vec<TextEdit>> {
    let expr = scope.expr_at(statement)?;
    if !matches!(scope.code[expr], Expr::Name(_) | Expr::Attribute { .. } | Expr::Call { .. } | Expr::Subscript { .. })
    {
        return None;
    }
    let shape = Shape::of(scope, expr);
    if shape.unlockable || shape.locked {
        return None;
    }
    let mut links = Vec::new();
    if lock.populate && !shape.populates {
        links.push(".execution_options(populate_existing=True)".to_owned());
    }
    links.push(if shape.joins || lock.joins {
        format!(".with_for_update(of={})", lock.model?)
    } else {
        ".with_for_update()".to_owned()
    });
    append_links(scope, statement, &links)
}

/// Lets a statement that locks replace what the session holds of its rows: `.populate_existing()` for a `Query`, and
/// `.execution_options(populate_existing=True)` for a `select`.
#[must_use]
pub fn populate_query(scope: Scope<'_>, statement: TextRange) -> Option<Vec<TextEdit>> {
    let expr = scope.expr_at(statement)?;
    if !matches!(scope.code[expr], Expr::Name(_) | Expr::Attribute { .. } | Expr::Call { .. } | Expr::Subscript { .. })
    {
        return None;
    }
    let shape = Shape::of(scope, expr);
    if shape.populates {
        return None;
    }
    let link = if shape.is_query { ".populate_existing()" } else { ".execution_options(populate_existing=True)" };
    append_links(scope, statement, &[link.to_owned()])
}

/// Lets a statement give its rows in the order of a column: appends `.order_by(column)`.
#[must_use]
pub fn order_query(scope: Scope<'_>, statement: TextRange, column: &str) -> Option<Vec<TextEdit>> {
    let expr = scope.expr_at(statement)?;
    let shape = Shape::of(scope, expr);
    if shape.unlockable || shape.limited {
        return None;
    }
    append_links(scope, statement, &[format!(".order_by({column})")])
}

/// Appends links to a chain, on lines of their own where its links have such.
fn append_links(scope: Scope<'_>, statement: TextRange, links: &[String]) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let (start, end) = scope.span(statement);
    let edit = match own_lines(text, start, end) {
        Some(Chain { indent, at, joint }) => {
            let lines: String = links.iter().map(|link| format!("{joint}{eol}{indent}{link}")).collect();
            TextEdit::insert(offset(at), lines)
        }
        None => TextEdit::insert(offset(end), links.concat()),
    };
    scope.document.checked(vec![edit])
}

/// Adds `with_for_update=True` to `session.get(Model, key)`; the range is that of the call.
#[must_use]
pub fn lock_get(scope: Scope<'_>, call: TextRange, lock: RowLock<'_>) -> Option<Vec<TextEdit>> {
    let expr = scope.expr_at(call)?;
    let expr = match &scope.code[expr] {
        Expr::Await(inner) => *inner,
        _ => expr,
    };
    if !matches!(scope.code[expr], Expr::Call { .. }) {
        return None;
    }
    let value = if lock.joins || Shape::of(scope, expr).joins {
        format!("{{\"of\": {}}}", lock.model?)
    } else {
        "True".to_owned()
    };
    let locked = add_keyword(scope, expr, "with_for_update", &value)?;
    if !lock.populate {
        return Some(locked);
    }
    // Both at once: the second keyword stands behind the first.
    let mut edits = locked;
    let last = edits.last_mut()?;
    let separator = match last.text.rfind("with_for_update=") {
        Some(at) => last.text[..at].to_owned(),
        None => return None,
    };
    let separator = if separator.trim_start_matches([',', ' ']).is_empty() { ", ".to_owned() } else { separator };
    let trailing = if last.text.ends_with(',') { "," } else { "" };
    if trailing.is_empty() && separator.contains(['\n', '\r']) {
        last.text.push(',');
    }
    last.text.push_str(&format!("{separator}populate_existing=True{trailing}"));
    scope.document.checked(edits)
}

/// A second load of a row, with a lock: `session.refresh(row, with_for_update=True)`.
#[derive(Debug, Clone, Copy)]
pub struct Refresh<'a> {
    /// How the session is called.
    pub session: &'a str,
    /// Whether it is awaited.
    pub is_async: bool,
    /// How the row is locked.
    pub lock: RowLock<'a>,
}

impl Refresh<'_> {
    /// The statement for a row.
    fn of(&self, row: Name) -> Option<String> {
        let wait = if self.is_async { "await " } else { "" };
        let how = if self.lock.joins { format!("{{\"of\": {}}}", self.lock.model?) } else { "True".to_owned() };
        Some(format!("{wait}{}.refresh({row}, with_for_update={how})", self.session))
    }
}

/// Loads the row that an assignment binds again with a lock: behind the assignment, and behind the check that the row
/// exists where one follows. Where the row may be `None` further down, only if it is not. `None` where the variable that is
/// used behind the block may hold another row, which would stay as it is.
#[must_use]
pub fn refresh_behind_check(scope: Scope<'_>, assignment: TextRange, refresh: Refresh<'_>) -> Option<Vec<TextEdit>> {
    let run = Siblings::at(scope, assignment)?;
    let StmtKind::Assign { targets, .. } = &run.block[run.first].kind else { return None };
    let [target] = targets[..] else { return None };
    let Expr::Name(row) = scope.code[target] else { return None };
    if has_other_rows(scope, run, row) {
        return None;
    }
    let mut last = run.last;
    let mut checked = false;
    while let Some(next) = run.block.get(last + 1)
        && is_guard(scope.code, next, row)
    {
        last += 1;
        checked = true;
    }
    let statement = refresh.of(row)?;
    let maybe = !checked && may_be_none_behind(scope, run.block[last].range.end(), row);
    let run = Siblings { first: last, last, ..run };
    let edit = if maybe { behind_if_some(scope, run, row, &statement)? } else { behind(scope, run, &statement)? };
    scope.document.checked(vec![edit])
}

/// Loads a row again with a lock before it is used: before the statements that hold its first and its last use, in the
/// block in which both stand. `None` where the row may be `None` there.
#[must_use]
pub fn refresh_before(
    scope: Scope<'_>,
    (first, last): (TextRange, TextRange),
    row: Name,
    refresh: Refresh<'_>,
) -> Option<Vec<TextEdit>> {
    let run = Siblings::covering(scope, first, last)?;
    if may_be_none(scope, &run.block[run.first..], row) {
        return None;
    }
    insert_before(scope, run.block[run.first].range, &refresh.of(row)?)
}

/// `if row is not None:` and the statement under it.
fn behind_if_some(scope: Scope<'_>, run: Siblings<'_>, row: Name, statement: &str) -> Option<TextEdit> {
    let Layout::Lines { indent, unit } = run.whole_lines(scope).layout(scope)? else { return None };
    let eol = scope.document.line_end();
    let edit = behind(scope, run, &format!("if {row} is not None:{eol}{indent}{unit}{statement}"))?;
    (!edit.text.starts_with(';')).then_some(edit)
}

/// Whether statements ask if the row is there at all.
fn may_be_none(scope: Scope<'_>, stmts: &[Stmt], row: Name) -> bool {
    let mut found = false;
    for stmt in stmts {
        found |= asks_for(scope, stmt, row);
        walk::blocks(stmt, |block| walk_statements(block, &mut |stmt| found |= asks_for(scope, stmt, row)));
    }
    found
}

/// As [`may_be_none`], of all statements that stand behind a place, in whatever block.
fn may_be_none_behind(scope: Scope<'_>, place: TextSize, row: Name) -> bool {
    let mut found = false;
    walk_statements(&scope.code.block, &mut |stmt| {
        found |= place <= stmt.range.start() && asks_for(scope, stmt, row);
    });
    found
}

/// Whether a statement itself asks if the row is there at all.
fn asks_for(scope: Scope<'_>, stmt: &Stmt, row: Name) -> bool {
    let code = scope.code;
    let is_row = |expr: ExprId| dotted(code, expr) == Some(row);
    let mut found = match &stmt.kind {
        StmtKind::If(branch) => is_row(branch.test),
        StmtKind::While { test, .. } | StmtKind::Assert { test, .. } => is_row(*test),
        _ => false,
    };
    walk_statement_expressions(code, stmt, &mut |expr| match &code[expr] {
        Expr::Unary { op: UnaryOp::Not, operand } => found |= is_row(*operand),
        Expr::BoolOp { values, .. } => found |= values.iter().any(|value| is_row(*value)),
        Expr::Conditional { test, .. } => found |= is_row(*test),
        Expr::Compare { left, rest } => {
            found |= is_row(*left) && rest.iter().any(|(_, right)| matches!(code[*right], Expr::None));
        }
        _ => {}
    });
    found
}

/// Whether the variable, where it is used behind the block of an assignment, may hold what it was bound to outside of that
/// block before.
fn has_other_rows(scope: Scope<'_>, run: Siblings<'_>, row: Name) -> bool {
    let (Some(first), Some(last)) = (run.block.first(), run.block.last()) else { return true };
    let block = TextRange::new(first.range.start(), last.range.end());
    let used_behind = scope
        .code
        .exprs
        .iter()
        .zip(&scope.code.ranges)
        .any(|(expr, range)| matches!(expr, Expr::Name(name) if *name == row) && block.end() <= range.start());
    let none: Vec<TextSize> = nones(scope, row);
    used_behind
        && (scope.function.is_some_and(|function| function.params.iter().any(|param| param.name == row))
            || bindings(scope, row).into_iter().any(|at| !block.contains(at) && !none.contains(&at)))
}

/// Where a variable is bound to `None`.
fn nones(scope: Scope<'_>, name: Name) -> Vec<TextSize> {
    let mut found = Vec::new();
    walk_statements(&scope.code.block, &mut |stmt| {
        let (target, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => match targets[..] {
                [target] => (target, *value),
                _ => return,
            },
            StmtKind::AnnAssign { target, value: Some(value), .. } => (*target, *value),
            _ => return,
        };
        if matches!(scope.code[target], Expr::Name(own) if own == name) && matches!(scope.code[value], Expr::None) {
            found.push(scope.code.range(target).start());
        }
    });
    found
}

/// Whether a statement leaves the function when the row is not there: `if row is None: raise`.
fn is_guard(code: &Code, stmt: &Stmt, row: Name) -> bool {
    let StmtKind::If(guard) = &stmt.kind else { return false };
    let is_row = |expr: ExprId| dotted(code, expr) == Some(row);
    let mut tests = Vec::new();
    walk_expression(code, guard.test, &mut |expr| match &code[expr] {
        Expr::Name(_) => tests.extend(is_row(expr).then_some(true)),
        Expr::Attribute { value, .. } => {
            tests.extend(is_row(expr).then_some(true));
            // A column decides: the lock has to be there before it is read.
            tests.extend(is_row(*value).then_some(false));
        }
        // What is handed the row may read a column.
        Expr::Call { func, args } => {
            let asks = matches!(&code[*func], Expr::Name(name) if *name == "isinstance");
            tests.extend(args.iter().filter(|arg| !asks && is_row(arg.value)).map(|_| false));
        }
        _ => {}
    });
    let leaves = guard.body.last().is_some_and(|last| {
        matches!(last.kind, StmtKind::Return(_) | StmtKind::Raise { .. } | StmtKind::Continue | StmtKind::Break)
    });
    // `if row is not None:` works with the row, and leaves then.
    let mut works = false;
    walk_block_expressions(code, &guard.body, &mut |expr| works |= is_row(expr));
    guard.orelse.is_empty() && leaves && !works && !tests.is_empty() && tests.iter().all(|is_row| *is_row)
}

/// The first place where something is asked of a row, or it is handed to a function, before the place that is known: not where
/// it is bound, nor where it is asked if it is there.
#[must_use]
pub fn first_use(code: &Code, row: Name, known: TextRange) -> TextRange {
    let variable = row.split('.').next().map(Name::new);
    let mut bound = TextSize::new(0);
    let mut guards: Vec<TextRange> = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        let targets: &[ExprId] = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets,
            StmtKind::AnnAssign { target, .. } | StmtKind::For { target, .. } => std::slice::from_ref(target),
            StmtKind::With { items, .. } => {
                for target in items.iter().filter_map(|item| item.target) {
                    let is_it = matches!(&code[target], Expr::Name(name) if Some(*name) == variable);
                    if is_it && code.range(target).end() <= known.start() {
                        bound = bound.max(code.range(target).end());
                    }
                }
                return;
            }
            _ => {
                if is_guard(code, stmt, row) {
                    guards.push(stmt.range);
                }
                return;
            }
        };
        let is_it = |target: &ExprId| {
            let mut found = false;
            walk_expression(code, *target, &mut |part| {
                found |= matches!(&code[part], Expr::Name(name) if Some(*name) == variable);
            });
            found && !matches!(code[*target], Expr::Attribute { .. } | Expr::Subscript { .. })
        };
        let end = match &stmt.kind {
            StmtKind::For { iter, .. } => code.range(*iter).end(),
            _ => stmt.range.end(),
        };
        if targets.iter().any(is_it) && end <= known.start() {
            bound = bound.max(end);
        }
    });
    let uses = code.exprs.iter().zip(&code.ranges).zip(0u32..).filter(|((expr, range), at)| {
        matches!(expr, Expr::Name(_) | Expr::Attribute { .. })
            && bound <= range.start()
            && range.end() <= known.start()
            && dotted(code, ExprId(*at)) == Some(row)
            && !guards.iter().any(|guard| guard.contains_range(**range))
    });
    uses.map(|((_, range), _)| *range).min_by_key(|range| range.start()).unwrap_or(known)
}

/// Makes an `async def` a plain `def`, and does what `lock` does. The caller knows that nothing in it is awaited.
#[must_use]
pub fn make_plain_def(
    scope: Scope<'_>,
    lock: impl FnOnce(Scope<'_>) -> Option<Vec<TextEdit>>,
) -> Option<Vec<TextEdit>> {
    let (start, _) = scope.span(scope.function?.def_range);
    let text = scope.document.text();
    let rest = text[start..].strip_prefix("async")?;
    let end = text.len() - rest.trim_start().len();
    let mut edits = lock(scope)?;
    edits.push(TextEdit::delete(super::range(start, end)));
    scope.document.checked(edits)
}

/// A chain of calls that is written link by link on lines of its own.
struct Chain<'a> {
    indent: &'a str,
    /// Where a new link goes.
    at: usize,
    /// What must stand before the line break.
    joint: &'static str,
}

/// How the chain that ends at `end` is written; `None` where its links stand on one line.
fn own_lines(text: &str, start: usize, end: usize) -> Option<Chain<'_>> {
    let rest = text[end..line_end(text, end)].trim();
    // Behind a comment, so that it stays with the link that it speaks of.
    let behind_comment = if rest.starts_with('#') { line_end(text, end) } else { end };
    if rest.is_empty() || rest == "\\" || rest.starts_with('#') {
        // The next link stands on the next line that has code.
        let mut next = next_line(text, end);
        while next < text.len() {
            let content = text[next..line_end(text, next)].trim();
            if content.starts_with('.') {
                let joint = if rest == "\\" { " \\" } else { "" };
                return Some(Chain { indent: indent(text, next), at: behind_comment, joint });
            }
            if !content.is_empty() && !content.starts_with('#') {
                break;
            }
            next = next_line(text, next);
        }
    }
    // Or the last link of the expression itself stands first on its line.
    let mut dots = lex(text, start, end);
    dots.retain(|token| token.kind == TokenKind::Dot && token.depth == 0);
    let last = dots.last()?.start;
    if !is_first(text, last) {
        return None;
    }
    let joined = text[..line_start(text, last)].trim_end().ends_with('\\');
    Some(Chain { indent: indent(text, last), at: behind_comment, joint: if joined { " \\" } else { "" } })
}

/// What a statement is made of, as far as a lock cares.
#[derive(Debug, Default)]
struct Shape {
    /// It joins other tables: a lock has to say which rows it means.
    joins: bool,
    /// Its rows are no rows of a table: `DISTINCT`, `GROUP BY`, `UNION`.
    unlockable: bool,
    /// It locks already.
    locked: bool,
    /// It sets `populate_existing` already.
    populates: bool,
    /// It says how many rows it wants: another order gives others.
    limited: bool,
    /// It is a `Query`, made by a session or model.
    is_query: bool,
}

impl Shape {
    /// Follows the chain of calls to its root, and a statement that was built step by step through its assignments.
    fn of(scope: Scope<'_>, expr: ExprId) -> Self {
        let mut shape = Self::default();
        let mut seen = Vec::new();
        let mut rest = vec![expr];
        while let Some(at) = rest.pop() {
            match &scope.code[at] {
                Expr::Await(inner) => rest.push(*inner),
                Expr::Attribute { value, attr } => {
                    shape.word(attr.as_str());
                    rest.push(*value);
                }
                Expr::Call { func, args } => {
                    rest.push(*func);
                    shape.arguments(scope, *func, args);
                }
                Expr::Name(name) if !seen.contains(name) => {
                    seen.push(*name);
                    walk_statements(&scope.code.block, &mut |stmt| {
                        if let StmtKind::Assign { targets, value } = &stmt.kind
                            && targets
                                .iter()
                                .any(|target| matches!(&scope.code[*target], Expr::Name(own) if own == name))
                        {
                            rest.push(*value);
                        }
                    });
                }
                _ => {}
            }
        }
        shape
    }

    /// What the arguments of a link say: loader options that join, `isouter=True`, `populate_existing=True`.
    fn arguments(&mut self, scope: Scope<'_>, func: ExprId, args: &[Arg]) {
        for arg in args {
            if let ArgKind::Keyword(name) = arg.kind {
                self.word(name.as_str());
            }
        }
        if matches!(&scope.code[func], Expr::Attribute { attr, .. } if *attr == "options") || is_get(scope, func) {
            for arg in args {
                walk_expression(scope.code, arg.value, &mut |inner| match &scope.code[inner] {
                    Expr::Name(name) => self.word(name.as_str()),
                    Expr::Attribute { attr, .. } => self.word(attr.as_str()),
                    _ => {}
                });
            }
        }
    }

    fn word(&mut self, word: &str) {
        match word {
            "join" | "outerjoin" | "join_from" | "outerjoin_from" | "isouter" | "joinedload" | "contains_eager"
            | "select_from" => self.joins = true,
            "distinct" | "group_by" | "having" | "union" | "union_all" | "intersect" | "except_" | "intersect_all"
            | "except_all" | "from_statement" => self.unlockable = true,
            "with_for_update" => self.locked = true,
            "query" => self.is_query = true,
            "limit" | "offset" | "slice" => self.limited = true,
            "populate_existing" => self.populates = true,
            _ => {}
        }
    }
}

fn is_get(scope: Scope<'_>, func: ExprId) -> bool {
    matches!(&scope.code[func], Expr::Attribute { attr, .. } if *attr == "get")
}
