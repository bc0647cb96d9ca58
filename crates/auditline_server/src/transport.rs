//! The two streams, and what runs between them.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tower::Service;
use tower_lsp::LspService;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};

use crate::catalogue::{EXPLAIN, HAZARDS};
use crate::frame::{FrameError, read_frame};
use crate::handlers::{Handlers, VIEW_FILE_TEXT};
use crate::ingress::{Ingress, Stage};
use crate::outbox::{Outbox, write_all};
use crate::report::REPORT;
use crate::shared::Shared;
use crate::{diagnostics, keeper};

/// How long the last messages may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// `exit` came after `shutdown`.
const ORDERLY: u8 = 0;
/// `exit` came without `shutdown`, or the client is gone.
const DISORDERLY: u8 = 1;
/// The server could not be started.
pub(crate) const COULD_NOT: u8 = 2;

/// Serves one client until it says `exit` or its stream ends. The code is 0 if it asked for `shutdown` before, else 1;
/// 2 if the server could not be started.
///
/// The loop is our own, not that of the library: there a message that cannot be read ends the service, a handler that
/// panics ends the process, and a handler that computes keeps all others waiting.
pub async fn serve<R, W>(read: R, write: W) -> u8
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (outbox, outgoing) = Outbox::new();
    let writer = tokio::spawn(write_all(outgoing, write));
    let (shared, events) = match Shared::new(outbox.clone()) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("auditline: the server's threads could not be started: {error}");
            return COULD_NOT;
        }
    };
    let handlers_shared = Arc::clone(&shared);
    let (service, socket) = LspService::build(move |client| {
        handlers_shared.set_client(client);
        Handlers::new(handlers_shared)
    })
    .custom_method(VIEW_FILE_TEXT, Handlers::view_file_text)
    .custom_method(HAZARDS, Handlers::hazards)
    .custom_method(EXPLAIN, Handlers::explain)
    .custom_method(REPORT, Handlers::report)
    .finish();
    if let Err(error) = keeper::start(Arc::clone(&shared), events) {
        eprintln!("auditline: the server's threads could not be started: {error}");
        return COULD_NOT;
    }
    let sweeper = tokio::spawn(diagnostics::sweep(Arc::clone(&shared)));

    // What the server asks of the client by itself; the answers find their way by `answers`.
    let (mut requests, mut answers) = socket.split();
    let own_requests = tokio::spawn({
        let outbox = outbox.clone();
        async move {
            while let Some(request) = requests.next().await {
                outbox.send(&request);
            }
        }
    });

    let mut ingress = Ingress::new(service, Arc::clone(&shared));
    let mut input = BufReader::with_capacity(64 * 1024, read);
    let mut orphaned = Box::pin(ingress.orphaned());
    loop {
        let frame = tokio::select! {
            frame = read_frame(&mut input) => frame,
            () = orphaned.as_mut() => {
                tracing::warn!("the editor's process has ended");
                break;
            }
        };
        let body = match frame {
            Ok(Some(body)) if body.is_empty() => continue,
            Ok(Some(body)) => body,
            Ok(None) => break,
            Err(error) => {
                refuse(&outbox, &error);
                break;
            }
        };
        match parse(&body) {
            Message::Response(response) => {
                // Fails only once the service has ended.
                drop(Pin::new(&mut answers).send(response).await);
            }
            Message::Request(request) => {
                dispatch(&mut ingress, request, &outbox);
                if ingress.stage() == Stage::Exited {
                    break;
                }
            }
            Message::Broken(id, error) => {
                tracing::error!(%error, "a message could not be read");
                if let Some(id) = id {
                    outbox.send(&Response::from_error(id, error));
                }
            }
        }
    }
    let code = if ingress.was_shut_down() { ORDERLY } else { DISORDERLY };
    keeper::stop(&shared);
    shared.pool.close();
    sweeper.abort();
    own_requests.abort();
    outbox.close();
    drop(tokio::time::timeout(LAST_WORDS, writer).await);
    code
}

/// Tells the client and the log that nothing more can be read.
fn refuse(outbox: &Outbox, error: &FrameError) {
    eprintln!("auditline: {error}");
    let mut answer = Error::parse_error();
    answer.message = error.to_string().into();
    outbox.send(&Response::from_error(Id::Null, answer));
}

fn dispatch(ingress: &mut Ingress, request: Request, outbox: &Outbox) {
    let id = request.id().cloned();
    let outbox = outbox.clone();
    let send = move |id: Option<Id>, outcome: std::thread::Result<Option<Response>>| match (outcome, id) {
        (Ok(Some(response)), _) => outbox.send(&response),
        (Ok(None), _) => {}
        (Err(_), Some(id)) => outbox.send(&Response::from_error(id, Error::internal_error())),
        (Err(_), None) => tracing::error!("a notification could not be handled"),
    };
    // A panic in one message is an error of that message.
    let called = std::panic::catch_unwind(AssertUnwindSafe(|| ingress.call(request)));
    let future = match called {
        Ok(future) => future,
        Err(payload) => return send(id, Err(payload)),
    };
    let mut future = Box::pin(AssertUnwindSafe(future.map(Result::unwrap_or_default)).catch_unwind());
    match (&mut future).now_or_never() {
        Some(outcome) => send(id, outcome),
        None => drop(tokio::spawn(async move { send(id, future.await) })),
    }
}

enum Message {
    Request(Request),
    Response(Response),
    /// An error, with the id under which the client can be told of it; `None` where nobody waits for an answer.
    Broken(Option<Id>, Error),
}

/// Tells requests from answers.
fn parse(body: &[u8]) -> Message {
    let broken = |id: Option<Id>, mut error: Error, cause: &dyn std::fmt::Display| {
        error.message = format!("{}: {cause}", error.message).into();
        Message::Broken(id, error)
    };
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(cause) => return broken(Some(Id::Null), Error::parse_error(), &cause),
    };
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok()).unwrap_or(Id::Null);
    if value.get("method").is_some() {
        return match serde_json::from_value(value) {
            Ok(request) => Message::Request(request),
            Err(cause) => broken(Some(id), Error::invalid_request(), &cause),
        };
    }
    if value.get("result").is_some() || value.get("error").is_some() {
        return match serde_json::from_value(value) {
            Ok(response) => Message::Response(response),
            // An answer to an answer would be an answer too much.
            Err(cause) => broken(None, Error::invalid_request(), &cause),
        };
    }
    broken(Some(id), Error::invalid_request(), &"neither a request nor a response")
}
