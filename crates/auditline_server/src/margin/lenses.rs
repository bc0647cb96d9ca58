//! The unit of work above each route handler and task, in one line.

use auditline_model::entry::{entry_point, is_test};
use auditline_model::place::function_start;
use auditline_model::unit::{End, Summary, summary};
use auditline_model::{ClassRef, FunctionRef, parsed};
use auditline_source::{FilePath, TextRange};
use auditline_syntax::Name;
use tower_lsp::ls_types::{CodeLens, Command};

use crate::conversion::{Speech, range};
use crate::snapshot::Snapshot;

/// More names than these make the line too long to be read at a glance.
const NAMES: usize = 5;

pub(super) fn lenses(speech: &Speech, snapshot: &Snapshot, path: FilePath) -> Option<Vec<CodeLens>> {
    let db = &snapshot.db;
    let file = snapshot.file(path).filter(|file| file.kind(db).is_python())?;
    let text = snapshot.text(path)?;
    if is_test(db, file) {
        return None;
    }
    let module = parsed(db, file);
    let functions = module.module.functions.iter().map(|function| FunctionRef { file, path: function.path });
    let lenses = functions.filter_map(|function| {
        entry_point(db, function)?;
        let title = line(&summary(db, function))?;
        let start = function_start(db, function)?;
        let lines = text.line_index();
        let content = lines.line_content(text.text(), lines.line_of(start))?;
        let place = TextRange::new(start, content.end().max(start));
        // A lens without a command is not shown; one whose command has no name is text.
        let command = Command { title, command: String::new(), arguments: None };
        Some(CodeLens { range: range(&text, place, speech.features.encoding), command: Some(command), data: None })
    });
    Some(lenses.collect())
}

/// `reads Order · locks Order · writes Order, Payment · 1 commit`; `None` where nothing is done.
fn line(summary: &Summary) -> Option<String> {
    if summary.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    let lists = [("reads", &summary.reads), ("locks", &summary.locks), ("writes", &summary.writes)];
    parts.extend(lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(verb, list)| names(verb, list)));
    if summary.external_lock {
        parts.push("holds a lock".to_owned());
    }
    parts.extend(commits(summary));
    Some(parts.join(" · "))
}

fn names(verb: &str, classes: &[ClassRef]) -> String {
    let shown: Vec<&str> = classes.iter().take(NAMES).map(|class| simple(class.path)).collect();
    let more = classes.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{verb} {}{more}", shown.join(", "))
}

fn commits(summary: &Summary) -> Option<String> {
    let written = &summary.commits;
    let by = match summary.end {
        End::CommittedBy(by) => Some(simple(by.path)),
        End::NotCommitted | End::Unknown => None,
    };
    let count = match (written.len(), by) {
        (0, _) if summary.writes.is_empty() => return None,
        (0, Some(by)) => return Some(format!("{by} commits")),
        (0, None) => return (summary.end == End::NotCommitted).then(|| "no commit".to_owned()),
        (1, _) => "1 commit".to_owned(),
        (several, _) => format!("{several} commits"),
    };
    let mut callees: Vec<&str> = Vec::new();
    for by in written.iter().filter_map(|commit| commit.by) {
        if !callees.contains(&simple(by.path)) {
            callees.push(simple(by.path));
        }
    }
    let within = if callees.is_empty() { String::new() } else { format!(" in {}", callees.join(", ")) };
    let in_loop = if written.iter().any(|commit| commit.in_loop) { ", in a loop" } else { "" };
    let besides = by.map(|by| format!(", and {by} commits")).unwrap_or_default();
    Some(format!("{count}{within}{in_loop}{besides}"))
}

/// The last part of a path: `Order` of `billing.Order`.
fn simple(path: Name) -> &'static str {
    path.as_str().rsplit('.').next().unwrap_or_default()
}
