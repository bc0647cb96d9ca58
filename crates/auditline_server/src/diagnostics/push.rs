//! Publishing, to clients that do not ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditline_source::FilePath;
use tower_lsp::ls_types::PublishDiagnosticsParams;

use super::ledger::Entry;
use crate::conversion::Told;
use crate::pool::Lane;
use crate::shared::Shared;
use crate::snapshot::Interrupted;
use crate::uri;
use crate::workspace::Workspace;

/// Writes that come faster than a document can be checked must not keep a thread going forever: the last of them has a
/// job of its own.
const MAX_ATTEMPTS: usize = 8;

/// After a write: the edited documents at once, the other open ones of the workspace after them. `None`: all at once.
pub(crate) fn after_write(shared: &Arc<Shared>, workspace: &Arc<Workspace>, edited: Option<&BTreeSet<FilePath>>) {
    if shared.features().pull || !workspace.is_ready() {
        return;
    }
    let documents = Arc::clone(&workspace.shelf().documents);
    let is_edited = |path: &FilePath| edited.is_none_or(|edited| edited.contains(path));
    for path in documents.keys().copied().filter(is_edited) {
        let shared_for_job = Arc::clone(shared);
        shared.pool.spawn(Lane::Urgent, move || publish_open(&shared_for_job, path));
    }
    for path in documents.keys().copied().filter(|path| !is_edited(path)) {
        if shared.ledger.queue(path) {
            let shared_for_job = Arc::clone(shared);
            shared.pool.spawn(Lane::Soon, move || {
                shared_for_job.ledger.unqueue(path);
                publish_open(&shared_for_job, path);
            });
        }
    }
}

/// After a document was closed: what its file on disk has, or nothing.
pub(crate) fn after_close(shared: &Arc<Shared>, path: FilePath) {
    shared.ledger.answered().remove(&path);
    if !shared.features().pull {
        let shared_for_job = Arc::clone(shared);
        shared.pool.spawn(Lane::Soon, move || {
            let told = closed(&shared_for_job, path);
            publish_closed(&shared_for_job, path, &told);
        });
    }
}

/// Checks an open document and publishes what was found, unless the document has changed since.
fn publish_open(shared: &Shared, path: FilePath) {
    let speech = shared.speech();
    for _ in 0..MAX_ATTEMPTS {
        let snapshot = shared.workspace_of(path).and_then(|workspace| workspace.snapshot());
        let Some(snapshot) = snapshot else { return };
        let Some(document) = snapshot.documents.get(&path).cloned() else { return };
        // A later edit has a job of its own.
        if shared.stamp_of(path) != Some(document.stamp) {
            return;
        }
        match snapshot.run(|snapshot| speech.told(snapshot, path)) {
            Ok(told) => {
                let entry = Entry { stamp: Some(document.stamp), id: told.id(), generation: told.generation };
                let mut published = shared.ledger.published();
                let is_current = shared.stamp_of(path) == Some(document.stamp);
                if is_current && published.get(&path).is_none_or(|before| entry.is_news_after(before)) {
                    published.insert(path, entry);
                    send(shared, &document.uri, told, Some(document.version));
                }
                return;
            }
            Err(Interrupted::Cancelled) => {}
            Err(Interrupted::Panicked) => return,
        }
    }
}

fn closed(shared: &Shared, path: FilePath) -> Told {
    let speech = shared.speech();
    for _ in 0..MAX_ATTEMPTS {
        let workspace = shared.workspace_of(path).filter(|workspace| workspace.reports_closed(path));
        let Some(snapshot) = workspace.and_then(|workspace| workspace.snapshot()) else { break };
        match snapshot.run(|snapshot| speech.told(snapshot, path)) {
            Ok(told) => return told,
            Err(Interrupted::Cancelled) => {}
            Err(Interrupted::Panicked) => break,
        }
    }
    Told { generation: u64::MAX, ..Told::default() }
}

/// Publishes what was found in a closed file, if it is news.
pub(super) fn publish_closed(shared: &Shared, path: FilePath, told: &Told) {
    let mut published = shared.ledger.published();
    if shared.stamp_of(path).is_some() {
        return;
    }
    let entry = Entry { stamp: None, id: told.id(), generation: told.generation };
    let is_news = match published.get(&path) {
        Some(before) => entry.is_news_after(before),
        None => entry.id != 0,
    };
    if is_news {
        if entry.id == 0 {
            published.remove(&path);
        } else {
            published.insert(path, entry);
        }
        send(shared, &uri::uri_text(path), told.clone(), None);
    }
}

fn send(shared: &Shared, uri: &str, told: Told, version: Option<i32>) {
    if let Some(uri) = uri::parse(uri) {
        shared.outbox.publish(&PublishDiagnosticsParams::new(uri, told.diagnostics, version));
    }
}
