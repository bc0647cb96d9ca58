//! What the parts of one session with an editor share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use auditline_source::{Encoding, FilePath};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::jsonrpc::{Error, ErrorCode};
use tower_lsp::ls_types::error_codes::SERVER_CANCELLED;

use crate::conversion::Speech;
use crate::diagnostics::Ledger;
use crate::features::Features;
use crate::keeper::{Event, Numbered};
use crate::margin::Margins;
use crate::outbox::Outbox;
use crate::pool::{Lane, Pool};
use crate::settings::Shown;
use crate::snapshot::{Interrupted, Snapshot};
use crate::uri;
use crate::workspace::Workspace;

/// How long an answer of the client is waited for.
pub(crate) const CLIENT_PATIENCE: Duration = Duration::from_secs(30);

/// A job that takes longer has looked at much of the workspace.
const LONG_JOB: Duration = Duration::from_secs(1);

/// Writes that come faster than a job can be done must not keep it going forever.
const MAX_ATTEMPTS: usize = 50;

tokio::task_local! {
    /// The number of the last event before the request that is being handled.
    pub(crate) static TICKET: u64;
}

/// What the parts of one session with an editor share.
pub(crate) struct Shared {
    pub(crate) outbox: Outbox,
    pub(crate) pool: Pool,
    pub(crate) runtime: Handle,
    pub(crate) ledger: Ledger,
    pub(crate) margins: Margins,
    client: OnceLock<Client>,
    features: OnceLock<Features>,
    events: Sender<Numbered>,
    pushed: AtomicU64,
    /// The number of the last event that the keeper has applied.
    applied: watch::Sender<u64>,
    documents: Mutex<Documents>,
    workspaces: RwLock<Arc<Vec<Arc<Workspace>>>>,
    /// Counts the writes, for those who act on what has changed.
    changed: watch::Sender<u64>,
    /// What the user wants to see.
    shown: Mutex<Shown>,
}

/// The open documents as the wire has them, which may be ahead of the database.
#[derive(Default)]
struct Documents {
    by_uri: HashMap<Arc<str>, FilePath>,
    /// The number of the event that changed it last, and the version.
    by_path: HashMap<FilePath, (u64, i32)>,
}

/// Why a request has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The document has changed since.
    Modified,
    /// The work failed: a fault of ours.
    Failed,
    /// Writes came faster than the work could be done.
    Cancelled,
}

impl From<Unanswered> for Error {
    fn from(reason: Unanswered) -> Self {
        match reason {
            Unanswered::Modified => Self::content_modified(),
            Unanswered::Failed => Self::internal_error(),
            Unanswered::Cancelled => Self::new(ErrorCode::ServerError(SERVER_CANCELLED)),
        }
    }
}

impl Shared {
    pub(crate) fn new(outbox: Outbox) -> std::io::Result<(Arc<Self>, Receiver<Numbered>)> {
        let (events, receiver) = channel();
        let shared = Self {
            outbox,
            pool: Pool::new()?,
            runtime: Handle::current(),
            ledger: Ledger::default(),
            margins: Margins::default(),
            client: OnceLock::new(),
            features: OnceLock::new(),
            events,
            pushed: AtomicU64::new(0),
            applied: watch::channel(0).0,
            documents: Mutex::default(),
            workspaces: RwLock::default(),
            changed: watch::channel(0).0,
            shown: Mutex::default(),
        };
        Ok((Arc::new(shared), receiver))
    }

    pub(crate) fn set_client(&self, client: Client) {
        drop(self.client.set(client));
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.get()
    }

    pub(crate) fn set_features(&self, features: Features) {
        drop(self.features.set(features));
    }

    /// What the client can do; known from `initialize` on.
    pub(crate) fn features(&self) -> &Features {
        self.features.get_or_init(|| Features::of(&serde_json::Value::Null))
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.features().encoding
    }

