//! Lines, indentation and line ends.

use auditline_syntax::python::ir::{Block, Stmt, StmtKind};
use auditline_syntax::python::walk_statements;

use super::Document;
use super::lex::{TokenKind, lex};

const BOM: &str = "\u{feff}";

/// Where the line starts on which `at` stands, behind a byte order mark.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |line_end| line_end + 1);
    if start == 0 && text.starts_with(BOM) { BOM.len().min(at) } else { start }
}

/// Where the line ends on which `at` stands, before its line end.
pub(crate) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find(['\n', '\r']).map_or(text.len(), |found| at + found)
}

/// Where the line behind the one on which `at` stands starts; the end of the text where there is none.
pub(crate) fn next_line(text: &str, at: usize) -> usize {
    let end = line_end(text, at);
    let rest = &text[end..];
    end + if rest.starts_with("\r\n") { 2 } else { usize::from(!rest.is_empty()) }
}

/// The blanks at the start of the line on which `at` stands.
pub(crate) fn indent(text: &str, at: usize) -> &str {
    let start = line_start(text, at);
    let line = &text[start..line_end(text, start)];
    &line[..line.len() - line.trim_start_matches([' ', '\t', '\x0c']).len()]
}

/// Whether nothing but blanks stands before `at` on its line.
pub(crate) fn is_first(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].trim().is_empty()
}

/// Whether a line break stands between two offsets.
pub(crate) fn breaks(text: &str, from: usize, to: usize) -> bool {
    text.get(from..to).is_some_and(|between| between.contains(['\n', '\r']))
}

/// Whether nothing but blanks, a semicolon and a comment stands between `at` and the end of its line.
pub(crate) fn is_last(text: &str, at: usize) -> bool {
    let rest = text[at..line_end(text, at)].trim_start();
    let rest = rest.strip_prefix(';').unwrap_or(rest).trim_start();
    rest.is_empty() || rest.starts_with('#')
}

/// The starts of the lines between two offsets that may be indented anew: not the first, none inside a string.
/// `from` must be the start of a statement.
pub(crate) fn free_lines(text: &str, from: usize, to: usize) -> Vec<usize> {
    let tokens = lex(text, from, to);
    tokens.iter().filter(|token| token.kind == TokenKind::LineEnd && token.end < to).map(|token| token.end).collect()
}

impl Document {
    /// The line end that new lines are written with.
    pub(crate) fn line_end(&self) -> &'static str {
        self.text.line_end()
    }

    /// The step by which the file indents: that of its first indented block; four spaces where it has none.
    pub(crate) fn unit(&self) -> &str {
        let text = self.text();
        let module = &self.parsed.module;
        let of_block = |block: &Block, header: usize, start: usize| {
            let first = block.first()?;
            step(text, header, usize::from(first.range.start()) + start)
        };
        let in_functions = module.functions.iter().zip(&module.function_starts).find_map(|(function, start)| {
            let start = usize::from(*start);
            of_block(&function.code.block, start + usize::from(function.def_range.start()), start)
        });
        let mut in_module = None;
        if in_functions.is_none() {
            walk_statements(&module.code.block, &mut |stmt: &Stmt| {
                if in_module.is_none()
                    && let StmtKind::If(branch) = &stmt.kind
                {
                    in_module = of_block(&branch.body, usize::from(stmt.range.start()), 0);
                }
            });
        }
        let in_classes = || {
            module.classes.iter().zip(&module.class_starts).find_map(|(class, start)| {
                let start = usize::from(*start);
                of_block(&class.code.block, start + usize::from(class.name_range.start()), start)
            })
        };
        in_functions.or_else(in_classes).or(in_module).unwrap_or("    ")
    }
}

/// By how much the line of `inner` is indented more than the line of `outer`, where both start their lines.
pub(crate) fn step(text: &str, outer: usize, inner: usize) -> Option<&str> {
    if !is_first(text, inner) || line_start(text, outer) == line_start(text, inner) {
        return None;
    }
    indent(text, inner).strip_prefix(indent(text, outer)).filter(|step| !step.is_empty())
}
