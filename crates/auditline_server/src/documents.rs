//! The documents of the editor, and how files are called there.

use std::sync::{Arc, Mutex, PoisonError};

use auditline_source::{ContentChange, Encoding, FilePath, Position, PositionRange, SourceText, apply_changes};
use dashmap::DashMap;
use rustc_hash::FxHashMap;
use tower_lsp::ls_types::{self as lsp, Uri};

use crate::engine::Engine;

/// The open documents, in the state of the last notification. The owner of the truth about texts; the engine follows it.
#[derive(Default)]
pub(crate) struct Documents {
    open: Mutex<FxHashMap<FilePath, Open>>,
    /// How the client calls a file, where that differs from what this side would write.
    names: DashMap<FilePath, Uri>,
}

struct Open {
    version: i32,
    text: Arc<SourceText>,
}

impl Documents {
    /// The path of a document; one that is no file gets a path of its own below `/untitled:`.
    pub(crate) fn path(&self, uri: &Uri) -> Option<FilePath> {
        let path = match uri.to_file_path() {
            Some(path) => FilePath::new(&path)?,
            None => FilePath::from_str(&format!("/untitled:/{}", uri.as_str().replace(['/', ':'], "_")))?,
        };
        if !self.names.contains_key(&path) {
            self.names.insert(path, uri.clone());
        }
        Some(path)
    }

    /// How the client calls a file.
    pub(crate) fn uri(&self, path: FilePath) -> Option<Uri> {
        let known = self.names.get(&path).map(|entry| entry.value().clone());
        known.or_else(|| Uri::from_file_path(path.as_path()))
    }

    pub(crate) fn version(&self, path: FilePath) -> Option<i32> {
        self.lock().get(&path).map(|open| open.version)
    }

    pub(crate) fn open_paths(&self) -> Vec<FilePath> {
        self.lock().keys().copied().collect()
    }

    pub(crate) fn open(&self, engine: &Engine, uri: &Uri, version: i32, text: &str) {
        let Some(path) = self.path(uri) else { return };
        self.names.insert(path, uri.clone());
        let text = Arc::new(SourceText::new(Arc::from(text)));
        self.lock().insert(path, Open { version, text: Arc::clone(&text) });
        engine.document(path, version, text, None);
    }

    pub(crate) fn change(
        &self,
        engine: &Engine,
        uri: &Uri,
        version: i32,
        changes: Vec<lsp::TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) {
        let Some(path) = self.path(uri) else { return };
        let mut documents = self.lock();
        let Some(open) = documents.get_mut(&path) else {
            tracing::warn!("a change of a document that is not open: {}", uri.as_str());
            return;
        };
        let changes: Vec<ContentChange> = changes
            .into_iter()
            .map(|change| ContentChange { range: change.range.map(position_range), text: change.text })
            .collect();
        let (text, edits) = apply_changes(open.text.text(), &changes, encoding);
        open.text = Arc::new(SourceText::new(Arc::from(text)));
        open.version = version;
        engine.document(path, version, Arc::clone(&open.text), Some(edits));
    }

    pub(crate) fn close(&self, engine: &Engine, uri: &Uri) {
        let Some(path) = self.path(uri) else { return };
        self.lock().remove(&path);
        engine.close(path);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<FilePath, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A range of the protocol as positions in a text.
pub(crate) fn position_range(range: lsp::Range) -> PositionRange {
    PositionRange::new(position(range.start), position(range.end))
}

pub(crate) fn position(position: lsp::Position) -> Position {
    Position::new(position.line, position.character)
}

/// A range of a text as the protocol says it.
pub(crate) fn lsp_range(text: &SourceText, range: auditline_source::TextRange, encoding: Encoding) -> lsp::Range {
    let range = text.position_range(range, encoding);
    lsp::Range {
        start: lsp::Position::new(range.start.line, range.start.character),
        end: lsp::Position::new(range.end.line, range.end.character),
    }
}
