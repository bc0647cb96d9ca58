//! The progress of the first index, as the client shows it.

use std::sync::Arc;

use tokio::sync::watch;
use tower_lsp::ls_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd,
    WorkDoneProgressReport, notification::Progress,
};

use crate::backend::{CLIENT_PATIENCE, Shared};

/// The receiving end of the index's reports; it ends when the reporting end is dropped.
pub(crate) struct IndexProgress {
    steps: watch::Receiver<(usize, usize)>,
}

impl IndexProgress {
    /// The two ends.
    pub(crate) fn new() -> (Self, Box<dyn Fn(usize, usize) + Send + Sync>) {
        let (sender, steps) = watch::channel((0, 0));
        (
            Self { steps },
            Box::new(move |done, total| {
                sender.send_replace((done, total));
            }),
        )
    }

    /// Shows the progress; nothing is shown for a workspace that is read before the first step.
    pub(crate) async fn show(mut self, shared: Arc<Shared>) {
        if !shared.abilities().progress || self.steps.changed().await.is_err() {
            return;
        }
        let token = NumberOrString::String("auditline/index".to_owned());
        let created = shared.client.create_work_done_progress(token.clone());
        if !matches!(tokio::time::timeout(CLIENT_PATIENCE, created).await, Ok(Ok(()))) {
            return;
        }
        let send = |value: WorkDoneProgress| {
            let params = ProgressParams { token: token.clone(), value: ProgressParamsValue::WorkDone(value) };
            shared.client.send_notification::<Progress>(params)
        };
        send(WorkDoneProgress::Begin(WorkDoneProgressBegin {
            title: "Auditline".to_owned(),
            cancellable: Some(false),
            message: Some("reading the workspace".to_owned()),
            percentage: Some(0),
        }))
        .await;
        while self.steps.changed().await.is_ok() {
            let (done, total) = *self.steps.borrow_and_update();
            let percentage = u32::try_from(done * 100 / total.max(1)).unwrap_or(100);
            send(WorkDoneProgress::Report(WorkDoneProgressReport {
                cancellable: Some(false),
                message: Some(format!("{done} of {total} files")),
                percentage: Some(percentage),
            }))
            .await;
        }
        send(WorkDoneProgress::End(WorkDoneProgressEnd { message: None })).await;
    }
}
