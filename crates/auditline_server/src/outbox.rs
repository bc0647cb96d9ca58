//! What goes to the client.

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tower_lsp::ls_types::{MessageType, PublishDiagnosticsParams};

/// The messages that wait to be written, from any thread; sending never waits.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(mpsc::UnboundedSender<Option<Vec<u8>>>);

/// The end from which they are written.
pub(crate) type Outgoing = mpsc::UnboundedReceiver<Option<Vec<u8>>>;

impl Outbox {
    pub(crate) fn new() -> (Self, Outgoing) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends a whole message.
    pub(crate) fn send(&self, message: &impl Serialize) {
        match serde_json::to_vec(message) {
            // Once the client is gone nobody misses the message.
            Ok(body) => drop(self.0.send(Some(body))),
            Err(error) => tracing::error!(%error, "a message could not be written as JSON"),
        }
    }

    pub(crate) fn notify(&self, method: &str, params: &impl Serialize) {
        #[derive(Serialize)]
        struct Notification<'a, P> {
            jsonrpc: &'static str,
            method: &'a str,
            params: &'a P,
        }
        self.send(&Notification { jsonrpc: "2.0", method, params });
    }

    pub(crate) fn publish(&self, params: &PublishDiagnosticsParams) {
        self.notify("textDocument/publishDiagnostics", params);
    }

    pub(crate) fn log(&self, kind: MessageType, message: &str) {
        self.notify("window/logMessage", &json!({ "type": kind, "message": message }));
    }

    /// Shows a message to the user.
    pub(crate) fn show(&self, kind: MessageType, message: &str) {
        self.notify("window/showMessage", &json!({ "type": kind, "message": message }));
    }

    /// Progress of any kind: of work, or a part of a result.
    pub(crate) fn progress(&self, token: &impl Serialize, value: &impl Serialize) {
        let to_value = |part: Result<Value, serde_json::Error>| part.unwrap_or_default();
        let (token, value) = (to_value(serde_json::to_value(token)), to_value(serde_json::to_value(value)));
        self.notify("$/progress", &json!({ "token": token, "value": value }));
    }

    /// Nothing is written after what was sent before.
    pub(crate) fn close(&self) {
        drop(self.0.send(None));
    }
}

/// Writes what is sent until the outbox is closed or nobody reads any more.
pub(crate) async fn write_all<W: AsyncWrite + Unpin>(mut outgoing: Outgoing, mut output: W) {
    let mut buffer = Vec::new();
    while let Some(first) = outgoing.recv().await {
        let mut next = Some(first);
        let mut closed = false;
        // What has gathered meanwhile goes out in one piece.
        while let Some(message) = next {
            let Some(body) = message else {
                closed = true;
                break;
            };
            buffer.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            buffer.extend_from_slice(&body);
            next = if buffer.len() < 256 * 1024 { outgoing.try_recv().ok() } else { None };
        }
        if output.write_all(&buffer).await.is_err() || output.flush().await.is_err() || closed {
            return;
        }
        buffer.clear();
        buffer.shrink_to(256 * 1024);
    }
}
