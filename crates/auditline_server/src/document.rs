//! A document that the editor has open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use auditline_model::{FileContent, ParsedModule};
use auditline_project::MAX_FILE_SIZE;
use auditline_source::{ContentChange, Encoding, FileKind, FilePath, SourceText, apply_changes};
use auditline_syntax::python::Reparser;

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
    /// What is kept of earlier texts, so that little is parsed again.
    reparser: Reparser,
    /// What was lowered last, and from which text.
    lowered: Option<(Arc<SourceText>, Arc<ParsedModule>)>,
}

impl Document {
    pub(crate) fn new(path: FilePath, uri: Arc<str>, version: i32, stamp: u64, text: String) -> Self {
        Self {
            path,
            uri,
            version,
            stamp,
            text: Arc::new(SourceText::from(text)),
            reparser: Reparser::default(),
            lowered: None,
        }
    }

    pub(crate) fn text(&self) -> &Arc<SourceText> {
        &self.text
    }

    /// Applies the changes of one notification.
    pub(crate) fn change(&mut self, version: i32, stamp: u64, changes: &[ContentChange], encoding: Encoding) {
        self.version = version;
        self.stamp = stamp;
        let (text, _) = apply_changes(self.text.text(), changes, encoding);
        self.text = Arc::new(SourceText::from(text));
    }

    /// What the database is to know of it: parsed again where it was edited. A text that would not be read from disk
    /// is none here either.
    pub(crate) fn content(&mut self) -> FileContent {
        if self.text.text().len() as u64 > MAX_FILE_SIZE || self.text.text().contains('\0') {
            (self.reparser, self.lowered) = (Reparser::default(), None);
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
        let mut reparser = std::mem::take(&mut self.reparser);
        let lowered = catch_unwind(AssertUnwindSafe(|| {
            let before = previous.as_ref().map(|(text, parsed)| (text.text(), &parsed.module));
            let module = Arc::new(ParsedModule::new(reparser.lower(self.text.text(), before)));
            (reparser, module)
        }));
        let Ok((reparser, module)) = lowered else {
            tracing::error!(path = %self.path, "the document could not be analysed");
            return None;
        };
        self.reparser = reparser;
        self.lowered = Some((Arc::clone(&self.text), Arc::clone(&module)));
        Some(module)
    }
}
