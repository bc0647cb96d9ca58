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
