//! The arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds the hazards a careful auditor finds in a Python backend.
#[derive(Debug, Parser)]
#[command(name = "auditline", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to colour the output.
    #[arg(long, value_enum, default_value_t = Color::Auto, global = true, value_name = "WHEN")]
    pub(crate) color: Color,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check files and directories.
    ///
    /// Ends with 0 if nothing was found, 1 if there are findings, 2 if the job could not be done.
    Check(Box<CheckArguments>),
    /// Show the tables of a project as its models, its migrations and its SQL files see them, side by side.
    ///
    /// What they surely differ in is marked with `!`; what cannot be told from the code, with `?`.
    Schema(SchemaArguments),
    /// Run the language server on standard input and output.
    Server {
        /// Accepted and ignored: standard input and output is what the server speaks over.
        #[arg(long)]
        stdio: bool,
    },
    /// Explain a hazard.
    Explain {
        /// Its code or its name: `AUD201`, `unlocked-read-modify-write`.
        hazard: String,
    },
    /// List all hazards.
    Hazards {
        /// The form of the list.
        #[arg(long, value_enum, default_value_t = ListFormat::Text, value_name = "FORMAT")]
        output_format: ListFormat,
    },
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("changes").args(["fix", "diff"]).multiple(true))]
pub(crate) struct CheckArguments {
    /// What to check; the current directory if nothing is named. The whole project around it is read in any case.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Report these hazards only: codes, beginnings of codes, or names, separated by commas.
    #[arg(long, value_name = "CODES")]
    pub(crate) select: Vec<String>,
    /// Do not report these hazards.
    #[arg(long, value_name = "CODES")]
    pub(crate) ignore: Vec<String>,
    /// The form of the findings.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    pub(crate) output_format: OutputFormat,
    /// Apply the safe fixes.
    #[arg(long)]
    pub(crate) fix: bool,
    /// With `--fix` or `--diff`: apply fixes that also change behaviour, too.
    #[arg(long, requires = "changes")]
    pub(crate) unsafe_fixes: bool,
    /// Show what `--fix` would change as a diff, and change nothing.
    #[arg(long, conflicts_with = "statistics")]
    pub(crate) diff: bool,
    /// Show how many findings there are of each hazard instead of the findings.
    #[arg(long)]
    pub(crate) statistics: bool,
    /// Also report comments that suppress nothing; they count as findings for the exit code.
    #[arg(long, conflicts_with_all = ["diff", "statistics"])]
    pub(crate) unused_suppressions: bool,
    /// End with 0 even if there are findings.
    #[arg(long)]
    pub(crate) exit_zero: bool,
    /// Read the configuration from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration.
    #[arg(long)]
    pub(crate) no_config: bool,
    /// How many threads work; as many as there are processors if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// The project; the current directory if nothing is named. All of the project around it is read.
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = SchemaFormat::Table, value_name = "FORMAT")]
    pub(crate) format: SchemaFormat,
    /// Show only the tables in which the sides differ.
    #[arg(long)]
    pub(crate) differences: bool,
    /// Read no configuration.
    #[arg(long)]
    pub(crate) no_config: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// One line for each column.
    Table,
    /// A diagram for Mermaid.
    Mermaid,
    /// One JSON object.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Excerpts of the source.
    Text,
    /// One line for each finding.
    Concise,
    /// One JSON object.
    Json,
    /// A page for people, with the stories and excerpts.
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// A table.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If the output is a terminal that has colours.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
