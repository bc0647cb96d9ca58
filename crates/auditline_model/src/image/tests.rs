//! Tests of build contexts and of what they hold.

use super::*;
use crate::db::{FileContent, RootDatabase};
use crate::fixture::{add, file, fixture, path};
use auditline_source::{FilePath, SourceText};

const COMPOSE: &str =
    "services:\n  api:\n    build: {context: ., dockerfile: docker/Dockerfile, args: {A: '1', B: }}\n";

/// The contexts of a Dockerfile, relative to the root.
fn known(db: &RootDatabase, dockerfile: &str) -> Vec<&'static str> {
    let contexts = contexts(db, file(db, dockerfile));
    contexts.known.iter().filter_map(|context| context.directory.relative_to(path(""))).collect()
}

fn set(db: &mut RootDatabase, at: &str, text: &str) {
    db.set_content(path(at), FileContent::Closed(Arc::new(SourceText::from(text))));
}

#[test]
fn every_kind_of_file_names_contexts() {
    let db = fixture(&[
        ("docker-compose.yml", COMPOSE),
        ("services/compose.yaml", "services: {api: {build: {context: .., dockerfile: docker/Dockerfile}}}"),
        (".github/workflows/a.yml", "jobs: {a: {steps: [{run: docker build -f docker/Dockerfile services}]}}"),
        ("services/Makefile", "image:\n\tdocker build -f ../docker/Dockerfile ../docker\n"),
        ("scripts/a.sh", "docker build -f docker/Dockerfile scripts\n"),
        ("docker/Dockerfile", "# docker build -t x .\nFROM a\n"),
    ]);
    let mut known = known(&db, "docker/Dockerfile");
    known.sort_unstable();
    // The script may be started at the root only: from its own directory it finds no Dockerfile. The comment may be
    // meant for the directory of the Dockerfile only: above it there is none that it could mean.
    assert_eq!(known, ["", "", "docker", "docker", "scripts", "services"]);
    let contexts = contexts(&db, file(&db, "docker/Dockerfile"));
    let args: Vec<_> = contexts.known.iter().flat_map(|context| &context.args).collect();
    assert_eq!(args.len(), 2);
    assert!(!contexts.unknown && contexts.possible.is_empty());
}

#[test]
fn contexts_that_cannot_be_told() {
    let db = fixture(&[
        ("a.sh", "docker build -f docker/Dockerfile $1\n"),
        ("b.sh", "docker build -f $F docker\n"),
        ("docker/Dockerfile", "FROM a\n"),
        ("other/Dockerfile", "FROM a\n"),
    ]);
    let contexts_of = |name: &str| contexts(&db, file(&db, name));
    assert!(contexts_of("docker/Dockerfile").unknown && contexts_of("docker/Dockerfile").known.is_empty());
    assert_eq!(contexts_of("docker/Dockerfile").possible, [path("docker")]);
    assert_eq!(*contexts_of("other/Dockerfile"), Contexts::default());
}

#[test]
fn a_context_outside_or_made_on_the_way_is_unknown() {
    let db = fixture(&[
        ("Makefile", "image:\n\tdocker build -f Dockerfile ..\nother:\n\tdocker build -f Dockerfile dist\n"),
        ("Dockerfile", "FROM a\n"),
    ]);
    let contexts = contexts(&db, file(&db, "Dockerfile"));
    assert!(contexts.unknown && contexts.known.is_empty());
}

#[test]
fn files_come_and_go() {
    let mut db = fixture(&[("docker/Dockerfile", "FROM a\n"), ("app/main.py", "")]);
    assert_eq!(known(&db, "docker/Dockerfile"), [""; 0]);
    set(&mut db, "compose.yml", COMPOSE);
    assert_eq!(known(&db, "docker/Dockerfile"), [""]);
    set(&mut db, "compose.yml", "services: {api: {build: {context: docker, dockerfile: Dockerfile}}}");
    assert_eq!(known(&db, "docker/Dockerfile"), ["docker"]);
    db.set_content(path("compose.yml"), FileContent::Absent);
    assert_eq!(known(&db, "docker/Dockerfile"), [""; 0]);
    set(&mut db, "compose.yml", COMPOSE);
    assert_eq!(known(&db, "docker/Dockerfile"), [""]);
}

#[test]
fn files_found_later_are_told_of() {
    let mut db = fixture(&[("docker/Dockerfile", "FROM a\n")]);
    assert_eq!(known(&db, "docker/Dockerfile"), [""; 0]);
    assert_eq!(entry(&db, path("app/main.py")), Entry::Missing);
    add(&db, &[("compose.yml", COMPOSE), ("app/main.py", "")]);
    db.publish_added();
    assert_eq!(known(&db, "docker/Dockerfile"), [""]);
    assert_eq!(entry(&db, path("app/main.py")), Entry::File);
}

