//! Comments that suppress findings.

use crate::sandbox::{SERVICE, Sandbox};

const LINE: &str = "        item.stock = item.stock - amount";

/// How many findings remain, and how many comments suppressed, when the service is changed so.
fn counts(change: impl Fn(&str) -> String) -> (usize, usize) {
    let report = Sandbox::shop(&change(SERVICE)).check("");
    (report.findings.len(), report.stats.suppressed)
}

fn on_the_line(comment: &str) -> (usize, usize) {
    counts(|service| service.replace(LINE, &format!("{LINE}  {comment}")))
}

#[test]
fn comments_on_the_line_suppress_what_they_name() {
    for comment in [
        "# auditline: ignore[AUD201] one worker only",
        "# auditline: ignore[unlocked-read-modify-write]",
        "# auditline: ignore[AUD101, AUD2]",
        "# auditline: ignore",
        "# noqa: AUD201",
        "# noqa",
        "# type: ignore  # noqa: E501, AUD201",
        "#auditline:ignore[aud201]",
    ] {
        assert_eq!(on_the_line(comment), (0, 1), "{comment}");
    }
}

#[test]
fn other_comments_suppress_nothing() {
    for comment in
        ["# noqa: E501", "# auditline: ignore[AUD101]", "# auditline: ignore[AUD201", "# see noqa", "# AUD201"]
    {
        assert_eq!(on_the_line(comment), (1, 0), "{comment}");
    }
}

#[test]
fn comments_elsewhere_suppress_nothing() {
    assert_eq!(counts(|service| service.replace("db.commit()", "db.commit()  # noqa")), (1, 0));
    assert_eq!(counts(|service| service.replace("def take", "# noqa: AUD201\ndef take")), (1, 0));
    assert_eq!(counts(|service| format!("\"\"\"\n# auditline: ignore-file\n\"\"\"\n{service}")), (1, 0));
}

#[test]
fn a_comment_directly_above_suppresses() {
    let above = |comment: &str| counts(|service| service.replace(LINE, &format!("{comment}\n{LINE}")));
    assert_eq!(above("        # auditline: ignore[AUD201] one worker only"), (0, 1));
    assert_eq!(above("        # auditline: ignore[AUD201]\n        # because of that"), (0, 1));
    assert_eq!(above("        # auditline: ignore[AUD201]\n"), (1, 0), "a blank line parts them");
}

#[test]
fn a_statement_of_several_lines_is_covered_on_its_first_and_last_line() {
    let statement = |first: &str, middle: &str, last: &str| {
        let lines = format!(
            "        item.stock = ({first}\n            item.stock{middle}\n            - amount\n        ){last}"
        );
        counts(|service| service.replace(LINE, &lines))
    };
    assert_eq!(statement("", "", ""), (1, 0));
    assert_eq!(statement("  # noqa: AUD201", "", ""), (0, 1));
    assert_eq!(statement("", "", "  # noqa: AUD201"), (0, 1));
    assert_eq!(statement("", "  # noqa: AUD201", ""), (1, 0));
}

#[test]
fn a_file_is_covered_as_a_whole() {
    assert_eq!(counts(|service| format!("# auditline: ignore-file[AUD201]\n{service}")), (0, 1));
    assert_eq!(counts(|service| format!("{service}# auditline: ignore-file\n")), (0, 1));
    assert_eq!(counts(|service| format!("# auditline: ignore-file[AUD3]\n{service}")), (1, 0));
}

#[test]
fn a_suppressed_finding_does_not_change_the_fingerprint_of_the_next() {
    let two = format!("{LINE}\n        item.stock = item.stock - 1");
    let plain = Sandbox::shop(&SERVICE.replace(LINE, &two)).check("");
    let suppressed = Sandbox::shop(&SERVICE.replace(LINE, &two.replacen('\n', "  # noqa\n", 1))).check("");
    if let [_, second] = &plain.findings[..] {
        assert_eq!(suppressed.findings.len(), 1);
        assert_eq!(suppressed.findings[0].fingerprint, second.fingerprint);
    }
}

/// What is reported as suppressing nothing, and the service without it.
fn unused(comment: &str) -> Vec<(String, String)> {
    let text = SERVICE.replace(LINE, &format!("{LINE}  {comment}"));
    let report = Sandbox::shop(&text).check("");
    let mut found = Vec::new();
    for unused in &report.unused {
        let after = auditline_source::apply_edits(&text, std::slice::from_ref(&unused.edit)).unwrap();
        let line = after.lines().find(|line| line.starts_with(LINE)).unwrap()[LINE.len()..].to_owned();
        found.push((unused.message.clone(), line));
    }
    found
}

#[test]
fn what_suppresses_nothing_is_reported_with_what_takes_it_away() {
    let one = |message: &str, rest: &str| vec![(message.to_owned(), rest.to_owned())];
    assert_eq!(unused("# auditline: ignore[AUD101] because"), one("`AUD101` suppresses nothing here", ""));
    assert_eq!(
        unused("# auditline: ignore[AUD101, AUD201,AUD3] because"),
        one("`AUD101`, `AUD3` suppress nothing here", "  # auditline: ignore[AUD201] because")
    );
    assert_eq!(
        unused("# noqa: E501, AUD101 # auditline: ignore[AUD201]"),
        one("`AUD101` suppresses nothing here", "  # noqa: E501 # auditline: ignore[AUD201]")
    );
    assert_eq!(
        unused("# auditline: ignore[AUD3] why # noqa: AUD201"),
        one("`AUD3` suppresses nothing here", "  # noqa: AUD201")
    );
    assert_eq!(
        unused("# noqa: AUD201 # auditline: ignore[AUD3] why"),
        one("`AUD3` suppresses nothing here", "  # noqa: AUD201")
    );
    assert_eq!(unused("# auditline: ignore[AUD999]"), one("no hazard is called `AUD999`; this suppresses nothing", ""));
    assert_eq!(unused("# auditline: ignore[]"), one("this comment suppresses nothing here", ""));
}

#[test]
fn what_suppresses_something_is_not_reported() {
    for comment in [
        "# auditline: ignore[AUD201]",
        "# auditline: ignore",
        "# auditline: ignore[AUD2]",
        "# noqa",
        "# noqa: E501",
        "# noqa: AUD201, E501",
        "# auditline: ignore[unlocked-read-modify-write]",
        "# auditline: ignore[AUD101",
    ] {
        assert_eq!(unused(comment), [], "{comment}");
    }
    // Somewhere a blanket `noqa` may serve another linter.
    let elsewhere = SERVICE.replace("db.commit()", "db.commit()  # noqa");
    assert!(Sandbox::shop(&elsewhere).check("").unused.is_empty());
    // The configuration may leave the finding out: the comment goes on to count.
    let kept = SERVICE.replace(LINE, &format!("{LINE}  # auditline: ignore[AUD201]"));
    assert!(Sandbox::shop(&kept).check("ignore = [\"AUD2\"]").unused.is_empty());
}

#[test]
fn a_comment_alone_on_its_line_goes_with_the_line() {
    let text = format!("\u{feff}# auditline: ignore-file[AUD3]\r\n{}", SERVICE.replace('\n', "\r\n"));
    let report = Sandbox::shop(&text).check("");
    assert_eq!(report.unused.len(), 1);
    assert_eq!(report.unused[0].message, "`AUD3` suppresses nothing in this file");
    let after = auditline_source::apply_edits(&text, std::slice::from_ref(&report.unused[0].edit)).unwrap();
    assert_eq!(after, format!("\u{feff}{}", SERVICE.replace('\n', "\r\n")));
}
