//! Code actions: cures, and comments that silence.

mod fix_all;
mod suppress;

use std::sync::Arc;

use auditline_hazards::Safety;
use auditline_project::{
    FileReport, FixDetail, ResolvedFileEdit, ResolvedFinding, ResolvedFix, Unused, UnusedSuppression,
};
use auditline_source::{FilePath, TextEdit, TextRange};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Command, ExecuteCommandParams, MessageType,
    ShowDocumentParams, WorkspaceEdit,
};

use crate::conversion::{Speech, offsets, uri_of};
use crate::shared::{CLIENT_PATIENCE, Shared, Unanswered};
use crate::snapshot::Snapshot;
use crate::uri;

/// The kind of the action that applies all safe fixes of a document.
pub(crate) const FIX_ALL: &str = "source.fixAll.auditline";

/// Applies an action by its data, for clients that know commands only.
const APPLY: &str = "auditline.apply";

/// Shows a file that an action has made.
const SHOW: &str = "auditline.showFile";

/// The commands that clients may send.
pub(crate) const COMMANDS: &[&str] = &[APPLY, SHOW];

/// An action that was offered, by which it is found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    uri: String,
    version: i32,
    choice: Choice,
}

/// What the user can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Choice {
    /// A fix, by the fingerprint of its finding and its title.
    Fix { finding: String, title: String },
    /// A comment that silences a finding.
    Suppress { finding: String },
    /// Taking away a comment that suppresses nothing, by its place.
    Unsuppress { at: u32 },
    /// All safe fixes of the document.
    FixAll,
}

/// Edits of files: what an action does.
pub(crate) type Edits = Vec<FileEdits>;

/// The edits of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEdits {
    pub(crate) path: FilePath,
    pub(crate) edits: Vec<TextEdit>,
    /// Whether the file does not exist yet.
    pub(crate) create: bool,
}

impl FileEdits {
    /// Edits of a file that exists.
    fn of(path: FilePath, edits: Vec<TextEdit>) -> Self {
        Self { path, edits, create: false }
    }
}

/// An action with what it does, before it is dressed for the client.
struct Proposal {
    title: String,
    kind: CodeActionKind,
    choice: Choice,
    finding: Option<usize>,
    edits: Edits,
    safety: Safety,
}

/// The actions for a range of a document.
pub(crate) async fn actions(
    shared: &Arc<Shared>,
    params: CodeActionParams,
) -> std::result::Result<Vec<CodeActionOrCommand>, Unanswered> {
    let Some(path) = shared.open_path_of(params.text_document.uri.as_str()) else { return Ok(Vec::new()) };
    shared.catch_up().await;
    let speech = shared.speech();
    let found = shared.read_document(path, move |snapshot| offer(&speech, snapshot, path, &params).unwrap_or_default());
    Ok(found.await?.unwrap_or_default())
}

