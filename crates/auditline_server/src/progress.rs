//! Progress of long work, as the client shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_lsp::ls_types::{
    NumberOrString, ProgressToken, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd, WorkDoneProgressReport,
};

use crate::shared::{CLIENT_PATIENCE, Shared};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A piece of work that the client may show.
pub(crate) struct Work {
    shared: Arc<Shared>,
    token: ProgressToken,
    stage: Arc<Mutex<Stage>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client has not said yet that it will show it.
    Waiting,
    /// The client shows it; so many percent were told.
    Shown(u32),
    Ended,
}

impl Work {
    /// Begins a piece of work. Nobody waits for the client: if the work ends first, nothing is shown.
    pub(crate) fn begin(shared: &Arc<Shared>, title: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let token = NumberOrString::String(format!("auditline/{number}"));
        let stage = Arc::new(Mutex::new(Stage::Waiting));
        let work = Self { shared: Arc::clone(shared), token: token.clone(), stage: Arc::clone(&stage) };
        if !shared.features().progress {
            return work;
        }
        let (shared, title) = (Arc::clone(shared), title.to_owned());
        shared.runtime.clone().spawn(async move {
            let Some(client) = shared.client() else { return };
            let created = tokio::time::timeout(CLIENT_PATIENCE, client.create_work_done_progress(token.clone()));
            let mut stage = match created.await {
                Ok(Ok(())) => lock(&stage),
                _ => return,
            };
            if *stage == Stage::Waiting {
                let begin = WorkDoneProgressBegin { title, percentage: Some(0), ..WorkDoneProgressBegin::default() };
                shared.outbox.progress(&token, &WorkDoneProgress::Begin(begin));
                *stage = Stage::Shown(0);
            }
        });
        work
    }

    /// So much is done. Told once a percent, at most.
    pub(crate) fn report(&self, done: usize, total: usize) {
        let percentage = (done * 100).checked_div(total).unwrap_or(100).min(100) as u32;
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Shown(told) if percentage > told) {
            let report = WorkDoneProgressReport {
                message: Some(format!("{done} of {total} files")),
                percentage: Some(percentage),
                ..WorkDoneProgressReport::default()
            };
            self.shared.outbox.progress(&self.token, &WorkDoneProgress::Report(report));
            *stage = Stage::Shown(percentage);
        }
    }

    pub(crate) fn end(&self) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Shown(_)) {
            let end = WorkDoneProgress::End(WorkDoneProgressEnd::default());
            self.shared.outbox.progress(&self.token, &end);
        }
        *stage = Stage::Ended;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}
