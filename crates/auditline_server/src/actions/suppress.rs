//! A comment that silences one finding.

use auditline_hazards::{Hazard, find};
use auditline_project::{ResolvedFinding, Suppressions};
use auditline_source::{FileKind, FilePath, SourceText, TextEdit, TextRange, TextSize, apply_edits};
use auditline_syntax::python;

use crate::snapshot::Snapshot;

/// The edit that writes the comment: at the end of the line, where a comment may stand there and counts; else on a line
/// of its own above. Each place is tried on the text itself: the end of a line may lie in a string, or behind a
/// backslash.
pub(super) fn comment(snapshot: &Snapshot, path: FilePath, finding: &ResolvedFinding) -> Option<TextEdit> {
    let text = snapshot.text(path)?;
    let hazard = find(finding.code)?;
    let kind = FileKind::of(path);
    let place = Place { text: &text, kind, hazard, range: finding.range.offsets };
    place.candidates().into_iter().find(|edit| place.silences(edit))
}

struct Place<'a> {
    text: &'a SourceText,
    kind: FileKind,
    hazard: &'a Hazard,
    range: TextRange,
}

impl Place<'_> {
    fn candidates(&self) -> Vec<TextEdit> {
        let lines = self.text.line_index();
        let first = lines.line_of(self.range.start());
        let end = self.range.end().checked_sub(TextSize::new(1)).map_or(self.range.start(), |end| end);
        let last = lines.line_of(end.max(self.range.start()));
        let mut candidates = Vec::new();
        // A Dockerfile has no comments behind an instruction.
        if self.kind != FileKind::Dockerfile {
            candidates.extend(self.extended(first));
            candidates.extend(self.at_end(first));
            // Further lines of the statement, when the first does not take a comment.
            candidates.extend((first + 1..=last.min(first + 8)).filter_map(|line| self.at_end(line)));
        }
        // The nearest line above which nothing is in the way.
        candidates.extend((first.saturating_sub(8)..=first).rev().filter_map(|line| self.above(line)));
        candidates
    }

    fn marker(&self) -> &'static str {
        if self.kind == FileKind::Sql { "--" } else { "#" }
    }

    /// The code, written into a list that stands there already.
    fn extended(&self, line: u32) -> Option<TextEdit> {
        let content = self.text.line_index().line_content(self.text.text(), line)?;
        let written = self.text.slice(content);
        let comment = written.rfind(self.marker())?;
        let list = comment + written[comment..].find("auditline:")?;
        let open = list + written[list..].find("ignore[")? + "ignore[".len();
        let close = open + written[open..].find(']')?;
        let before = written[open..close].trim_end();
        let separator = if before.is_empty() { "" } else { ", " };
        let offset = content.start() + TextSize::try_from(open + before.len()).ok()?;
        Some(TextEdit::insert(offset, format!("{separator}{}", self.hazard.code)))
    }

    fn at_end(&self, line: u32) -> Option<TextEdit> {
        let content = self.text.line_index().line_content(self.text.text(), line)?;
        let written = self.text.slice(content);
        let kept = TextSize::try_from(written.trim_end().len()).ok()?;
        // Blanks at the end of the line go: they would stand in front of the comment.
        let blanks = TextRange::new(content.start() + kept, content.end());
        Some(TextEdit::replace(blanks, format!("  {} {}", self.marker(), self.words())))
    }

    fn above(&self, line: u32) -> Option<TextEdit> {
        let content = self.text.line_index().line_content(self.text.text(), line)?;
        let written = self.text.slice(content);
        let indent = &written[..written.len() - written.trim_start().len()];
        let words = format!("{indent}{} {}{}", self.marker(), self.words(), self.text.line_end());
        Some(TextEdit::insert(content.start(), words))
    }

    fn words(&self) -> String {
        format!("auditline: ignore[{}]", self.hazard.code)
    }

    /// Whether the finding is silent with that edit, and the text no worse.
    fn silences(&self, edit: &TextEdit) -> bool {
        let Ok(after) = apply_edits(self.text.text(), std::slice::from_ref(edit)) else { return false };
        let grown = TextSize::try_from(edit.text.len()).unwrap_or_default();
        let moved =
            |offset: TextSize| if edit.range.end() <= offset { offset + grown - edit.range.len() } else { offset };
        let end = if edit.range.start() < self.range.end() { moved(self.range.end()) } else { self.range.end() };
        let range = TextRange::new(moved(self.range.start()), end.max(moved(self.range.start())));
        let after = SourceText::from(after);
        if !self.kind.is_python() {
            return Suppressions::of(self.kind, &after, None).covers(self.hazard, range, &after, None);
        }
        let module = |text: &str| python::lower(text, &python::parse(text, None));
        let (old, new) = (module(self.text.text()), module(after.text()));
        new.errors.len() <= old.errors.len()
            && Suppressions::of(self.kind, &after, Some(&new)).covers(self.hazard, range, &after, Some(&new))
    }
}
