//! The server reports what the command line reports: of every example of every page, and of the storefront.

use std::collections::BTreeMap;
use std::path::Path;

use auditline_hazards::page;
use auditline_hazards::{CATALOGUE, Severity};
use auditline_project::{FixDetail, Options, Project, Workspace, workspace_root};
use auditline_source::FilePath;
use serde_json::{Value, json};

use crate::client::{TestClient, copy, pulling, uri};

/// What both say of a finding.
type Finding = (String, u64, u64, u64, u64, String, String);

fn by_command_line(root: &Path) -> Vec<Finding> {
    let root = FilePath::new(root).unwrap();
    let workspace = Workspace::load(workspace_root(root)).unwrap();
    let mut project = Project::open(workspace, &Options { paths: vec![root], ..Options::default() }, &|_| {}).unwrap();
    let report = project.check(FixDetail::Titles, &|_| {});
    let mut findings: Vec<Finding> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Hint)
        .map(|finding| {
            let (start, end) = (finding.range.start, finding.range.end);
            let number = |number: u32| u64::from(number) - 1;
            let place = (number(start.line), number(start.column), number(end.line), number(end.column));
            let path = uri(finding.path.as_path());
            (path, place.0, place.1, place.2, place.3, finding.code.to_owned(), finding.message.clone())
        })
        .collect();
    findings.sort();
    findings
}

fn finding(uri: &str, diagnostic: &Value) -> Finding {
    let number = |pointer: &str| diagnostic.pointer(pointer).and_then(Value::as_u64).unwrap();
    (
        uri.to_owned(),
        number("/range/start/line"),
        number("/range/start/character"),
        number("/range/end/line"),
        number("/range/end/character"),
        diagnostic["code"].as_str().unwrap().to_owned(),
        diagnostic["message"].as_str().unwrap().to_owned(),
    )
}

fn counting_characters() -> Value {
    let mut capabilities = pulling();
    capabilities["general"]["positionEncodings"] = json!(["utf-32"]);
    capabilities
}

async fn by_workspace(root: &Path) -> Vec<Finding> {
    let mut client = TestClient::open(root, counting_characters()).await;
    let report = client.request("workspace/diagnostic", json!({ "previousResultIds": [] })).await.unwrap();
    let mut findings = Vec::new();
    for item in report["items"].as_array().unwrap() {
        for diagnostic in item["items"].as_array().unwrap() {
            findings.push(finding(item["uri"].as_str().unwrap(), diagnostic));
        }
    }
    client.finish().await;
    findings.sort();
    findings
}

/// With every file open: parsed by another way, with the same result.
async fn by_documents(root: &Path, files: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut client = TestClient::open(root, counting_characters()).await;
    for (path, text) in files {
        client.did_open(&root.join(path), text).await;
    }
    let mut findings = Vec::new();
    for path in files.keys() {
        let path = root.join(path);
        for diagnostic in client.pull(&path).await {
            findings.push(finding(&uri(&path), &diagnostic));
        }
    }
    client.finish().await;
    findings.sort();
    findings
}

async fn compare(root: &Path, files: &BTreeMap<String, String>, what: &str) -> usize {
    let expected = by_command_line(root);
    assert_eq!(by_workspace(root).await, expected, "{what}, closed");
    assert_eq!(by_documents(root, files).await, expected, "{what}, open");
    expected.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_every_example() {
    let mut found = 0;
    for hazard in CATALOGUE {
        let Ok(page) = page::parse(hazard.page) else { continue };
        for example in page.hazardous.iter().chain(&page.silent) {
            let folder = tempfile::tempdir().unwrap();
            let mut files = BTreeMap::new();
            for file in &example.files {
                let path = folder.path().join(&file.path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, &file.text).unwrap();
                files.insert(file.path.clone(), file.text.clone());
            }
            // Says where the project starts, so that nothing around the folder matters.
            std::fs::write(folder.path().join("auditline.toml"), "").unwrap();
            found += compare(folder.path(), &files, &format!("{}: {}", hazard.code, example.title)).await;
        }
    }
    assert!(found > 20, "only {found} findings were compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_storefront() {
    let storefront = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/projects/storefront");
    let folder = tempfile::tempdir().unwrap();
    copy(&storefront, folder.path());
    let mut files = BTreeMap::new();
    let mut pending = vec![folder.path().to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.insert(path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned(), text);
            }
        }
    }
    let found = compare(folder.path(), &files, "storefront").await;
    assert!(found > 10, "only {found} findings were compared");
}
