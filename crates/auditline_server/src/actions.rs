//! Code actions: the fixes of findings, all safe fixes of a file at once, and the comment that suppresses a finding.

use std::collections::HashMap;

use auditline_hazards::Safety;
use auditline_project::{ResolvedFileEdit, ResolvedFinding, ResolvedFix};
use auditline_source::{FilePath, TextEdit, TextRange};
use auditline_syntax::python::ir::Expr;
use serde::{Deserialize, Serialize};
use tower_lsp::ls_types::{
    AnnotatedTextEdit, ChangeAnnotation, CodeAction, CodeActionKind, CodeActionOrCommand, Command, DocumentChanges,
    OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit as LspTextEdit, Uri, WorkspaceEdit,
};

use crate::client::Abilities;
use crate::diagnostics::{diagnostic, is_shown};
use crate::documents::{Documents, lsp_range};
use crate::engine::Snapshot;

/// The kind of the action that applies every safe fix of a file.
pub(crate) const FIX_ALL: &str = "source.fixAll.auditline";

/// The command that applies a fix, for clients that know no action literals.
pub(crate) const APPLY: &str = "auditline.applyFix";

const UNSAFE: &str = "auditline.unsafe";

/// What an action is resolved from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ActionData {
    path: String,
    version: Option<i32>,
    fingerprint: String,
    choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Choice {
    Fix(usize),
    All,
    Suppress,
}

/// Why an action has no edit any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stale {
    /// The document or the finding has changed.
    Changed,
}

/// The actions for a range of a file.
pub(crate) fn actions(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    path: FilePath,
    range: TextRange,
    only: Option<&[CodeActionKind]>,
) -> Vec<CodeActionOrCommand> {
    let wants = |kind: &str| {
        only.is_none_or(|only| {
            only.iter().any(|wanted| {
                let wanted = wanted.as_str();
                wanted.is_empty()
                    || kind == wanted
                    || kind.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
            })
        })
    };
    let Some(report) = snapshot.report(path) else { return Vec::new() };
    let here: Vec<&ResolvedFinding> =
        report.findings.iter().filter(|finding| is_shown(finding) && touches(finding.range.offsets, range)).collect();
    let mut fixes = Vec::new();
    let mut suppressions = Vec::new();
    if wants("quickfix") {
        for finding in &here {
            let shown = diagnostic(snapshot, documents, abilities, finding);
            let mut preferred = false;
            for (index, fix) in finding.fixes.iter().enumerate() {
                let Some(edits) = fix.compute(&snapshot.db) else { continue };
                let title = title(fix);
                let data = data(snapshot, path, finding, Choice::Fix(index));
                let is_preferred = abilities.prefers && !preferred && fix.safety == Safety::Safe;
                preferred |= is_preferred;
                fixes.push(CodeAction {
                    title,
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: shown.clone().map(|shown| vec![shown]),
                    is_preferred: is_preferred.then_some(true),
                    edit: (!abilities.resolves_edits)
                        .then(|| workspace_edit(snapshot, documents, abilities, &edits, fix.safety))
                        .flatten(),
                    data: serde_json::to_value(&data).ok(),
                    ..CodeAction::default()
                });
            }
            let data = data(snapshot, path, finding, Choice::Suppress);
            if let Some(edit) = suppression(snapshot, finding) {
                suppressions.push(CodeAction {
                    title: format!("Suppress {} on this line", finding.code),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: shown.map(|shown| vec![shown]),
                    edit: (!abilities.resolves_edits)
                        .then(|| single_edit(snapshot, documents, abilities, path, vec![edit]))
                        .flatten(),
                    data: serde_json::to_value(&data).ok(),
                    ..CodeAction::default()
                });
            }
        }
    }
    let asked = only.is_some_and(|only| only.iter().any(|kind| kind.as_str().starts_with("source")));
    if asked && wants(FIX_ALL) {
        let edits = fix_all(snapshot, &report.findings, path);
        if !edits.is_empty() {
            let data = ActionData {
                path: path.as_str().to_owned(),
                version: snapshot.open.get(&path).copied(),
                fingerprint: String::new(),
                choice: Choice::All,
            };
            fixes.push(CodeAction {
                title: "Apply every safe fix of Auditline in this file".to_owned(),
                kind: Some(CodeActionKind::new(FIX_ALL)),
                edit: (!abilities.resolves_edits)
                    .then(|| single_edit(snapshot, documents, abilities, path, edits))
                    .flatten(),
                data: serde_json::to_value(&data).ok(),
                ..CodeAction::default()
            });
        }
    }
    fixes.extend(suppressions);
    fixes
        .into_iter()
        .map(|action| {
            if abilities.action_literals {
                CodeActionOrCommand::CodeAction(action)
            } else {
                CodeActionOrCommand::Command(Command {
                    title: action.title,
                    command: APPLY.to_owned(),
                    arguments: action.data.map(|data| vec![data]),
                })
            }
        })
        .collect()
}

