//! `cargo xtask test`: the tests of the crates, the proofs of the pages, then the tests in real editors.

use anyhow::{Result, bail};

use crate::{bulk, emacs, neovim, prove, shell, vim, vscode};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Without the tests in editors.
    #[arg(long, conflicts_with = "only_editors")]
    no_editors: bool,
    /// Without the proofs of the pages.
    #[arg(long)]
    no_proofs: bool,
    /// Only the tests in editors.
    #[arg(long)]
    only_editors: bool,
    /// Test the crates optimised as well. The editors run what people install, the optimised build, in any case.
    #[arg(long)]
    release: bool,
}

type Suite = (&'static str, Box<dyn Fn() -> Result<()>>);

/// Runs every suite, also after one has failed. Each suite closes with a line of its own that counts its tests: cargo's
/// `test result: …` for the crates, `N passed, N failed` for proofs and editors. No line sums them up, so that whoever adds the
/// lines counts each test once.
pub(crate) fn run(options: &Options) -> Result<()> {
    let release = options.release;
    let mut suites: Vec<Suite> = Vec::new();
    if !options.only_editors {
        suites.push(("crates", Box::new(move || crates(release))));
    }
    if !options.only_editors {
        suites.push(("fixes in bulk", Box::new(move || bulk::run(&bulk::Options::sample(release)))));
    }
    if !options.only_editors && !options.no_proofs {
        suites.push(("proofs", Box::new(move || prove::run(&prove::Options::all(release)))));
    }
    if !options.no_editors {
        suites.push(("Neovim", Box::new(|| neovim::test(&shell::build_auditline(true)?))));
        suites.push(("VS Code", Box::new(|| vscode::test(&shell::build_auditline(true)?))));
        suites.push(("Emacs", Box::new(|| emacs::test(&shell::build_auditline(true)?))));
        suites.push(("Vim with ALE", Box::new(|| vim::test(&shell::build_auditline(true)?))));
    }

    let mut failed = Vec::new();
    for (name, suite) in &suites {
        eprintln!("\n== {name}");
        if let Err(error) = suite() {
            eprintln!("{name}: {error:#}");
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("failing suites: {}", failed.join(", "));
    }
    eprintln!("\nall suites pass: {}", suites.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "));
    Ok(())
}

fn crates(release: bool) -> Result<()> {
    let mut test = shell::cargo();
    test.args(["test", "--workspace", "--no-fail-fast"]);
    if release {
        test.arg("--release");
    }
    // A snapshot that differs fails the test instead of being written beside it.
    test.env("INSTA_UPDATE", "no");
    shell::run_tests(&mut test)
}
