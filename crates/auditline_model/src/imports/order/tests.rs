use super::*;
use crate::db::RootDatabase;
use crate::fixture::{fixture, path};

fn name(db: &RootDatabase, file: SourceFile) -> String {
    file.path(db).relative_to(path("")).unwrap_or_default().to_owned()
}

/// The circles in short: members, the failure with the module that is loaded first, and one that works.
fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let db = fixture(files);
    let line = |cycle: &Cycle| {
        let members: Vec<String> = cycle.members.iter().map(|file| name(&db, *file)).collect();
        let failure = cycle.failure.as_ref().map(|failure| {
            let at = failure.way.last().map(|link| name(&db, link.file)).unwrap_or_default();
            format!("{}: {at} takes {} of {}", name(&db, failure.first), failure.name, name(&db, failure.module))
        });
        let works = cycle.works.map(|file| name(&db, file));
        format!("{} | {} | {}", members.join(" "), failure.unwrap_or_default(), works.unwrap_or_default())
    };
    cycles(&db).iter().map(line).collect()
}

#[test]
fn an_order_that_works_and_one_that_fails() {
    let found = shown(&[
        ("app/__init__.py", ""),
        ("app/a.py", "LIMIT = 1\nfrom app.b import run\n\ndef start():\n    run()\n"),
        ("app/b.py", "from app.a import LIMIT, start\n\ndef run():\n    return LIMIT\n"),
    ]);
    assert_eq!(found, ["app/a.py app/b.py | app/a.py: app/b.py takes start of app/a.py | "]);
    let found = shown(&[
        ("app/__init__.py", ""),
        ("app/a.py", "LIMIT = 1\nfrom app.b import run\n"),
        ("app/b.py", "from app.a import LIMIT\n\ndef run():\n    return LIMIT\n"),
    ]);
    assert_eq!(found, ["app/a.py app/b.py | app/b.py: app/a.py takes run of app/b.py | app/a.py"]);
}

#[test]
fn modules_that_are_only_named_can_be_circular() {
    let found = shown(&[
        ("app/__init__.py", ""),
        ("app/a.py", "from app import b\nimport app.b as other\n"),
        ("app/b.py", "from . import a\nimport app.a\n"),
    ]);
    assert_eq!(found, ["app/a.py app/b.py |  | app/a.py"]);
}

#[test]
fn the_package_comes_first() {
    // Whoever loads `app.a` loads `app` before, and that in turn `app.a`.
    let found = shown(&[
        ("app/__init__.py", "from .a import A\nVERSION = 1\n"),
        ("app/a.py", "from app.b import B\n\nclass A(B):\n    pass\n"),
        ("app/b.py", "class B:\n    pass\n"),
    ]);
    assert_eq!(found, Vec::<String>::new());
    let found = shown(&[
        ("app/__init__.py", "VERSION = 1\nfrom .a import A\n"),
        ("app/a.py", "from app import VERSION\n\nclass A:\n    pass\n"),
    ]);
    assert_eq!(found, ["app/__init__.py app/a.py |  | app/__init__.py"]);
}

#[test]
fn what_does_not_run_at_load_makes_no_circle() {
    let found = shown(&[
        ("app/__init__.py", ""),
        ("app/a.py", "from app.b import run\n\ndef start():\n    run()\n"),
        (
            "app/b.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app.a import start\n\ndef run():\n    from app.a \
             import start\n    return start\n",
        ),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn what_cannot_be_told_is_no_failure() {
    let found = shown(&[
        ("app/__init__.py", ""),
        ("app/a.py", "from app.b import run\n\ndef start():\n    run()\n"),
        (
            "app/b.py",
            "try:\n    from app.a import start\nexcept ImportError:\n    start = None\n\ndef run():\n    pass\n",
        ),
        ("app/c.py", "from app.d import other\nglobals()['made'] = 1\nname = 1\n"),
        ("app/d.py", "from app.c import made, name\nother = 1\n"),
    ]);
    assert_eq!(
        found,
        ["app/a.py app/b.py |  | ", "app/c.py app/d.py | app/d.py: app/c.py takes other of app/d.py | app/c.py"]
    );
}
