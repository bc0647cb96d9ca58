//! Telling the client how far the workspaces are, where it shows that.

use serde::Serialize;

use crate::shared::Shared;
use crate::uri;

/// The notification; sent to clients that announce `experimental.auditline.status`.
const METHOD: &str = "auditline/status";

/// How far every workspace is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    workspaces: Vec<WorkspaceStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct WorkspaceStatus {
    uri: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// Its files are being read; nothing is said about it yet.
    Indexing,
    Ready,
}

/// Tells the client, if anything is new since `told`; returns what it knows then.
pub(crate) fn tell(shared: &Shared, told: Option<Status>) -> Option<Status> {
    if !shared.features().status {
        return None;
    }
    let workspaces = shared.workspaces();
    let workspaces = workspaces.iter().filter(|workspace| !uri::is_nowhere(workspace.root)).map(|workspace| {
        let state = if workspace.is_ready() { State::Ready } else { State::Indexing };
        WorkspaceStatus { uri: uri::uri_text(workspace.root), state }
    });
    let status = Status { workspaces: workspaces.collect() };
    if told.is_none() && status.workspaces.is_empty() {
        return None;
    }
    if told.as_ref() != Some(&status) {
        shared.outbox.notify(METHOD, &status);
    }
    Some(status)
}
