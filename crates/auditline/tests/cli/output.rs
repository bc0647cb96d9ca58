//! The forms of the output.

use std::io::Read;
use std::process::Stdio;

use crate::sandbox::{SERVICE, Sandbox, ended, program};
use crate::schema::{self, Position, Safety, Severity};

#[test]
fn the_exit_code_tells_findings_from_none() {
    let sound = Sandbox::sound().check(0, &[]);
    assert_eq!(sound.out, "No findings in 3 files.\n");
    Sandbox::shop().check(1, &[]);
    Sandbox::shop().check(0, &["--exit-zero"]);
}

#[test]
fn text_shows_the_source_the_evidence_and_the_fixes() {
    let sandbox = Sandbox::shop();
    // A check of the stock would need the lock.
    sandbox.write("app/services.py", SERVICE.replace("item.stock >= amount", "amount"));
    sandbox.write("app/refill.py", SERVICE.replace("def take", "def refill").replace("- amount", "+ amount"));
    let ended = sandbox.check(1, &["app/services.py"]);
    assert_eq!(ended.err, "");
    for part in [
        "warning[AUD201]: `Item.stock` is written from its old value",
        "--> app/services.py:9:9",
        "9 |         item.stock = item.stock - amount\n",
        "the row is loaded here without a lock",
        "::: app/refill.py:9:9",
        "= help: Lock the load of `Item`\n",
        "(unsafe: it also changes behaviour)",
        "1 finding in 1 file (1 warning).\n",
    ] {
        assert!(ended.out.contains(part), "{part}\n{}", ended.out);
    }
}

#[test]
fn marks_stand_under_what_they_mark_after_emoji_and_tabs() {
    let sandbox = Sandbox::shop();
    let line = "\t\tx = \"日本😀\"; item.stock = item.stock - amount";
    sandbox.write(
        "app/services.py",
        SERVICE.replace("        item.stock = item.stock - amount", line).replace("        db.", "\t\tdb."),
    );
    let out = sandbox.check(1, &[]).out;
    let lines: Vec<&str> = out.lines().collect();
    let at = lines.iter().position(|line| line.contains("日本😀")).unwrap();
    // Each tab is four columns wide, each of the characters two.
    let before = lines[at].split("item.stock").next().unwrap();
    let width: usize = before.chars().map(|char| if char.is_ascii() { 1 } else { 2 }).sum();
    let mark = lines[at + 1].find('^').unwrap();
    assert_eq!(mark, width, "{out}");
    assert!(!lines[at].contains('\t'));
}

#[test]
fn line_ends_of_windows_do_not_spoil_the_excerpt() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/services.py", format!("\u{feff}{}", SERVICE.replace('\n', "\r\n")));
    let out = sandbox.check(1, &[]).out;
    assert!(out.contains("9 |         item.stock = item.stock - amount\n"), "{out:?}");
    assert!(!out.contains('\r') && !out.contains('\u{feff}'), "{out:?}");
}

#[test]
fn concise_is_one_line_for_each_finding() {
    let out = Sandbox::shop().check(1, &["--output-format", "concise"]).out;
    assert_eq!(out.lines().count(), 1);
    assert!(out.starts_with("app/services.py:9:9: warning AUD201 `Item.stock` is written"), "{out}");
}

#[test]
fn json_has_the_promised_form() {
    let sandbox = Sandbox::shop();
    let ended = sandbox.check(1, &["--output-format", "json"]);
    assert_eq!(ended.err, "");
    let document = schema::read(&ended.out);
    assert_eq!(document.summary.files_checked, 3);
    assert_eq!(document.summary.fixed, 0);
    assert!(document.summary.files_skipped.is_empty());
    let [finding] = &document.findings[..] else { panic!("{}", ended.out) };
    assert_eq!((&*finding.code, &*finding.name), ("AUD201", "unlocked-read-modify-write"));
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.path, "app/services.py");
    assert_eq!(finding.range.start, Position { line: 9, column: 9 });
    assert!(finding.evidence.iter().all(|evidence| evidence.path == "app/services.py" && !evidence.message.is_empty()));
    let fix = &finding.fixes[0];
    assert_eq!(fix.safety, Safety::Safe);
    assert!(fix.edits.iter().all(|edit| edit.path == "app/services.py"));
    let fixed = schema::apply(SERVICE, &fix.edits.iter().collect::<Vec<_>>());
    assert_eq!(fixed, Sandbox::sound().read("app/services.py"));
    // The keys stand in the order in which they are documented.
    let keys = ["\"version\"", "\"findings\"", "\"code\"", "\"name\"", "\"severity\"", "\"message\"", "\"path\""];
    let places: Vec<usize> = keys.iter().map(|key| ended.out.find(key).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    let keys = ["\"evidence\"", "\"fixes\"", "\"fingerprint\"", "\"summary\""];
    let places: Vec<usize> = keys.iter().map(|key| ended.out.rfind(key).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn json_without_findings_is_a_whole_document_too() {
    let document = schema::read(&Sandbox::sound().check(0, &["--output-format=json"]).out);
    assert!(document.findings.is_empty());
}

#[test]
fn paths_are_seen_from_the_working_directory() {
    let sandbox = Sandbox::shop();
    sandbox.write("docs/x.txt", "");
    let output = program(&sandbox.path("docs"), &["check", "..", "--output-format", "json"]).output().unwrap();
    let document = schema::read(&ended(&output).out);
    assert_eq!(document.findings[0].path, "../app/services.py");
    let output = program(&sandbox.path("app"), &["check", "--output-format", "concise"]).output().unwrap();
    assert!(ended(&output).out.starts_with("services.py:9:9: "));
}

#[test]
fn the_fingerprint_survives_edits_and_does_not_depend_on_the_place() {
    let fingerprint = |sandbox: &Sandbox| {
        schema::read(&sandbox.check(1, &["--output-format", "json"]).out).findings[0].fingerprint.clone()
    };
    let (one, other) = (Sandbox::shop(), Sandbox::shop());
    other.write("app/services.py", format!("import os\n\n\n{SERVICE}"));
    assert_eq!(fingerprint(&one), fingerprint(&other));
}

#[test]
fn statistics_count_instead_of_listing() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/other.py", SERVICE.replace("def take", "def other"));
    let out = sandbox.check(1, &["--statistics"]).out;
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1..], [["2", "2", "AUD201", "unlocked-read-modify-write"]], "{out}");
    assert_eq!(Sandbox::sound().check(0, &["--statistics"]).out, "");
}

