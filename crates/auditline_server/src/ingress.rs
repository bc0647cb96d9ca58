//! What the client sends, in the order in which it sends it.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};

use auditline_source::{ContentChange, Position, PositionRange};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::Service;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::ls_types::error_codes::SERVER_NOT_INITIALIZED;
use tower_lsp::{ExitedError, LspService};

use crate::catalogue::{EXPLAIN, HAZARDS};
use crate::features::Features;
use crate::handlers::{Handlers, VIEW_FILE_TEXT};
use crate::keeper::{Event, FileChange};
use crate::report::REPORT;
use crate::shared::{Shared, TICKET};
use crate::{orphan, settings, uri, watch as watching};

/// How far the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Fresh,
    Running,
    ShutDown,
    Exited,
}

/// The service in front of the library's router. What changes the state is handed to the keeper in `call`, so that no
/// order but that of the wire is possible; the rest goes on to the router.
pub(crate) struct Ingress {
    inner: LspService<Handlers>,
    shared: Arc<Shared>,
    stage: Stage,
    was_shut_down: bool,
    begun: bool,
    /// The process of the editor, once it is known.
    editor: watch::Sender<Option<u32>>,
}

/// The requests that are answered. The router knows all those of the protocol and would complain of parameters first.
const HANDLED: &[&str] = &[
    "textDocument/hover",
    "textDocument/completion",
    "textDocument/codeLens",
    "textDocument/inlayHint",
    "textDocument/codeAction",
    "codeAction/resolve",
    "workspace/executeCommand",
    "textDocument/diagnostic",
    "workspace/diagnostic",
    VIEW_FILE_TEXT,
    HAZARDS,
    EXPLAIN,
    REPORT,
];

type Answer = BoxFuture<'static, Result<Option<Response>, ExitedError>>;

impl Service<Request> for Ingress {
    type Response = Option<Response>;
    type Error = ExitedError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match (request.method(), self.stage) {
            (_, Stage::Exited) => nothing(),
            ("exit", _) => {
                self.stage = Stage::Exited;
                self.inner.call(request)
            }
            ("initialize", Stage::Fresh) => self.initialize(request),
            ("initialize", _) => refuse(&request, Error::invalid_request(), "the server is initialized already"),
            (_, Stage::Fresh) => {
                let error = Error::new(ErrorCode::ServerError(SERVER_NOT_INITIALIZED));
                refuse(&request, error, "the server is not initialized yet")
            }
            (_, Stage::ShutDown) => refuse(&request, Error::invalid_request(), "the server is shut down"),
            ("shutdown", Stage::Running) => {
                (self.stage, self.was_shut_down) = (Stage::ShutDown, true);
                self.inner.call(request)
            }
            ("$/cancelRequest", Stage::Running) => self.inner.call(request).now_or_never().map_or_else(nothing, done),
            (_, Stage::Running) if request.id().is_none() => {
                let (method, _, params) = request.into_parts();
                self.notification(&method, params.unwrap_or_default());
                nothing()
            }
            (method, Stage::Running) if !HANDLED.contains(&method) => {
                let mut error = Error::method_not_found();
                error.data = Some(Value::from(method));
                refuse(&request, error, "")
            }
            (_, Stage::Running) => {
                // The request sees all that came before it, and its answer is void once the document changes.
                let ticket = self.shared.ticket();
                TICKET.scope(ticket, self.inner.call(request)).boxed()
            }
        }
    }
}