fn offer(
    speech: &Speech,
    snapshot: &Snapshot,
    path: FilePath,
    params: &CodeActionParams,
) -> Option<Vec<CodeActionOrCommand>> {
    let document = snapshot.documents.get(&path)?;
    let report = snapshot.report(path, FixDetail::Titles)?;
    let only = params.context.only.as_deref();
    let range = offsets(&document.text, params.range, speech.features.encoding);
    let proposals = proposals(speech, snapshot, path, &report, range, only);
    let mut preferred = false;
    let mut actions = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let is_fix = matches!(proposal.choice, Choice::Fix { .. } | Choice::Unsuppress { .. });
        let is_preferred = is_fix && proposal.safety == Safety::Safe && !std::mem::replace(&mut preferred, true);
        let data = Offer { uri: document.uri.to_string(), version: document.version, choice: proposal.choice.clone() };
        let data = serde_json::to_value(data).ok()?;
        if !speech.features.action_literals {
            let command = Command { title: proposal.title, command: APPLY.to_owned(), arguments: Some(vec![data]) };
            actions.push(CodeActionOrCommand::Command(command));
            continue;
        }
        let finding = proposal.finding.and_then(|index| report.findings.get(index));
        let lazily = speech.features.resolve_edit;
        let edit = if lazily { None } else { Some(dress(speech, snapshot, &proposal.edits, proposal.safety)?) };
        let made = proposal.edits.iter().find(|file| file.create && speech.features.shows_documents);
        let command = made.and_then(|file| uri_of(snapshot, file.path)).map(|uri| Command {
            title: "Open the new file".to_owned(),
            command: SHOW.to_owned(),
            arguments: Some(vec![Value::from(uri.as_str())]),
        });
        actions.push(CodeActionOrCommand::CodeAction(CodeAction {
            title: proposal.title,
            kind: Some(proposal.kind),
            diagnostics: finding
                .map(|finding| speech.diagnostic(snapshot, &document.text, finding))
                .or_else(|| unused_of(&proposal.choice, &report).map(|unused| speech.unused(&document.text, unused)))
                .map(|diagnostic| vec![diagnostic]),
            edit,
            command,
            is_preferred: is_preferred.then_some(true),
            data: lazily.then_some(data),
            ..CodeAction::default()
        }));
    }
    Some(actions)
}

/// All that can be chosen for a range, in the order in which it is shown: safe fixes, other fixes, all safe fixes of the
/// document, and comments that silence at last.
fn proposals(
    speech: &Speech,
    snapshot: &Snapshot,
    path: FilePath,
    report: &FileReport,
    range: TextRange,
    only: Option<&[CodeActionKind]>,
) -> Vec<Proposal> {
    let findings: Vec<(usize, &ResolvedFinding)> = report
        .findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| speech.visible(report).any(|visible| std::ptr::eq(visible, *finding)))
        .filter(|(_, finding)| touch(finding.range.offsets, range))
        .collect();
    let mut proposals = Vec::new();
    if is_wanted(only, CodeActionKind::QUICKFIX.as_str()) {
        for (index, finding) in &findings {
            for fix in &finding.fixes {
                let Some(edits) = edits_of(snapshot, fix) else { continue };
                if edits.iter().any(|file| file.create) && !speech.features.creates_files {
                    continue;
                }
                proposals.push(Proposal {
                    title: title_of(fix),
                    kind: CodeActionKind::QUICKFIX,
                    choice: Choice::Fix { finding: finding.fingerprint.clone(), title: fix.title.clone() },
                    finding: Some(*index),
                    edits,
                    safety: fix.safety,
                });
            }
        }
        proposals.sort_by_key(|proposal| proposal.safety != Safety::Safe);
    }
    let asked_for = only.is_some_and(|only| !only.is_empty());
    if is_wanted(only, FIX_ALL)
        && let Some(fixes) = fix_all::fix_all(speech, snapshot, path, report)
        && (asked_for || fixes.count > 1)
    {
        proposals.push(Proposal {
            title: "Apply all safe fixes of Auditline".to_owned(),
            kind: CodeActionKind::new(FIX_ALL),
            choice: Choice::FixAll,
            finding: None,
            edits: vec![FileEdits::of(path, fixes.edits)],
            safety: Safety::Safe,
        });
    }
    if is_wanted(only, CodeActionKind::QUICKFIX.as_str()) {
        let unused = report.unused.iter().filter(|_| speech.shown.unused_suppressions);
        for unused in unused.filter(|unused| touch(unused.range.offsets, range)) {
            let title = match &unused.what {
                Unused::Comment => "Remove the comment that suppresses nothing".to_owned(),
                Unused::Words(words) => format!("Remove {} from the comment", words.join(", ")),
            };
            proposals.push(Proposal {
                title,
                kind: CodeActionKind::QUICKFIX,
                choice: Choice::Unsuppress { at: unused.range.offsets.start().into() },
                finding: None,
                edits: vec![FileEdits::of(path, vec![unused.edit.clone()])],
                safety: Safety::Safe,
            });
        }
        for (index, finding) in &findings {
            let Some(edit) = suppress::comment(snapshot, path, finding) else { continue };
            proposals.push(Proposal {
                title: format!("Suppress {} with a comment", finding.code),
                kind: CodeActionKind::QUICKFIX,
                choice: Choice::Suppress { finding: finding.fingerprint.clone() },
                finding: Some(*index),
                edits: vec![FileEdits::of(path, vec![edit])],
                safety: Safety::Safe,
            });
        }
    }
    proposals
}

