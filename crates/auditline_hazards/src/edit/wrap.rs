//! Wrapping statements in `try` with a rollback.

use auditline_source::TextEdit;
use auditline_syntax::TextRange;

use super::block::{Layout, Siblings};
use super::layout::{free_lines, indent, line_start};
use super::{Scope, offset, range};

/// Wraps what stands from `first` to `last` in `try:` / `except Exception:` / rollback / `raise`. The ranges may lie in
/// different blocks: the smallest run of siblings that covers both is wrapped.
#[must_use]
pub fn wrap_in_try(
    scope: Scope<'_>,
    first: TextRange,
    last: TextRange,
    session: &str,
    is_async: bool,
) -> Option<Vec<TextEdit>> {
    let run = Siblings::covering(scope, first, last)?.whole_lines(scope);
    let end = scope.document.line_end();
    let wait = if is_async { "await " } else { "" };
    wrap(scope, run, |indent, unit| {
        format!("{end}{indent}except Exception:{end}{indent}{unit}{wait}{session}.rollback(){end}{indent}{unit}raise")
    })
}

/// Puts what stands from `first` to `last` under a `with`, whose head is given without its colon.
#[must_use]
pub fn wrap_in_with(scope: Scope<'_>, first: TextRange, last: TextRange, head: &str) -> Option<Vec<TextEdit>> {
    let run = Siblings::covering(scope, first, last)?.whole_lines(scope);
    wrap_under(scope, run, &format!("{head}:"), |_, _| String::new())
}

/// Puts a run of whole lines under `try:`, and behind it what `clauses` makes of the indentation and its step; it
/// starts with a line end and ends without one.
pub(crate) fn wrap(
    scope: Scope<'_>,
    run: Siblings<'_>,
    clauses: impl Fn(&str, &str) -> String,
) -> Option<Vec<TextEdit>> {
    wrap_under(scope, run, "try:", clauses)
}

fn wrap_under(
    scope: Scope<'_>,
    run: Siblings<'_>,
    head: &str,
    clauses: impl Fn(&str, &str) -> String,
) -> Option<Vec<TextEdit>> {
    let text = scope.document.text();
    let eol = scope.document.line_end();
    let start = run.start(scope);
    let stop = run.last_line_end(scope)?;
    let mut edits = Vec::new();
    match run.layout(scope)? {
        Layout::Lines { indent, unit } => {
            edits.push(TextEdit::insert(offset(line_start(text, start)), format!("{indent}{head}{eol}")));
            edits.extend(deeper(text, line_start(text, start), start, stop, indent, unit));
            edits.extend(closing(stop, clauses(indent, unit)));
        }
        Layout::Suite { colon, header, unit } => {
            let inner = format!("{header}{unit}");
            edits.push(TextEdit::replace(range(colon, start), format!("{eol}{inner}{head}{eol}{inner}{unit}")));
            let twice = format!("{unit}{unit}");
            edits.extend(deeper(text, start, start, stop, header, &twice).into_iter().skip(1));
            edits.extend(closing(stop, clauses(&inner, unit)));
        }
    }
    scope.document.checked(edits)
}

fn closing(stop: usize, clauses: String) -> Option<TextEdit> {
    (!clauses.is_empty()).then(|| TextEdit::insert(offset(stop), clauses))
}

/// Indents the lines from `line` to `stop` by one step more; the first statement starts at `start`.
pub(crate) fn deeper(text: &str, line: usize, start: usize, stop: usize, outer: &str, unit: &str) -> Vec<TextEdit> {
    let lines = std::iter::once(line).chain(free_lines(text, start, stop));
    lines
        .filter_map(|line| {
            let content = text[line..stop].split(['\n', '\r']).next().unwrap_or_default();
            let own = indent(text, line);
            let rest = content.trim();
            // Blank lines stay blank; a comment further out than the block is not part of it.
            if rest.is_empty() || rest.starts_with('#') && !own.starts_with(outer) {
                return None;
            }
            let common = own.bytes().zip(outer.bytes()).take_while(|(a, b)| a == b).count();
            Some(TextEdit::insert(offset(line + common), unit))
        })
        .collect()
}
