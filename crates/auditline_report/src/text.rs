//! Findings with excerpts of the source, for people at a terminal.

use std::io::{self, Write};

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};
use auditline_hazards::{Safety, Severity};
use auditline_project::{Report, ResolvedFinding, ResolvedRange};
use auditline_source::{FilePath, SourceText, TextRange};

use crate::paths::{relative, visible};
use crate::style::Style;

/// Writes each finding with the lines in which it stands, its evidence and the titles of its fixes.
///
/// # Errors
/// If it cannot be written.
pub fn write(report: &Report, from: FilePath, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width);
    for finding in &report.findings {
        writeln!(out, "{}\n", renderer.render(&[group(report, finding, from)]))?;
    }
    Ok(())
}

/// Writes each comment that suppresses nothing, with its line.
///
/// # Errors
/// If it cannot be written.
pub fn write_unused(report: &Report, from: FilePath, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(style.width);
    for unused in &report.unused {
        let title = Level::NOTE.primary_title(unused.message.as_str()).id("unused-suppression");
        let place = Place { path: unused.path, marks: vec![(unused.range, None)] };
        let text = report.texts.get(&unused.path);
        let snippet = text.map(|text| Element::from(place.snippet(text, unused.path, from)));
        writeln!(out, "{}\n", renderer.render(&[title.elements(snippet)]))?;
    }
    Ok(())
}

fn group<'a>(report: &'a Report, finding: &'a ResolvedFinding, from: FilePath) -> Group<'a> {
    let title = level(finding.severity).primary_title(finding.message.as_str()).id(finding.code);
    let mut places = vec![Place { path: finding.path, marks: vec![(finding.range, None)] }];
    for evidence in &finding.evidence {
        let mark = (evidence.range, Some(evidence.message.as_str()));
        match places.iter_mut().find(|place| place.path == evidence.path) {
            Some(place) => place.marks.push(mark),
            None => places.push(Place { path: evidence.path, marks: vec![mark] }),
        }
    }
    let mut elements: Vec<Element<'a>> = Vec::new();
    for place in places {
        let Some(text) = report.texts.get(&place.path) else { continue };
        elements.push(place.snippet(text, finding.path, from).into());
    }
    for fix in &finding.fixes {
        let note = if fix.safety == Safety::Unsafe { " (unsafe: it also changes behaviour)" } else { "" };
        let title = normalize_untrusted_str(&fix.title);
        elements.push(Level::HELP.message(format!("{title}{note}")).into());
    }
    title.elements(elements)
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Information => Level::INFO.with_name("information"),
        Severity::Hint => Level::NOTE.with_name("hint"),
    }
}

/// What is marked in one file.
struct Place<'a> {
    path: FilePath,
    marks: Vec<(ResolvedRange, Option<&'a str>)>,
}

impl<'a> Place<'a> {
    fn snippet(&self, text: &'a SourceText, main: FilePath, from: FilePath) -> Snippet<'a, Annotation<'a>> {
        let (window, first_line) = self.window(text);
        let start = usize::from(window.start());
        let source = text.slice(window);
        // Where a lone `\r` ends a line, the excerpt must count as we do; its length stays the same.
        let source = match source.contains('\r') {
            true => lone_returns_as_newlines(source).into(),
            false => std::borrow::Cow::Borrowed(source),
        };
        let annotations = self.marks.iter().map(|(range, label)| {
            let is_finding = label.is_none() && self.path == main;
            let kind = if is_finding { AnnotationKind::Primary } else { AnnotationKind::Context };
            let (from, to) = (usize::from(range.offsets.start()), usize::from(range.offsets.end()));
            let span = from.max(start) - start..to.max(start) - start;
            kind.span(span).label(label.map(normalize_untrusted_str))
        });
        Snippet::source(source)
            .line_start(first_line as usize)
            .path(visible(&relative(from, self.path)))
            .annotations(annotations.collect::<Vec<_>>())
    }

    /// The lines from the first mark to the last, without a byte order mark, and the number of the first line.
    fn window(&self, text: &SourceText) -> (TextRange, u32) {
        let first = self.marks.iter().map(|(range, _)| range.start.line).min().unwrap_or(1);
        let last = self.marks.iter().map(|(range, _)| range.end.line).max().unwrap_or(first);
        let content = |line: u32| text.line_index().line_content(text.text(), line.saturating_sub(1));
        let start = content(first).map_or(text.content_start(), TextRange::start);
        let end = content(last).map_or(text.len(), TextRange::end);
        (TextRange::new(start, end.max(start)), first)
    }
}

fn lone_returns_as_newlines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        out.push(if char == '\r' && chars.peek() != Some(&'\n') { '\n' } else { char });
    }
    out
}
