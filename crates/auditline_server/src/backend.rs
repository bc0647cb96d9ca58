//! The requests of the protocol.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use auditline_project::{Config, Workspace};
use auditline_source::{FilePath, TextRange};
use rustc_hash::FxHashSet;
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::*;
use tower_lsp::{Client, LanguageServer};

use crate::actions::{self, ActionData, Stale};
use crate::client::Abilities;
use crate::diagnostics;
use crate::documents::{Documents, lsp_range, position, position_range};
use crate::engine::{Engine, ReadError, Snapshot};
use crate::hover;
use crate::progress::IndexProgress;
use crate::watcher;

/// How long a request to the client may take before it is given up.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(10);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) engine: Engine,
    pub(crate) documents: Documents,
    abilities: OnceLock<Abilities>,
    roots: Mutex<Vec<FilePath>>,
    problems: Mutex<Vec<String>>,
    indexed: AtomicBool,
    published: Mutex<FxHashSet<FilePath>>,
    watcher: Mutex<Option<watcher::OwnWatcher>>,
}

impl Shared {
    pub(crate) fn new(client: Client, engine: Engine) -> Self {
        Self {
            client,
            engine,
            documents: Documents::default(),
            abilities: OnceLock::new(),
            roots: Mutex::default(),
            problems: Mutex::default(),
            indexed: AtomicBool::new(false),
            published: Mutex::default(),
            watcher: Mutex::default(),
        }
    }

    pub(crate) fn is_initialized(&self) -> bool {
        self.abilities.get().is_some()
    }

    pub(crate) fn abilities(&self) -> &Abilities {
        static NONE: OnceLock<Abilities> = OnceLock::new();
        self.abilities.get().unwrap_or_else(|| NONE.get_or_init(Abilities::default))
    }

    /// The workspaces at the roots, each with its configuration; one whose configuration is wrong is taken without it, and the
    /// client is told.
    fn workspaces(&self) -> Vec<Workspace> {
        let roots = lock(&self.roots).clone();
        roots
            .into_iter()
            .map(|root| {
                Workspace::load(root).unwrap_or_else(|errors| {
                    lock(&self.problems).push(errors.to_string());
                    Workspace::new(root, Config::default(), &[], &[])
                })
            })
            .collect()
    }

    fn tell_problems(self: &Arc<Self>) {
        let problems = std::mem::take(&mut *lock(&self.problems));
        let shared = Arc::clone(self);
        if !problems.is_empty() {
            tokio::spawn(async move {
                for problem in problems {
                    shared.client.show_message(MessageType::ERROR, format!("Auditline: {problem}")).await;
                }
            });
        }
    }

