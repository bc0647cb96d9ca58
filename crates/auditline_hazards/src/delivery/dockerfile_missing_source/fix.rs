//! The cures: the path that was meant, or an exception in the ignore file.

use auditline_model::image::dockerfile;
use auditline_model::{Db, SourceFile};
use auditline_source::TextEdit;
use auditline_syntax::TextSize;
use auditline_syntax::docker::{CopyForm, InstructionKind};

use super::sources::Taken;
use crate::finding::{FileEdit, Fix, Safety};

/// Takes the path that was meant. Where the name changes and the image keeps the name of its source, something later in
/// the Dockerfile may still ask for the old one.
pub(super) fn take(db: &dyn Db, file: SourceFile, taken: &Taken, meant: &str) -> Option<Fix> {
    let text = file.content(db).text()?;
    // Nothing is replaced that is written over several lines, with quotes or with variables.
    let written = taken.word.text.to_string();
    if text.slice(taken.word.range) != written || taken.word.value.as_deref() != Some(&*written) {
        return None;
    }
    if !meant.chars().all(|char| char.is_alphanumeric() || "._-/+@".contains(char)) && !is_json(db, file, taken) {
        return None;
    }
    let prefix = if written.starts_with("./") {
        "./"
    } else if written.starts_with('/') {
        "/"
    } else {
        ""
    };
    let suffix = if written.ends_with('/') { "/" } else { "" };
    let new = format!("{prefix}{meant}{suffix}");
    let old_name = taken.path.rsplit('/').next().unwrap_or_default();
    let changes_name = old_name != meant.rsplit('/').next().unwrap_or_default();
    let mentions = text.text().matches(old_name).count();
    let safety = if taken.keeps_name && changes_name && mentions > 1 { Safety::Unsafe } else { Safety::Safe };
    let range = taken.word.range;
    let title = format!("Take `{new}`");
    Some(Fix::new(title, safety, move |_| {
        Some(vec![FileEdit { file, edits: vec![TextEdit::replace(range, new.clone())] }])
    }))
}

/// Whether the path stands in a JSON array, where a blank is no end. A quote or backslash would have to be escaped there.
fn is_json(db: &dyn Db, file: SourceFile, taken: &Taken) -> bool {
    dockerfile(db, file).instructions().any(|instruction| match &instruction.kind {
        InstructionKind::Copy(copy) => {
            copy.form == CopyForm::Json && instruction.range.contains_range(taken.word.range)
        }
        _ => false,
    }) && !taken.path.contains(['"', '\\', '$'])
}

/// Lets the path into the build context again.
pub(super) fn except(db: &dyn Db, ignore: SourceFile, taken: &Taken) -> Option<Fix> {
    let text = ignore.content(db).text()?;
    if taken.path.contains(['*', '?', '[', '\\', '\n']) {
        return None;
    }
    let line_end = text.line_end();
    let lead = if text.text().is_empty() || text.text().ends_with('\n') { "" } else { line_end };
    let line = format!("{lead}!{}{line_end}", taken.path);
    let at = TextSize::of(text.text());
    let title = format!("Except `{}` in `{}`", taken.path, ignore.path(db).file_name());
    Some(Fix::new(title, Safety::Unsafe, move |_| {
        Some(vec![FileEdit { file: ignore, edits: vec![TextEdit::insert(at, line.clone())] }])
    }))
}
