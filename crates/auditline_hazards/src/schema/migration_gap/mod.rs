//! AUD406: numbered migrations among which a number is missing.

use std::collections::BTreeSet;

use auditline_model::schema::{Source, descriptions, number};
use auditline_model::{Db, SourceFile};
use auditline_source::FilePath;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Severity};

use super::sides::first_line;

/// AUD406.
pub const HAZARD: Hazard = Hazard {
    code: "AUD406",
    name: "migration-gap",
    family: Family::Schema,
    severity: Severity::Information,
    summary: "Among numbered migrations a number is missing",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// Numbers above are dates and times.
const MAX_NUMBER: u64 = 9_999;

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != auditline_source::FileKind::Sql {
        return;
    }
    let descriptions = descriptions(db);
    let files = descriptions.iter().find_map(|one| match &one.source {
        Source::Numbered(directory, files) if files.contains(&file) => Some((*directory, files)),
        _ => None,
    });
    let Some((directory, files)) = files else { return };
    let Some(at) = files.iter().position(|own| *own == file) else { return };
    let Some(before) = at.checked_sub(1).and_then(|before| files.get(before)) else { return };
    let (Some(from), Some(to)) = (number(db, *before), number(db, file)) else { return };
    if to > MAX_NUMBER || to <= from + 1 || !goes_by_ones(db, files) {
        return;
    }
    // Another kind of file may have the number: a migration in Python, a step back.
    let taken = numbers_in(db, directory);
    let missing: Vec<String> =
        (from + 1..to).filter(|number| !taken.contains(number)).map(|number| number.to_string()).collect();
    if missing.is_empty() {
        return;
    }
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message: format!(
            "Number {} is missing between `{}` and this migration: what it did may be lacking here",
            missing.join(", "),
            before.path(db).file_name()
        ),
        place: first_line(db, file),
        symbol: String::new(),
        evidence: vec![Evidence { place: first_line(db, *before), message: "The migration before".to_owned() }],
        story: None,
        fixes: Vec::new(),
    });
}

/// Whether nearly every migration has the number behind that of the one before.
fn goes_by_ones(db: &dyn Db, files: &[SourceFile]) -> bool {
    let numbers: BTreeSet<u64> = files.iter().filter_map(|file| number(db, *file)).collect();
    let numbers: Vec<u64> = numbers.into_iter().collect();
    let ones = numbers.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
    ones >= 2 && ones * 3 >= (numbers.len() - 1) * 2
}

/// The numbers with which the names in a directory begin.
fn numbers_in(db: &dyn Db, directory: FilePath) -> BTreeSet<u64> {
    let listed = db.files().directory(db, directory);
    let names = listed.entries(db).iter().chain(listed.unread(db).iter());
    names
        .filter_map(|name| {
            let name = name.trim_start_matches(['V', 'v']);
            let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .collect()
}
