//! Edits: how a fix changes Python text.
//!
//! A fix is complete or it is not offered: each function here answers `None` where it cannot do the whole job, and
//! every answer has been parsed once more ([`Document::checked`]). Bytes that need not change do not: comments,
//! blank lines, tabs, `\r\n` and the inside of multi-line strings stay as they are.
//!
//! Ranges that go in are relative to the code they speak of, as the lowered tree has them; edits that come out are
//! absolute and sorted.

mod accessor;
mod apply;
mod arguments;
mod arithmetic;
mod behind_loop;
mod behind_scope;
mod block;
mod generator;
mod handler;
mod imports;
mod indentation;
mod insert;
mod layout;
mod lex;
mod lock;
mod move_behind;
mod pieces;
mod reload;
mod remove;
mod savepoint;
mod upsert;
mod with;
mod wrap;

use std::sync::Arc;

use auditline_model::{Db, ParsedModule, SourceFile, parsed};
use auditline_source::{SourceText, TextEdit, apply_edits};
use auditline_syntax::python::Call;
use auditline_syntax::python::ir::{Code, ExprId, Function};
use auditline_syntax::{Name, TextRange, TextSize};

pub use accessor::{remove_decorator, return_fresh};
pub(crate) use apply::in_function;
pub use arguments::{add_keyword, remove_argument, remove_keyword, rename_keyword};
pub use arithmetic::{atomic_sql_expression, atomic_update};
pub use behind_loop::move_behind_loop;
pub use behind_scope::move_behind_with;
pub use generator::{return_to_yield, yield_to_try_finally};
pub use handler::insert_rollback_in_handler;
pub use imports::{Import, add_import};
pub use indentation::syntax_errors;
pub use insert::{insert_after, insert_after_simple, insert_before};
pub use lock::{
    Refresh, RowLock, first_use, lock_get, lock_query, make_plain_def, order_query, populate_query, refresh_before,
    refresh_behind_check,
};
pub use move_behind::{move_reading_behind, move_statement_behind};
pub use reload::{Reload as RowReload, refresh_behind, refresh_each_round, refresh_just_behind};
pub use remove::{call_other_method, remove_call_statement, remove_statement};
pub use savepoint::{Reload, insert_or_reload};
pub use upsert::insert_or_nothing;
pub use with::assignment_to_with;
pub use wrap::{wrap_in_try, wrap_in_with};

/// A Python file as edits see it: its text and its lowered module.
#[derive(Debug, Clone)]
pub struct Document {
    text: Arc<SourceText>,
    parsed: Arc<ParsedModule>,
}

impl Document {
    /// The document of a file; `None` where it holds nothing.
    #[must_use]
    pub fn of(db: &dyn Db, file: SourceFile) -> Option<Self> {
        let text = Arc::clone(file.content(db).text()?);
        Some(Self { text, parsed: parsed(db, file) })
    }

    /// A document of that text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let tree = auditline_syntax::python::parse(text, None);
        let module = auditline_syntax::python::lower(text, &tree);
        Self { text: Arc::new(SourceText::from(text)), parsed: Arc::new(ParsedModule::new(module)) }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.text()
    }

    /// The code at module level.
    #[must_use]
    pub fn module(&self) -> Scope<'_> {
        Scope { document: self, code: &self.parsed.module.code, start: TextSize::new(0), function: None }
    }

    /// The code of the function of that path.
    #[must_use]
    pub fn function(&self, path: Name) -> Option<Scope<'_>> {
        let module = &self.parsed.module;
        let index = self.parsed.function_index(path)?;
        let function = module.functions.get(index)?;
        let start = *module.function_starts.get(index)?;
        Some(Scope { document: self, code: &function.code, start, function: Some(function) })
    }

    /// The code of the body of the class of that path.
    #[must_use]
    pub fn class(&self, path: Name) -> Option<Scope<'_>> {
        let module = &self.parsed.module;
        let index = self.parsed.class_index(path)?;
        let class = module.classes.get(index)?;
        let start = *module.class_starts.get(index)?;
        Some(Scope { document: self, code: &class.code, start, function: None })
    }

    /// The edits, sorted, if they can be applied and the result has no syntax error that the text did not have.
    /// Edits that were made apart from one another may be put together and go through here once more.
    #[must_use]
    pub fn checked(&self, mut edits: Vec<TextEdit>) -> Option<Vec<TextEdit>> {
        edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
        edits.dedup();
        let new = apply_edits(self.text(), &edits).ok()?;
        if new == self.text() {
            return None;
        }
        if pieces::stay_whole(self.text(), &self.parsed.module, &edits) {
            return Some(edits);
        }
        (syntax_errors(&new) <= syntax_errors(self.text())).then_some(edits)
    }
}