#[test]
fn what_is_not_read_is_there_nevertheless() {
    let mut db = fixture(&[("app/main.py", "")]);
    db.set_listing(path(""), ["app", "logo.png", "node_modules", "static"]);
    db.set_listing(path("static"), ["site.css"]);
    let entries =
        |db: &RootDatabase, paths: &[&str]| -> Vec<Entry> { paths.iter().map(|at| entry(db, path(at))).collect() };
    assert_eq!(
        entries(
            &db,
            &["", "app", "app/main.py", "app/main.py/x", "app/other.py", "logo.png", "static", "static/site.css"]
        ),
        [
            Entry::Directory,
            Entry::Directory,
            Entry::File,
            Entry::Missing,
            Entry::Missing,
            Entry::Unread,
            Entry::Directory,
            Entry::Unread
        ]
    );
    assert_eq!(
        entries(
            &db,
            &["static/none.css", "node_modules", "node_modules/x", "logo.png/x", "../elsewhere", "none/below"]
        ),
        [Entry::Missing, Entry::Unread, Entry::Unknown, Entry::Unknown, Entry::Unknown, Entry::Missing]
    );
    db.set_unread(path("static/none.css"), true);
    db.set_unread(path("logo.png"), false);
    set(&mut db, "node_modules/x/index.py", "");
    assert_eq!(
        entries(&db, &["static/none.css", "logo.png", "node_modules", "node_modules/x"]),
        [Entry::Unread, Entry::Missing, Entry::Directory, Entry::Directory]
    );
    db.set_content(path("app/main.py"), FileContent::Absent);
    assert_eq!(entries(&db, &["app/main.py", "app"]), [Entry::Missing, Entry::Missing]);
}

#[test]
fn listings() {
    let mut db = fixture(&[("a/b/c.py", ""), ("a/d.py", ""), (".hidden/e.py", "")]);
    db.set_listing(path("a"), ["d.py", "pic.png"]);
    let (below, complete) = files_below(&db, path(""), 100);
    let below: Vec<&str> = below.iter().filter_map(|(at, _)| at.relative_to(path(""))).collect();
    assert_eq!(below, [".hidden", "a", "a/b", "a/d.py", "a/pic.png", "a/b/c.py"]);
    assert!(!complete);
    assert!(files_below(&db, path("a/b"), 100).1);
    assert_eq!(files_below(&db, path(""), 2).0.len(), 2);
}

#[test]
fn ignore_files_of_their_own_win() {
    let db = fixture(&[
        ("docker/Dockerfile", "FROM a\n"),
        ("docker/Dockerfile.dockerignore", "a\n"),
        ("other/Dockerfile", "FROM a\n"),
        (".dockerignore", "*\n!a\n!b/keep\n"),
        ("a/x.py", ""),
        ("b/y.py", ""),
        ("c/z.py", ""),
    ]);
    let ignore = |name: &str| left_out_by(&db, file(&db, name), path(""));
    assert_eq!(ignore("docker/Dockerfile"), Some(file(&db, "docker/Dockerfile.dockerignore")));
    let shared = ignore("other/Dockerfile").unwrap();
    let is_out = |at: &str| left_out(&db, shared, path(""), at).is_some();
    assert!(!is_out("") && !is_out("a") && !is_out("a/x.py") && !is_out("b"));
    assert!(is_out("b/y.py") && is_out("c") && is_out("c/z.py"));
}

#[test]
fn git_ignores_at_any_height() {
    let db = fixture(&[(".gitignore", "dist/\n"), ("web/.gitignore", "/out\n"), ("web/index.py", "")]);
    let is_ignored = |at: &str| is_git_ignored(&db, path(at));
    assert!(is_ignored("dist") && is_ignored("web/dist/a.js") && is_ignored("web/out/a"));
    assert!(!is_ignored("out") && !is_ignored("web/app/out") && !is_ignored("web"));
}

#[test]
fn a_workspace_in_a_repository() {
    let inner = FilePath::from_str("/repo/service").unwrap();
    let db = RootDatabase::new(&[inner], &[]);
    let dockerfile = inner.join("Dockerfile");
    db.add_file(dockerfile, Arc::new(SourceText::from("FROM a\n")));
    assert!(!is_part_of_repository(&db, dockerfile));
    let mut db = RootDatabase::new(&[inner], &[]);
    db.add_file(dockerfile, Arc::new(SourceText::from("FROM a\n")));
    db.set_listing(FilePath::from_str("/repo").unwrap(), [".git"]);
    assert!(is_part_of_repository(&db, dockerfile));
    assert_eq!(repository(&db, dockerfile), inner);
    let mut db = fixture(&[("libs/one/a.py", "")]);
    add(&db, &[("libs/one/Dockerfile", "FROM a\n")]);
    db.set_listing(path("libs/one"), [".git"]);
    assert_eq!(repository(&db, path("libs/one/Dockerfile")), path("libs/one"));
}
