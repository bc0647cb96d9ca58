//! All safe fixes of one document at once.

use auditline_hazards::Safety;
use auditline_project::FileReport;
use auditline_source::{FileKind, FilePath, TextEdit, TextRange, apply_edits};
use auditline_syntax::python;

use super::{edits_of, touch};
use crate::conversion::Speech;
use crate::snapshot::Snapshot;

/// Safe fixes that go together.
pub(super) struct Fixes {
    /// How many.
    pub(super) count: usize,
    /// Their edits.
    pub(super) edits: Vec<TextEdit>,
}

/// The best safe fix of each finding, as far as they do not touch each other and edit this document alone; those that
/// are left have their turn the next time. `None` if there is nothing to fix.
pub(super) fn fix_all(speech: &Speech, snapshot: &Snapshot, path: FilePath, report: &FileReport) -> Option<Fixes> {
    let text = snapshot.text(path)?;
    let is_python = FileKind::of(path).is_python();
    let errors = |text: &str| if is_python { syntax_errors(text) } else { 0 };
    // Known only once a fix is there to compare with.
    let mut errors_before = None;
    let mut fixes = Fixes { count: 0, edits: Vec::new() };
    for finding in speech.visible(report) {
        let Some(fix) = finding.fixes.iter().find(|fix| fix.safety == Safety::Safe) else { continue };
        let Some(mut files) = edits_of(snapshot, fix) else { continue };
        if files.len() != 1 || files[0].path != path || files[0].create {
            continue;
        }
        let edits = files.swap_remove(0).edits;
        let taken: Vec<TextRange> = fixes.edits.iter().map(|edit| edit.range).collect();
        if edits.iter().any(|edit| taken.iter().any(|other| touch(edit.range, *other))) {
            continue;
        }
        let together: Vec<TextEdit> = fixes.edits.iter().chain(&edits).cloned().collect();
        let Ok(after) = apply_edits(text.text(), &together) else { continue };
        if errors(&after) > *errors_before.get_or_insert_with(|| errors(text.text())) {
            continue;
        }
        fixes.count += 1;
        fixes.edits = together;
    }
    fixes.edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    (fixes.count > 0).then_some(fixes)
}

/// How many places of a text cannot be parsed.
pub(super) fn syntax_errors(text: &str) -> usize {
    let tree = python::parse(text, None);
    if tree.has_errors() { python::lower(text, &tree).errors.len().max(1) } else { 0 }
}
