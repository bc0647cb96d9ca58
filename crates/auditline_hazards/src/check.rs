//! Running the catalogue over one file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use auditline_model::{Db, FunctionRef, SourceFile, entry, parsed};

use crate::catalogue::{CATALOGUE, Check, Hazard};
use crate::finding::Finding;

/// The findings of one file, in the order in which they stand, before configuration and suppressions.
#[derive(Debug, Default)]
pub struct FileFindings {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Hazards whose check panicked on this file: an internal error, to be shown as such.
    pub failed: Vec<&'static Hazard>,
}

/// Whether what a function does to the database is worth no word: in tests, in migrations, and in scripts, whose process ends
/// with a failure.
pub(crate) fn is_silent(db: &dyn Db, of: FunctionRef) -> bool {
    entry::is_test(db, of.file) || entry::is_migration(db, of.file) || entry::is_script(db, of.file)
}

/// Checks one file for every hazard.
#[salsa::tracked(returns(ref), no_eq)]
pub fn check_file(db: &dyn Db, file: SourceFile) -> FileFindings {
    let mut result = FileFindings::default();
    if file.content(db).text().is_none() {
        return result;
    }
    let functions: Vec<FunctionRef> = if file.kind(db).is_python() {
        parsed(db, file).module.functions.iter().map(|function| FunctionRef { file, path: function.path }).collect()
    } else {
        Vec::new()
    };
    for hazard in CATALOGUE {
        let mut found = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| match hazard.check {
            Check::Function(check) => functions.iter().for_each(|function| check(db, *function, &mut found)),
            Check::File(check) => check(db, file, &mut found),
        }));
        match outcome {
            Ok(()) => result.findings.append(&mut found),
            // A cancelled query unwinds too; that is no failure of the check, and must go on unwinding.
            Err(payload) => match payload.downcast::<salsa::Cancelled>() {
                Ok(cancelled) => std::panic::resume_unwind(cancelled),
                Err(_) => result.failed.push(hazard),
            },
        }
    }
    result.findings.retain(|finding| finding.place.resolve(db).is_some_and(|(at, _)| at == file));
    result.findings.sort_by_key(|finding| (finding.range(db).map(|range| range.start()), finding.hazard.code));
    result
}
