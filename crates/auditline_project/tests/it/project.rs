//! Reading and checking a workspace.

use std::sync::atomic::{AtomicUsize, Ordering};

use auditline_project::{FixDetail, Options, Progress, SkipReason};

use crate::sandbox::{SERVICE, Sandbox, places};

#[test]
fn only_what_is_asked_for_is_reported_but_all_is_known() {
    let sandbox = Sandbox::shop(SERVICE);
    sandbox.write("app/other.py", SERVICE);
    let options = Options { paths: vec![sandbox.file("app/services.py")], ..Options::default() };
    let report = sandbox.open_with("", &options).check(FixDetail::Titles, &|_| {});
    assert_eq!(places(&sandbox, &report), ["app/services.py:9 AUD201"]);
    assert_eq!((report.stats.files_checked, report.stats.files_read), (1, 3));
    let other = report.findings[0].evidence.iter().any(|evidence| evidence.path == sandbox.file("app/other.py"));
    assert!(other, "the other writer of the column is evidence");
    assert!(report.texts.contains_key(&sandbox.file("app/other.py")));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_checked() {
    let sandbox = Sandbox::shop(SERVICE);
    sandbox.write("app/latin.py", b"# caf\xe9\n");
    sandbox.write("app/nul.py", b"x = 1\0\n");
    sandbox.write("lib/large.py", "x = 1\n".repeat(200));
    let options = Options { paths: vec![sandbox.file("app")], max_file_size: Some(1000), ..Options::default() };
    let report = sandbox.open_with("", &options).check(FixDetail::Titles, &|_| {});
    assert_eq!(report.findings.len(), 1);
    let names: Vec<&str> = report.skipped.iter().filter_map(|skipped| skipped.path.rsplit('/').next()).collect();
    assert_eq!(names, ["latin.py", "nul.py"]);
    assert!(report.skipped.iter().all(|skipped| matches!(skipped.reason, SkipReason::NotText(_))));
    assert_eq!(report.skipped_elsewhere.len(), 1);
    assert_eq!(report.skipped_elsewhere[0].reason, SkipReason::TooLarge { size: 1200, limit: 1000 });
}

#[test]
fn more_files_than_a_chunk_give_what_few_give() {
    let sandbox = Sandbox::shop(SERVICE);
    for index in 0..1100 {
        sandbox.write(&format!("lib/m{index}.py"), format!("def f{index}():\n    return {index}\n"));
    }
    let (read, checked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut project = sandbox.open("");
    let report = project.check(FixDetail::Edits, &|progress| match progress {
        Progress::Read { done, .. } => {
            read.fetch_max(done, Ordering::Relaxed);
        }
        Progress::Checked { done, total } => {
            assert_eq!(total, 1102);
            checked.fetch_max(done, Ordering::Relaxed);
        }
    });
    assert_eq!(places(&sandbox, &report), ["app/services.py:9 AUD201"]);
    assert_eq!(checked.into_inner(), 1102);
    // The results do not depend on what is remembered.
    let again = project.check(FixDetail::Edits, &|_| {});
    assert_eq!(again.findings[0].fingerprint, report.findings[0].fingerprint);
}

#[test]
fn the_fingerprint_survives_edits_elsewhere_in_the_file() {
    let plain = Sandbox::shop(SERVICE).check("");
    let edited = format!(
        "import os\n\n\ndef before():\n    return os.name\n\n\n{}",
        SERVICE.replace("    item = ", "\n    item = ")
    );
    let moved = Sandbox::shop(&edited).check("");
    assert_ne!(plain.findings[0].range, moved.findings[0].range);
    assert_eq!(plain.findings[0].fingerprint, moved.findings[0].fingerprint);
    let renamed = Sandbox::shop(&SERVICE.replace("def take", "def reserve")).check("");
    assert_ne!(plain.findings[0].fingerprint, renamed.findings[0].fingerprint);
}

#[test]
fn positions_count_characters_after_emoji_tabs_and_byte_order_marks() {
    let text = format!(
        "\u{feff}{}",
        SERVICE.replace("        item.stock = ", "\t\tx = \"😀é\"; item.stock = ").replace("        db", "\t\tdb")
    );
    let sandbox = Sandbox::shop(&text.replace('\n', "\r\n"));
    let report = sandbox.check("");
    assert_eq!(places(&sandbox, &report), ["app/services.py:9 AUD201"]);
    let range = report.findings[0].range;
    assert_eq!(range.start.column, 13);
    let line = text.lines().nth(8).unwrap();
    assert_eq!(line.chars().nth(12), Some('i'));
    assert_eq!(range.end.column as usize, line.chars().count() + 1);
}
