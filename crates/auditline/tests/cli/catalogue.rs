//! `explain`, `hazards` and `version`.

use serde_json::Value;

use crate::sandbox::Sandbox;

#[test]
fn explain_prints_the_page() {
    let sandbox = Sandbox::new(&[]);
    let ended = sandbox.run(&["explain", "AUD201"]);
    assert_eq!((ended.code, &*ended.err), (0, ""));
    assert!(ended.out.starts_with("AUD201 unlocked-read-modify-write\n"), "{}", ended.out);
    assert!(ended.out.contains("docs/hazards/AUD201.md"));
    assert!(!ended.out.contains("```"), "it is plain text");
    for word in ["aud201", "unlocked-read-modify-write"] {
        assert_eq!(sandbox.run(&["explain", word]).out, ended.out);
    }
}

#[test]
fn every_hazard_can_be_explained() {
    let sandbox = Sandbox::new(&[]);
    for hazard in auditline_hazards::CATALOGUE {
        let ended = sandbox.run(&["explain", hazard.code]);
        assert_eq!(ended.code, 0, "{}: {}", hazard.code, ended.err);
        assert!(ended.out.contains(hazard.name));
    }
}

#[test]
fn explain_does_not_guess() {
    let sandbox = Sandbox::new(&[]);
    let ended = sandbox.run(&["explain", "unlocked-read-modify-writ"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("did you mean `unlocked-read-modify-write`?"), "{ended:?}");
    let ended = sandbox.run(&["explain", "AUD2"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("several hazards"), "{ended:?}");
}

#[test]
fn hazards_are_listed() {
    let sandbox = Sandbox::new(&[]);
    let table = sandbox.run(&["hazards"]);
    assert_eq!(table.code, 0);
    assert_eq!(table.out.lines().count(), auditline_hazards::CATALOGUE.len());
    let json = sandbox.run(&["hazards", "--output-format", "json"]);
    let value: Value = serde_json::from_str(&json.out).unwrap();
    let codes: Vec<&str> =
        value["hazards"].as_array().unwrap().iter().filter_map(|hazard| hazard["code"].as_str()).collect();
    let expected: Vec<&str> = auditline_hazards::CATALOGUE.iter().map(|hazard| hazard.code).collect();
    assert_eq!(codes, expected);
    for (line, code) in table.out.lines().zip(codes) {
        assert!(line.starts_with(code));
    }
}

#[test]
fn the_version_is_printed() {
    let sandbox = Sandbox::new(&[]);
    let expected = format!("auditline {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(sandbox.run(&["version"]).out, expected);
    assert_eq!(sandbox.run(&["--version"]).out, expected);
    assert_eq!(sandbox.run(&["--help"]).code, 0);
}
