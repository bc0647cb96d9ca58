//! Answering clients that ask.

use std::collections::HashMap;
use std::sync::Arc;

use auditline_source::FilePath;
use tower_lsp::ls_types::{
    DocumentDiagnosticParams, DocumentDiagnosticReport, FullDocumentDiagnosticReport, ProgressToken,
    RelatedFullDocumentDiagnosticReport, RelatedUnchangedDocumentDiagnosticReport, UnchangedDocumentDiagnosticReport,
    WorkspaceDiagnosticParams, WorkspaceDiagnosticReport, WorkspaceDocumentDiagnosticReport,
    WorkspaceFullDocumentDiagnosticReport,
};

use super::ledger::Entry;
use super::sweep::{check_in_waves, reported_files, settle};
use crate::conversion::{Told, result_id};
use crate::pool::Lane;
use crate::shared::{Shared, Unanswered};
use crate::uri;

/// The findings of one document. The answer may be about a later version than the one that was asked about: the client
/// asks again after each change, and an error would make it forget what it shows.
pub(crate) async fn document(
    shared: &Arc<Shared>,
    params: DocumentDiagnosticParams,
) -> Result<DocumentDiagnosticReport, Unanswered> {
    let Some(path) = shared.path_of(params.text_document.uri.as_str()) else { return Ok(full(Told::default(), 0)) };
    shared.catch_up().await;
    let speech = shared.speech();
    let told = shared.read(Lane::Urgent, path, move |snapshot| {
        (snapshot.documents.get(&path).map(|open| open.stamp), speech.told(snapshot, path))
    });
    let (stamp, told) = told.await?.unwrap_or_default();
    let id = told.id();
    shared.ledger.answered().insert(path, Entry { stamp, id, generation: told.generation });
    if params.previous_result_id.as_deref() == Some(&*result_id(id)) {
        return Ok(DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport { result_id: result_id(id) },
        }));
    }
    Ok(full(told, id))
}

fn full(told: Told, id: u64) -> DocumentDiagnosticReport {
    DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
        related_documents: None,
        full_document_diagnostic_report: FullDocumentDiagnosticReport {
            result_id: Some(result_id(id)),
            items: told.diagnostics,
        },
    })
}

/// The findings of all files. A client that has heard all that there is waits until there is news: it would only ask
/// again at once.
pub(crate) async fn workspace(
    shared: &Arc<Shared>,
    params: WorkspaceDiagnosticParams,
) -> Result<WorkspaceDiagnosticReport, Unanswered> {
    shared.catch_up().await;
    let asked_before = shared.ledger.ask();
    let mut previous = HashMap::new();
    let mut unknown = Vec::new();
    for known in params.previous_result_ids {
        match uri::file_path(known.uri.as_str()) {
            Some(path) => drop(previous.insert(path, known.value)),
            None => unknown.push(known.uri),
        }
    }
    let token = params.partial_result_params.partial_result_token;
    let mut changes = shared.changes();
    loop {
        changes.borrow_and_update();
        let mut answer = Answer { shared, token: token.as_ref(), items: Vec::new(), told_any: false };
        round(shared, &previous, &mut answer).await;
        // What was open on no disk is no part of a workspace.
        for uri in std::mem::take(&mut unknown) {
            if shared.open_path_of(uri.as_str()).is_none() {
                answer.add(vec![full_report(uri, None, Told::default(), None)]);
            }
        }
        if answer.told_any || !asked_before {
            return Ok(WorkspaceDiagnosticReport { items: answer.items });
        }
        if changes.changed().await.is_err() {
            return Ok(WorkspaceDiagnosticReport { items: Vec::new() });
        }
        settle(&mut changes).await;
    }
}

/// What is told of the workspace: in parts, where the client takes parts.
struct Answer<'a> {
    shared: &'a Shared,
    token: Option<&'a ProgressToken>,
    items: Vec<WorkspaceDocumentDiagnosticReport>,
    told_any: bool,
}

impl Answer<'_> {
    fn add(&mut self, items: Vec<WorkspaceDocumentDiagnosticReport>) {
        if items.is_empty() {
            return;
        }
        self.told_any = true;
        match self.token {
            Some(token) => self.shared.outbox.progress(token, &WorkspaceDiagnosticReport { items }),
            None => self.items.extend(items),
        }
    }
}

/// Looks at all files once and adds what differs from what the client knows.
async fn round(shared: &Arc<Shared>, previous: &HashMap<FilePath, String>, answer: &mut Answer<'_>) {
    let mut gone: HashMap<FilePath, &String> = previous.iter().map(|(path, id)| (*path, id)).collect();
    for workspace in shared.workspaces().iter().filter(|workspace| workspace.reports_closed_files()) {
        let files = reported_files(shared, workspace).await;
        for path in &files {
            gone.remove(path);
        }
        check_in_waves(shared, workspace, &files, |told, _| {
            let news = told.into_iter().filter_map(|(path, version, told)| {
                let id = told.id();
                let known = previous.get(&path);
                // A file in which nothing was found, and of which nothing was said, needs no words.
                let is_news = match known {
                    Some(known) => *known != result_id(id),
                    None => id != 0,
                };
                let uri = uri::parse(&uri::uri_text(path))?;
                is_news.then(|| full_report(uri, version, told, Some(result_id(id))))
            });
            answer.add(news.collect());
        })
        .await;
    }
    // Files that went, and documents of other workspaces that were closed.
    let news = gone.into_keys().filter(|path| shared.stamp_of(*path).is_none() && previous[path] != result_id(0));
    let news = news.filter_map(|path| {
        let uri = uri::parse(&uri::uri_text(path))?;
        Some(full_report(uri, None, Told::default(), Some(result_id(0))))
    });
    answer.add(news.collect());
}

fn full_report(
    uri: tower_lsp::ls_types::Uri,
    version: Option<i32>,
    told: Told,
    result_id: Option<String>,
) -> WorkspaceDocumentDiagnosticReport {
    WorkspaceDocumentDiagnosticReport::Full(WorkspaceFullDocumentDiagnosticReport {
        uri,
        version: version.map(i64::from),
        full_document_diagnostic_report: FullDocumentDiagnosticReport { result_id, items: told.diagnostics },
    })
}
