//! A document that the editor has open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use auditline_model::{FileContent, ParsedModule};
use auditline_project::MAX_FILE_SIZE;
use auditline_source::{ContentChange, Encoding, FileKind, FilePath, SourceText, apply_changes};
use auditline_syntax::python::{Tree, lower_with, parse};

/// The text of an open document, and what was made of it last.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) path: FilePath,
    /// The address by which the client knows it.
    pub(crate) uri: Arc<str>,
    pub(crate) version: i32,
    /// The number of the event that changed it last.
    pub(crate) stamp: u64,
    text: Arc<SourceText>,
    /// The tree of an earlier text that was told every edit since.
    tree: Option<Tree>,
    /// What was lowered last, and from which text.
    lowered: Option<(Arc<SourceText>, Arc<ParsedModule>)>,
}

impl Document {
    pub(crate) fn new(path: FilePath, uri: Arc<str>, version: i32, stamp: u64, text: String) -> Self {
        Self { path, uri, version, stamp, text: Arc::new(SourceText::from(text)), tree: None, lowered: None }
    }

    pub(crate) fn text(&self) -> &Arc<SourceText> {
        &self.text
    }

    /// Applies the changes of one notification.
    pub(crate) fn change(&mut self, version: i32, stamp: u64, changes: &[ContentChange], encoding: Encoding) {
        self.version = version;
        self.stamp = stamp;
        let (text, edits) = apply_changes(self.text.text(), changes, encoding);
        if let Some(tree) = &mut self.tree {
            edits.iter().for_each(|edit| tree.edit(edit));
        }
        self.text = Arc::new(SourceText::from(text));
    }

    /// What the database is to know of it: parsed again where it was edited. A text that would not be read from disk
    /// is none here either.
    pub(crate) fn content(&mut self) -> FileContent {
        if self.text.text().len() as u64 > MAX_FILE_SIZE || self.text.text().contains('\0') {
            (self.tree, self.lowered) = (None, None);
            return FileContent::Absent;
        }
        let module = FileKind::of(self.path).is_python().then(|| self.lower()).flatten();
        FileContent::Open { text: Arc::clone(&self.text), module }
    }

    fn lower(&mut self) -> Option<Arc<ParsedModule>> {
        if let Some((text, module)) = &self.lowered
            && *text == self.text
        {
            return Some(Arc::clone(module));
        }
        let previous = self.lowered.take();
        let lowered = catch_unwind(AssertUnwindSafe(|| {
            let text = self.text.text();
            let tree = parse(text, self.tree.as_ref());
            let before = previous.as_ref().map(|(text, parsed)| (text.text(), &parsed.module));
            let module = Arc::new(ParsedModule::new(lower_with(text, &tree, before)));
            (tree, module)
        }));
        let Ok((tree, module)) = lowered else {
            tracing::error!(path = %self.path, "the document could not be analysed");
            self.tree = None;
            return None;
        };
        self.tree = Some(tree);
        self.lowered = Some((Arc::clone(&self.text), Arc::clone(&module)));
        Some(module)
    }
}