#[test]
fn colours_are_shown_when_they_are_wanted() {
    let sandbox = Sandbox::shop();
    let escape = '\u{1b}';
    assert!(!sandbox.check(1, &[]).out.contains(escape));
    assert!(sandbox.check(1, &["--color", "always"]).out.contains(escape));
    let forced = sandbox.command(&["check"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(ended(&forced).out.contains(escape));
    let refused = sandbox.command(&["check"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap();
    assert!(!ended(&refused).out.contains(escape));
    let json = sandbox.check(1, &["--color", "always", "--output-format", "json"]).out;
    assert!(!json.contains(escape));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let sandbox = Sandbox::shop();
    for index in 0..200 {
        sandbox.write(&format!("app/s{index}.py"), SERVICE);
    }
    let mut child = sandbox.command(&["check"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn several_projects_are_checked_each_for_itself() {
    let sandbox = Sandbox::new(&[]);
    for name in ["one", "two"] {
        sandbox.write(&format!("{name}/pyproject.toml"), "[project]\n");
        sandbox.write(&format!("{name}/app/models.py"), Sandbox::shop().read("app/models.py"));
        sandbox.write(&format!("{name}/app/services.py"), SERVICE);
    }
    let document = schema::read(&sandbox.check(1, &["two", "one", "--output-format", "json"]).out);
    let paths: Vec<&str> = document.findings.iter().map(|finding| &*finding.path).collect();
    assert_eq!(paths, ["one/app/services.py", "two/app/services.py"]);
    let across = document.findings[0].evidence.iter().any(|evidence| evidence.path.starts_with("two"));
    assert!(!across, "the other project is not looked into");
}

#[test]
fn threads_do_not_change_the_result() {
    let sandbox = Sandbox::shop();
    for index in 0..20 {
        sandbox.write(&format!("app/s{index}.py"), SERVICE);
    }
    let one = sandbox.check(1, &["--threads", "1", "--output-format", "json"]);
    let many = sandbox.check(1, &["--threads", "4", "--output-format", "json"]);
    assert_eq!(one.out, many.out);
}

#[test]
fn comments_that_suppress_nothing_are_reported_on_request() {
    let sandbox = Sandbox::sound();
    sandbox.write("lonely.py", "x = 1  # auditline: ignore[AUD101] long gone\n");
    let ended = sandbox.check(0, &[]);
    assert!(ended.out.contains("1 comment suppresses nothing"), "{}", ended.out);
    let ended = sandbox.check(1, &["--unused-suppressions", "--output-format", "concise"]);
    assert_eq!(ended.out, "lonely.py:1:28: unused-suppression `AUD101` suppresses nothing here\n");
    let ended = sandbox.check(1, &["--unused-suppressions"]);
    assert!(ended.out.contains("note[unused-suppression]: `AUD101` suppresses nothing here"), "{}", ended.out);
    assert!(ended.out.contains("--> lonely.py:1:28"), "{}", ended.out);
    let document = schema::read(&sandbox.check(0, &["--output-format", "json"]).out);
    let unused = &document.unused_suppressions[0];
    assert_eq!((unused.path.as_str(), unused.range.start.line, unused.range.start.column), ("lonely.py", 1, 28));
    assert_eq!(unused.message, "`AUD101` suppresses nothing here");
    sandbox.check(0, &["--unused-suppressions", "--exit-zero"]);
}
