//! Comments that suppress findings.

mod directive;
mod statement;
mod typing;
mod unused;

use auditline_hazards::Hazard;
use auditline_source::{FileKind, SourceText, TextRange, TextSize};
use auditline_syntax::python::ir::Module;
use smallvec::SmallVec;

pub use directive::{Directive, Word, directives};
pub use typing::{Typing, typing_at};
pub use unused::{Unused, UnusedSuppression};
pub(crate) use unused::{Usage, may_hold_ours};

/// The suppressing comments of one file.
///
/// `# auditline: ignore[AUD201] reason` and `# noqa: AUD201` cover a finding when they stand on the line in which it
/// starts or ends, on the first or last line of the statement it stands in, or alone directly above.
/// `# auditline: ignore-file[AUD201]` covers the file.
#[derive(Debug, Default)]
pub struct Suppressions {
    /// In the order in which they stand.
    entries: Vec<Entry>,
}

/// A directive and where it counts.
#[derive(Debug)]
struct Entry {
    directive: Directive,
    scope: Scope,
    /// The whole comment in which it stands.
    comment: TextRange,
    own_line: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    File,
    /// Behind code on that line.
    Trailing(u32),
    /// Alone on that line.
    OwnLine(u32),
}

impl Suppressions {
    /// The comments of a file; `module` is its lowered form where it is Python.
    #[must_use]
    pub fn of(kind: FileKind, text: &SourceText, module: Option<&Module>) -> Self {
        let mut found = Self::default();
        if let Some(module) = module {
            for pragma in &module.pragmas {
                found.add(text, pragma.range, pragma.own_line);
            }
            return found;
        }
        let marker = if kind == FileKind::Sql { "--" } else { "#" };
        let mut offset = 0;
        for line in text.text().split_inclusive('\n') {
            if let Some(at) = line.find(marker).filter(|_| mentions_us(line)) {
                let at_offset = |at: usize| TextSize::try_from(offset + at).unwrap_or_default();
                let own_line = line[..at].trim_start_matches('\u{feff}').trim().is_empty();
                found.add(text, TextRange::new(at_offset(at), at_offset(line.trim_end().len())), own_line);
            }
            offset += line.len();
        }
        found
    }

    fn add(&mut self, text: &SourceText, comment: TextRange, own_line: bool) {
        let line = text.line_index().line_of(comment.start());
        for directive in directives(text.slice(comment), comment.start()) {
            let scope = match (directive.whole_file, own_line) {
                (true, _) => Scope::File,
                (false, true) => Scope::OwnLine(line),
                (false, false) => Scope::Trailing(line),
            };
            self.entries.push(Entry { directive, scope, comment, own_line });
        }
    }

    /// Whether a finding of that hazard at that range is suppressed.
    #[must_use]
    pub fn covers(&self, hazard: &Hazard, range: TextRange, text: &SourceText, module: Option<&Module>) -> bool {
        !self.covering(hazard, range, text, module).is_empty()
    }

    /// Which entries cover a finding of that hazard at that range.
    fn covering(
        &self,
        hazard: &Hazard,
        range: TextRange,
        text: &SourceText,
        module: Option<&Module>,
    ) -> SmallVec<[usize; 2]> {
        let speaks = |entry: &Entry| entry.directive.covers(hazard);
        if !self.entries.iter().any(speaks) {
            return SmallVec::new();
        }
        let lines = text.line_index();
        // The end is exclusive: a range that ends with a line does not reach into the next one.
        let end = range.end().checked_sub(TextSize::new(1)).map_or(range.start(), |end| end.max(range.start()));
        let (first, last) = (lines.line_of(range.start()), lines.line_of(end));
        let statement = module.and_then(|module| statement::header_lines(module, text, range.start()));
        let (top, bottom) = statement.unwrap_or((first, last));
        let counts = |entry: &Entry| match entry.scope {
            Scope::File => true,
            Scope::Trailing(line) => [first, last, top, bottom].contains(&line),
            // A comment inside a statement of several lines covers the line below it, one above the statement all of it.
            Scope::OwnLine(line) => [first, top]
                .into_iter()
                .any(|below| line < below && comment_lines_above(text, module.is_some(), below).any(|at| at == line)),
        };
        let covering = self.entries.iter().enumerate().filter(|(_, entry)| speaks(entry) && counts(entry));
        covering.map(|(index, _)| index).collect()
    }

    /// The word of a list at that offset.
    #[must_use]
    pub fn word_at(&self, offset: TextSize) -> Option<&Word> {
        let words = self.entries.iter().flat_map(|entry| entry.directive.words.iter().flatten());
        words.into_iter().find(|word| word.range.contains_inclusive(offset))
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
