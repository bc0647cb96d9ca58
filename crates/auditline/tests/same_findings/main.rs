//! The command line and the server report the same findings, for every example of every page and for the sample project.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use auditline_hazards::{CATALOGUE, page};
use serde_json::Value;

use client::Client;

const AUDITLINE: &str = env!("CARGO_BIN_EXE_auditline");

/// A finding in the words of both: path, line and column from 0, end, code, severity, message.
type Finding = (String, [u64; 4], String, u64, String);

#[test]
fn for_every_example_of_every_page() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for hazard in CATALOGUE {
        let page = page::parse(hazard.page).unwrap();
        for example in page.hazardous.iter().chain(&page.silent) {
            let folder = tempfile::tempdir().unwrap();
            for file in &example.files {
                let path = folder.path().join(&file.path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, &file.text).unwrap();
            }
            // Whatever stands above the folder of temporary files, the example is a project of its own.
            std::fs::create_dir(folder.path().join(".git")).unwrap();
            let what = format!("{} “{}”", hazard.code, example.title);
            compared += compare(folder.path(), &what, &mut differences);
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(compared > 0, "no example has findings");
}

#[test]
fn for_the_sample_project() {
    for_a_project("../../tests/projects/storefront");
}

#[test]
fn for_a_small_backend() {
    for_a_project("../auditline_project/tests/incremental/backend");
}

fn for_a_project(path: &str) {
    let mut differences = Vec::new();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let folder = tempfile::tempdir().unwrap();
    copy(&project, folder.path());
    std::fs::create_dir_all(folder.path().join(".git")).unwrap();
    let compared = compare(folder.path(), path, &mut differences);
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(compared > 0, "{path} has no findings");
}

/// Compares both for one project; returns how many findings the command line has.
fn compare(folder: &Path, what: &str, differences: &mut Vec<String>) -> usize {
    let folder = folder.canonicalize().unwrap();
    let printed = command_line(&folder);
    let asked = server(&folder);
    if printed != asked {
        let only_printed: Vec<_> = printed.difference(&asked).collect();
        let only_asked: Vec<_> = asked.difference(&printed).collect();
        differences.push(format!("{what}\nonly the command line: {only_printed:#?}\nonly the server: {only_asked:#?}"));
    }
    printed.len()
}

fn command_line(folder: &Path) -> BTreeSet<Finding> {
    let output = Command::new(AUDITLINE)
        .args(["check", "--output-format", "json", "--exit-zero"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |value: &Value| value.as_u64().unwrap() - 1;
    let finding = |finding: &Value| {
        let (start, end) = (&finding["range"]["start"], &finding["range"]["end"]);
        let range = [&start["line"], &start["column"], &end["line"], &end["column"]].map(number);
        let severity = ["error", "warning", "information", "hint"].iter().position(|name| finding["severity"] == *name);
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        (text("path"), range, text("code"), severity.unwrap() as u64 + 1, text("message"))
    };
    document["findings"].as_array().unwrap().iter().map(finding).collect()
}

/// What the server answers for each file, opened one after the other, with columns in Unicode characters.
fn server(folder: &Path) -> BTreeSet<Finding> {
    let mut client = Client::start(AUDITLINE, folder);
    let mut found = BTreeSet::new();
    for path in files(folder) {
        // Only texts can be opened, and an editor opens what is a document to it.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        for item in client.diagnostics(&path, &text) {
            let (start, end) = (&item["range"]["start"], &item["range"]["end"]);
            let range = [&start["line"], &start["character"], &end["line"], &end["character"]];
            found.insert((
                relative.clone(),
                range.map(|value| value.as_u64().unwrap()),
                item["code"].as_str().unwrap().to_owned(),
                item["severity"].as_u64().unwrap(),
                item["message"].as_str().unwrap().to_owned(),
            ));
        }
    }
    client.stop();
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend(Some(path).filter(|path| path.file_name().unwrap() != ".git"));
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}
