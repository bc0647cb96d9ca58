//! `auditline check`.

use auditline_hazards::Safety;
use auditline_project::{
    FileChange, FixDetail, FixOutcome, Options, Project, RejectedFix, Report, apply_fixes, write_changes,
};
use auditline_report::lines::plural;
use auditline_report::{html, json, lines, relative, relative_text, text};
use auditline_source::FilePath;

use crate::args::{CheckArguments, OutputFormat};
use crate::error::Error;
use crate::progress::Bar;
use crate::targets::{Target, targets, working_directory};
use crate::terminal::Terminal;
use crate::{COULD_NOT, FINDINGS, NOTHING_FOUND};

/// Where an internal error is to be reported.
const ISSUES: &str = "https://github.com/auditline/auditline/issues";

/// What came out of all workspaces.
#[derive(Default)]
struct Outcome {
    report: Report,
    /// What `--diff` would change.
    changes: Vec<FileChange>,
    fixed: usize,
    rejected: Vec<RejectedFix>,
}

/// Checks, prints, and says how it ended.
pub(crate) fn run(arguments: &CheckArguments, terminal: &Terminal) -> Result<u8, Error> {
    let from = working_directory()?;
    let targets = targets(arguments, from)?;
    let bar = Bar::new(terminal.is_watched);
    let mut outcome = Outcome::default();
    for target in targets {
        check(target, arguments, from, terminal, &bar, &mut outcome)?;
    }
    bar.end();
    print(arguments, &outcome, from, terminal)?;
    tell(&outcome.report, from, terminal);
    Ok(exit_code(arguments, &outcome))
}

fn check(
    target: Target,
    arguments: &CheckArguments,
    from: FilePath,
    terminal: &Terminal,
    bar: &Bar,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let root = target.workspace.root;
    let options = Options { threads: arguments.threads.map(usize::from), paths: target.paths, ..Options::default() };
    let on_progress = |progress| bar.show(progress);
    let mut project = Project::open(target.workspace, &options, &on_progress)?;
    if arguments.fix || arguments.diff {
        let allowed = if arguments.unsafe_fixes { Safety::Unsafe } else { Safety::Safe };
        let fixes = apply_fixes(&mut project, allowed, &on_progress);
        bar.end();
        tell_fixes(&fixes, from, terminal);
        if arguments.diff {
            outcome.changes.extend(fixes.changes);
        } else {
            write_changes(root, &fixes.changes)?;
            outcome.fixed += fixes.applied.len();
        }
        outcome.rejected.extend(fixes.rejected);
        outcome.report.merge(fixes.report);
    } else {
        // A line without the fixes needs no work on them.
        let needs_fixes = arguments.output_format != OutputFormat::Concise || arguments.statistics;
        let detail = if needs_fixes { FixDetail::Edits } else { FixDetail::Titles };
        outcome.report.merge(project.check(detail, &on_progress));
    }
    // The process ends soon; freeing the model would only take time.
    std::mem::forget(project);
    Ok(())
}

fn print(arguments: &CheckArguments, outcome: &Outcome, from: FilePath, terminal: &Terminal) -> Result<u8, Error> {
    let report = &outcome.report;
    if arguments.diff {
        return terminal.print(|out| auditline_report::diff::write(&outcome.changes, from, out));
    }
    terminal.print(|out| match arguments.output_format {
        OutputFormat::Html => html::write(from.file_name(), report, from, out),
        OutputFormat::Json => json::Document::new(report, from, outcome.fixed, &outcome.rejected).write(out),
        _ if arguments.statistics => lines::write_statistics(report, out),
        OutputFormat::Concise => {
            lines::write_concise(report, from, out)?;
            if arguments.unused_suppressions { lines::write_unused(report, from, out) } else { Ok(()) }
        }
        OutputFormat::Text => {
            text::write(report, from, terminal.style, out)?;
            if arguments.unused_suppressions {
                text::write_unused(report, from, terminal.style, out)?;
            }
            writeln!(out, "{}", lines::summary(report, outcome.fixed))
        }
    })
}

/// Names what was left out and what failed.
fn tell(report: &Report, from: FilePath, terminal: &Terminal) {
    if !report.skipped.is_empty() {
        let names = report
            .skipped
            .iter()
            .map(|skipped| format!("\n  {}: {}", relative_text(from, &skipped.path), skipped.reason));
        let names: String = names.collect();
        terminal.warning(&format!("{} skipped{names}", plural(report.skipped.len(), "file", "files")));
    }
    if !report.skipped_elsewhere.is_empty() {
        let files = plural(report.skipped_elsewhere.len(), "other file", "other files");
        terminal.note(&format!("{files} of the project could not be read; a check of the whole project names them"));
    }
    if report.stats.files_checked == 0 && report.skipped.is_empty() {
        terminal.warning("there is nothing to check");
    }
    for failure in &report.failures {
        let what = failure.hazard.map_or("the analysis", |hazard| hazard.code);
        let path = relative(from, failure.path);
        terminal.error(&format!("internal error: {what} failed on {path}; please report it at {ISSUES}"));
    }
}

fn tell_fixes(fixes: &FixOutcome, from: FilePath, terminal: &Terminal) {
    for fix in &fixes.rejected {
        let path = relative(from, fix.path);
        terminal.warning(&format!("{path}: the fix “{}” of {} is not applied: {}", fix.title, fix.code, fix.reason));
    }
    if !fixes.converged {
        terminal.warning("fixes were still left after the last round; run the command again");
    }
}

fn exit_code(arguments: &CheckArguments, outcome: &Outcome) -> u8 {
    let report = &outcome.report;
    let could_not = !report.failures.is_empty() || (report.stats.files_checked == 0 && !report.skipped.is_empty());
    if could_not {
        return COULD_NOT;
    }
    let unused = arguments.unused_suppressions && !report.unused.is_empty();
    let found = !report.findings.is_empty() || !outcome.changes.is_empty() || unused;
    if found && !arguments.exit_zero { FINDINGS } else { NOTHING_FOUND }
}