    /// The client is ready: reads the workspaces, and watches them.
    pub(crate) fn start(self: &Arc<Self>) {
        let (progress, report) = IndexProgress::new();
        let indexed = self.engine.index(self.workspaces(), report);
        self.tell_problems();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let shown = tokio::spawn(progress.show(Arc::clone(&shared)));
            let _ = indexed.await;
            shared.indexed.store(true, Ordering::SeqCst);
            let _ = shown.await;
            shared.refresh().await;
        });
        if self.abilities().watches_files {
            let shared = Arc::clone(self);
            tokio::spawn(async move { watcher::register(&shared.client).await });
        } else {
            let roots = lock(&self.roots).clone();
            *lock(&self.watcher) =
                watcher::OwnWatcher::start(&roots, Arc::downgrade(self), tokio::runtime::Handle::current());
        }
    }

    /// A document was opened or edited.
    pub(crate) fn changed(self: &Arc<Self>, uri: &Uri) {
        if self.abilities().pulls_diagnostics {
            return;
        }
        let Some(path) = self.documents.path(uri) else { return };
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            if shared.publish(path).await {
                for other in shared.documents.open_paths() {
                    if other != path && !shared.publish(other).await {
                        break;
                    }
                }
            }
        });
    }

    /// A document was closed.
    pub(crate) fn closed(self: &Arc<Self>, uri: &Uri) {
        if self.abilities().pulls_diagnostics {
            return;
        }
        let Some(path) = self.documents.path(uri) else { return };
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.publish(path).await });
    }

    /// Files changed on disk.
    pub(crate) fn files_changed(self: &Arc<Self>, paths: Vec<FilePath>) {
        let configured = paths.iter().any(|path| matches!(path.file_name(), "pyproject.toml" | "auditline.toml"));
        if paths.is_empty() {
            return;
        }
        self.engine.disk(paths);
        if configured {
            self.reconfigure();
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.refresh().await });
    }

    /// The configuration or the folders may have changed.
    pub(crate) fn reconfigure(self: &Arc<Self>) {
        self.engine.configure(self.workspaces());
        self.tell_problems();
        let shared = Arc::clone(self);
        tokio::spawn(async move { shared.refresh().await });
    }

    /// Shows the findings anew: asks a client that pulls to pull again, publishes to one that does not.
    async fn refresh(self: &Arc<Self>) {
        if self.abilities().pulls_diagnostics {
            if self.abilities().refreshes_diagnostics {
                let _ = tokio::time::timeout(CLIENT_PATIENCE, self.client.workspace_diagnostic_refresh()).await;
            }
        } else if self.indexed.load(Ordering::SeqCst) {
            self.publish_all().await;
        }
    }

    /// Publishes the diagnostics of a file, unless it changed meanwhile; tells whether it did not.
    async fn publish(self: &Arc<Self>, path: FilePath) -> bool {
        let shared = Arc::clone(self);
        let outcome = self
            .engine
            .read(move |snapshot| {
                let diagnostics = diagnostics::of_file(snapshot, &shared.documents, shared.abilities(), path);
                (diagnostics, snapshot.open.get(&path).copied())
            })
            .await;
        let Ok((diagnostics, version)) = outcome else { return false };
        if self.documents.version(path) != version {
            return false;
        }
        self.send(path, diagnostics, version).await;
        true
    }

    async fn send(&self, path: FilePath, diagnostics: Vec<Diagnostic>, version: Option<i32>) {
        let Some(uri) = self.documents.uri(path) else { return };
        if diagnostics.is_empty() {
            lock(&self.published).remove(&path);
        } else {
            lock(&self.published).insert(path);
        }
        self.client.publish_diagnostics(uri, diagnostics, version).await;
    }

    /// Publishes the findings of every file, and takes back those that are gone.
    async fn publish_all(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let outcome = self
            .engine
            .read(move |snapshot| {
                let mut found = Vec::new();
                for file in snapshot.db.all_files() {
                    let path = file.path(&snapshot.db);
                    let diagnostics = diagnostics::of_file(snapshot, &shared.documents, shared.abilities(), path);
                    if !diagnostics.is_empty() || snapshot.open.contains_key(&path) {
                        found.push((path, diagnostics, snapshot.open.get(&path).copied()));
                    }
                }
                found
            })
            .await;
        // A change came in between: its own publication follows, and the rest with the next refresh.
        let Ok(found) = outcome else { return };
        let mut gone: FxHashSet<FilePath> = lock(&self.published).clone();
        for (path, diagnostics, version) in found {
            gone.remove(&path);
            if self.documents.version(path) == version {
                self.send(path, diagnostics, version).await;
            }
        }
        for path in gone {
            self.send(path, Vec::new(), None).await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The language server.
pub(crate) struct Backend {
    shared: Arc<Shared>,
}

impl Backend {
    pub(crate) fn new(client: Client, engine: Engine) -> Self {
        Self { shared: Arc::new(Shared::new(client, engine)) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Snapshot, &Shared) -> T + Send + 'static) -> Result<T> {
        let shared = Arc::clone(&self.shared);
        self.shared.engine.read(move |snapshot| read(snapshot, &shared)).await.map_err(|error| match error {
            ReadError::Cancelled => Error::content_modified(),
            ReadError::Failed => Error::internal_error(),
        })
    }

    fn path(&self, uri: &Uri) -> Result<FilePath> {
        self.shared.documents.path(uri).ok_or_else(|| Error::invalid_params(format!("no path: {}", uri.as_str())))
    }
}

/// A pull that was overtaken by a change: the client is to ask again.
fn retrigger(error: Error) -> Error {
    if error.code == ErrorCode::ContentModified {
        Error {
            code: ErrorCode::ServerError(error_codes::SERVER_CANCELLED),
            message: "the content changed meanwhile".into(),
            data: serde_json::to_value(DiagnosticServerCancellationData { retrigger_request: true }).ok(),
        }
    } else {
        error
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let abilities = Abilities::of(&params);
        *lock(&self.shared.roots) = roots(&params);
        crate::orphan::watch(params.process_id);
        let capabilities = ServerCapabilities {
            position_encoding: Some(abilities.encoding_kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                ..TextDocumentSyncOptions::default()
            })),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::new(actions::FIX_ALL)]),
                resolve_provider: Some(abilities.resolves_edits),
                ..CodeActionOptions::default()
            })),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: vec![actions::APPLY.to_owned()],
                ..ExecuteCommandOptions::default()
            }),
            diagnostic_provider: abilities.pulls_diagnostics.then(|| {
                DiagnosticServerCapabilities::Options(DiagnosticOptions {
                    identifier: Some("auditline".to_owned()),
                    inter_file_dependencies: true,
                    workspace_diagnostics: true,
                    ..DiagnosticOptions::default()
                })
            }),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                ..WorkspaceServerCapabilities::default()
            }),
            ..ServerCapabilities::default()
        };
        let _ = self.shared.abilities.set(abilities);
        Ok(InitializeResult {
            capabilities,
            server_info: Some(ServerInfo {
                name: "auditline".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn initialized(&self, _: InitializedParams) {}

    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }

    async fn did_change_configuration(&self, _: DidChangeConfigurationParams) {
        self.shared.reconfigure();
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        {
            let mut roots = lock(&self.shared.roots);
            let path = |folder: &WorkspaceFolder| folder.uri.to_file_path().and_then(|path| FilePath::new(&path));
            let removed: Vec<FilePath> = params.event.removed.iter().filter_map(path).collect();
            roots.retain(|root| !removed.contains(root));
            for added in params.event.added.iter().filter_map(path) {
                if !roots.contains(&added) {
                    roots.push(added);
                }
            }
        }
        self.shared.reconfigure();
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {}

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        let path = self.path(&params.text_document.uri)?;
        let items = self
            .read(move |snapshot, shared| diagnostics::of_file(snapshot, &shared.documents, shared.abilities(), path))
            .await
            .map_err(retrigger)?;
        let result_id = diagnostics::result_id(&items);
        let report = if params.previous_result_id.as_deref() == Some(result_id.as_str()) {
            DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
                related_documents: None,
                unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport { result_id },
            })
        } else {
            DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
                related_documents: None,
                full_document_diagnostic_report: FullDocumentDiagnosticReport { result_id: Some(result_id), items },
            })
        };
        Ok(DocumentDiagnosticReportResult::Report(report))
    }

    /// The findings of every file. A client asks for this again and again: once nothing has changed since its last
    /// answer, the next one waits for a change.
    async fn workspace_diagnostic(&self, params: WorkspaceDiagnosticParams) -> Result<WorkspaceDiagnosticReportResult> {
        let previous: Vec<(Option<FilePath>, Uri, String)> = params
            .previous_result_ids
            .into_iter()
            .map(|previous| (self.shared.documents.path(&previous.uri), previous.uri, previous.value))
            .collect();
        let mut changes = self.shared.engine.changes();
        loop {
            changes.mark_unchanged();
            let found = self
                .read(|snapshot, shared| {
                    snapshot
                        .db
                        .all_files()
                        .into_iter()
                        .filter_map(|file| {
                            let path = file.path(&snapshot.db);
                            let items = diagnostics::of_file(snapshot, &shared.documents, shared.abilities(), path);
                            let version = snapshot.open.get(&path).copied();
                            Some((path, shared.documents.uri(path)?, version, items))
                        })
                        .collect::<Vec<_>>()
                })
                .await
                .map_err(retrigger)?;
            let mut reports = Vec::new();
            let mut is_news = previous.is_empty();
            let mut seen = FxHashSet::default();
            for (path, uri, version, items) in found {
                let before = previous.iter().find(|(known, _, _)| *known == Some(path));
                if items.is_empty() && before.is_none() {
                    continue;
                }
                seen.insert(path);
                let result_id = diagnostics::result_id(&items);
                if before.is_some_and(|(_, _, value)| *value == result_id) {
                    reports.push(WorkspaceDocumentDiagnosticReport::Unchanged(
                        WorkspaceUnchangedDocumentDiagnosticReport {
                            uri,
                            version: version.map(i64::from),
                            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport { result_id },
                        },
                    ));
                    continue;
                }
                is_news = true;
                reports.push(full(uri, version, result_id, items));
            }
            for (path, uri, value) in &previous {
                let is_gone = path.is_none_or(|path| !seen.contains(&path));
                if is_gone && *value != diagnostics::result_id(&[]) {
                    is_news = true;
                    reports.push(full(uri.clone(), None, diagnostics::result_id(&[]), Vec::new()));
                }
            }
            if is_news {
                return Ok(WorkspaceDiagnosticReportResult::Report(WorkspaceDiagnosticReport { items: reports }));
            }
            if changes.changed().await.is_err() {
                return Err(Error::internal_error());
            }
        }
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let path = self.path(&params.text_document.uri)?;
        let found = self
            .read(move |snapshot, shared| {
                let text = snapshot.text(path)?;
                let abilities = shared.abilities();
                let range: TextRange = text.range(position_range(params.range), abilities.encoding);
                let only = params.context.only.as_deref();
                Some(actions::actions(snapshot, &shared.documents, abilities, path, range, only))
            })
            .await?;
        Ok(found.filter(|actions| !actions.is_empty()))
    }

    async fn code_action_resolve(&self, mut action: CodeAction) -> Result<CodeAction> {
        let Some(data) = action.data.clone() else { return Ok(action) };
        let data: ActionData =
            serde_json::from_value(data).map_err(|error| Error::invalid_params(error.to_string()))?;
        let edit = self
            .read(move |snapshot, shared| actions::resolve(snapshot, &shared.documents, shared.abilities(), &data))
            .await?;
        match edit {
            Ok(edit) => {
                action.edit = Some(edit);
                Ok(action)
            }
            Err(Stale::Changed) => Err(Error::content_modified()),
        }
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        if params.command != actions::APPLY {
            return Err(Error::invalid_params(format!("unknown command: {}", params.command)));
        }
        let data = params.arguments.into_iter().next().unwrap_or_default();
        let data: ActionData =
            serde_json::from_value(data).map_err(|error| Error::invalid_params(error.to_string()))?;
        let edit = self
            .read(move |snapshot, shared| actions::resolve(snapshot, &shared.documents, shared.abilities(), &data))
            .await?;
        let Ok(edit) = edit else { return Err(Error::content_modified()) };
        let shared = Arc::clone(&self.shared);
        // Awaiting the client inside a handler could wait for itself.
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CLIENT_PATIENCE, shared.client.apply_edit(edit)).await;
        });
        Ok(None)
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        let path = self.path(&at.text_document.uri)?;
        self.read(move |snapshot, shared| {
            let text = snapshot.text(path)?;
            let abilities = shared.abilities();
            let offset = text.offset(position(at.position), abilities.encoding);
            let report = snapshot.report(path)?;
            let here: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| diagnostics::is_shown(finding) && finding.range.offsets.contains_inclusive(offset))
                .collect();
            let first = here.first()?;
            let kind = if abilities.markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
            Some(Hover {
                contents: HoverContents::Markup(MarkupContent {
                    kind,
                    value: hover::text(snapshot, &shared.documents, abilities, &here),
                }),
                range: Some(lsp_range(&text, first.range.offsets, abilities.encoding)),
            })
        })
        .await
    }
}

fn full(
    uri: Uri,
    version: Option<i32>,
    result_id: String,
    items: Vec<Diagnostic>,
) -> WorkspaceDocumentDiagnosticReport {
    WorkspaceDocumentDiagnosticReport::Full(WorkspaceFullDocumentDiagnosticReport {
        uri,
        version: version.map(i64::from),
        full_document_diagnostic_report: FullDocumentDiagnosticReport { result_id: Some(result_id), items },
    })
}

/// The folders of the client: its workspace folders, or the older root URI or path.
fn roots(params: &InitializeParams) -> Vec<FilePath> {
    let folders: Vec<FilePath> = params
        .workspace_folders
        .iter()
        .flatten()
        .filter_map(|folder| FilePath::new(&folder.uri.to_file_path()?))
        .collect();
    if !folders.is_empty() {
        return folders;
    }
    #[allow(deprecated, reason = "older clients send nothing else")]
    let root = params
        .root_uri
        .as_ref()
        .and_then(|uri| uri.to_file_path().map(std::borrow::Cow::into_owned))
        .or_else(|| params.root_path.as_ref().map(std::path::PathBuf::from));
    root.and_then(|root| FilePath::new(&root)).into_iter().collect()
}
