//! A build context holds more than what is read.

use auditline_project::{FixDetail, Options};

use crate::sandbox::{Sandbox, places};

#[test]
fn what_is_not_read_is_no_missing_source() {
    let sandbox = Sandbox::new(&[
        (
            "Dockerfile",
            "FROM a\nCOPY static/logo.png data.bin .npmrc /x/\nCOPY node_modules/pkg dist/app.js vendored/lib.py generated.txt /x/\n\
             COPY empty locked-out/below /x/\nCOPY .git /x/\nCOPY static/logo.jpg /x/\nCOPY gone.bin /x/\n",
        ),
        ("static/logo.png", ""),
        ("data.bin", ""),
        (".npmrc", ""),
        ("node_modules/pkg/index.js", ""),
        (".gitignore", "dist/\nlocked-out/\n"),
        ("dist/app.js", ""),
        ("vendored/lib.py", ""),
        (".ignore", "generated.txt\n"),
        ("generated.txt", ""),
    ]);
    std::fs::create_dir(sandbox.path().join("empty")).unwrap();
    let report = sandbox.open_with("exclude = [\"vendored\"]\n", &Options::default()).check(FixDetail::Titles, &|_| {});
    assert_eq!(places(&sandbox, &report), ["Dockerfile:6 AUD701", "Dockerfile:7 AUD701"]);
}

#[test]
fn a_part_of_a_repository_knows_that_it_is_one() {
    let outer = Sandbox::new(&[
        ("client/pyproject.toml", "[project]\nname = \"client\"\n"),
        ("client/Dockerfile", "FROM a\nCOPY shared/settings.py client/src /x/\n"),
    ]);
    let check = || {
        let workspace = auditline_project::Workspace::load(outer.file("client")).unwrap();
        let mut project = auditline_project::Project::open(workspace, &Options::default(), &|_| {}).unwrap();
        project.check(FixDetail::Titles, &|_| {}).findings.len()
    };
    assert_eq!(check(), 2);
    outer.write("client/src/main.py", "");
    assert_eq!(check(), 0, "a path that starts with the directory's own name is written from above");
    std::fs::remove_dir_all(outer.path().join("client/src")).unwrap();
    assert_eq!(check(), 2);
    std::fs::create_dir(outer.path().join(".git")).unwrap();
    assert_eq!(check(), 0);
}
