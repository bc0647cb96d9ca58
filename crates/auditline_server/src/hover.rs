//! What is shown of a finding when somebody points at it.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::OnceLock;

use auditline_hazards::page::{self, Page};
use auditline_hazards::{CATALOGUE, Safety, Story, find};
use auditline_project::{FixDetail, ResolvedFinding};
use auditline_source::{FilePath, Position as SourcePosition};
use tower_lsp::ls_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position};

use crate::codes;
use crate::conversion::{self, Speech, uri_of};
use crate::snapshot::Snapshot;

/// The findings at a place of a document, explained.
pub(crate) fn hover(speech: &Speech, snapshot: &Snapshot, path: FilePath, position: Position) -> Option<Hover> {
    let text = snapshot.documents.get(&path)?.text.clone();
    let offset = text.offset(SourcePosition::new(position.line, position.character), speech.features.encoding);
    let report = snapshot.report(path, FixDetail::Titles)?;
    let mut here: Vec<&ResolvedFinding> =
        speech.visible(&report).filter(|finding| finding.range.offsets.contains_inclusive(offset)).collect();
    // At the border of two findings both are there; the one that the cursor stands on comes first.
    here.sort_by_key(|finding| (!finding.range.offsets.contains(offset), finding.range.offsets.len()));
    let Some(first) = here.first() else { return codes::hover(speech, snapshot, path, offset) };
    let range = conversion::range(&text, first.range.offsets, speech.features.encoding);
    let parts: Vec<String> = here.iter().map(|finding| explain(speech, snapshot, path, finding)).collect();
    let (kind, separator) =
        if speech.features.markdown { (MarkupKind::Markdown, "\n\n---\n\n") } else { (MarkupKind::PlainText, "\n\n") };
    let contents = HoverContents::Markup(MarkupContent { kind, value: parts.join(separator) });
    Some(Hover { contents, range: Some(range) })
}

pub(crate) fn page_of(code: &str) -> Option<&'static Page> {
    static PAGES: OnceLock<HashMap<&'static str, Page>> = OnceLock::new();
    let pages = PAGES.get_or_init(|| {
        CATALOGUE.iter().filter_map(|hazard| Some((hazard.code, page::parse(hazard.page).ok()?))).collect()
    });
    pages.get(code)
}

fn explain(speech: &Speech, snapshot: &Snapshot, path: FilePath, finding: &ResolvedFinding) -> String {
    let parts = Parts {
        snapshot,
        path,
        finding,
        head: page_of(finding.code).map_or("", |page| page.summary()),
        url: find(finding.code).map(|hazard| hazard.url()).unwrap_or_default(),
    };
    match (speech.features.markdown, speech.features.message_in_hover) {
        (true, false) => parts.markdown(),
        (true, true) => parts.rest(),
        (false, _) => parts.plain(),
    }
}

struct Parts<'a> {
    snapshot: &'a Snapshot,
    path: FilePath,
    finding: &'a ResolvedFinding,
    /// What goes wrong, in general.
    head: &'a str,
    url: String,
}

