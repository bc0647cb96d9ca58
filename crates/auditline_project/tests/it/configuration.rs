//! Reading configurations, and what they do.

use auditline_hazards::{Severity, find};
use auditline_project::{Config, Selection, Selector, Workspace};

use crate::sandbox::{SERVICE, Sandbox, places};

fn mistakes(file: &str, text: &str) -> Vec<String> {
    let sandbox = Sandbox::new(&[(file, text), ("src/x.py", "")]);
    let errors = Config::read(sandbox.root, sandbox.file(file)).unwrap_err();
    errors.0.iter().map(|error| error.to_string().replace(&format!("{}/", sandbox.root), "")).collect()
}

#[test]
fn all_keys_are_read() {
    let text = "\
select = [\"AUD2\", \"commit-without-rollback\"]
ignore = [\"AUD203\"]
exclude = [\"legacy\"]
source-roots = [\"src\"]
include-tests = true
per-file-ignores = { \"scripts/**\" = [\"AUD\"], \"!app/**\" = [\"AUD101\"] }

[severity]
AUD2 = \"error\"
AUD201 = \"hint\"
";
    let sandbox = Sandbox::new(&[("auditline.toml", text), ("src/x.py", "")]);
    let config = Config::load(sandbox.root).unwrap();
    assert_eq!(config.file, Some(sandbox.file("auditline.toml")));
    assert_eq!(config.select, [Selector::Prefix("AUD2".to_owned()), Selector::Exact("AUD101")]);
    assert_eq!(config.source_roots, [sandbox.file("src")]);
    assert!(config.include_tests);
    assert!(config.exclude.matches(sandbox.file("legacy/x.py")));
    let hazard = |code: &str| find(code).unwrap();
    assert_eq!(config.severity_of(hazard("AUD201")), Some(Severity::Hint));
    assert_eq!(config.severity_of(hazard("AUD204")), Some(Severity::Error));
    assert_eq!(config.severity_of(hazard("AUD101")), None);
    assert!(config.is_ignored_in(hazard("AUD201"), sandbox.file("scripts/a/b.py")));
    assert!(!config.is_ignored_in(hazard("AUD201"), sandbox.file("lib/b.py")));
    assert!(config.is_ignored_in(hazard("AUD101"), sandbox.file("lib/b.py")));
    assert!(!config.is_ignored_in(hazard("AUD101"), sandbox.file("app/b.py")));
    let selection = Selection::new(&config, &[], &[]);
    let contains = |code: &str| selection.contains(hazard(code));
    assert!(contains("AUD201") && contains("AUD101") && !contains("AUD203") && !contains("AUD301"));
}

#[test]
fn pyproject_is_read_and_the_own_file_goes_first() {
    let pyproject = "[project]\nname = \"x\"\n\n[tool.ruff]\nselect = [1]\n\n[tool.auditline]\nselect = [\"AUD1\"]\n";
    let sandbox = Sandbox::new(&[("pyproject.toml", pyproject)]);
    assert_eq!(Config::load(sandbox.root).unwrap().select, [Selector::Prefix("AUD1".to_owned())]);
    sandbox.write("auditline.toml", "select = [\"AUD3\"]\n");
    assert_eq!(Config::load(sandbox.root).unwrap().select, [Selector::Prefix("AUD3".to_owned())]);
}

#[test]
fn a_broken_pyproject_that_is_not_ours_is_none_of_our_business() {
    let sandbox = Sandbox::new(&[("pyproject.toml", "[project\n")]);
    assert_eq!(Config::load(sandbox.root).unwrap(), Config::default());
    sandbox.write("pyproject.toml", "[tool.auditline]\nselect = [\n");
    let errors = Config::load(sandbox.root).unwrap_err();
    assert_eq!(errors.0.len(), 1);
    assert!(errors.0[0].line.is_some(), "{errors}");
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let text = "\
selct = [\"AUD1\"]
ignore = \"AUD1\"
exclude = [\"ok\", 1, \"a[\"]
source-roots = [\"nowhere\", \"../out\"]
include-tests = \"yes\"

[severity]
AUD201 = \"fatal\"
AUD9999 = \"error\"

[per-file-ignores]
\"tests/**\" = [\"unlocked-read-modify-writ\"]
";
    let expected = [
        "auditline.toml:1:1: unknown key `selct`; did you mean `select`?",
        "auditline.toml:2:10: `ignore` must be an array of strings, not a string",
        "auditline.toml:3:18: an entry of `exclude` must be a string, not an integer",
        "auditline.toml:3:21: the pattern cannot be read: unclosed character class; missing ']'",
        "auditline.toml:4:17: the source root `nowhere` is not a directory",
        "auditline.toml:4:28: the source root `../out` leads out of the workspace",
        "auditline.toml:5:17: `include-tests` must be `true` or `false`, not a string",
        "auditline.toml:8:10: unknown severity `fatal`; the severities are `error`, `warning`, `information`, `hint`",
        "auditline.toml:9:1: unknown hazard `AUD9999`",
        "auditline.toml:12:15: unknown hazard `unlocked-read-modify-writ`, did you mean `unlocked-read-modify-write`?",
    ];
    assert_eq!(mistakes("auditline.toml", text), expected);
}

#[test]
fn columns_count_characters_and_a_byte_order_mark_does_not_count() {
    let text = "\u{feff}# é\n[tool.auditline]\n\"é😀\" = 1\nselect = [\"é\", \"AUD0\"]\n";
    let found = mistakes("pyproject.toml", text);
    assert!(found[0].starts_with("pyproject.toml:3:1: unknown key `é😀`"), "{found:?}");
    assert_eq!(found[1], "pyproject.toml:4:11: unknown hazard `é`");
    assert_eq!(found[2], "pyproject.toml:4:16: unknown hazard `AUD0`");
    let found = mistakes("auditline.toml", "\u{feff}selct = 1\n");
    assert!(found[0].starts_with("auditline.toml:1:1: "), "{found:?}");
}

#[test]
fn a_section_of_the_wrong_type_is_a_mistake() {
    let found = mistakes("pyproject.toml", "[tool]\nauditline = 3\n");
    assert_eq!(found, ["pyproject.toml:2:13: `tool.auditline` must be a table, not an integer"]);
}

#[test]
fn what_the_caller_asks_for_goes_before_the_configuration() {
    let config = Config {
        select: vec![Selector::parse("AUD201").unwrap()],
        ignore: vec![Selector::parse("AUD101").unwrap()],
        ..Config::default()
    };
    let list = |words: &str| Selector::parse_list(words).unwrap();
    let contains = |select: &str, ignore: &str, code: &str| {
        Selection::new(&config, &list(select), &list(ignore)).contains(find(code).unwrap())
    };
    assert!(contains("", "", "AUD201") && !contains("", "", "AUD301"));
    assert!(contains("AUD101", "", "AUD101") && !contains("AUD101", "", "AUD201"));
    assert!(!contains("", "AUD2", "AUD201"));
    // The closer name counts, and between equals `ignore`.
    assert!(contains("AUD201", "AUD2", "AUD201") && !contains("AUD2", "AUD201", "AUD201"));
    assert!(!contains("AUD2", "AUD2", "AUD201"));
    assert!(contains("ALL", "", "AUD301") && contains("all", "AUD3", "AUD101"));
    assert!(Selector::parse_list("AUD201,,AUD77").is_err());
}

#[test]
fn configuration_changes_what_is_reported() {
    let sandbox = Sandbox::shop(SERVICE);
    assert_eq!(places(&sandbox, &sandbox.check("")), ["app/services.py:9 AUD201"]);
    assert_eq!(sandbox.check("select = [\"AUD1\"]").findings.len(), 0);
    assert_eq!(sandbox.check("ignore = [\"unlocked-read-modify-write\"]").findings.len(), 0);
    assert_eq!(sandbox.check("per-file-ignores = { \"services.py\" = [\"AUD2\"] }").findings.len(), 0);
    assert_eq!(sandbox.check("per-file-ignores = { \"other.py\" = [\"AUD2\"] }").findings.len(), 1);
    assert_eq!(sandbox.check("severity = { AUD201 = \"error\" }").findings[0].severity, Severity::Error);
    let excluded = sandbox.check("exclude = [\"services.py\"]");
    assert_eq!((excluded.findings.len(), excluded.stats.files_read), (0, 1));
}

#[test]
fn tests_are_reported_on_only_when_asked_for() {
    let sandbox = Sandbox::shop("");
    sandbox.write("tests/helpers.py", SERVICE);
    assert_eq!(sandbox.check("").findings.len(), 0);
    assert_eq!(places(&sandbox, &sandbox.check("include-tests = true")), ["tests/helpers.py:9 AUD201"]);
}

#[test]
fn source_roots_are_used() {
    let sandbox = Sandbox::new(&[
        ("libs/strange/place/app/models.py", crate::sandbox::MODELS),
        ("svc/services.py", SERVICE),
        ("auditline.toml", "source-roots = [\"libs/strange/place\"]\n"),
    ]);
    let workspace = Workspace::load(sandbox.root).unwrap();
    assert_eq!(workspace.config.source_roots, [sandbox.file("libs/strange/place")]);
    assert_eq!(
        places(&sandbox, &sandbox.check("source-roots = [\"libs/strange/place\"]")),
        ["svc/services.py:9 AUD201"]
    );
}
