//! All safe fixes of one document at once.

use auditline_hazards::Safety;
use auditline_hazards::edit::syntax_errors;
use auditline_model::parsed;
use auditline_project::{FileReport, reach, touch};
use auditline_source::{FileKind, FilePath, TextEdit, TextRange, apply_edits};
use auditline_syntax::python::ir::Module;

use super::edits_of;
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
    let nothing = Module::default();
    let parsed = snapshot.db.file(path).map(|file| parsed(&snapshot.db, file));
    let module = parsed.as_ref().map_or(&nothing, |parsed| &parsed.module);
    let mut taken: Vec<TextRange> = Vec::new();
    let mut fixes = Fixes { count: 0, edits: Vec::new() };
    for finding in speech.visible(report) {
        let Some(fix) = finding.fixes.iter().find(|fix| fix.safety == Safety::Safe) else { continue };
        let Some(mut files) = edits_of(snapshot, fix) else { continue };
        if files.len() != 1 || files[0].path != path || files[0].create {
            continue;
        }
        let edits = files.swap_remove(0).edits;
        let reached = reach(module, &edits);
        if reached.iter().any(|range| taken.iter().any(|other| touch(*range, *other))) {
            continue;
        }
        let together: Vec<TextEdit> = fixes.edits.iter().chain(&edits).cloned().collect();
        let Ok(after) = apply_edits(text.text(), &together) else { continue };
        if errors(&after) > *errors_before.get_or_insert_with(|| errors(text.text())) {
            continue;
        }
        fixes.count += 1;
        fixes.edits = together;
        taken.extend(reached);
    }
    fixes.edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    (fixes.count > 0).then_some(fixes)
}
