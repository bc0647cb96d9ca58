//! The sample project, from the command line: what is found in it, and what its fixes leave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A finding: the code, the file, and the line on which it starts.
type Finding = (String, String, String);

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/projects/storefront")
}

fn auditline(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auditline")).arg("check").args(arguments).current_dir(folder).output().unwrap()
}

/// What is found in the project, and which of it has a safe fix.
fn findings(folder: &Path) -> Vec<(Finding, bool)> {
    let output = auditline(folder, &["--output-format", "json", "--exit-zero"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["summary"]["files_skipped"], Value::Array(Vec::new()));
    let finding = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        let file = std::fs::read_to_string(folder.join(text("path"))).unwrap();
        let line = usize::try_from(finding["range"]["start"]["line"].as_u64().unwrap()).unwrap();
        let at = file.lines().nth(line - 1).unwrap().trim().to_owned();
        let safe = finding["fixes"].as_array().unwrap().iter().any(|fix| fix["safety"] == "safe");
        ((text("code"), text("path"), at), safe)
    };
    document["findings"].as_array().unwrap().iter().map(finding).collect()
}

fn expected() -> Vec<Finding> {
    let text = std::fs::read_to_string(project().with_extension("expected.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let finding = |entry: &toml::Value| {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("code"), text("path"), text("at"))
    };
    table["finding"].as_array().unwrap().iter().map(finding).collect()
}

#[test]
fn every_hazard_is_found_and_nothing_else() {
    let found: Vec<Finding> = findings(&project()).into_iter().map(|(finding, _)| finding).collect();
    let expected = expected();
    let missing: Vec<_> = expected.iter().filter(|finding| !found.contains(finding)).collect();
    let surplus: Vec<_> = found.iter().filter(|finding| !expected.contains(finding)).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}\nnot expected: {surplus:#?}");
    assert_eq!(found, expected, "the same findings in another order or number");
}

#[test]
fn the_readme_quotes_what_is_printed() {
    let printed = String::from_utf8(auditline(&project(), &[]).stdout).unwrap();
    let summary = printed.trim_end().lines().next_back().unwrap();
    let readme = std::fs::read_to_string(project().join("../../../README.md")).unwrap();
    assert!(readme.lines().any(|line| line == summary), "the README quotes another summary than `{summary}`");
}

#[test]
fn findings_end_the_command_with_one() {
    assert_eq!(auditline(&project(), &[]).status.code(), Some(1));
}

/// Safe fixes take their findings away, leave the others, bring no new ones, and are done after one run.
#[test]
fn fixes_cure_what_they_are_offered_for() {
    let folder = tempfile::tempdir().unwrap();
    copy(&project(), folder.path());
    let before = findings(folder.path());
    let fixable = before.iter().filter(|(_, safe)| *safe).count();
    assert!(fixable > 0, "no finding has a safe fix");

    let output = auditline(folder.path(), &["--fix", "--exit-zero"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let after = findings(folder.path());
    let left: Vec<_> = after.iter().filter(|(_, safe)| *safe).collect();
    assert!(left.is_empty(), "still to be fixed: {left:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    // A fix may cure more than its own finding, but never makes one.
    assert!(after.len() <= before.len() - fixable, "{before:#?}\nbecame {after:#?}");

    let again = auditline(folder.path(), &["--diff", "--exit-zero"]);
    assert!(again.stdout.is_empty(), "{}", String::from_utf8_lossy(&again.stdout));
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let source = entry.unwrap().path();
        let target = to.join(source.file_name().unwrap());
        if source.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&source, &target);
        } else {
            std::fs::copy(source, target).unwrap();
        }
    }
}
