//! The chores of the project: `cargo xtask CHORE`.

mod apt;
mod bench;
mod bulk;
mod check;
mod deadline;
mod dist;
mod docs;
mod editor;
mod emacs;
mod history;
mod neovim;
mod precision;
mod prove;
mod python;
mod repository;
mod shell;
mod test;
mod tree;
mod vim;
mod vscode;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run every test: the crates', and those in real editors. Installs what is missing.
    Test(test::Options),
    /// Check style, lints, documentation, generated files and the tree.
    Check,
    /// Write the documentation that is made from the catalogue.
    Docs(docs::Options),
    /// Run the pages' examples for real, before and after their fixes. Installs what is missing.
    Prove(prove::Options),
    /// Check public commits that cured a race, before and after, where their repositories are on disk.
    History(history::Options),
    /// Check public backends of which the findings were judged, and count the true ones, where their repositories are on disk.
    Precision(precision::Options),
    /// Apply every fix of copies of trees, and judge what the fixes did to them.
    Bulk(bulk::Options),
    /// Measure the command line and the server, and write the figures to `target/bench/`.
    Bench(bench::Options),
    /// Build the release archive of this platform into `target/dist/`.
    Dist,
    #[command(flatten)]
    Inner(bench::Inner),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Check => check::run(),
        Chore::Docs(options) => docs::run(&options),
        Chore::Prove(options) => prove::run(&options),
        Chore::History(options) => history::run(&options),
        Chore::Precision(options) => precision::run(&options),
        Chore::Bulk(options) => bulk::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Dist => dist::run(),
        Chore::Inner(inner) => bench::run_inner(&inner),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
