//! Which files are found, and what is named instead.

use auditline_project::{PathPatterns, SkipReason, SpecialFile, discover, workspace_root};
use auditline_source::FilePath;

use crate::sandbox::Sandbox;

fn found(sandbox: &Sandbox, exclude: &[&str], wanted: &[&str]) -> Vec<&'static str> {
    let exclude: Vec<String> = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
    let exclude = PathPatterns::new(sandbox.root, &exclude).unwrap();
    let wanted: Vec<FilePath> = wanted.iter().map(|path| sandbox.file(path)).collect();
    let found = discover(sandbox.root, &exclude, &wanted, 2);
    found.files.iter().map(|file| file.relative_to(sandbox.root).unwrap()).collect()
}

fn skipped(sandbox: &Sandbox) -> Vec<(String, SkipReason)> {
    let found = discover(sandbox.root, &PathPatterns::default(), &[], 2);
    let relative = |path: &str| path.strip_prefix(sandbox.root.as_str()).unwrap().trim_start_matches('/').to_owned();
    found.skipped.iter().map(|skipped| (relative(&skipped.path), skipped.reason.clone())).collect()
}

#[test]
fn what_can_matter_is_found_and_nothing_else() {
    let sandbox = Sandbox::new(&[
        ("app/main.py", ""),
        ("app/stubs.pyi", ""),
        ("app/logo.svg", ""),
        ("README.md", ""),
        ("Dockerfile", ""),
        ("docker/worker.Dockerfile", ""),
        (".dockerignore", ""),
        (".gitignore", ""),
        (".hidden.py", ""),
        (".cache/x.py", ""),
        (".devcontainer/Dockerfile", ""),
        ("requirements.txt", ""),
        ("db/schema.sql", ""),
        ("pyproject.toml", ""),
    ]);
    let expected = [
        ".devcontainer/Dockerfile",
        ".dockerignore",
        ".gitignore",
        "Dockerfile",
        "app/main.py",
        "app/stubs.pyi",
        "db/schema.sql",
        "docker/worker.Dockerfile",
        "pyproject.toml",
        "requirements.txt",
    ];
    assert_eq!(found(&sandbox, &[], &[]), expected);
}

#[test]
fn code_of_others_is_told_by_what_stands_beside_it() {
    let sandbox = Sandbox::new(&[
        ("env/pyvenv.cfg", ""),
        ("env/lib/x.py", ""),
        ("conda/conda-meta/history", ""),
        ("conda/x.py", ""),
        ("node_modules/x.py", ""),
        ("lib/python3.12/site-packages/x.py", ""),
        ("cache/CACHEDIR.TAG", ""),
        ("cache/x.py", ""),
        ("build/lib.linux/x.py", ""),
        ("dist/x-1.0.whl", ""),
        ("dist/x.py", ""),
        ("a.egg-info/x.py", ""),
        // The same names without the evidence are packages like any other.
        ("app/build/x.py", ""),
        ("app/dist/x.py", ""),
        ("app/env/x.py", ""),
    ]);
    assert_eq!(found(&sandbox, &[], &[]), ["app/build/x.py", "app/dist/x.py", "app/env/x.py"]);
}