impl Ingress {
    pub(crate) fn new(inner: LspService<Handlers>, shared: Arc<Shared>) -> Self {
        let (editor, _) = watch::channel(None);
        Self { inner, shared, stage: Stage::Fresh, was_shut_down: false, begun: false, editor }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn was_shut_down(&self) -> bool {
        self.was_shut_down
    }

    /// Ends when the process ends that started us; never if it is not known.
    pub(crate) fn orphaned(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut editor = self.editor.subscribe();
        async move {
            let process = editor.wait_for(Option::is_some).await.map(|process| *process);
            match process {
                Ok(Some(process)) => orphan::wait_for_end_of(process).await,
                _ => std::future::pending().await,
            }
        }
    }

    fn initialize(&mut self, request: Request) -> Answer {
        let (_, id, params) = request.into_parts();
        let Some(id) = id else { return nothing() };
        let Some(params) = params.filter(Value::is_object) else {
            return done(Ok(Some(Response::from_error(
                id,
                Error::invalid_params("`initialize` needs its parameters"),
            ))));
        };
        self.shared.set_features(Features::of(&params["capabilities"]));
        let folders = folders(&params);
        let options = params.get("initializationOptions").cloned().unwrap_or_default();
        self.shared.push(|_| Event::Begin { folders, settings: options });
        if let Some(process) = params["processId"].as_u64().and_then(|process| u32::try_from(process).ok()) {
            self.editor.send_replace(Some(process));
        }
        self.stage = Stage::Running;
        // The router must know that the session has begun; what it needs of the parameters is nothing.
        let request = Request::build("initialize").id(id).params(json!({ "capabilities": {} })).finish();
        self.inner.call(request).now_or_never().map_or_else(nothing, done)
    }

    /// Starts what needs a client that listens.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.shared.push(|_| Event::Index);
            watching::register(&self.shared);
            settings::ask(&self.shared);
        }
    }

    fn notification(&mut self, method: &str, params: Value) {
        match method {
            "initialized" => self.begin(),
            "textDocument/didOpen" => {
                self.begin();
                self.with(method, params, Self::did_open);
            }
            "textDocument/didChange" => self.with(method, params, Self::did_change),
            "textDocument/didClose" => self.with(method, params, Self::did_close),
            "workspace/didChangeWatchedFiles" => self.with(method, params, Self::did_change_watched_files),
            "workspace/didChangeWorkspaceFolders" => self.with(method, params, Self::did_change_folders),
            "workspace/didChangeConfiguration" => match params.get("settings") {
                // A client that only says that something has changed wants to be asked what.
                Some(Value::Null) | None => settings::ask(&self.shared),
                Some(settings) => self.shared.push(|_| Event::Settings(settings.clone())),
            },
            _ => {}
        }
    }

    fn with<P: DeserializeOwned>(&mut self, method: &str, params: Value, handle: fn(&mut Self, P)) {
        match serde_json::from_value(params) {
            Ok(params) => handle(self, params),
            Err(error) => tracing::error!(method, %error, "a notification with parameters that make no sense"),
        }
    }

    fn did_open(&mut self, params: DidOpen) {
        let document = params.text_document;
        let path = uri::file_path(&document.uri).or_else(|| uri::nowhere(&document.uri, &document.language_id));
        let Some(path) = path else { return };
        let uri: Arc<str> = document.uri.into();
        self.shared.push(|stamp| {
            self.shared.document_opened(Arc::clone(&uri), path, stamp, document.version);
            Event::Open { path, uri, version: document.version, stamp, text: document.text }
        });
    }

    fn did_change(&mut self, params: DidChange) {
        let Some(path) = self.shared.open_path_of(&params.text_document.uri) else { return };
        let version = params.text_document.version.unwrap_or_default();
        let changes = params.content_changes.into_iter().map(Change::into_change).collect();
        self.shared.push(|stamp| {
            self.shared.document_changed(path, stamp, version);
            Event::Change { path, version, stamp, changes }
        });
    }

    fn did_close(&mut self, params: DidClose) {
        let Some(path) = self.shared.open_path_of(&params.text_document.uri) else { return };
        self.shared.push(|_| {
            self.shared.document_closed(&params.text_document.uri, path);
            Event::Close { path }
        });
    }

    fn did_change_watched_files(&mut self, params: DidChangeWatchedFiles) {
        let changes: Vec<FileChange> = params
            .changes
            .iter()
            .filter_map(|change| Some(FileChange { path: uri::file_path(&change.uri)?, is_gone: change.kind == 3 }))
            .collect();
        if !changes.is_empty() {
            self.shared.push(|_| Event::Files(changes));
        }
    }

    fn did_change_folders(&mut self, params: DidChangeFolders) {
        let paths = |folders: &[Folder]| folders.iter().filter_map(|folder| uri::file_path(&folder.uri)).collect();
        let (added, removed) = (paths(&params.event.added), paths(&params.event.removed));
        self.shared.push(|_| Event::Folders { added, removed });
    }
}

/// The folders of the editor; older clients have one, under older names.
fn folders(params: &Value) -> Vec<auditline_source::FilePath> {
    if let Some(folders) = params.get("workspaceFolders").and_then(Value::as_array) {
        return folders.iter().filter_map(|folder| uri::file_path(folder.get("uri")?.as_str()?)).collect();
    }
    let root = params.get("rootUri").and_then(Value::as_str).and_then(uri::file_path);
    let by_path = || params.get("rootPath").and_then(Value::as_str).and_then(auditline_source::FilePath::from_str);
    root.or_else(by_path).into_iter().collect()
}

fn done(outcome: Result<Option<Response>, ExitedError>) -> Answer {
    ready(outcome).boxed()
}

fn nothing() -> Answer {
    done(Ok(None))
}

/// Answers a request with an error; a notification is dropped.
fn refuse(request: &Request, mut error: Error, reason: &'static str) -> Answer {
    if !reason.is_empty() {
        error.message = reason.into();
    }
    done(Ok(request.id().cloned().map(|id: Id| Response::from_error(id, error))))
}

// The parameters of notifications, with what is read of them and nothing else: an editor that writes the rest in a way
// of its own is served all the same.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DidOpen {
    text_document: TextDocumentItem,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TextDocumentItem {
    uri: String,
    #[serde(default)]
    language_id: String,
    #[serde(default)]
    version: i32,
    text: String,
}

#[derive(Deserialize)]
struct DocumentId {
    uri: String,
    version: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DidChange {
    text_document: DocumentId,
    content_changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    range: Option<WireRange>,
    text: String,
}

#[derive(Deserialize)]
struct WireRange {
    start: WirePosition,
    end: WirePosition,
}

/// A position; numbers beyond all lines are taken for the end.
#[derive(Deserialize)]
struct WirePosition {
    line: u64,
    character: u64,
}

impl WirePosition {
    fn into_position(self) -> Position {
        let clamp = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Position::new(clamp(self.line), clamp(self.character))
    }
}

impl Change {
    fn into_change(self) -> ContentChange {
        let range = self.range.map(|range| PositionRange::new(range.start.into_position(), range.end.into_position()));
        ContentChange { range, text: self.text }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DidClose {
    text_document: DocumentId,
}

#[derive(Deserialize)]
struct DidChangeWatchedFiles {
    changes: Vec<WatchedChange>,
}

#[derive(Deserialize)]
struct WatchedChange {
    uri: String,
    #[serde(rename = "type")]
    kind: u64,
}

#[derive(Deserialize)]
struct DidChangeFolders {
    event: FolderEvent,
}

#[derive(Deserialize)]
struct FolderEvent {
    #[serde(default)]
    added: Vec<Folder>,
    #[serde(default)]
    removed: Vec<Folder>,
}

#[derive(Deserialize)]
struct Folder {
    uri: String,
}
