//! What is told once there is time: closed files, and that it is worth asking again.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use auditline_source::FilePath;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ledger::Entry;
use super::push::publish_closed;
use crate::conversion::Told;
use crate::keeper::Event;
use crate::margin;
use crate::pool::Lane;
use crate::progress::Work;
use crate::shared::{CLIENT_PATIENCE, Shared};
use crate::workspace::Workspace;

/// So long after the last change the rest of the workspace is looked at.
const QUIET: Duration = Duration::from_millis(300);

/// Whoever never pauses is not waited for longer than this.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// So many files are one job.
const CHUNK: usize = 32;

/// So many files are told at once.
const WAVE: usize = 512;

/// Looks at the rest of the workspace after each pause.
pub(crate) async fn sweep(shared: Arc<Shared>) {
    let mut changes = shared.changes();
    while changes.changed().await.is_ok() {
        settle(&mut changes).await;
        if shared.features().pull {
            ask_to_pull_again(&shared).await;
        } else {
            publish_closed_files(&shared).await;
        }
        margin::refresh(&shared).await;
    }
}

/// Waits until nothing changes any more, but not forever.
pub(super) async fn settle(changes: &mut watch::Receiver<u64>) {
    let quiet = async { while let Ok(Ok(())) = tokio::time::timeout(QUIET, changes.changed()).await {} };
    drop(tokio::time::timeout(MAX_WAIT, quiet).await);
    changes.borrow_and_update();
}

/// The files of a workspace that are reported although they may be closed, sorted.
pub(crate) async fn reported_files(shared: &Arc<Shared>, workspace: &Arc<Workspace>) -> Vec<FilePath> {
    let reporter = Arc::clone(workspace);
    let files = shared.read_workspace(Lane::Background, workspace, move |snapshot| {
        let all = snapshot.db.all_files().into_iter().map(|file| file.path(&snapshot.db));
        all.filter(|path| reporter.reports_closed(*path)).collect::<Vec<_>>()
    });
    let files = files.await.ok().flatten().unwrap_or_default();
    // Where one workspace stands in another, the inner one speaks.
    let speaks = |path: &FilePath| shared.workspace_of(*path).is_some_and(|other| Arc::ptr_eq(&other, workspace));
    files.into_iter().filter(speaks).collect()
}

/// Checks files in the background, a wave at a time; each wave is handed to `take`.
pub(super) async fn check_in_waves(
    shared: &Arc<Shared>,
    workspace: &Arc<Workspace>,
    files: &[FilePath],
    mut take: impl FnMut(Vec<(FilePath, Option<i32>, Told)>, usize),
) {
    let speech = Arc::new(shared.speech());
    let mut done = 0;
    for wave in files.chunks(WAVE) {
        let mut jobs = JoinSet::new();
        for chunk in wave.chunks(CHUNK) {
            let (shared, workspace, speech) = (Arc::clone(shared), Arc::clone(workspace), Arc::clone(&speech));
            let chunk = chunk.to_vec();
            jobs.spawn(async move {
                let read = shared.read_workspace(Lane::Background, &workspace, move |snapshot| {
                    let tell = |path: &FilePath| {
                        let version = snapshot.documents.get(path).map(|open| open.version);
                        (*path, version, speech.told(snapshot, *path))
                    };
                    chunk.iter().map(tell).collect::<Vec<_>>()
                });
                read.await.ok().flatten().unwrap_or_default()
            });
        }
        while let Some(told) = jobs.join_next().await {
            let told = told.unwrap_or_default();
            done += told.len();
            take(told, done);
        }
    }
}

async fn publish_closed_files(shared: &Arc<Shared>) {
    let mut seen: HashSet<FilePath> = HashSet::new();
    let workspaces = shared.workspaces();
    for workspace in workspaces.iter().filter(|workspace| workspace.is_ready() && workspace.reports_closed_files()) {
        let files = reported_files(shared, workspace).await;
        seen.extend(&files);
        let closed: Vec<FilePath> = files.into_iter().filter(|path| shared.stamp_of(*path).is_none()).collect();
        let is_first = workspace.begin_first_sweep();
        let work =
            is_first.then(|| Work::begin(shared, &format!("Auditline: checking {}", workspace.root.file_name())));
        check_in_waves(shared, workspace, &closed, |told, done| {
            for (path, _, told) in told {
                publish_closed(shared, path, &told);
            }
            if let Some(work) = &work {
                work.report(done, closed.len());
            }
        })
        .await;
        if is_first {
            shared.tell_keeper(Event::Forget);
        }
    }
    // What is no longer there is taken back.
    let gone: Vec<FilePath> = shared
        .ledger
        .published()
        .iter()
        .filter(|(path, entry)| entry.stamp.is_none() && !seen.contains(path))
        .map(|(path, _)| *path)
        .collect();
    for path in gone {
        if shared.workspace_of(path).is_none_or(|workspace| workspace.is_ready()) {
            publish_closed(shared, path, &Told { generation: u64::MAX, ..Told::default() });
        }
    }
}

/// Asks the client to pull again, if what it was told of an open document that it did not change is no longer so.
async fn ask_to_pull_again(shared: &Arc<Shared>) {
    let answered: Vec<(FilePath, Entry)> =
        shared.ledger.answered().iter().map(|(path, entry)| (*path, *entry)).collect();
    let mut is_stale = false;
    for (path, entry) in answered {
        // Of a document that it changed itself the client will ask by itself.
        if entry.stamp.is_none() || shared.stamp_of(path) != entry.stamp {
            continue;
        }
        let speech = shared.speech();
        let told = shared.read(Lane::Soon, path, move |snapshot| speech.told(snapshot, path)).await;
        if let Ok(told) = told
            && told.map_or(0, |told| told.id()) != entry.id
            && shared.stamp_of(path) == entry.stamp
            && shared.ledger.answered().get(&path) == Some(&entry)
        {
            is_stale = true;
            break;
        }
    }
    if is_stale && let Some(client) = shared.client() {
        let answer = tokio::time::timeout(CLIENT_PATIENCE, client.workspace_diagnostic_refresh()).await;
        if !matches!(answer, Ok(Ok(()))) {
            tracing::warn!("the client does not pull again");
        }
    }
}
