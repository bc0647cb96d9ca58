//! An example of a page as a workspace in memory.

use std::fmt;
use std::sync::Arc;

use auditline_hazards::page::Example;
use auditline_hazards::{Finding, Hazard, Severity, check_file};
use auditline_model::{FileContent, RootDatabase, parsed};
use auditline_source::{Encoding, TextEdit};
use auditline_source::{FilePath, SourceText, apply_edits};

/// The shapes in which each example is tried: a fix must keep the style of the file that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As the page has it.
    AsWritten,
    /// With `\r\n` line ends.
    Crlf,
    /// Indented with tabs.
    Tabs,
    /// Indented by two spaces.
    TwoSpaces,
    /// Behind a byte order mark, and with characters outside the first plane above the code.
    Astral,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::AsWritten, Self::Crlf, Self::Tabs, Self::TwoSpaces, Self::Astral];

    /// A text of that language in this shape. Every shape keeps the number of lines.
    pub(crate) fn apply(self, text: &str, language: &str) -> String {
        let python = matches!(language, "py" | "python");
        match self {
            Self::Crlf => text.replace('\n', "\r\n"),
            Self::Tabs if python => reindent(text, "\t"),
            Self::TwoSpaces if python => reindent(text, "  "),
            Self::Astral if python => match text.split_once('\n') {
                // The first line gets a comment of its own where it is an import; nothing speaks of that line.
                Some((first, rest)) if first.starts_with("from ") || first.starts_with("import ") => {
                    let comment = if first.ends_with('(') { "" } else { "  # 🦀 né" };
                    format!("\u{feff}{first}{comment}\n{rest}")
                }
                _ => format!("\u{feff}{text}"),
            },
            _ => text.to_owned(),
        }
    }
}

fn reindent(text: &str, unit: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches(' ');
        let width = line.len() - content.len();
        out.push_str(&unit.repeat(width / 4));
        out.push_str(&" ".repeat(width % 4));
        out.push_str(content);
    }
    out
}

/// A finding, resolved.
#[derive(Debug)]
pub(crate) struct Reported {
    /// The code.
    pub(crate) code: &'static str,
    /// The severity.
    pub(crate) severity: Severity,
    /// The path in the workspace.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: u32,
    /// The message.
    pub(crate) message: String,
    /// The evidence: path, line, message.
    pub(crate) evidence: Vec<(String, u32, String)>,
    /// The titles of the fixes that have edits.
    pub(crate) fixes: Vec<String>,
}

impl Reported {
    /// What is wrong with the words of a finding.
    pub(crate) fn wrong_message(&self) -> Option<&'static str> {
        let texts = std::iter::once(&self.message).chain(self.evidence.iter().map(|(_, _, message)| message));
        for text in texts {
            if text.trim().is_empty() || text.contains('\n') {
                return Some("a message is one line");
            }
            if text.ends_with('.') {
                return Some("a message has no full stop at its end");
            }
        }
        None
    }
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {} {} {}", self.path, self.line, self.severity.as_str(), self.code, self.message)?;
        for (path, line, message) in &self.evidence {
            write!(f, "\n      {path}:{line} {message}")?;
        }
        Ok(())
    }
}

/// The workspace of an example.
pub(crate) struct Workspace {
    db: RootDatabase,
    root: FilePath,
}

impl Workspace {
    /// The example's files, in that shape.
    pub(crate) fn of(example: &Example, shape: Shape) -> Self {
        let root = FilePath::from_str("/workspace").expect("an absolute path");
        let db = RootDatabase::new(&[root], &[]);
        for file in &example.files {
            let text = shape.apply(&file.text, &file.language);
            db.add_file(root.join(&file.path), Arc::new(SourceText::from(text)));
        }
        Self { db, root }
    }

    /// The findings of all hazards, in the order of files and lines. Panics where the check of `hazard` failed.
    pub(crate) fn check(&self, hazard: &Hazard) -> Vec<Reported> {
        let mut reported = Vec::new();
        for file in self.db.all_files() {
            let result = check_file(&self.db, file);
            assert!(
                result.failed.iter().all(|failed| failed.code != hazard.code),
                "the check of {} panicked on {}",
                hazard.code,
                file.path(&self.db)
            );
            reported.extend(result.findings.iter().map(|finding| self.resolve(finding)));
        }
        reported
    }

