//! `cargo xtask check`: everything that is judged without running the product.

use anyhow::{Result, bail};

use crate::{docs, shell, tree};

pub(crate) fn run() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if shell::output(shell::cargo().args([subcommand, "--version"])).is_err() {
            bail!("`cargo {subcommand}` is missing: `rustup component add {component}` installs it");
        }
    }
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(shell::cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    shell::run(
        shell::cargo()
            .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    docs::run(&docs::Options { check: true })?;
    tree::check()?;
    eprintln!("all checks pass");
    Ok(())
}