/// The edit of an action, if what it was made for still stands.
pub(crate) fn resolve(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    data: &ActionData,
) -> Result<WorkspaceEdit, Stale> {
    let path = FilePath::from_str(&data.path).ok_or(Stale::Changed)?;
    if snapshot.open.get(&path).copied() != data.version {
        return Err(Stale::Changed);
    }
    let report = snapshot.report(path).ok_or(Stale::Changed)?;
    if data.choice == Choice::All {
        let edits = fix_all(snapshot, &report.findings, path);
        return single_edit(snapshot, documents, abilities, path, edits).ok_or(Stale::Changed);
    }
    let finding =
        report.findings.iter().find(|finding| finding.fingerprint == data.fingerprint).ok_or(Stale::Changed)?;
    match data.choice {
        Choice::Fix(index) => {
            let fix = finding.fixes.get(index).ok_or(Stale::Changed)?;
            let edits = fix.compute(&snapshot.db).ok_or(Stale::Changed)?;
            workspace_edit(snapshot, documents, abilities, &edits, fix.safety).ok_or(Stale::Changed)
        }
        Choice::Suppress => {
            let edit = suppression(snapshot, finding).ok_or(Stale::Changed)?;
            single_edit(snapshot, documents, abilities, path, vec![edit]).ok_or(Stale::Changed)
        }
        Choice::All => Err(Stale::Changed),
    }
}

fn title(fix: &ResolvedFix) -> String {
    match fix.safety {
        Safety::Safe => fix.title.clone(),
        Safety::Unsafe => format!("{} (changes behaviour)", fix.title),
    }
}

fn data(snapshot: &Snapshot, path: FilePath, finding: &ResolvedFinding, choice: Choice) -> ActionData {
    ActionData {
        path: path.as_str().to_owned(),
        version: snapshot.open.get(&path).copied(),
        fingerprint: finding.fingerprint.clone(),
        choice,
    }
}

fn touches(finding: TextRange, asked: TextRange) -> bool {
    finding.start() <= asked.end() && asked.start() <= finding.end()
}

/// The safe fixes of a file that stay in it and do not overlap, first come first served.
fn fix_all(snapshot: &Snapshot, findings: &[ResolvedFinding], path: FilePath) -> Vec<TextEdit> {
    let mut chosen: Vec<TextEdit> = Vec::new();
    for finding in findings.iter().filter(|finding| is_shown(finding)) {
        let Some(fix) = finding.fixes.iter().find(|fix| fix.safety == Safety::Safe) else { continue };
        let Some(files) = fix.compute(&snapshot.db) else { continue };
        let [file] = files.as_slice() else { continue };
        let edits = file.text_edits();
        let clashes = edits.iter().any(|edit| chosen.iter().any(|other| touches(other.range, edit.range)));
        if file.path == path && !clashes {
            chosen.extend(edits);
        }
    }
    chosen.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    chosen
}

