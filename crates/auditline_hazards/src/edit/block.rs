//! Finding statements among their siblings, and how the block around them is written.

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Block, Stmt, StmtKind};

use super::layout::{breaks, indent, is_first, is_last, line_end, line_start, next_line, step};
use super::{Document, Scope};

/// Statements that stand side by side in one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Siblings<'a> {
    pub(crate) block: &'a Block,
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The statement in which the block stands; `None` for the block of the function or module itself.
    pub(crate) parent: Option<&'a Stmt>,
}

impl<'a> Siblings<'a> {
    /// The smallest run of siblings that covers two ranges of the code.
    pub(crate) fn covering(scope: Scope<'a>, from: TextRange, to: TextRange) -> Option<Self> {
        let mut found = Self::in_block(&scope.code.block, None, from, to)?;
        loop {
            if found.first != found.last {
                return Some(found);
            }
            let stmt = &found.block[found.first];
            let inner =
                inner_blocks(stmt).into_iter().find_map(|(block, owner)| Self::in_block(block, Some(owner), from, to));
            match inner {
                Some(inner) => found = inner,
                None => return Some(found),
            }
        }
    }

    /// The statement that covers a range.
    pub(crate) fn at(scope: Scope<'a>, range: TextRange) -> Option<Self> {
        Self::covering(scope, range, range)
    }

    fn in_block(block: &'a Block, parent: Option<&'a Stmt>, from: TextRange, to: TextRange) -> Option<Self> {
        let at = |range: TextRange| block.iter().position(|stmt| stmt.range.contains_range(range));
        let (one, two) = (at(from)?, at(to)?);
        Some(Self { block, first: one.min(two), last: one.max(two), parent })
    }

    /// The run with the statements that share its first and last lines.
    pub(crate) fn whole_lines(mut self, scope: Scope<'_>) -> Self {
        let text = scope.document.text();
        let span = |at: usize| scope.span(self.block[at].range);
        while self.first > 0 && !breaks(text, span(self.first - 1).1, span(self.first).0) {
            self.first -= 1;
        }
        while self.last + 1 < self.block.len() && !breaks(text, span(self.last).1, span(self.last + 1).0) {
            self.last += 1;
        }
        self
    }

    /// Where the first statement starts, absolute.
    pub(crate) fn start(&self, scope: Scope<'_>) -> usize {
        scope.span(self.block[self.first].range).0
    }

    /// Where the last statement ends, absolute.
    pub(crate) fn end(&self, scope: Scope<'_>) -> usize {
        scope.span(self.block[self.last].range).1
    }

    /// Where the line ends that belongs to the run last: behind a comment on the last statement's line, and behind
    /// comments on lines of their own that are indented as deep as the inside of that statement.
    pub(crate) fn last_line_end(&self, scope: Scope<'_>) -> Option<usize> {
        let text = scope.document.text();
        let end = self.end(scope);
        if !is_last(text, end) {
            return None;
        }
        let own = indent(text, self.start(scope));
        let mut stop = line_end(text, end);
        let mut at = next_line(text, stop);
        while at < text.len() {
            let line = &text[at..line_end(text, at)];
            let content = line.trim();
            if content.starts_with('#') && indent(text, at).len() > own.len() && indent(text, at).starts_with(own) {
                stop = at + line.len();
            } else if !content.is_empty() {
                break;
            }
            let next = next_line(text, at);
            if next == at {
                break;
            }
            at = next;
        }
        Some(stop)
    }

    /// How the block is written, seen from its run of whole lines.
    pub(crate) fn layout(&self, scope: Scope<'a>) -> Option<Layout<'a>> {
        let text = scope.document.text();
        let start = self.start(scope);
        if is_first(text, start) {
            let header = match (self.parent, scope.function) {
                (Some(parent), _) => Some(scope.span(self.header(scope, parent)).0),
                (None, Some(function)) => Some(scope.span(function.def_range).0),
                (None, None) => None,
            };
            let unit = header.and_then(|header| step(text, header, start)).unwrap_or_else(|| scope.document.unit());
            return Some(Layout::Lines { indent: indent(text, start), unit });
        }
        // A block on the line of its header.
        if self.first != 0 {
            return None;
        }
        suite(scope.document, start)
    }
}

impl Siblings<'_> {
    /// What heads the block: its statement, or its own `case`.
    fn header(&self, scope: Scope<'_>, parent: &Stmt) -> TextRange {
        match &parent.kind {
            StmtKind::Match { cases, .. } => cases
                .iter()
                .find(|case| std::ptr::eq(&case.body, self.block))
                .map_or(parent.range, |case| scope.code.range(case.pattern)),
            _ => parent.range,
        }
    }
}

/// How a block is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Layout<'a> {
    /// On lines of its own.
    Lines {
        /// The indentation of its statements.
        indent: &'a str,
        /// The step by which the inside of a block is indented.
        unit: &'a str,
    },
    /// On the line of its header, behind the colon.
    Suite {
        /// Behind the colon.
        colon: usize,
        /// The indentation of the header.
        header: &'a str,
        /// The step by which the inside of a block is indented.
        unit: &'a str,
    },
}

/// A block on the line of its header, whose first statement stands at `start`.
fn suite(document: &Document, start: usize) -> Option<Layout<'_>> {
    let text = document.text();
    let before = text[line_start(text, start)..start].trim_end();
    let colon = line_start(text, start) + before.len();
    let word = before.trim_start().split(|c: char| !c.is_alphanumeric()).next()?;
    let is_header = matches!(
        word,
        "if" | "elif" | "else" | "for" | "while" | "with" | "try" | "except" | "finally" | "case" | "async" | "def"
    );
    (before.ends_with(':') && is_header).then(|| Layout::Suite {
        colon,
        header: indent(text, start),
        unit: document.unit(),
    })
}

/// The blocks that stand in a statement, each with the statement that is its header. An `elif` is no statement that
/// could stand elsewhere: its blocks are blocks of the `if`.
pub(crate) fn inner_blocks(stmt: &Stmt) -> Vec<(&Block, &Stmt)> {
    let mut found = Vec::new();
    let mut rest = vec![stmt];
    while let Some(stmt) = rest.pop() {
        auditline_syntax::python::walk::blocks(stmt, |block| {
            let is_elif = block.iter().any(|inner| matches!(&inner.kind, StmtKind::If(branch) if branch.is_elif));
            if is_elif {
                rest.extend(block.iter());
            } else {
                found.push((block, stmt));
            }
        });
    }
    found
}
