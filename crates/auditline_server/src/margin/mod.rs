//! What is shown beside the code, where the user wants it: units of work above their functions, and commits at the calls
//! that make them.

mod hints;
mod lenses;

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditline_source::FilePath;
use rustc_hash::FxHasher;
use serde::Serialize;
use tower_lsp::ls_types::{CodeLens, InlayHint, Range};

use crate::pool::Lane;
use crate::shared::{CLIENT_PATIENCE, Shared, Unanswered};

/// What was shown last of each open document, by which it is known when to ask the client to look again.
#[derive(Debug, Default)]
pub(crate) struct Margins(Mutex<HashMap<FilePath, Margin>>);

#[derive(Debug, Default, Clone, Copy)]
struct Margin {
    /// The number of the event that had changed the document last.
    stamp: Option<u64>,
    lenses: Option<u64>,
    hints: Option<(Range, u64)>,
}

impl Margins {
    fn lock(&self) -> MutexGuard<'_, HashMap<FilePath, Margin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, path: FilePath, stamp: Option<u64>, change: impl FnOnce(&mut Margin)) {
        let mut margins = self.lock();
        let margin = margins.entry(path).or_default();
        if margin.stamp != stamp {
            *margin = Margin { stamp, ..Margin::default() };
        }
        change(margin);
    }
}

/// The lenses of a document.
pub(crate) async fn lenses(shared: &Arc<Shared>, path: FilePath) -> Result<Vec<CodeLens>, Unanswered> {
    shared.catch_up().await;
    let stamp = shared.stamp_of(path);
    let lenses = read_lenses(shared, Lane::Urgent, path).await?;
    shared.margins.note(path, stamp, |margin| margin.lenses = Some(id(&lenses)));
    Ok(lenses)
}

/// The hints in a range of a document.
pub(crate) async fn hints(shared: &Arc<Shared>, path: FilePath, range: Range) -> Result<Vec<InlayHint>, Unanswered> {
    shared.catch_up().await;
    let stamp = shared.stamp_of(path);
    let hints = read_hints(shared, Lane::Urgent, path, range).await?;
    shared.margins.note(path, stamp, |margin| margin.hints = Some((range, id(&hints))));
    Ok(hints)
}

async fn read_lenses(shared: &Arc<Shared>, lane: Lane, path: FilePath) -> Result<Vec<CodeLens>, Unanswered> {
    let speech = shared.speech();
    if !speech.shown.code_lens {
        return Ok(Vec::new());
    }
    let read = shared.read(lane, path, move |snapshot| lenses::lenses(&speech, snapshot, path).unwrap_or_default());
    Ok(read.await?.unwrap_or_default())
}

async fn read_hints(
    shared: &Arc<Shared>,
    lane: Lane,
    path: FilePath,
    range: Range,
) -> Result<Vec<InlayHint>, Unanswered> {
    let speech = shared.speech();
    if !speech.shown.inlay_hints {
        return Ok(Vec::new());
    }
    let read =
        shared.read(lane, path, move |snapshot| hints::hints(&speech, snapshot, path, range).unwrap_or_default());
    Ok(read.await?.unwrap_or_default())
}

/// Asks the client to look again, if a change of another file or of the settings has made what it shows untrue. Of a
/// document that it changed itself it asks by itself.
pub(crate) async fn refresh(shared: &Arc<Shared>) {
    shared.margins.lock().retain(|path, margin| margin.stamp.is_some() && shared.stamp_of(*path) == margin.stamp);
    let shown: Vec<(FilePath, Margin)> = shared.margins.lock().iter().map(|(path, margin)| (*path, *margin)).collect();
    let (mut lenses, mut hints) = (false, false);
    for (path, margin) in shown {
        if let Some(before) = margin.lenses.filter(|_| shared.features().lens_refresh && !lenses) {
            lenses = read_lenses(shared, Lane::Soon, path).await.is_ok_and(|now| id(&now) != before);
        }
        if let Some((range, before)) = margin.hints.filter(|_| shared.features().hint_refresh && !hints) {
            hints = read_hints(shared, Lane::Soon, path, range).await.is_ok_and(|now| id(&now) != before);
        }
    }
    let Some(client) = shared.client() else { return };
    if lenses {
        drop(tokio::time::timeout(CLIENT_PATIENCE, client.code_lens_refresh()).await);
    }
    if hints {
        drop(tokio::time::timeout(CLIENT_PATIENCE, client.inlay_hint_refresh()).await);
    }
}

fn id(shown: &impl Serialize) -> u64 {
    let mut hasher = FxHasher::default();
    serde_json::to_vec(shown).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