/// The comment at the end of the finding's line; `None` where a string goes on behind the line's end.
fn suppression(snapshot: &Snapshot, finding: &ResolvedFinding) -> Option<TextEdit> {
    let source = snapshot.text(finding.path)?;
    let text = source.text();
    let start = usize::from(finding.range.offsets.start());
    let end = start + text.get(start..)?.find(['\n', '\r']).unwrap_or(text.len() - start);
    let line_start = text.get(..start)?.rfind(['\n', '\r']).map_or(0, |found| found + 1);
    let line = text.get(line_start..end)?;
    let at = auditline_source::TextSize::new(u32::try_from(end).ok()?);
    let file = snapshot.db.file(finding.path)?;
    if !file.kind(&snapshot.db).is_python() {
        // Elsewhere a comment stands on a line of its own, above.
        let at = auditline_source::TextSize::new(u32::try_from(line_start).ok()?);
        let newline = source.line_end();
        return Some(TextEdit::insert(at, format!("# auditline: ignore[{}]{newline}", finding.code)));
    }
    let parsed = auditline_model::parsed(&snapshot.db, file);
    let module = &parsed.module;
    let inside = |code: &auditline_syntax::python::ir::Code, offset: auditline_source::TextSize| {
        code.exprs.iter().zip(&code.ranges).any(|(expr, range)| {
            matches!(expr, Expr::Str(_) | Expr::FString(_) | Expr::Bytes)
                && (*range + offset).start() < at
                && at < (*range + offset).end()
        })
    };
    let in_string = inside(&module.code, 0.into())
        || module
            .functions
            .iter()
            .zip(&module.function_starts)
            .any(|(function, offset)| inside(&function.code, *offset));
    if in_string || line.ends_with('\\') {
        return None;
    }
    if let Some(found) = line.find("# auditline: ignore[") {
        let close = line[found..].find(']')? + found + line_start;
        let at = auditline_source::TextSize::new(u32::try_from(close).ok()?);
        return Some(TextEdit::insert(at, format!(", {}", finding.code)));
    }
    Some(TextEdit::insert(at, format!("  # auditline: ignore[{}]", finding.code)))
}

fn single_edit(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    path: FilePath,
    edits: Vec<TextEdit>,
) -> Option<WorkspaceEdit> {
    if edits.is_empty() {
        return None;
    }
    build(snapshot, documents, abilities, vec![(path, edits)], Safety::Safe)
}

fn workspace_edit(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    files: &[ResolvedFileEdit],
    safety: Safety,
) -> Option<WorkspaceEdit> {
    let files = files.iter().map(|file| (file.path, file.text_edits())).collect();
    build(snapshot, documents, abilities, files, safety)
}

fn build(
    snapshot: &Snapshot,
    documents: &Documents,
    abilities: &Abilities,
    files: Vec<(FilePath, Vec<TextEdit>)>,
    safety: Safety,
) -> Option<WorkspaceEdit> {
    let annotate = safety == Safety::Unsafe && abilities.change_annotations && abilities.document_changes;
    let mut changes: Vec<(Uri, Option<i32>, Vec<LspTextEdit>)> = Vec::new();
    for (path, edits) in files {
        let text = snapshot.text(path)?;
        let edits = edits
            .into_iter()
            .map(|edit| LspTextEdit { range: lsp_range(&text, edit.range, abilities.encoding), new_text: edit.text })
            .collect();
        changes.push((documents.uri(path)?, snapshot.open.get(&path).copied(), edits));
    }
    if !abilities.document_changes {
        #[allow(clippy::mutable_key_type, reason = "the protocol's own type")]
        let changes: HashMap<Uri, Vec<LspTextEdit>> = changes.into_iter().map(|(uri, _, edits)| (uri, edits)).collect();
        return Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() });
    }
    let edits = changes
        .into_iter()
        .map(|(uri, version, edits)| TextDocumentEdit {
            text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
            edits: edits
                .into_iter()
                .map(|edit| {
                    if annotate {
                        OneOf::Right(AnnotatedTextEdit { text_edit: edit, annotation_id: UNSAFE.to_owned() })
                    } else {
                        OneOf::Left(edit)
                    }
                })
                .collect(),
        })
        .collect();
    let annotations = annotate.then(|| {
        HashMap::from([(
            UNSAFE.to_owned(),
            ChangeAnnotation {
                label: "Changes behaviour".to_owned(),
                needs_confirmation: Some(true),
                description: Some("This fix also changes what the code does; look at it first.".to_owned()),
            },
        )])
    });
    Some(WorkspaceEdit {
        document_changes: Some(DocumentChanges::Edits(edits)),
        change_annotations: annotations,
        ..WorkspaceEdit::default()
    })
}