    fn resolve(&self, finding: &Finding) -> Reported {
        let (path, line) = self.position(finding.place).expect("the place of a finding exists");
        Reported {
            code: finding.hazard.code,
            severity: finding.severity,
            path,
            line,
            message: finding.message.clone(),
            evidence: finding
                .evidence
                .iter()
                .map(|evidence| {
                    let (path, line) = self
                        .position(evidence.place)
                        .unwrap_or_else(|| panic!("evidence without a place: {:?} of `{}`", evidence, finding.message));
                    (path, line, evidence.message.clone())
                })
                .collect(),
            fixes: finding
                .fixes
                .iter()
                .filter(|fix| fix.changes(&self.db).is_some())
                .map(|fix| fix.title.clone())
                .collect(),
        }
    }

    fn position(&self, place: auditline_hazards::Place) -> Option<(String, u32)> {
        let (file, range) = place.resolve(&self.db)?;
        let text = file.content(&self.db).text()?;
        let line = text.position(range.start(), Encoding::Utf8).line + 1;
        Some((file.path(&self.db).relative_to(self.root)?.to_owned(), line))
    }

    /// Applies the wanted fix of the first finding of `hazard` that has one; whether there was one.
    pub(crate) fn apply_first(&mut self, hazard: &Hazard, wanted: Option<&str>) -> Result<bool, String> {
        let mut changes = None;
        for file in self.db.all_files() {
            for finding in &check_file(&self.db, file).findings {
                if finding.hazard.code != hazard.code || changes.is_some() {
                    continue;
                }
                changes = match wanted {
                    None => finding.fixes.iter().find_map(|fix| fix.changes(&self.db)),
                    Some(title) => finding
                        .fixes
                        .iter()
                        .filter(|fix| fix.title.starts_with(title))
                        .find_map(|fix| fix.changes(&self.db)),
                };
            }
        }
        let Some(changes) = changes else { return Ok(false) };
        let mut changed = false;
        for new in changes.created {
            let is_there = self.db.file(new.path).is_some_and(|file| file.content(&self.db).text().is_some());
            if is_there || new.text.is_empty() {
                return Err(format!("a fix makes {}, which exists or would be empty", new.path));
            }
            self.db.set_content(new.path, FileContent::Closed(Arc::new(SourceText::from(new.text))));
            changed = true;
        }
        for edit in changes.edits {
            let path = edit.file.path(&self.db);
            let Some(text) = edit.file.content(&self.db).text().cloned() else {
                return Err(format!("a fix changes {path}, which does not exist"));
            };
            sorted(&edit.edits).map_err(|what| format!("{path}: {what}: {:?}", edit.edits))?;
            let new = apply_edits(text.text(), &edit.edits).map_err(|error| format!("{path}: {error}"))?;
            changed |= new != text.text();
            self.db.set_content(path, FileContent::Closed(Arc::new(SourceText::from(new))));
        }
        if changed { Ok(true) } else { Err("a fix changes nothing".to_owned()) }
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> String {
        let Some(file) = self.db.file(self.root.join(path)) else { return String::new() };
        file.content(&self.db).text().map(|text| text.text().to_owned()).unwrap_or_default()
    }

    /// All texts, for a failure.
    pub(crate) fn show(&self) -> String {
        let mut out = String::new();
        for file in self.db.all_files() {
            let path = file.path(&self.db);
            out.push_str(&format!("── {path}\n{}", file.content(&self.db).text().map_or("", |text| text.text())));
        }
        out
    }

    /// Whether every Python file can be parsed.
    pub(crate) fn parses(&self) -> Result<(), String> {
        for file in self.db.all_files() {
            if file.kind(&self.db).is_python() && !parsed(&self.db, file).module.errors.is_empty() {
                return Err(format!("{} does not parse any more\n{}", file.path(&self.db), self.show()));
            }
        }
        Ok(())
    }
}

fn sorted(edits: &[TextEdit]) -> Result<(), &'static str> {
    if edits.is_empty() {
        return Err("no edits");
    }
    if edits.windows(2).any(|pair| pair[0].range.start() > pair[1].range.start()) {
        return Err("the edits are not in order");
    }
    Ok(())
}

/// What differs, line by line.
pub(crate) fn diff(expected: &str, actual: &str) -> String {
    let mut out = String::from("(- expected, + actual)\n");
    for change in similar::TextDiff::from_lines(expected, actual).iter_all_changes() {
        let sign = match change.tag() {
            similar::ChangeTag::Delete => '-',
            similar::ChangeTag::Insert => '+',
            similar::ChangeTag::Equal => ' ',
        };
        out.push_str(&format!("{sign}{}", change.value().replace('\r', "␍").replace('\t', "→   ")));
        if change.missing_newline() {
            out.push_str("␃\n");
        }
    }
    out
}