    /// What the user wants to see.
    pub(crate) fn shown(&self) -> Shown {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_shown(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// Sends the keeper an event of the wire. Called in wire order, from one thread.
    pub(crate) fn push(&self, event: impl FnOnce(u64) -> Event) {
        let number = self.pushed.fetch_add(1, Ordering::SeqCst) + 1;
        drop(self.events.send(Numbered { number, event: event(number) }));
    }

    /// Sends the keeper an event of our own.
    pub(crate) fn tell_keeper(&self, event: Event) {
        drop(self.events.send(Numbered { number: 0, event }));
    }

    /// The number of the last event of the wire so far.
    pub(crate) fn ticket(&self) -> u64 {
        self.pushed.load(Ordering::SeqCst)
    }

    /// The keeper has applied all events up to that one.
    pub(crate) fn set_applied(&self, number: u64) {
        self.applied.send_replace(number);
    }

    /// Waits until all is applied that came before the request at hand.
    pub(crate) async fn catch_up(&self) -> u64 {
        let ticket = TICKET.try_with(|ticket| *ticket).unwrap_or_else(|_| self.ticket());
        // The sender lives as long as we do.
        drop(self.applied.subscribe().wait_for(|applied| *applied >= ticket).await);
        ticket
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn document_opened(&self, uri: Arc<str>, path: FilePath, stamp: u64, version: i32) {
        let mut documents = self.documents();
        documents.by_uri.insert(uri, path);
        documents.by_path.insert(path, (stamp, version));
    }

    pub(crate) fn document_changed(&self, path: FilePath, stamp: u64, version: i32) {
        self.documents().by_path.insert(path, (stamp, version));
    }

    pub(crate) fn document_closed(&self, uri: &str, path: FilePath) {
        let mut documents = self.documents();
        documents.by_uri.remove(uri);
        documents.by_path.remove(&path);
    }

    /// The path of an open document, or of a file.
    pub(crate) fn path_of(&self, address: &str) -> Option<FilePath> {
        let open = self.documents().by_uri.get(address).copied();
        open.or_else(|| uri::file_path(address))
    }

    /// The path of an open document.
    pub(crate) fn open_path_of(&self, address: &str) -> Option<FilePath> {
        self.documents().by_uri.get(address).copied()
    }

    /// The number of the event that changed an open document last, by the wire.
    pub(crate) fn stamp_of(&self, path: FilePath) -> Option<u64> {
        self.documents().by_path.get(&path).map(|(stamp, _)| *stamp)
    }

    /// The version of an open document, by the wire.
    pub(crate) fn version_of(&self, path: FilePath) -> Option<i32> {
        self.documents().by_path.get(&path).map(|(_, version)| *version)
    }

    pub(crate) fn workspaces(&self) -> Arc<Vec<Arc<Workspace>>> {
        Arc::clone(&self.workspaces.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_workspaces(&self, workspaces: Vec<Arc<Workspace>>) {
        *self.workspaces.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(workspaces);
    }

    /// The workspace that speaks for a file: the innermost that may hold it.
    pub(crate) fn workspace_of(&self, path: FilePath) -> Option<Arc<Workspace>> {
        let workspaces = self.workspaces();
        let covering = workspaces.iter().filter(|workspace| workspace.covers(path));
        covering.max_by_key(|workspace| workspace.root.as_str().len()).map(Arc::clone)
    }

    /// Something was written.
    pub(crate) fn note_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How the client is spoken to. A request asks for it after [`Shared::catch_up`].
    pub(crate) fn speech(&self) -> Speech {
        Speech { features: self.features().clone(), shown: self.shown() }
    }

    /// Does a job on a snapshot of a workspace, once it is indexed; `None` if it is gone. A job that a write interrupts
    /// is done again.
    pub(crate) async fn read_workspace<T: Send + 'static>(
        &self,
        lane: Lane,
        workspace: &Arc<Workspace>,
        job: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
    ) -> Result<Option<T>, Unanswered> {
        let job = Arc::new(job);
        for _ in 0..MAX_ATTEMPTS {
            if !workspace.wait_until_ready().await {
                return Ok(None);
            }
            let (job, workspace) = (Arc::clone(&job), Arc::clone(workspace));
            let outcome = self.pool.run(lane, move || {
                let started = Instant::now();
                let outcome = workspace.snapshot()?.run(|snapshot| job(snapshot));
                Some((outcome, started.elapsed() > LONG_JOB))
            });
            let outcome = outcome.await;
            if let Ok(Some((_, true))) = outcome {
                self.tell_keeper(Event::Forget);
            }
            match outcome.map(|outcome| outcome.map(|(outcome, _)| outcome)) {
                Ok(Some(Ok(result))) => return Ok(Some(result)),
                Ok(Some(Err(Interrupted::Cancelled)) | None) => {}
                Ok(Some(Err(Interrupted::Panicked))) | Err(_) => return Err(Unanswered::Failed),
            }
        }
        Err(Unanswered::Cancelled)
    }

    /// As [`Shared::read_workspace`], in the workspace that speaks for `path`, once all is applied that came before the
    /// request. `None` if no workspace does.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        lane: Lane,
        path: FilePath,
        job: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
    ) -> Result<Option<T>, Unanswered> {
        self.catch_up().await;
        let job = Arc::new(job);
        // Another workspace may take the place of the one that spoke for the file.
        while let Some(workspace) = self.workspace_of(path) {
            let job = Arc::clone(&job);
            let result = self.read_workspace(lane, &workspace, move |snapshot| job(snapshot)).await?;
            if result.is_some() {
                return Ok(result);
            }
            tokio::task::yield_now().await;
        }
        Ok(None)
    }

    /// As [`Shared::read`], for a request about a place in an open document: it has no answer once the document has
    /// changed since.
    pub(crate) async fn read_document<T: Send + 'static>(
        &self,
        path: FilePath,
        job: impl Fn(&Snapshot) -> T + Send + Sync + 'static,
    ) -> Result<Option<T>, Unanswered> {
        let ticket = TICKET.try_with(|ticket| *ticket).unwrap_or_else(|_| self.ticket());
        let fresh = move |stamp: u64| stamp <= ticket;
        let result = self.read(Lane::Urgent, path, move |snapshot| {
            let is_fresh = snapshot.documents.get(&path).is_none_or(|document| fresh(document.stamp));
            is_fresh.then(|| job(snapshot))
        });
        match result.await? {
            Some(None) => Err(Unanswered::Modified),
            Some(Some(result)) => Ok(Some(result)),
            None => Ok(None),
        }
    }
}