/// Code in a document: a function, a class body or the module level.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The document.
    pub document: &'a Document,
    /// The code.
    pub code: &'a Code,
    /// Where the ranges of the code count from.
    pub start: TextSize,
    /// The function, where it is one.
    pub function: Option<&'a Function>,
}

impl<'a> Scope<'a> {
    /// The absolute range of a range of this code.
    #[must_use]
    pub fn absolute(&self, range: TextRange) -> TextRange {
        range + self.start
    }

    /// The text of a range of this code.
    #[must_use]
    pub fn text(&self, range: TextRange) -> &'a str {
        self.document.text.slice(self.absolute(range))
    }

    /// The text of an expression.
    #[must_use]
    pub fn source(&self, expr: ExprId) -> &'a str {
        self.text(self.code.range(expr))
    }

    /// The outermost expression with exactly that range.
    #[must_use]
    pub fn expr_at(&self, range: TextRange) -> Option<ExprId> {
        // Parts are pushed before what they are part of.
        let at = self.code.ranges.iter().rposition(|own| *own == range)?;
        Some(ExprId(u32::try_from(at).ok()?))
    }

    /// The call at that range, awaited or not.
    #[must_use]
    pub fn call_at(&self, range: TextRange) -> Option<ExprId> {
        Some(Call::awaited(self.code, self.expr_at(range)?)?.id)
    }

    /// What a method is called on: `self.db` of `self.db.commit()`, awaited or not.
    #[must_use]
    pub fn receiver(&self, call: TextRange) -> Option<&'a str> {
        let call = Call::of(self.code, self.call_at(call)?)?;
        let (object, _) = call.method(self.code)?;
        let text = self.source(object);
        (!text.contains(['\n', '\r'])).then_some(text)
    }

    /// The session that a call uses, as it is written: `db` of `db.commit()`, and of `db.query(Item).delete()`. What a
    /// statement in a variable does names none.
    pub fn session_of(&self, call: TextRange) -> Option<&'a str> {
        let call = Call::of(self.code, self.call_at(call)?)?;
        let (mut object, mut name) = call.method(self.code)?;
        let is_of_statement = match name.as_str() {
            "all" | "delete" | "first" | "one" | "one_or_none" | "scalar" | "update" => {
                call.args.is_empty() || name != "scalar"
            }
            _ => false,
        };
        while name != "query"
            && let Some(inner) = Call::of(self.code, object)
        {
            (object, name) = inner.method(self.code)?;
        }
        let text = self.source(object);
        ((name == "query" || !is_of_statement) && !text.contains(['\n', '\r', '('])).then_some(text)
    }

    /// Replaces a range of this code.
    #[must_use]
    pub fn replace(&self, range: TextRange, text: &str) -> Option<Vec<TextEdit>> {
        self.document.checked(vec![TextEdit::replace(self.absolute(range), text)])
    }

    /// The absolute byte offsets of a range of this code.
    pub(crate) fn span(&self, range: TextRange) -> (usize, usize) {
        let range = self.absolute(range);
        (range.start().into(), range.end().into())
    }
}

/// A range of a text from byte offsets.
pub(crate) fn range(start: usize, end: usize) -> TextRange {
    TextRange::new(offset(start), offset(end.max(start)))
}

/// An offset from a byte offset; texts are shorter than 4 GB.
pub(crate) fn offset(at: usize) -> TextSize {
    TextSize::new(u32::try_from(at).unwrap_or(u32::MAX))
}
