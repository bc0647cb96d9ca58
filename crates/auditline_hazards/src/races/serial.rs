//! Work that the event loop of one process does without a break.

use auditline_model::names::files_mentioning;
use auditline_model::owner::callers;
use auditline_model::unit::{EventKind, SessionAction, Unit, unit_of};
use auditline_model::{Db, FunctionRef, Settings, SourceFile, entry, function};
use auditline_source::FileKind;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::finding::{Evidence, Place};

/// What is said of a function that does its work without a break.
pub(super) fn told(of: FunctionRef) -> Evidence {
    Evidence {
        place: Place::Function(of),
        message: "nothing is awaited from the first statement to the commit: only another process comes between"
            .to_owned(),
    }
}

/// How many callers up it is looked for who runs a plain function.
const DEPTH: u32 = 3;

/// Whether nothing of the same process comes between what a function reads and its commit: it is a coroutine, or coroutines call
/// it, that works with a synchronous session, and nothing is awaited from its first statement to its last commit. The event loop
/// runs nothing else meanwhile, which AUD303 tells of; only another process does.
pub(super) fn is_unbroken(db: &dyn Db, of: FunctionRef) -> bool {
    let unit = unit_of(db, of);
    let Some(span) = span(&unit) else { return false };
    !waits_within(db, of, span) && runs_on_loop(db, of, DEPTH) && !has_several_processes(db, Settings::get(db))
}

/// From the first statement of a synchronous session to the last commit; `None` where some session is none, or nothing is committed
/// here.
fn span(unit: &Unit) -> Option<TextRange> {
    let mut first: Option<TextRange> = None;
    let mut last: Option<TextRange> = None;
    for event in &unit.events {
        let session = match &event.kind {
            EventKind::Load { query, .. } | EventKind::Execute(query) => query.session.as_deref(),
            EventKind::Session { session, .. } | EventKind::Refresh { session, .. } => Some(session.as_ref()),
            _ => continue,
        };
        if session.is_none_or(|session| session.is_async != Some(false)) {
            return None;
        }
        if first.is_none_or(|first| event.range.start() < first.start()) {
            first = Some(event.range);
        }
        if matches!(event.kind, EventKind::Session { action: SessionAction::Commit, .. }) {
            last = Some(last.map_or(event.range, |last| last.cover(event.range)));
        }
    }
    Some(first?.cover(last?))
}

/// Whether a function waits for something in a part of it.
fn waits_within(db: &dyn Db, of: FunctionRef, span: TextRange) -> bool {
    let Some(body) = function(db, of) else { return true };
    let code = &body.code;
    let awaits = code
        .exprs
        .iter()
        .zip(&code.ranges)
        .any(|(expr, range)| matches!(expr, Expr::Await(_) | Expr::Yield(_)) && span.intersect(*range).is_some());
    let mut enters = false;
    walk_statements(&code.block, &mut |stmt| {
        if matches!(stmt.kind, StmtKind::With { is_async: true, .. } | StmtKind::For { is_async: true, .. }) {
            enters |= span.intersect(stmt.range).is_some();
        }
    });
    awaits || enters
}

/// Whether a function runs on the event loop whoever calls it while requests are served: it is a coroutine, or only coroutines, and
/// what they call, do.
fn runs_on_loop(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    if function(db, of).is_some_and(|body| body.is_async) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    if entry::is_endpoint(db, of) || entry::is_socket(db, of) || entry::is_attached(db, of) {
        return false;
    }
    let sites = callers(db, of);
    let mut served = sites.iter().filter(|site| !entry::is_aside(db, site.function.file)).peekable();
    served.peek().is_some() && served.all(|site| runs_on_loop(db, site.function, depth))
}

/// Whether something starts the application in several processes: a server with workers, copies of a container.
///
/// A query of its own: it looks into the text of the files that speak of it, for the whole workspace.
#[salsa::tracked(returns(copy))]
fn has_several_processes(db: &dyn Db, _settings: Settings) -> bool {
    let says = |file: &SourceFile, is_said: &dyn Fn(&str) -> bool| {
        file.content(db)
            .text()
            .is_some_and(|text| text.text().lines().filter(|line| !line.trim_start().starts_with('#')).any(is_said))
    };
    let by_code = files_mentioning(db, "workers")
        .iter()
        .filter(|file| !entry::is_test(db, **file))
        .any(|file| says(file, &|line| gives_several(line, "workers", true)));
    let starts =
        [FileKind::Dockerfile, FileKind::Compose, FileKind::Shell, FileKind::Makefile, FileKind::Config].into_iter();
    by_code
        || starts.flat_map(|kind| db.files().of_kind(db, kind).files(db).to_vec()).any(|file| {
            says(&file, &|line| {
                ["gunicorn", "uwsgi", "WEB_CONCURRENCY"].iter().any(|server| line.contains(server))
                    || ["workers", "replicas"].iter().any(|word| gives_several(line, word, false))
            })
        })
}

/// Whether a line gives a number that is not one: `--workers 4`, `"--workers", "4"`, `workers=settings.workers`, `replicas: 2`.
fn gives_several(line: &str, word: &str, is_python: bool) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let behind = &line[at + word.len()..];
        let is_flag = line[..at].ends_with("--");
        let is_given = behind.starts_with('=') || is_flag || !is_python && behind.starts_with(':');
        let is_whole = is_flag || !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let given = behind.trim_start_matches(['"', '\'', ',', ' ', '=', ':']);
        let number: String = given.chars().take_while(char::is_ascii_digit).collect();
        let is_told = !number.is_empty() || given.starts_with(|c: char| c.is_alphabetic() || matches!(c, '$' | '{'));
        is_given && is_whole && is_told && number != "1" && !given.starts_with("None")
    })
}

#[cfg(test)]
mod tests {
    use super::gives_several;

    #[test]
    fn a_number_of_processes_is_read_where_it_is_given() {
        for line in [
            r#"CMD ["uvicorn", "app:app", "--workers", "4"]"#,
            "uvicorn app:app --workers=$WORKERS",
            "command: uvicorn app:app --workers 2",
        ] {
            assert!(gives_several(line, "workers", false), "{line}");
        }
        assert!(gives_several("uvicorn.run(app, workers=settings.workers)", "workers", true));
        assert!(gives_several("      replicas: 3", "replicas", false));
    }

    #[test]
    fn one_process_and_prose_are_none() {
        assert!(!gives_several("        --workers 1", "workers", false));
        assert!(!gives_several("      replicas: 1", "replicas", false));
        assert!(!gives_several("    \"workers\": None,", "workers", true));
        assert!(!gives_several("Read replicas for the reports", "replicas", true));
        assert!(!gives_several("pool = ThreadPoolExecutor(max_workers=4)", "workers", true));
        assert!(!gives_several("uvicorn.run(app, workers=1)", "workers", true));
    }
}
