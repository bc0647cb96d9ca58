//! What the client was told.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use auditline_source::FilePath;

/// What the client was told of each file.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By publishing.
    published: Mutex<HashMap<FilePath, Entry>>,
    /// By answering, for open documents.
    answered: Mutex<HashMap<FilePath, Entry>>,
    /// Open documents that are queued to be told anew.
    queued: Mutex<HashSet<FilePath>>,
    /// Whether the client has asked for the findings of the workspace before.
    asked: AtomicBool,
}

/// What was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The number of the event that changed the document last; `None` for a closed file.
    pub(crate) stamp: Option<u64>,
    /// What names the content; 0 for nothing found.
    pub(crate) id: u64,
    /// How many writes to the workspace came before.
    pub(crate) generation: u64,
}

impl Entry {
    /// Whether it says something else than what was told before, and is not older.
    pub(super) fn is_news_after(&self, before: &Self) -> bool {
        let is_older = self.stamp == before.stamp && self.generation < before.generation;
        !is_older && (self.stamp, self.id) != (before.stamp, before.id)
    }
}

impl Ledger {
    /// Held while something is published, so that what is older cannot overtake.
    pub(super) fn published(&self) -> MutexGuard<'_, HashMap<FilePath, Entry>> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self) -> MutexGuard<'_, HashMap<FilePath, Entry>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a document is queued; `false` if it was already.
    pub(super) fn queue(&self, path: FilePath) -> bool {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner).insert(path)
    }

    pub(super) fn unqueue(&self, path: FilePath) {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner).remove(&path);
    }

    /// Notes that the client asks for the workspace; whether it did before.
    pub(super) fn ask(&self) -> bool {
        self.asked.swap(true, Ordering::Relaxed)
    }
}
