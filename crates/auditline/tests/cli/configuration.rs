//! Configuration files.

use crate::sandbox::Sandbox;
use crate::schema;

#[test]
fn pyproject_and_the_own_file_are_read() {
    let sandbox = Sandbox::shop();
    sandbox.write("pyproject.toml", "[project]\nname = \"shop\"\n\n[tool.auditline]\nignore = [\"AUD201\"]\n");
    sandbox.check(0, &[]);
    sandbox.check(0, &["app/services.py"]);
    sandbox.check(1, &["--no-config"]);
    sandbox.check(1, &["--select", "AUD201"]);
    sandbox.write("auditline.toml", "select = [\"AUD2\"]\n");
    sandbox.check(1, &[]);
}

#[test]
fn a_file_may_be_named() {
    let sandbox = Sandbox::shop();
    sandbox.write("ci/strict.toml", "severity = { AUD201 = \"error\" }\n");
    let document = schema::read(&sandbox.check(1, &["--config", "ci/strict.toml", "--output-format", "json"]).out);
    assert_eq!(document.findings[0].severity, schema::Severity::Error);
    assert_eq!(document.summary.by_severity.error, 1);
    let ended = sandbox.check(2, &["--config", "ci/none.toml"]);
    assert_eq!(ended.err, "error: `ci/none.toml` does not exist\n");
    let ended = sandbox.check(2, &["--config", "ci"]);
    assert!(ended.err.contains("ci: cannot be read: it is a directory"), "{ended:?}");
}

#[test]
fn wrong_configuration_is_named_with_file_and_line() {
    let sandbox = Sandbox::shop();
    sandbox.write(
        "pyproject.toml",
        "[project]\nname = \"shop\"\n\n[tool.auditline]\nselct = [\"AUD2\"]\nignore = [\"AUDIBLE\"]\n",
    );
    let ended = sandbox.check(2, &["app"]);
    assert_eq!(ended.out, "");
    let expected = "\
error: wrong configuration
  pyproject.toml:5:1: unknown key `selct`; did you mean `select`?
  pyproject.toml:6:11: unknown hazard `AUDIBLE`
";
    assert_eq!(ended.err, expected);
    sandbox.write("auditline.toml", "select = [\n");
    let ended = sandbox.check(2, &["app"]);
    assert!(ended.err.starts_with("error: wrong configuration\n  auditline.toml:"), "{ended:?}");
    sandbox.write("auditline.toml", b"select = [\"\xff\"]\n");
    let ended = sandbox.check(2, &["app"]);
    assert!(ended.err.contains("auditline.toml: cannot be read: the file is not UTF-8"), "{ended:?}");
}

#[test]
fn excluded_files_are_left_out() {
    let sandbox = Sandbox::shop();
    sandbox.write("auditline.toml", "exclude = [\"app/serv*.py\"]\n");
    sandbox.check(0, &[]);
    sandbox.check(1, &["app/services.py"]);
}
