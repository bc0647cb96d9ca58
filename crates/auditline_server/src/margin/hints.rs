//! The commits that a callee makes, at the calls.

use auditline_model::entry::is_test;
use auditline_model::place::Place;
use auditline_model::unit::{EventKind, SessionAction, unit_of};
use auditline_model::{FunctionRef, parsed};
use auditline_source::{FilePath, TextSize};
use rustc_hash::FxHashMap;
use tower_lsp::ls_types::{InlayHint, InlayHintLabel, InlayHintTooltip, Range};

use crate::conversion::{Speech, offsets, range};
use crate::snapshot::Snapshot;

pub(super) fn hints(speech: &Speech, snapshot: &Snapshot, path: FilePath, wanted: Range) -> Option<Vec<InlayHint>> {
    let db = &snapshot.db;
    let file = snapshot.file(path).filter(|file| file.kind(db).is_python())?;
    let text = snapshot.text(path)?;
    if is_test(db, file) {
        return None;
    }
    let encoding = speech.features.encoding;
    let wanted = offsets(&text, wanted, encoding);
    let module = parsed(db, file);
    // Where one call commits on several paths, it is said once, and with certainty if one of them is certain.
    let mut found: FxHashMap<TextSize, (FunctionRef, bool)> = FxHashMap::default();
    for (function, start) in module.module.functions.iter().zip(&module.module.function_starts) {
        if (function.range + *start).intersect(wanted).is_none() {
            continue;
        }
        for event in &unit_of(db, FunctionRef { file, path: function.path }).events {
            let EventKind::Session { action: SessionAction::Commit, by: Some(by), maybe, .. } = &event.kind else {
                continue;
            };
            let end = *start + event.range.end();
            if wanted.contains_inclusive(end) {
                let entry = found.entry(end).or_insert((*by, *maybe));
                entry.1 &= *maybe;
            }
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable_by_key(|(end, _)| *end);
    let hint = |(end, (by, maybe)): (TextSize, (FunctionRef, bool))| {
        let label = if maybe { "may commit the caller's transaction" } else { "commits the caller's transaction" };
        InlayHint {
            position: range(&text, auditline_source::TextRange::empty(end), encoding).start,
            label: InlayHintLabel::String(label.to_owned()),
            kind: None,
            text_edits: None,
            tooltip: tooltip(snapshot, by).map(InlayHintTooltip::String),
            padding_left: Some(true),
            padding_right: None,
            data: None,
        }
    };
    Some(found.into_iter().map(hint).collect())
}

/// `save commits the session that it uses (app/services.py:12)`
fn tooltip(snapshot: &Snapshot, by: FunctionRef) -> Option<String> {
    let (file, at) = Place::Function(by).resolve(&snapshot.db)?;
    let path = file.path(&snapshot.db);
    let line = snapshot.text(path)?.line_index().line_of(at.start()) + 1;
    let shown = path.relative_to(snapshot.judge.root).unwrap_or(path.as_str());
    let name = by.path.as_str().rsplit('.').next().unwrap_or_default();
    Some(format!("{name} commits the session that it uses ({shown}:{line})"))
}
