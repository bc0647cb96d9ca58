//! Edits: how fixes change a text so that comments, indentation, line ends and strings stay as they are.
//!
//! Every function answers `None` where no complete edit exists; the fix is then not offered.

mod accessor;
mod calls;
mod dependency;
mod lines;
mod lock;
mod wrap;

use std::sync::Arc;

use auditline_model::place::function_start;
use auditline_model::{Db, FunctionRef, SourceFile, function};
use auditline_source::{SourceText, TextEdit};
use auditline_syntax::python::ir::{Block, Function, Stmt};
use auditline_syntax::{TextRange, TextSize};

use crate::finding::FileEdit;

pub(crate) use accessor::return_fresh;
pub(crate) use calls::{add_keyword, atomic_sql_expression, remove_argument, replace};
pub(crate) use dependency::{return_to_yield_in_try_finally, yield_in_try_finally};
pub(crate) use lock::{add_with_for_update, make_plain_def, refresh_locked_after};
pub(crate) use wrap::{add_rollback_to_handler, wrap_in_try};

/// A function with its text: ranges relative to the function become edits of the file.
pub(crate) struct Scope {
    file: SourceFile,
    start: TextSize,
    pub(crate) source: Arc<SourceText>,
    pub(crate) function: Arc<Function>,
}

impl Scope {
    pub(crate) fn of(db: &dyn Db, of: FunctionRef) -> Option<Self> {
        let source = Arc::clone(of.file.content(db).text()?);
        Some(Self { file: of.file, start: function_start(db, of)?, source, function: function(db, of)? })
    }

    pub(crate) fn text(&self) -> &str {
        self.source.text()
    }

    pub(crate) fn absolute(&self, range: TextRange) -> TextRange {
        range + self.start
    }

    /// The text of a range relative to the function.
    pub(crate) fn slice(&self, range: TextRange) -> Option<&str> {
        self.text().get(std::ops::Range::<usize>::from(self.absolute(range)))
    }

    pub(crate) fn edits(&self, mut edits: Vec<TextEdit>) -> Option<Vec<FileEdit>> {
        edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
        Some(vec![FileEdit { file: self.file, edits }])
    }

    /// The line end that the file uses.
    pub(crate) fn line_end(&self) -> &'static str {
        self.source.line_end()
    }

    /// One step of indentation, as this function indents its body.
    pub(crate) fn indent_unit(&self) -> String {
        let def = self.absolute(self.function.def_range);
        let outer = lines::indentation(self.text(), def.start());
        let inner = self
            .function
            .code
            .block
            .first()
            .and_then(|stmt| lines::own_indentation(self.text(), self.absolute(stmt.range).start()));
        match (outer, inner) {
            (outer, Some(inner)) if inner.len() > outer.len() && inner.starts_with(outer) => {
                inner[outer.len()..].to_owned()
            }
            _ => "    ".to_owned(),
        }
    }

    /// What a method is called on: `self.db` of `self.db.commit()`.
    pub(crate) fn receiver(&self, call: TextRange) -> Option<String> {
        let text = self.slice(call)?;
        let open = text.rfind('(')?;
        let dot = text[..open].rfind('.')?;
        let receiver = text[..dot].trim();
        (!receiver.is_empty() && !receiver.contains(['\n', '\r'])).then(|| receiver.to_owned())
    }
}

/// The innermost block that holds both ranges, and the indices of the statements that hold them.
pub(crate) fn common_block(block: &Block, first: TextRange, last: TextRange) -> Option<(&Block, usize, usize)> {
    let holder = |range: TextRange| block.iter().position(|stmt| stmt.range.contains_range(range));
    let (one, two) = (holder(first)?, holder(last)?);
    if one == two {
        let mut inner = None;
        auditline_syntax::python::blocks(&block[one], |nested| {
            if inner.is_none() {
                inner = common_block(nested, first, last);
            }
        });
        if inner.is_some() {
            return inner;
        }
    }
    Some((block, one, two))
}

/// The innermost block that holds a statement of that range, and its index.
pub(crate) fn block_of(block: &Block, statement: TextRange) -> Option<(&Block, usize)> {
    common_block(block, statement, statement).map(|(block, index, _)| (block, index))
}

/// The innermost statement that satisfies `wanted`, seen from the outside in.
pub(crate) fn find_statement<'a>(block: &'a Block, wanted: &mut impl FnMut(&Stmt) -> bool) -> Option<&'a Stmt> {
    let mut found = None;
    auditline_syntax::python::walk_statements(block, &mut |stmt| {
        if wanted(stmt) {
            found = Some(stmt);
        }
    });
    found
}

/// An edit that inserts.
pub(crate) fn insert(at: TextSize, text: impl Into<String>) -> TextEdit {
    TextEdit { range: TextRange::empty(at), text: text.into() }
}
