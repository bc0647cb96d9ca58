//! Running the catalogue over one file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use auditline_model::{Db, FileContent, FunctionRef, SourceFile, classes, entry, parsed};

use crate::catalogue::{CATALOGUE, Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};

/// The findings of one file, in the order in which they stand, before configuration and suppressions.
#[derive(Debug, Default)]
pub struct FileFindings {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Hazards whose check panicked on this file: an internal error, to be shown as such.
    pub failed: Vec<&'static Hazard>,
}

/// Whether what a function does to the database is worth no word.
pub(crate) fn is_silent(db: &dyn Db, of: FunctionRef) -> bool {
    entry::is_aside(db, of.file)
}

/// Checks one file for every hazard.
///
/// An edit of an open document checks the functions again that it touched. A file that is not open is checked as a whole:
/// remembering what each function of a workspace asked for would cost more memory than checking a file again costs time.
#[salsa::tracked(returns(ref), no_eq)]
pub fn check_file(db: &dyn Db, file: SourceFile) -> FileFindings {
    let mut result = FileFindings::default();
    let is_open = match file.content(db) {
        FileContent::Absent => return result,
        FileContent::Closed(_) => false,
        FileContent::Open { .. } => true,
    };
    if file.kind(db).is_python() {
        for function in &parsed(db, file).module.functions {
            let of = FunctionRef { file, path: function.path };
            if is_open {
                result.extend(function_findings(db, of, ()));
            } else {
                result.check_function(db, of);
            }
        }
    }
    for hazard in CATALOGUE {
        match hazard.check {
            Check::File(check) => result.run(hazard, |found| check(db, file, found)),
            Check::Function(_) => {}
        }
    }
    result.failed.sort_by_key(|hazard| hazard.code);
    result.failed.dedup_by_key(|hazard| hazard.code);
    result.findings.retain(|finding| finding.place.resolve(db).is_some_and(|(at, _)| at == file));
    result.findings.sort_by_key(|finding| (finding.range(db).map(|range| range.start()), finding.hazard.code));
    result
}

/// The findings of one function of an open document.
#[salsa::tracked(returns(ref), no_eq)]
fn function_findings(db: &dyn Db, of: FunctionRef, _key: ()) -> FileFindings {
    let mut result = FileFindings::default();
    result.check_function(db, of);
    result
}

impl FileFindings {
    /// What nobody calls harms nobody: of that, all is information.
    fn check_function(&mut self, db: &dyn Db, of: FunctionRef) {
        let before = self.findings.len();
        for hazard in CATALOGUE {
            match hazard.check {
                Check::Function(check) => self.run(hazard, |found| check(db, of, found)),
                Check::File(_) => {}
            }
        }
        let loud = |finding: &Finding| {
            finding.severity > Severity::Information
                && matches!(finding.hazard.family, Family::Transactions | Family::Sessions | Family::Races)
        };
        if self.findings.iter().skip(before).any(loud) && entry::is_unused(db, of) {
            for finding in self.findings.iter_mut().skip(before).filter(|finding| loud(finding)) {
                finding.severity = Severity::Information;
                finding.evidence.push(Evidence {
                    place: Place::Function(of),
                    message: format!("nothing calls `{}`", classes::simple(of.path)),
                });
            }
        }
    }

    fn run(&mut self, hazard: &'static Hazard, check: impl FnOnce(&mut Vec<Finding>)) {
        let mut found = Vec::new();
        match catch_unwind(AssertUnwindSafe(|| check(&mut found))) {
            Ok(()) => self.findings.append(&mut found),
            // A cancelled query unwinds too; that is no failure of the check, and must go on unwinding.
            Err(payload) => match payload.downcast::<salsa::Cancelled>() {
                Ok(cancelled) => std::panic::resume_unwind(cancelled),
                Err(_) => self.failed.push(hazard),
            },
        }
    }

    fn extend(&mut self, other: &Self) {
        self.findings.extend(other.findings.iter().cloned());
        self.failed.extend(&other.failed);
    }
}
