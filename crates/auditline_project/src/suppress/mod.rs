//! Comments that suppress findings.

mod directive;
mod statement;

use auditline_hazards::Hazard;
use auditline_source::{FileKind, SourceText, TextRange, TextSize};
use auditline_syntax::python::ir::Module;

use directive::{Directive, directives};

/// The suppressing comments of one file.
///
/// `# auditline: ignore[AUD201] reason` and `# noqa: AUD201` cover a finding when they stand on the line in which it
/// starts or ends, on the first or last line of the statement it stands in, or alone directly above.
/// `# auditline: ignore-file[AUD201]` covers the file.
#[derive(Debug, Default)]
pub struct Suppressions {
    whole_file: Vec<Directive>,
    /// By line; sorted.
    trailing: Vec<(u32, Directive)>,
    /// Comments alone on their line.
    own_line: Vec<(u32, Directive)>,
}

impl Suppressions {
    /// The comments of a file; `module` is its lowered form where it is Python.
    #[must_use]
    pub fn of(kind: FileKind, text: &SourceText, module: Option<&Module>) -> Self {
        let mut found = Self::default();
        if let Some(module) = module {
            for pragma in &module.pragmas {
                found.add(text, pragma.range.start(), &pragma.text, pragma.own_line);
            }
            return found;
        }
        let marker = if kind == FileKind::Sql { "--" } else { "#" };
        let mut offset = 0;
        for line in text.text().split_inclusive('\n') {
            if let Some(at) = line.find(marker).filter(|_| mentions_us(line)) {
                let start = TextSize::try_from(offset + at).unwrap_or_default();
                let own_line = line[..at].trim_start_matches('\u{feff}').trim().is_empty();
                found.add(text, start, line[at + marker.len()..].trim(), own_line);
            }
            offset += line.len();
        }
        found
    }

    fn add(&mut self, text: &SourceText, start: TextSize, comment: &str, own_line: bool) {
        let line = text.line_index().line_of(start);
        for directive in directives(comment) {
            if directive.whole_file {
                self.whole_file.push(directive);
            } else if own_line {
                self.own_line.push((line, directive));
            } else {
                self.trailing.push((line, directive));
            }
        }
    }

    /// Whether a finding of that hazard at that range is suppressed.
    #[must_use]
    pub fn covers(&self, hazard: &Hazard, range: TextRange, text: &SourceText, module: Option<&Module>) -> bool {
        if self.whole_file.iter().any(|directive| directive.covers(hazard)) {
            return true;
        }
        let at_line = |directives: &[(u32, Directive)], wanted: u32| {
            directives.iter().any(|(line, directive)| *line == wanted && directive.covers(hazard))
        };
        if self.trailing.is_empty() && self.own_line.is_empty() {
            return false;
        }
        let lines = text.line_index();
        // The end is exclusive: a range that ends with a line does not reach into the next one.
        let end = range.end().checked_sub(TextSize::new(1)).map_or(range.start(), |end| end.max(range.start()));
        let (first, last) = (lines.line_of(range.start()), lines.line_of(end));
        let statement = module.and_then(|module| statement::header_lines(module, text, range.start()));
        let (top, bottom) = statement.unwrap_or((first, last));
        if [first, last, top, bottom].into_iter().any(|line| at_line(&self.trailing, line)) {
            return true;
        }
        // A comment inside a statement of several lines covers the line below it, one above the statement all of it.
        [first, top]
            .into_iter()
            .any(|line| comment_lines_above(text, module.is_some(), line).any(|above| at_line(&self.own_line, above)))
    }
}

fn mentions_us(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.contains("auditline:") || lower.contains("noqa")
}

/// The lines directly above `line` that hold nothing but a comment, upwards.
fn comment_lines_above(text: &SourceText, python: bool, line: u32) -> impl Iterator<Item = u32> {
    (0..line).rev().take_while(move |above| {
        let Some(range) = text.line_index().line_content(text.text(), *above) else { return false };
        let content = text.slice(range).trim_start();
        content.starts_with('#') || (!python && content.starts_with("--"))
    })
}
