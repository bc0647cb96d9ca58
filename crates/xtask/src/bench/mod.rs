//! `cargo xtask bench`: what the command line and the server cost, in one run, on one corpus.

mod corpus;
mod lsp;
mod measure;
mod parse;
mod report;
mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;
use corpus::{Flavour, Workspace};
use measure::OutputMeasured;
use report::{CheckFigures, Report, ServerFigures};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Measure `check` on this folder instead of generated workspaces; the server is measured on generated ones.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// The sizes of the generated workspaces, in files; the last one is also the corpus of `check`.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 10_000])]
    files: Vec<usize>,
    /// How many edits are timed in each workspace and each way of delivery.
    #[arg(long, default_value_t = 300)]
    edits: usize,
    /// The threads of `check` and of the bare parse; all cores where it is left out.
    #[arg(long)]
    threads: Option<usize>,
    /// How often `check` and the bare parse are run; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The seed of the generated workspaces.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure that build of the command line instead of a release build of the tree.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Leave out the server.
    #[arg(long)]
    no_server: bool,
    /// Leave out `check`.
    #[arg(long)]
    no_check: bool,
}

/// The processes that `bench` starts to measure something apart from itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Inner {
    /// Parse every Python file of a folder and do nothing else.
    #[command(hide = true)]
    BareParse(parse::Options),
    /// Run a command and say what it cost.
    #[command(hide = true)]
    Measure(measure::Options),
    /// Write a generated workspace to a folder.
    #[command(hide = true)]
    Corpus(corpus::Options),
}

pub(crate) fn run_inner(inner: &Inner) -> Result<()> {
    match inner {
        Inner::BareParse(options) => parse::run(options),
        Inner::Measure(options) => measure::run(options),
        Inner::Corpus(options) => corpus::run(options),
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let Some(largest) = options.files.last().copied() else { bail!("--files names no size") };
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize().with_context(|| format!("no such file: {}", binary.display()))?,
        None => shell::build_auditline(true)?,
    };
    let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let folder = shell::target().join("bench");
    let mut report = Report::new(threads, options.seed);

    if !options.no_check {
        // The bare parse has to be as optimised as what it is compared with.
        let xtask = release_of_xtask()?;
        let corpora = match &options.corpus {
            Some(corpus) => vec![(corpus.display().to_string(), corpus.canonicalize()?)],
            None => [Flavour::Dense, Flavour::Mixed]
                .into_iter()
                .map(|flavour| {
                    let workspace = Workspace { files: largest, flavour, seed: options.seed };
                    Ok((workspace.name(), workspace.write_below(&folder)?))
                })
                .collect::<Result<_>>()?,
        };
        for (name, corpus) in corpora {
            let figures = check(&xtask, &binary, &corpus, threads, options.runs)
                .with_context(|| format!("measuring `check` on {name}"))?;
            report.add_check(CheckFigures { corpus: name, ..figures });
        }
    }
    if !options.no_server {
        for files in &options.files {
            let workspace = Workspace { files: *files, flavour: Flavour::Mixed, seed: options.seed };
            let root = workspace.write_below(&folder)?;
            for delivery in [lsp::Delivery::Pull, lsp::Delivery::Push] {
                let figures = server::measure(&binary, &root, delivery, options.edits)
                    .with_context(|| format!("measuring the server on {}", workspace.name()))?;
                report.add_server(ServerFigures { workspace: workspace.name(), files: *files, ..figures });
            }
        }
    }
    print!("{}", report.table());
    let path = report.write(&folder)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

fn release_of_xtask() -> Result<PathBuf> {
    shell::run(shell::cargo().args(["build", "--quiet", "--release", "--package", "xtask"]))?;
    Ok(shell::target().join("release").join(format!("xtask{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs the bare parse and `check` in turn, so that a busy machine slows both, and takes the medians.
fn check(xtask: &Path, binary: &Path, corpus: &Path, threads: usize, runs: usize) -> Result<CheckFigures> {
    let mut bare = Vec::new();
    let mut checked = Vec::new();
    let mut size = None;
    let mut findings = 0;
    for _ in 0..runs.max(1) {
        let parse = shell::command(xtask)
            .args(["bare-parse", "--threads", &threads.to_string()])
            .arg(corpus)
            .output_measured(xtask)?;
        let parsed = parse::Parsed::read(&parse.stdout)?;
        size = Some(parsed);
        bare.push(parse.cost);
        let check = shell::command(binary)
            .current_dir(corpus)
            .args(["check", "--output-format", "json", "--exit-zero", "--threads", &threads.to_string(), "."])
            .output_measured(xtask)?;
        findings = count_findings(&check.stdout, parsed.files)?;
        checked.push(check.cost);
    }
    let size = size.context("nothing was measured")?;
    Ok(CheckFigures {
        corpus: String::new(),
        files: size.files,
        bytes: size.bytes,
        findings,
        bare: measure::median(&mut bare).context("no run")?,
        check: measure::median(&mut checked).context("no run")?,
    })
}

/// The findings, if `check` has looked at no fewer files than the bare parse.
fn count_findings(stdout: &str, parsed: usize) -> Result<usize> {
    let output: serde_json::Value = serde_json::from_str(stdout).context("`check` did not print JSON")?;
    let checked = output["summary"]["files_checked"].as_u64().context("`check` does not say what it checked")?;
    if checked < parsed as u64 {
        bail!("`check` checked {checked} files, the bare parse parsed {parsed}");
    }
    output["findings"].as_array().map(Vec::len).context("the output of `check` has no `findings`")
}
