//! A workspace that is edited, as the server keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditline_model::{FileContent, ParsedModule, RootDatabase};
use auditline_source::{FilePath, SourceText};
use auditline_syntax::python::Reparser;

/// Where the workspace is said to stand; nothing is read from there.
pub(crate) fn root() -> FilePath {
    FilePath::from_str("/workspace").unwrap()
}

/// The files of the backend under edit.
pub(crate) const BACKEND: [(&str, &str); 7] = [
    ("app/__init__.py", include_str!("backend/app/__init__.py")),
    ("app/database.py", include_str!("backend/app/database.py")),
    ("app/models.py", include_str!("backend/app/models.py")),
    ("app/repository.py", include_str!("backend/app/repository.py")),
    ("app/services.py", include_str!("backend/app/services.py")),
    ("app/routes.py", include_str!("backend/app/routes.py")),
    ("Dockerfile", include_str!("backend/Dockerfile")),
];

/// What is kept of an open document, and its module, from which the next ones are made.
struct OpenDocument {
    reparser: Reparser,
    module: Arc<ParsedModule>,
}

/// A database together with what an editor has open.
pub(crate) struct Edited {
    pub(crate) db: RootDatabase,
    /// The text of each file; `None` where it is deleted.
    pub(crate) texts: BTreeMap<&'static str, Option<String>>,
    open: BTreeMap<&'static str, OpenDocument>,
}

impl Edited {
    pub(crate) fn new(db: RootDatabase, files: &[(&'static str, &str)]) -> Self {
        let mut edited = Self { db, texts: BTreeMap::new(), open: BTreeMap::new() };
        for (path, text) in files {
            edited.db.add_file(root().join(path), source(text));
            edited.texts.insert(path, Some((*text).to_owned()));
        }
        edited
    }

    pub(crate) fn text(&self, path: &str) -> &str {
        self.texts[path].as_deref().unwrap_or_default()
    }

    /// Opens a document, or changes an open one: parsed from the trees before, lowered from the module before.
    pub(crate) fn write_open(&mut self, path: &'static str, text: &str) {
        let old = self.text(path).to_owned();
        let previous = self.open.remove(path);
        let content = if path.ends_with(".py") {
            let (mut reparser, before) = match previous {
                Some(OpenDocument { reparser, module }) => (reparser, Some(module)),
                None => (Reparser::default(), None),
            };
            let before = before.as_deref().map(|module| (old.as_str(), &module.module));
            let module = Arc::new(ParsedModule::new(reparser.lower(text, before)));
            self.open.insert(path, OpenDocument { reparser, module: Arc::clone(&module) });
            FileContent::Open { text: source(text), module: Some(module) }
        } else {
            FileContent::Open { text: source(text), module: None }
        };
        self.db.set_content(root().join(path), content);
        self.texts.insert(path, Some(text.to_owned()));
    }

    /// Writes a file on disk; a document that was open is closed.
    pub(crate) fn write_closed(&mut self, path: &'static str, text: &str) {
        self.open.remove(path);
        self.db.set_content(root().join(path), FileContent::Closed(source(text)));
        self.texts.insert(path, Some(text.to_owned()));
    }

    pub(crate) fn delete(&mut self, path: &'static str) {
        self.open.remove(path);
        self.db.set_content(root().join(path), FileContent::Absent);
        self.texts.insert(path, None);
    }

    /// Writes a file in the way it stands now: open or closed.
    pub(crate) fn write(&mut self, path: &'static str, text: &str) {
        if self.open.contains_key(path) {
            self.write_open(path, text);
        } else {
            self.write_closed(path, text);
        }
    }

    /// A database that has never seen anything but the texts as they are now.
    pub(crate) fn fresh(&self) -> RootDatabase {
        let db = RootDatabase::new(&[root()], &[]);
        for (path, text) in &self.texts {
            if let Some(text) = text {
                db.add_file(root().join(path), source(text));
            }
        }
        db
    }
}

fn source(text: &str) -> Arc<SourceText> {
    Arc::new(SourceText::new(text.into()))
}