/// Whether the client wants actions of a kind: those that it names, and those below them. One that names none wants
/// all.
fn is_wanted(only: Option<&[CodeActionKind]>, kind: &str) -> bool {
    let Some(only) = only.filter(|only| !only.is_empty()) else { return true };
    only.iter().any(|wanted| {
        let wanted = wanted.as_str();
        wanted.is_empty() || kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn unused_of<'a>(choice: &Choice, report: &'a FileReport) -> Option<&'a UnusedSuppression> {
    match choice {
        Choice::Unsuppress { at } => unused_at(report, *at),
        _ => None,
    }
}

fn unused_at(report: &FileReport, at: u32) -> Option<&UnusedSuppression> {
    report.unused.iter().find(|unused| u32::from(unused.range.offsets.start()) == at)
}

fn touch(one: TextRange, other: TextRange) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn title_of(fix: &ResolvedFix) -> String {
    match fix.safety {
        Safety::Safe => fix.title.clone(),
        Safety::Unsafe => format!("{} (changes behaviour)", fix.title),
    }
}

fn edits_of(snapshot: &Snapshot, fix: &ResolvedFix) -> Option<Edits> {
    let files = fix.compute(&snapshot.db)?;
    let of = |file: &ResolvedFileEdit| FileEdits { path: file.path, edits: file.text_edits(), create: file.create };
    Some(files.iter().map(of).collect())
}

/// What a choice does, on the snapshot as it is now.
fn chosen(speech: &Speech, snapshot: &Snapshot, path: FilePath, choice: &Choice) -> Option<WorkspaceEdit> {
    let report = snapshot.report(path, FixDetail::Titles)?;
    let find = |fingerprint: &str| report.findings.iter().find(|finding| finding.fingerprint == fingerprint);
    let (edits, safety) = match choice {
        Choice::Fix { finding, title } => {
            let fix = find(finding)?.fixes.iter().find(|fix| fix.title == *title)?;
            (edits_of(snapshot, fix)?, fix.safety)
        }
        Choice::Suppress { finding } => {
            let comment = suppress::comment(snapshot, path, find(finding)?)?;
            (vec![FileEdits::of(path, vec![comment])], Safety::Safe)
        }
        Choice::Unsuppress { at } => {
            let unused = unused_at(&report, *at)?;
            (vec![FileEdits::of(path, vec![unused.edit.clone()])], Safety::Safe)
        }
        Choice::FixAll => {
            let fixes = fix_all::fix_all(speech, snapshot, path, &report)?;
            (vec![FileEdits::of(path, fixes.edits)], Safety::Safe)
        }
    };
    dress(speech, snapshot, &edits, safety)
}

fn dress(speech: &Speech, snapshot: &Snapshot, edits: &Edits, safety: Safety) -> Option<WorkspaceEdit> {
    let warning = match safety {
        Safety::Safe => None,
        Safety::Unsafe => Some(("Changes behaviour", "This fix cures the hazard and also changes what the code does.")),
    };
    speech.workspace_edit(snapshot, edits, warning)
}

/// Fills in the edit of an action that was chosen.
pub(crate) async fn resolve(shared: &Arc<Shared>, mut action: CodeAction) -> Result<CodeAction> {
    if action.edit.is_none() {
        let data = action.data.clone().ok_or_else(|| Error::invalid_params("the action has no data"))?;
        action.edit = Some(edit_of(shared, data).await?);
    }
    Ok(action)
}

/// The edit of an offer; an error if the document has changed since it was made.
async fn edit_of(shared: &Arc<Shared>, data: Value) -> Result<WorkspaceEdit> {
    let offer: Offer = serde_json::from_value(data).map_err(|error| Error::invalid_params(error.to_string()))?;
    let path = shared.open_path_of(&offer.uri).ok_or_else(Error::content_modified)?;
    shared.catch_up().await;
    if shared.version_of(path) != Some(offer.version) {
        return Err(Error::content_modified());
    }
    let speech = shared.speech();
    let edit = shared.read_document(path, move |snapshot| {
        let document = snapshot.documents.get(&path)?;
        (document.version == offer.version).then(|| chosen(&speech, snapshot, path, &offer.choice)).flatten()
    });
    // What was offered and is no longer there was made void by a change of another file.
    edit.await?.flatten().ok_or_else(Error::content_modified)
}

/// Carries out a command: the edit is sent to the client, whose answer nobody waits for.
pub(crate) async fn execute(shared: &Arc<Shared>, mut params: ExecuteCommandParams) -> Result<Option<Value>> {
    if params.command == SHOW {
        return show(shared, &params);
    }
    if params.command != APPLY {
        return Err(Error::invalid_params(format!("unknown command `{}`", params.command)));
    }
    if params.arguments.len() != 1 {
        return Err(Error::invalid_params("the command takes one argument"));
    }
    if !shared.features().apply_edit {
        return Err(Error::invalid_params("the client does not apply edits"));
    }
    let edit = edit_of(shared, params.arguments.swap_remove(0)).await?;
    let shared = Arc::clone(shared);
    shared.runtime.clone().spawn(async move {
        let Some(client) = shared.client() else { return };
        match tokio::time::timeout(CLIENT_PATIENCE, client.apply_edit(edit)).await {
            Ok(Ok(answer)) if !answer.applied => {
                let reason = answer.failure_reason.unwrap_or_else(|| "the editor refused it".to_owned());
                shared.outbox.show(MessageType::WARNING, &format!("Auditline: the edit was not applied: {reason}"));
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an edit was not applied"),
            Err(_) => tracing::warn!("the client does not answer"),
        }
    });
    Ok(None)
}

/// Asks the client to show a file of a workspace.
fn show(shared: &Arc<Shared>, params: &ExecuteCommandParams) -> Result<Option<Value>> {
    let [Value::String(address)] = params.arguments.as_slice() else {
        return Err(Error::invalid_params("the command takes the address of a file"));
    };
    let path = shared.path_of(address).filter(|path| shared.workspace_of(*path).is_some());
    let (Some(uri), true) = (uri::parse(address), path.is_some()) else {
        return Err(Error::invalid_params("the address is none of a file of the workspace"));
    };
    if !shared.features().shows_documents {
        return Err(Error::invalid_params("the client does not show documents"));
    }
    let shown = ShowDocumentParams { uri, external: None, take_focus: Some(true), selection: None };
    let shared = Arc::clone(shared);
    shared.runtime.clone().spawn(async move {
        let Some(client) = shared.client() else { return };
        match tokio::time::timeout(CLIENT_PATIENCE, client.show_document(shown)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a file was not shown"),
            Err(_) => tracing::warn!("the client does not answer"),
        }
    });
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_wanted_with_all_below_them() {
        let kinds = |kinds: &[&'static str]| kinds.iter().map(|kind| CodeActionKind::new(kind)).collect::<Vec<_>>();
        assert!(is_wanted(None, FIX_ALL));
        assert!(is_wanted(Some(&[]), FIX_ALL));
        for wanted in ["", "source", "source.fixAll", FIX_ALL] {
            assert!(is_wanted(Some(&kinds(&[wanted])), FIX_ALL), "{wanted}");
        }
        for other in ["quickfix", "source.fix", "source.fixAll.auditline.more", "source.organizeImports"] {
            assert!(!is_wanted(Some(&kinds(&[other])), FIX_ALL), "{other}");
        }
        assert!(is_wanted(Some(&kinds(&["refactor", "quickfix"])), "quickfix"));
    }
}