#[test]
fn ignore_files_are_obeyed_but_a_named_path_is_meant() {
    let sandbox = Sandbox::new(&[
        (".gitignore", "generated/\n*_pb2.py\n"),
        (".ignore", "scratch.py\n"),
        ("app/main.py", ""),
        ("app/x_pb2.py", ""),
        ("generated/a.py", ""),
        ("scratch.py", ""),
        ("legacy/old.py", ""),
    ]);
    assert_eq!(found(&sandbox, &["legacy"], &[]), [".gitignore", "app/main.py"]);
    assert_eq!(found(&sandbox, &["/app/*.py"], &[]), [".gitignore", "legacy/old.py"]);
    assert_eq!(found(&sandbox, &["legacy"], &["generated"]), [".gitignore", "app/main.py", "generated/a.py"]);
    assert_eq!(found(&sandbox, &["legacy"], &["legacy/old.py"]), [".gitignore", "app/main.py", "legacy/old.py"]);
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_and_those_that_lead_astray_are_named() {
    use std::os::unix::fs::symlink;
    let outside = Sandbox::new(&[("secret.py", ""), ("lib/x.py", "")]);
    let sandbox = Sandbox::new(&[("app/main.py", ""), ("shared/x.py", "")]);
    let link = |target: &std::path::Path, name: &str| symlink(target, sandbox.path().join(name)).unwrap();
    link(std::path::Path::new("../shared"), "app/shared");
    link(std::path::Path::new(".."), "app/up");
    link(std::path::Path::new("me.py"), "me.py");
    link(std::path::Path::new("nothing.py"), "dangling.py");
    link(std::path::Path::new("nothing.txt"), "dangling.txt");
    link(&outside.path().join("secret.py"), "secret.py");
    link(&outside.path().join("lib"), "lib");
    assert_eq!(found(&sandbox, &[], &[]), ["app/main.py", "shared/x.py"]);
    let expected = [
        ("app/up", SkipReason::LinkLoop),
        ("dangling.py", SkipReason::LinkDangling),
        ("lib", SkipReason::LinkLeadsOut),
        ("me.py", SkipReason::LinkLoop),
        ("secret.py", SkipReason::LinkLeadsOut),
    ];
    assert_eq!(skipped(&sandbox), expected.map(|(path, reason)| (path.to_owned(), reason)));
}

#[cfg(unix)]
#[test]
fn special_files_are_named_and_never_opened() {
    let sandbox = Sandbox::new(&[("app/main.py", "")]);
    let status = std::process::Command::new("mkfifo").arg(sandbox.path().join("app/pipe.py")).status().unwrap();
    assert!(status.success());
    let _socket = std::os::unix::net::UnixListener::bind(sandbox.path().join("app/socket.sql")).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(sandbox.path().join("app/x.sock")).unwrap();
    assert_eq!(found(&sandbox, &[], &[]), ["app/main.py"]);
    let expected = [
        ("app/pipe.py".to_owned(), SkipReason::Special(SpecialFile::Fifo)),
        ("app/socket.sql".to_owned(), SkipReason::Special(SpecialFile::Socket)),
    ];
    assert_eq!(skipped(&sandbox), expected);
    let read = auditline_project::read_text(&sandbox.path().join("app/pipe.py"), 1024);
    assert_eq!(read.unwrap_err(), SkipReason::Special(SpecialFile::Fifo));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new(&[("main.py", "")]);
    std::fs::write(sandbox.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.py")), "").unwrap();
    std::fs::write(sandbox.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.png")), "").unwrap();
    assert_eq!(skipped(&sandbox), [("caf\u{fffd}.py".to_owned(), SkipReason::NameNotUtf8)]);
}

#[test]
fn a_large_file_is_named_and_one_within_the_limit_is_read() {
    let sandbox = Sandbox::new(&[("a.py", "x = 1\n"), ("b.py", "x = 10\n")]);
    let read = |path: &str| auditline_project::read_text(sandbox.file(path).as_path(), 6);
    assert_eq!(read("a.py").unwrap().text(), "x = 1\n");
    assert_eq!(read("b.py").unwrap_err(), SkipReason::TooLarge { size: 7, limit: 6 });
}

#[test]
fn the_workspace_is_the_project_around_the_path() {
    let sandbox = Sandbox::new(&[
        (".git/HEAD", ""),
        ("tool/x.py", ""),
        ("service/pyproject.toml", "[project]\nname = \"service\"\n"),
        ("service/app/main.py", ""),
        ("audited/auditline.toml", ""),
        ("audited/nested/pyproject.toml", ""),
        ("audited/nested/x.py", ""),
        ("uv/pyproject.toml", "[tool.uv.workspace]\nmembers = [\"a\"]\n"),
        ("uv/a/pyproject.toml", ""),
        ("uv/a/x.py", ""),
        ("broken/pyproject.toml", "[tool.auditline]\nselect = [\n"),
        ("broken/sub/setup.py", ""),
    ]);
    let root = |path: &str| workspace_root(sandbox.file(path));
    assert_eq!(root("tool/x.py"), sandbox.root);
    assert_eq!(root("service/app/main.py"), sandbox.file("service"));
    assert_eq!(root("service/app"), sandbox.file("service"));
    assert_eq!(root("audited/nested/x.py"), sandbox.file("audited"));
    assert_eq!(root("uv/a/x.py"), sandbox.file("uv"));
    assert_eq!(root("broken/sub"), sandbox.file("broken"));
}

#[test]
fn without_a_mark_the_workspace_stands_above_the_packages() {
    let sandbox =
        Sandbox::new(&[("a/app/__init__.py", ""), ("a/app/x.py", ""), ("b/requirements.txt", ""), ("b/c/x.py", "")]);
    assert_eq!(workspace_root(sandbox.file("a/app/x.py")), sandbox.file("a"));
    assert_eq!(workspace_root(sandbox.file("b/c/x.py")), sandbox.file("b"));
}
