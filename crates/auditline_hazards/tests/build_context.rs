//! AUD701 follows the build context while it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auditline_hazards::check_file;
use auditline_model::{FileContent, RootDatabase};
use auditline_source::{FilePath, SourceText};

fn path(relative: &str) -> FilePath {
    FilePath::from_str("/workspace").expect("an absolute path").join(relative)
}

fn text(text: &str) -> Arc<SourceText> {
    Arc::new(SourceText::from(text))
}

/// The messages for `docker/Dockerfile`, and the files of their evidence.
fn messages(db: &RootDatabase) -> Vec<String> {
    let file = db.file(path("docker/Dockerfile")).expect("the Dockerfile");
    let found = check_file(db, file);
    assert!(found.failed.is_empty());
    let of_hazard = found.findings.iter().filter(|finding| finding.hazard.code == "AUD701");
    of_hazard
        .map(|finding| {
            let evidence = finding.evidence.iter().filter_map(|evidence| evidence.place.resolve(db));
            let files: Vec<&str> = evidence.map(|(file, _)| file.path(db).file_name()).collect();
            format!("{} [{}]", finding.message, files.join(" "))
        })
        .collect()
}

#[test]
fn a_finding_comes_and_goes_with_what_proves_it() {
    let mut db = RootDatabase::new(&[path("")], &[]);
    db.add_file(
        path("docker/Dockerfile"),
        text("FROM a\nCOPY docker/start.sh /\nCOPY app/logo.png /\nCOPY app /app\n"),
    );
    db.add_file(path("docker/start.sh"), text("true\n"));
    db.add_file(path("app/main.py"), text(""));
    db.set_listing(path("app"), ["logo.png"]);
    assert_eq!(messages(&db), [""; 0]);

    db.set_unread(path("app/logo.png"), false);
    let missing = "`COPY` takes `app/logo.png`, which is not in the build context, be it `docker` or a directory above it [Dockerfile]";
    assert_eq!(messages(&db), [missing]);
    db.set_unread(path("app/logo.png"), true);
    assert_eq!(messages(&db), [""; 0]);

    // A compose file that builds from another directory.
    let compose = "services:\n  api: {build: {context: docker}}\n";
    db.set_content(path("compose.yml"), FileContent::Closed(text(compose)));
    assert_eq!(
        messages(&db),
        [
            "`COPY` takes `docker/start.sh`, which is not in the build context, `docker` [compose.yml start.sh]",
            "`COPY` takes `app/logo.png`, which is not in the build context, `docker` [compose.yml]",
            "`COPY` takes `app`, which is not in the build context, `docker` [compose.yml]",
        ]
    );
    let moved = compose.replace("context: docker", "context: ., dockerfile: docker/Dockerfile");
    db.set_content(path("compose.yml"), FileContent::Open { text: text(&moved), module: None });
    assert_eq!(messages(&db), [""; 0]);

    db.set_content(path(".dockerignore"), FileContent::Closed(text("app\n")));
    assert_eq!(
        messages(&db),
        [
            "`COPY` takes `app/logo.png`, which `.dockerignore` leaves out of the build context [compose.yml .dockerignore]",
            "`COPY` takes `app`, which `.dockerignore` leaves out of the build context [compose.yml .dockerignore]",
        ]
    );
    db.set_content(path(".dockerignore"), FileContent::Absent);
    db.set_content(path("app/main.py"), FileContent::Absent);
    db.set_unread(path("app/logo.png"), false);
    assert_eq!(messages(&db).len(), 2);
    db.set_content(path(".gitignore"), FileContent::Closed(text("/app\n")));
    assert_eq!(messages(&db), [""; 0]);
}

#[test]
fn an_argument_that_the_build_sets_is_not_its_default() {
    let mut db = RootDatabase::new(&[path("")], &[]);
    db.add_file(path("docker/Dockerfile"), text("FROM a\nARG DIR=app\nCOPY $DIR/main.py /\nCOPY app.py /\n"));
    db.add_file(path("web/main.py"), text(""));
    db.add_file(path("app.py"), text(""));
    let compose = |args: &str| {
        let text = format!("services: {{a: {{build: {{context: ., dockerfile: docker/Dockerfile{args}}}}}}}");
        FileContent::Closed(Arc::new(SourceText::from(text)))
    };
    assert_eq!(messages(&db), [""; 0]);
    db.set_content(path("compose.yml"), compose(""));
    assert_eq!(messages(&db).len(), 1);
    db.set_content(path("compose.yml"), compose(", args: {DIR: web}"));
    assert_eq!(messages(&db), [""; 0]);
}

#[test]
fn typing_in_a_file_that_is_copied_checks_no_dockerfile() {
    let checks = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&checks);
    let count = move |event: salsa::Event| {
        if let salsa::EventKind::WillExecute { database_key } = event.kind
            && format!("{database_key:?}").contains("check_file")
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut db = RootDatabase::with_events(&[path("")], &[], Box::new(count));
    db.add_file(path("docker/Dockerfile"), text("FROM a\nCOPY keep.py start.py missing.py /\n"));
    db.add_file(path("keep.py"), text(""));
    db.add_file(path("start.py"), text("x = 1\n"));
    assert_eq!(messages(&db).len(), 1);
    assert_eq!(checks.swap(0, Ordering::Relaxed), 1);
    db.set_content(path("start.py"), FileContent::Closed(text("x = 2\n")));
    assert_eq!(messages(&db).len(), 1);
    assert_eq!(checks.swap(0, Ordering::Relaxed), 0);
    db.set_content(path("start.py"), FileContent::Absent);
    assert_eq!(messages(&db).len(), 2);
    assert_eq!(checks.swap(0, Ordering::Relaxed), 1);
}
