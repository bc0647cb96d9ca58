//! The lines of the statement around an offset.

use auditline_source::{SourceText, TextSize};
use auditline_syntax::python::ir::{Block, Module, Stmt};
use auditline_syntax::python::{walk::blocks, walk_statements};

/// The first and the last line of the innermost statement at `offset`: of the whole statement, or of its head where
/// it has a body (`with …:`, `def …:`).
pub(super) fn header_lines(module: &Module, text: &SourceText, offset: TextSize) -> Option<(u32, u32)> {
    let (block, start, outer) = innermost_body(module, offset);
    let relative = offset.checked_sub(start)?;
    let mut found: Option<&Stmt> = None;
    walk_statements(block, &mut |stmt| {
        if stmt.range.contains_inclusive(relative) && found.is_none_or(|other| other.range.len() >= stmt.range.len()) {
            found = Some(stmt);
        }
    });
    let lines = text.line_index();
    let Some(stmt) = found else {
        // Between the start of a function or class and its body: the head of the function or class itself.
        let (head_start, body_start) = outer?;
        return Some((lines.line_of(head_start), last_code_line(text, head_start, body_start)));
    };
    let head_start = start + stmt.range.start();
    let mut body: Option<TextSize> = None;
    blocks(stmt, |block| {
        if let Some(first) = block.first() {
            let at = start + first.range.start();
            body = Some(body.map_or(at, |other| other.min(at)));
        }
    });
    let last = match body {
        Some(body) => last_code_line(text, head_start, body),
        None => lines.line_of(start + stmt.range.end()),
    };
    Some((lines.line_of(head_start), last))
}

/// The innermost function or class body around `offset`: its block, where its ranges start to count, and where the
/// function or class and its first statement start.
fn innermost_body(module: &Module, offset: TextSize) -> (&Block, TextSize, Option<(TextSize, TextSize)>) {
    let functions = module
        .functions
        .iter()
        .zip(&module.function_starts)
        .map(|(function, start)| (function.range + *start, &function.code.block, *start));
    let classes = module
        .classes
        .iter()
        .zip(&module.class_starts)
        .map(|(class, start)| (class.range + *start, &class.code.block, *start));
    let innermost =
        functions.chain(classes).filter(|(range, ..)| range.contains(offset)).min_by_key(|(range, ..)| range.len());
    match innermost {
        Some((range, block, start)) => {
            let body = block.first().map_or(range.end(), |stmt| start + stmt.range.start());
            (block, start, Some((start, body)))
        }
        None => (&module.code.block, TextSize::new(0), None),
    }
}

/// The last line between two offsets that holds more than blanks and comments. On one line it is that line.
fn last_code_line(text: &SourceText, from: TextSize, to: TextSize) -> u32 {
    let lines = text.line_index();
    let (first, last) = (lines.line_of(from), lines.line_of(to));
    (first..last)
        .rev()
        .find(|line| {
            let content = lines.line_content(text.text(), *line).map(|range| text.slice(range)).unwrap_or_default();
            let content = content.trim_start();
            !content.is_empty() && !content.starts_with('#')
        })
        .unwrap_or(first)
}
