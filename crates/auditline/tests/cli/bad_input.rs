//! Input that is not what it should be: each gives a clear error or a named skip, and the rest is checked.

use std::time::{Duration, Instant};

use crate::sandbox::{SERVICE, Sandbox, ended};
use crate::schema;

/// The files that were skipped, with their reasons; asserts that the finding is there all the same.
#[track_caller]
fn skipped(sandbox: &Sandbox) -> Vec<(String, String)> {
    let ended = sandbox.check(1, &["--output-format", "json"]);
    let document = schema::read(&ended.out);
    assert_eq!(document.findings.len(), 1, "the rest is checked");
    let skipped: Vec<(String, String)> =
        document.summary.files_skipped.into_iter().map(|skipped| (skipped.path, skipped.reason)).collect();
    // They are named on standard error too, in every form of output.
    assert!(ended.err.starts_with(&format!("warning: {} file", skipped.len())), "{}", ended.err);
    for (path, reason) in &skipped {
        assert!(ended.err.contains(&format!("  {path}: {reason}\n")), "{}", ended.err);
    }
    skipped
}

#[track_caller]
fn skips(sandbox: &Sandbox, path: &str, reason: &str) {
    assert_eq!(skipped(sandbox), [(path.to_owned(), reason.to_owned())]);
}

#[test]
fn a_path_that_does_not_exist() {
    let ended = Sandbox::shop().check(2, &["app", "no/such/path.py"]);
    assert_eq!((&*ended.out, &*ended.err), ("", "error: `no/such/path.py` does not exist\n"));
}

#[test]
fn a_file_that_is_not_utf8() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/latin.py", b"name = 'caf\xe9'\n");
    skips(&sandbox, "app/latin.py", "the file is not UTF-8: invalid byte at offset 11");
    let ended = sandbox.check(2, &["app/latin.py"]);
    assert!(ended.err.contains("app/latin.py: the file is not UTF-8"), "nothing could be checked: {ended:?}");
}

#[test]
fn a_file_in_another_encoding_that_says_so() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/latin.py", b"# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n");
    skips(&sandbox, "app/latin.py", "the file is written in latin-1, not in UTF-8");
}

#[test]
fn a_file_with_nul_bytes() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/nul.py", b"x = 1\0\n");
    skips(&sandbox, "app/nul.py", "the file has a NUL byte at offset 5");
}

#[test]
fn a_file_of_50_megabytes() {
    let sandbox = Sandbox::shop();
    let file = std::fs::File::create(sandbox.path("app/huge.py")).unwrap();
    file.set_len(50 * 1024 * 1024).unwrap();
    skips(&sandbox, "app/huge.py", "it is larger than 8 MB (52428800 bytes)");
}

