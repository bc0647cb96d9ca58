//! The door: notifications that change state are applied in the order of the wire, before anything else runs.
//!
//! The protocol library starts handlers at their first poll and runs a few of them at a time; a handler that waits before it
//! changes state would reorder edits, and slow handlers would starve edits and cancellations. So this service stands in front of
//! the library's and applies documents, watched files and configuration in `call`, synchronously.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tower::Service;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::ls_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
};
use tower_lsp::{ExitedError, LspService};

use crate::backend::{Backend, Shared};

/// How the conversation ended.
#[derive(Default)]
pub(crate) struct Ending {
    shut_down: AtomicBool,
    /// Told when `exit` came, or the client is gone.
    pub(crate) exit: Notify,
}

impl Ending {
    /// Whether `shutdown` came before the end.
    pub(crate) fn is_orderly(&self) -> bool {
        self.shut_down.load(Ordering::SeqCst)
    }
}

pub(crate) struct Ingress {
    inner: LspService<Backend>,
    shared: Arc<Shared>,
    ending: Arc<Ending>,
}

impl Ingress {
    pub(crate) fn new(inner: LspService<Backend>, ending: Arc<Ending>) -> Self {
        let shared = Arc::clone(inner.inner().shared());
        Self { inner, shared, ending }
    }

    /// Applies a notification that changes state; tells whether it did.
    fn apply(&self, request: &Request) -> bool {
        let shared = &self.shared;
        match request.method() {
            "textDocument/didOpen" => {
                if let Some(params) = parse::<DidOpenTextDocumentParams>(request) {
                    let document = params.text_document;
                    shared.documents.open(&shared.engine, &document.uri, document.version, &document.text);
                    shared.changed(&document.uri);
                }
            }
            "textDocument/didChange" => {
                if let Some(params) = parse::<DidChangeTextDocumentParams>(request) {
                    let document = params.text_document;
                    let encoding = shared.abilities().encoding;
                    shared.documents.change(
                        &shared.engine,
                        &document.uri,
                        document.version,
                        params.content_changes,
                        encoding,
                    );
                    shared.changed(&document.uri);
                }
            }
            "textDocument/didClose" => {
                if let Some(params) = parse::<DidCloseTextDocumentParams>(request) {
                    shared.documents.close(&shared.engine, &params.text_document.uri);
                    shared.closed(&params.text_document.uri);
                }
            }
            "initialized" => {
                shared.start();
                return false;
            }
            "workspace/didChangeWatchedFiles" => {
                if let Some(params) = parse::<DidChangeWatchedFilesParams>(request) {
                    let paths = params.changes.iter().filter_map(|change| shared.documents.path(&change.uri)).collect();
                    shared.files_changed(paths);
                }
            }
            _ => return false,
        }
        true
    }
}

fn parse<T: DeserializeOwned>(request: &Request) -> Option<T> {
    let params = request.params().cloned()?;
    match serde_json::from_value(params) {
        Ok(params) => Some(params),
        Err(error) => {
            tracing::warn!("{}: {error}", request.method());
            None
        }
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Option<Response>, ExitedError>> + Send>>;

impl Service<Request> for Ingress {
    type Response = Option<Response>;
    type Error = ExitedError;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Answer {
        match request.method() {
            "exit" => {
                self.ending.exit.notify_one();
                return self.inner.call(request);
            }
            "shutdown" if request.id().is_some() && self.shared.is_initialized() => {
                self.ending.shut_down.store(true, Ordering::SeqCst);
            }
            _ => {}
        }
        if self.shared.is_initialized() && !self.ending.is_orderly() && self.apply(&request) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        let id: Option<Id> = request.id().cloned();
        let cancels = request.method() == "$/cancelRequest";
        let mut answer = self.inner.call(request);
        if cancels {
            // A cancellation must not wait behind what it cancels: it is run to its end here, which takes no time.
            let mut context = Context::from_waker(std::task::Waker::noop());
            let _ = answer.as_mut().poll(&mut context);
            return Box::pin(std::future::ready(Ok(None)));
        }
        Box::pin(async move {
            // A handler that panics must not take the process along.
            let outcome = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(answer)).await;
            match outcome {
                Ok(answer) => answer,
                Err(_) => {
                    tracing::error!("a handler failed");
                    Ok(id.map(|id| {
                        let error =
                            Error { code: ErrorCode::InternalError, message: "internal error".into(), data: None };
                        Response::from_error(id, error)
                    }))
                }
            }
        })
    }
}