impl Parts<'_> {
    fn markdown(&self) -> String {
        let mut out = self.title();
        let _ = write!(out, "{}.\n\n", self.finding.message);
        self.add_head(&mut out);
        if self.finding.story.is_some() {
            out.push_str("**What happens**\n\n");
        }
        self.add_story(&mut out);
        self.add_evidence(&mut out);
        self.add_fixes(&mut out);
        self.add_link(&mut out);
        out
    }

    /// What a client that shows the message and the evidence by itself does not show: the story first, for there is
    /// little room.
    fn rest(&self) -> String {
        let mut out = self.title();
        self.add_story(&mut out);
        self.add_head(&mut out);
        self.add_fixes(&mut out);
        self.add_link(&mut out);
        out
    }

    fn title(&self) -> String {
        let finding = self.finding;
        format!("**{} {}** · {}\n\n", finding.code, finding.name, finding.severity.as_str())
    }

    fn add_head(&self, out: &mut String) {
        if !self.head.is_empty() {
            let _ = write!(out, "{}\n\n", self.head);
        }
    }

    fn add_story(&self, out: &mut String) {
        let Some(story) = &self.finding.story else { return };
        if story.actors.len() > 1 {
            table(out, story);
        } else {
            list(out, story);
        }
        if !story.outcome.is_empty() {
            let _ = write!(out, "{}\n\n", sentence(&story.outcome));
        }
    }

    fn add_evidence(&self, out: &mut String) {
        if self.finding.evidence.is_empty() {
            return;
        }
        out.push_str("**Why**\n\n");
        for evidence in &self.finding.evidence {
            let place = self.place(evidence.path, evidence.range.start.line);
            let uri = uri_of(self.snapshot, evidence.path);
            let link = uri.map(|uri| format!("[{place}]({}#L{})", uri.as_str(), evidence.range.start.line));
            let _ = writeln!(out, "- {} {}", link.unwrap_or(place), evidence.message);
        }
        out.push('\n');
    }

    fn add_fixes(&self, out: &mut String) {
        if self.finding.fixes.is_empty() {
            return;
        }
        out.push_str("**Fix**\n\n");
        for (title, note) in self.fixes() {
            let _ = writeln!(out, "- {title}{note}");
        }
        out.push('\n');
    }

    fn add_link(&self, out: &mut String) {
        let _ = write!(out, "[More about {}]({})", self.finding.code, self.url);
    }

    fn plain(&self) -> String {
        let finding = self.finding;
        let mut out = String::new();
        let _ = write!(out, "{} {} ({})\n\n", finding.code, finding.name, finding.severity.as_str());
        let _ = write!(out, "{}.\n\n", finding.message);
        if let Some(story) = &finding.story {
            out.push_str("What happens:\n");
            for (number, (actor, step)) in story.steps.iter().enumerate() {
                let who = story.actors.get(*actor).filter(|_| story.actors.len() > 1);
                let who = who.map(|who| format!("{who} ")).unwrap_or_default();
                let _ = writeln!(out, "  {}. {who}{}", number + 1, unmarked(step));
            }
            if !story.outcome.is_empty() {
                let _ = writeln!(out, "  {}", unmarked(&sentence(&story.outcome)));
            }
            out.push('\n');
        }
        if !finding.evidence.is_empty() {
            out.push_str("Why:\n");
            for evidence in &finding.evidence {
                let place = self.place(evidence.path, evidence.range.start.line);
                let _ = writeln!(out, "  {place} {}", evidence.message);
            }
            out.push('\n');
        }
        if !finding.fixes.is_empty() {
            out.push_str("Fix:\n");
            for (title, note) in self.fixes() {
                let _ = writeln!(out, "  {title}{note}");
            }
            out.push('\n');
        }
        let _ = write!(out, "{}", self.url);
        out
    }

    fn fixes(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.finding.fixes.iter().map(|fix| {
            let note = if fix.safety == Safety::Unsafe { " (changes behaviour)" } else { "" };
            (fix.title.as_str(), note)
        })
    }

    /// `line 12` in the same file, `app/models.py:12` in another.
    fn place(&self, path: FilePath, line: u32) -> String {
        if path == self.path {
            return format!("line {line}");
        }
        let root = self.snapshot.judge.root;
        format!("{}:{line}", path.relative_to(root).unwrap_or(path.as_str()))
    }
}

/// One column an actor, one row a step: what stands lower happens later. The columns are padded, for those who see the
/// text as it is.
fn table(out: &mut String, story: &Story) {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let actors: Vec<String> = story.actors.iter().map(|actor| cell(actor)).collect();
    let width = |column: usize| {
        let steps =
            story.steps.iter().filter(|(actor, _)| *actor == column).map(|(_, step)| cell(step).chars().count());
        steps.chain([actors[column].chars().count(), 3]).max().unwrap_or(3)
    };
    let widths: Vec<usize> = (0..actors.len()).map(width).collect();
    let mut row = |cells: &[&str]| {
        for (text, width) in cells.iter().zip(&widths) {
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            let _ = write!(out, "| {text}{padding} ");
        }
        out.push_str("|\n");
    };
    row(&actors.iter().map(String::as_str).collect::<Vec<_>>());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    row(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    for (actor, step) in &story.steps {
        let step = cell(step);
        let cells: Vec<&str> = (0..actors.len()).map(|column| if column == *actor { &*step } else { "" }).collect();
        row(&cells);
    }
    out.push('\n');
}

fn list(out: &mut String, story: &Story) {
    for (number, (_, step)) in story.steps.iter().enumerate() {
        let _ = writeln!(out, "{}. {step}", number + 1);
    }
    out.push('\n');
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Markdown's code spans and emphasis, as plain text.
fn unmarked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            out.push_str(part);
        } else {
            out.push_str(&part.replace("**", "").replace('*', ""));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(actors: &[&str], steps: &[(usize, &str)]) -> Story {
        Story {
            actors: actors.iter().map(|actor| (*actor).to_owned()).collect(),
            steps: steps.iter().map(|(actor, step)| (*actor, (*step).to_owned())).collect(),
            outcome: String::new(),
        }
    }

    #[test]
    fn two_actors_are_two_columns() {
        let mut out = String::new();
        table(&mut out, &story(&["A", "Request B"], &[(0, "reads `x|y`"), (1, "writes")]));
        assert_eq!(
            out,
            "| A            | Request B |\n\
             | ------------ | --------- |\n\
             | reads `x\\|y` |           |\n\
             |              | writes    |\n\n"
        );
    }

    #[test]
    fn marks_are_taken_from_plain_text() {
        assert_eq!(unmarked("reads `a * b` = *v*, **commits**"), "reads a * b = v, commits");
    }
}