#[test]
fn a_file_of_5_megabytes_is_checked() {
    let sandbox = Sandbox::shop();
    let mut text = String::from(SERVICE);
    while text.len() < 5 * 1024 * 1024 {
        text.push_str(&format!("\n\ndef f{}(a, b):\n    return [a + b for a in b if a]\n", text.len()));
    }
    sandbox.write("app/services.py", text);
    let document = schema::read(&sandbox.check(1, &["--output-format", "json"]).out);
    assert_eq!(document.summary.findings, 1);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_not_waited_for() {
    let sandbox = Sandbox::shop();
    assert!(std::process::Command::new("mkfifo").arg(sandbox.path("app/pipe.py")).status().unwrap().success());
    let started = Instant::now();
    skips(&sandbox, "app/pipe.py", "it is a named pipe, not a regular file");
    let ended = sandbox.check(2, &["app/pipe.py"]);
    assert!(ended.err.contains("app/pipe.py: it is a named pipe"), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[cfg(unix)]
#[test]
fn links_in_a_circle() {
    let sandbox = Sandbox::shop();
    std::os::unix::fs::symlink("..", sandbox.path("app/up")).unwrap();
    std::os::unix::fs::symlink("b.py", sandbox.path("app/a.py")).unwrap();
    std::os::unix::fs::symlink("a.py", sandbox.path("app/b.py")).unwrap();
    let reason = "it is a symbolic link that leads back to itself";
    let expected = ["app/a.py", "app/b.py", "app/up"].map(|path| (path.to_owned(), reason.to_owned()));
    assert_eq!(skipped(&sandbox), expected);
    let ended = sandbox.check(2, &["app/a.py"]);
    assert!(ended.err.starts_with("error: `app/a.py` cannot be read: "), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_project() {
    let (sandbox, outside) = (Sandbox::shop(), Sandbox::shop());
    std::os::unix::fs::symlink(outside.path("app"), sandbox.path("outside")).unwrap();
    skips(&sandbox, "outside", "it is a symbolic link that leads out of the workspace");
}

#[test]
fn ten_thousand_nested_parentheses() {
    let sandbox = Sandbox::shop();
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    sandbox.write("app/deep.py", format!("x = {open}1{close}\n"));
    sandbox.write("app/open.py", format!("x = {open}\n"));
    sandbox.write("app/lists.py", format!("def f(db):\n    return {}1{}\n", "[".repeat(10_000), "]".repeat(10_000)));
    sandbox
        .write("app/calls.py", format!("def f(db):\n    db.commit({}1{})\n", "g(".repeat(10_000), ")".repeat(10_000)));
    let blocks: String = (0..200).map(|depth| format!("{}if x:\n", " ".repeat(depth))).collect();
    sandbox.write("app/blocks.py", format!("{blocks}{}pass\n", " ".repeat(200)));
    let document = schema::read(&sandbox.check(1, &["--output-format", "json"]).out);
    assert_eq!(document.summary.findings, 1);
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    let sandbox = Sandbox::shop();
    sandbox.write("app/closed/x.py", SERVICE);
    let set =
        |mode| std::fs::set_permissions(sandbox.path("app/closed"), std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o000);
    let output = if std::fs::read_dir(sandbox.path("app/closed")).is_err() {
        sandbox.command(&["check", "--output-format", "json"]).output().unwrap()
    } else {
        // Whoever runs the tests may read everything; somebody else may not. Where there is no way to be somebody
        // else, there is nothing to see.
        std::fs::set_permissions(sandbox.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
        let copy = sandbox.path("auditline");
        std::fs::copy(env!("CARGO_BIN_EXE_auditline"), &copy).unwrap();
        let nobody = Command::new("runuser")
            .args(["-u", "nobody", "--"])
            .arg(&copy)
            .args(["check", "--output-format", "json"])
            .current_dir(sandbox.path(""))
            .output();
        match nobody {
            Ok(output) if output.status.code().is_some_and(|code| code < 100) && !output.stdout.is_empty() => output,
            _ => return set(0o755),
        }
    };
    set(0o755);
    let ended = ended(&output);
    let document = schema::read(&ended.out);
    assert_eq!((ended.code, document.findings.len()), (1, 1));
    let skipped: Vec<_> =
        document.summary.files_skipped.iter().map(|skipped| (&*skipped.path, &*skipped.reason)).collect();
    assert_eq!(skipped, [("app/closed", "no permission to read it")]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::shop();
    std::fs::write(sandbox.path("app").join(std::ffi::OsStr::from_bytes(b"caf\xe9.py")), "x = 1\n").unwrap();
    skips(&sandbox, "app/caf\u{fffd}.py", "its name is not UTF-8");
}

#[cfg(unix)]
#[test]
fn names_cannot_write_on_the_terminal() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/\u{1b}[31mred.py", SERVICE);
    sandbox.write("app/\u{1b}]0;title\u{7}.sql", b"\xff");
    for format in ["text", "concise", "json"] {
        let ended = sandbox.check(1, &["--output-format", format]);
        assert!(!ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'), "{format}: {ended:?}");
    }
}

#[test]
fn nothing_to_check() {
    let sandbox = Sandbox::new(&[("docs/x.txt", "")]);
    let ended = sandbox.check(0, &["docs"]);
    assert_eq!(ended.err, "warning: there is nothing to check\n");
}

#[test]
fn what_is_skipped_elsewhere_is_counted() {
    let sandbox = Sandbox::shop();
    sandbox.write("lib/latin.py", b"name = 'caf\xe9'\n");
    let ended = sandbox.check(1, &["app"]);
    assert_eq!(
        ended.err,
        "note: 1 other file of the project could not be read; a check of the whole project names them\n"
    );
}

#[test]
fn half_typed_code_is_checked_as_far_as_it_can_be_read() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/services.py", format!("def broken(db, (:\n    x = = 3\n\n\n{SERVICE}\n\nclass (\n"));
    let document = schema::read(&sandbox.check(1, &["--output-format", "json"]).out);
    assert_eq!(document.summary.findings, 1);
}
