//! What is asked again after an edit, and what is not.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use std::sync::{Arc, Mutex};

use auditline_model::classes::class_info;
use auditline_model::fixture::{add, class, edit, file, path, root};
use auditline_model::names::{files_mentioning, resolve_global};
use auditline_model::symbols::Symbol;
use auditline_model::tables::orm_model;
use auditline_model::{FileContent, RootDatabase};
use auditline_syntax::Name;

/// A database that writes down which queries it executes.
struct Watched {
    db: RootDatabase,
    executed: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    fn new(files: &[(&str, &str)]) -> Self {
        let executed: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&executed);
        let on_event = move |event: salsa::Event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind {
                log.lock().unwrap().push(format!("{database_key:?}"));
            }
        };
        let db = RootDatabase::with_events(&[root()], &[], Box::new(on_event));
        add(&db, files);
        Self { db, executed }
    }

    /// The names of the queries that `ask` executes, sorted.
    fn queries(&self, ask: impl FnOnce(&RootDatabase)) -> Vec<String> {
        self.executed.lock().unwrap().clear();
        ask(&self.db);
        let mut names: Vec<String> = self
            .executed
            .lock()
            .unwrap()
            .iter()
            .map(|key| key.split('(').next().unwrap_or_default().to_owned())
            .collect();
        names.sort_unstable();
        names
    }
}

const MODELS: &str = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\
    class Base(DeclarativeBase): ...\n\
    class User(Base):\n    __tablename__ = 'users'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    def greet(self):\n        return 1\n";

fn ask(db: &RootDatabase) {
    for name in ["User", "helper", "missing"] {
        let _ = resolve_global(db, file(db, "app/main.py"), Name::new(name));
    }
    assert_eq!(
        resolve_global(db, file(db, "app/main.py"), Name::new("User")),
        Symbol::Class(class(db, "app/models.py", "User"))
    );
    let model = orm_model(db, class(db, "app/models.py", "User")).unwrap();
    assert!(model.column(Name::new("id")).is_some());
}

fn watched() -> Watched {
    Watched::new(&[
        ("app/__init__.py", ""),
        ("app/models.py", MODELS),
        ("app/util.py", "def helper():\n    return 1\n"),
        ("docs/conf.py", ""),
        ("app/main.py", "from app.models import User\nfrom app.util import helper\nfrom app.util import missing\n"),
    ])
}

#[test]
fn the_body_of_a_function_changes_no_names_classes_or_tables() {
    let mut watched = watched();
    let first = watched.queries(ask);
    assert!(first.iter().any(|query| query.starts_with("module_scope")), "{first:?}");
    // Opening a document makes what stands on it short-lived, and asks for it once more.
    edit(&mut watched.db, "app/models.py", MODELS);
    let _ = watched.queries(ask);
    edit(&mut watched.db, "app/models.py", &MODELS.replace("return 1", "x = 1\n        return x"));
    let again = watched.queries(ask);
    let upstream = [
        "parsed",
        "module_scope",
        "class_info_at",
        "class_at",
        "function_at",
        "class_scope_at",
        "backrefs_in",
        "patches_in",
        "placed_in",
        "class_query",
        "function_query",
    ];
    let others: Vec<&String> =
        again.iter().filter(|query| !upstream.iter().any(|known| query.starts_with(known))).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(watched.queries(ask).is_empty());
}

#[test]
fn a_new_file_elsewhere_changes_nothing() {
    let mut watched = watched();
    let _ = watched.queries(ask);
    edit(&mut watched.db, "docs/more.py", "extra = 1\n");
    let again = watched.queries(ask);
    assert!(again.iter().all(|query| query.starts_with("packages")), "{again:?}");
}

#[test]
fn what_an_import_means_follows_the_files() {
    let mut watched = watched();
    let missing = |db: &RootDatabase| resolve_global(db, file(db, "app/main.py"), Name::new("missing"));
    assert_eq!(missing(&watched.db), Symbol::Unknown);
    edit(&mut watched.db, "app/util.py", "def helper():\n    return 1\nmissing = 3\n");
    assert!(matches!(missing(&watched.db), Symbol::Variable(_)));
    // A package of that name comes before the module.
    edit(&mut watched.db, "app/util/__init__.py", "class missing: ...\n");
    assert!(matches!(missing(&watched.db), Symbol::Class(_)));
    watched.db.set_content(path("app/util/__init__.py"), FileContent::Absent);
    assert!(matches!(missing(&watched.db), Symbol::Variable(_)));
    watched.db.set_content(path("app/util.py"), FileContent::Absent);
    assert_eq!(missing(&watched.db), Symbol::Unknown);
}

#[test]
fn the_word_index_follows_the_texts() {
    let mut watched = watched();
    let mentions = |db: &RootDatabase, word: &str| files_mentioning(db, word).len();
    assert_eq!(mentions(&watched.db, "helper"), 2);
    assert_eq!(mentions(&watched.db, "unheard"), 0);
    edit(&mut watched.db, "app/models.py", "helper, unheard = 1, 2\n");
    assert_eq!(mentions(&watched.db, "helper"), 3);
    assert_eq!(mentions(&watched.db, "unheard"), 1);
    edit(&mut watched.db, "app/models.py", "");
    assert_eq!(mentions(&watched.db, "unheard"), 0);
    assert!(class_info(&watched.db, class(&watched.db, "app/models.py", "User")).is_none());
    watched.db.set_content(path("app/main.py"), FileContent::Absent);
    assert_eq!(mentions(&watched.db, "helper"), 1);
}

#[test]
fn directories_come_and_go_with_their_files() {
    let mut db = RootDatabase::new(&[root()], &[]);
    add(&db, &[("a/b/c.py", ""), ("a/d.py", "")]);
    let entries = |db: &RootDatabase, of: &str| {
        let directory = auditline_model::Db::files(db).directory(db, path(of));
        directory.entries(db).join(" ")
    };
    assert_eq!(entries(&db, "a"), "b d.py");
    assert_eq!(entries(&db, "a/b"), "c.py");
    db.set_content(path("a/b/c.py"), FileContent::Absent);
    assert_eq!(entries(&db, "a"), "d.py");
    assert_eq!(entries(&db, "a/b"), "");
    edit(&mut db, "a/b/e/f.py", "");
    assert_eq!(entries(&db, "a"), "b d.py");
    assert_eq!(entries(&db, "a/b"), "e");
}
