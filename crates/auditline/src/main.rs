//! The command line of Auditline.

mod args;
mod check;
mod error;
mod explain;
mod progress;
mod schema;
mod targets;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use terminal::Terminal;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nothing was found.
const NOTHING_FOUND: u8 = 0;
/// There are findings.
const FINDINGS: u8 = 1;
/// The job could not be done.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let terminal = Terminal::new(arguments.color);
    let outcome = match &arguments.command {
        Command::Check(check) => check::run(check, &terminal),
        Command::Schema(arguments) => schema::run(arguments, &terminal),
        Command::Explain { hazard } => explain::explain(hazard, &terminal),
        Command::Hazards { output_format } => explain::hazards(*output_format, &terminal),
        Command::Version => terminal.print(|out| writeln!(out, "auditline {}", env!("CARGO_PKG_VERSION"))),
        Command::Server { stdio: _ } => Ok(auditline_server::run_stdio()),
    };
    let code = outcome.unwrap_or_else(|error| {
        terminal.error(&error.to_string());
        COULD_NOT
    });
    // Ends without freeing the model piece by piece.
    std::process::exit(code.into())
}

/// Logs what `AUDITLINE_LOG` asks for, such as `debug` or `auditline_project=trace`.
fn log_to_stderr() {
    let Ok(wanted) = std::env::var("AUDITLINE_LOG") else { return };
    // The query engine tells of every query; that drowns the rest unless it is asked for by name.
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_new(format!("salsa=off,{wanted}")) {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
