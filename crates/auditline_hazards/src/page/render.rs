//! A page as what people read: the hover's head, the terminal's explanation, the published page.

use std::fmt::Write as _;

use super::{Example, ExampleFile, Page};
use crate::catalogue::Hazard;

impl Page {
    /// The head of every hover: what goes wrong, as one Markdown paragraph.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The page for a terminal: plain text with indented code, without Markdown's fences and markers of findings'
    /// places turned into arrows.
    #[must_use]
    pub fn render_plain(&self, hazard: &Hazard) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "{} {}", self.code, self.name);
        let _ = writeln!(out, "{} · {} · {}\n", hazard.family.as_str(), hazard.severity.as_str(), hazard.summary);
        let _ = writeln!(out, "{}\n", plain(&self.summary));
        let _ = writeln!(out, "STORY\n\n{}\n", plain(&self.story));
        for (title, examples) in [("HAZARDOUS", &self.hazardous), ("SILENT", &self.silent)] {
            let _ = writeln!(out, "{title}\n");
            for file in shared(examples) {
                code(&mut out, &file.path, &marked(file));
            }
            for example in examples {
                plain_example(&mut out, example);
            }
        }
        let _ = writeln!(out, "FIX\n\n{}\n", plain(&self.fix));
        let _ = write!(out, "SEEN WHEN RUN\n\n{}\n", plain(&self.seen));
        out
    }

    /// The published page: Markdown with a head that says family and severity, findings marked as comments in the code,
    /// and without the keys that only the tests read.
    #[must_use]
    pub fn render_docs(&self, hazard: &Hazard) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "# {} {}\n", self.code, self.name);
        let _ = writeln!(out, "*{}* · default severity: *{}*\n", hazard.family.as_str(), hazard.severity.as_str());
        let _ = writeln!(out, "{}\n", self.summary);
        let _ = writeln!(out, "## Story\n\n{}\n", self.story);
        for (title, examples) in [("Hazardous", &self.hazardous), ("Silent", &self.silent)] {
            let _ = writeln!(out, "## {title}\n");
            if shared(examples).next().is_some() {
                out.push_str("Beside the files of each example stand:\n\n");
            }
            for file in shared(examples) {
                docs_file(&mut out, file);
            }
            for example in examples {
                docs_example(&mut out, example);
            }
        }
        let _ = writeln!(out, "## Fix\n\n{}\n", self.fix);
        let _ = write!(out, "## Seen when run\n\n{}\n", self.seen);
        out
    }
}

fn marked(file: &ExampleFile) -> String {
    let mut out = String::with_capacity(file.text.len() + 64);
    for (number, line) in (1u32..).zip(file.text.lines()) {
        let here = || file.expected.iter().filter(move |expected| expected.line == number);
        out.push_str(line);
        if here().next().is_some() {
            let codes: Vec<&str> = here().map(|expected| expected.code.as_str()).collect();
            let _ = write!(out, "  # ← {}", codes.join(", "));
        }
        out.push('\n');
    }
    out
}

/// The files that all examples of a section share.
fn shared(examples: &[Example]) -> impl Iterator<Item = &ExampleFile> {
    // An example with its own version of such a file lacks the shared one.
    let fullest = examples.iter().max_by_key(|example| example.files.iter().filter(|file| file.shared).count());
    fullest.into_iter().flat_map(|example| example.files.iter().filter(|file| file.shared))
}

fn docs_file(out: &mut String, file: &ExampleFile) {
    let _ = writeln!(out, "`{}`\n\n```{}\n{}```\n", file.path, file.language, marked(file));
}

fn docs_example(out: &mut String, example: &Example) {
    let _ = writeln!(out, "### {}\n", example.title);
    if !example.prose.is_empty() {
        let _ = writeln!(out, "{}\n", example.prose);
    }
    for file in example.files.iter().filter(|file| !file.shared) {
        docs_file(out, file);
    }
    if let Some(why) = &example.no_fix {
        let _ = writeln!(out, "No quick fix: {why}\n");
    }
    for fixed in &example.fixed {
        match &fixed.fix {
            Some(fix) => {
                let _ = writeln!(out, "Fixed by “{fix}”:\n");
            }
            None => out.push_str("Fixed:\n\n"),
        }
        for (path, text) in &fixed.files {
            let language = example.files.iter().find(|file| file.path == *path).map_or("", |file| &*file.language);
            let _ = writeln!(out, "`{path}`\n\n```{language}\n{text}```\n");
        }
    }
}

fn plain_example(out: &mut String, example: &Example) {
    let _ = writeln!(out, "  {}\n", plain(&example.title));
    if !example.prose.is_empty() {
        for line in plain(&example.prose).lines() {
            let _ = writeln!(out, "  {line}");
        }
        out.push('\n');
    }
    for file in example.files.iter().filter(|file| !file.shared) {
        code(out, &file.path, &marked(file));
    }
    if let Some(why) = &example.no_fix {
        let _ = writeln!(out, "  No quick fix: {}\n", plain(why).replace('\n', "\n  "));
    }
    for fixed in &example.fixed {
        match &fixed.fix {
            Some(fix) => {
                let _ = writeln!(out, "  Fixed by “{}”:\n", plain(fix));
            }
            None => out.push_str("  Fixed:\n\n"),
        }
        for (path, text) in &fixed.files {
            code(out, path, text);
        }
    }
}

fn code(out: &mut String, path: &str, text: &str) {
    let _ = writeln!(out, "    {path}");
    for line in text.lines() {
        let _ = writeln!(out, "{}", format!("    | {line}").trim_end());
    }
    out.push('\n');
}

/// Markdown without its marks, as far as pages use them: emphasis, code spans, fences, links.
fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut in_fence = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            out.push_str("    ");
            out.push_str(line);
        } else {
            out.push_str(&plain_line(line));
        }
        out.push('\n');
    }
    out.trim_end().to_owned()
}

fn plain_line(line: &str) -> String {
    let line = line.trim_start_matches('#').trim_start_matches(|c: char| c == ' ' && line.starts_with('#'));
    let mut out = String::with_capacity(line.len());
    for (at, span) in line.split('`').enumerate() {
        if at % 2 == 1 {
            out.push_str(span);
        } else {
            out.push_str(&unlinked(&span.replace("**", "")));
        }
    }
    out
}

/// `[text](target)` as `text (target)`.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        match after.split_once("](").and_then(|(label, tail)| tail.split_once(')').map(|(to, end)| (label, to, end))) {
            Some((label, target, end)) if !label.contains('[') => {
                let _ = write!(out, "{label} ({target})");
                rest = end;
            }
            _ => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
