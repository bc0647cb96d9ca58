//! `--select` and `--ignore`.

use crate::sandbox::Sandbox;

#[test]
fn hazards_are_selected_by_code_prefix_and_name() {
    let sandbox = Sandbox::shop();
    for list in ["AUD201", "aud201", "AUD2", "AUD20", "unlocked-read-modify-write", "AUD101,AUD201", "ALL"] {
        sandbox.check(1, &["--select", list]);
        sandbox.check(0, &["--ignore", list]);
    }
    sandbox.check(0, &["--select", "AUD1,AUD3"]);
    sandbox.check(1, &["--ignore", "AUD1,AUD3"]);
}

#[test]
fn both_may_be_repeated_and_the_closer_name_counts() {
    let sandbox = Sandbox::shop();
    sandbox.check(1, &["--select", "AUD1", "--select", "AUD2"]);
    sandbox.check(0, &["--ignore", "AUD1", "--ignore", "AUD2"]);
    sandbox.check(1, &["--select", "AUD201", "--ignore", "AUD2"]);
    sandbox.check(0, &["--select", "AUD2", "--ignore", "AUD201"]);
}

#[test]
fn an_unknown_hazard_is_named() {
    let sandbox = Sandbox::shop();
    for option in ["--select", "--ignore"] {
        let ended = sandbox.check(2, &[option, "AUD201,unlocked-read-modify-writ"]);
        assert_eq!(ended.out, "");
        let expected = "unknown hazard `unlocked-read-modify-writ`, did you mean `unlocked-read-modify-write`?";
        assert_eq!(ended.err, format!("error: {option}: {expected}\n"));
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let sandbox = Sandbox::shop();
    for arguments in [
        &["--output-format", "xml"][..],
        &["--unsafe-fixes"],
        &["--diff", "--statistics"],
        &["--config", "x.toml", "--no-config"],
        &["--threads", "0"],
        &["--no-such-option"],
    ] {
        let ended = sandbox.check(2, arguments);
        assert!(ended.err.contains("error: "), "{arguments:?}: {ended:?}");
    }
    assert_eq!(sandbox.run(&["chek"]).code, 2);
    assert_eq!(sandbox.run(&[]).code, 2);
}
