//! AUD703: a module that has outgrown those beside it.

use auditline_model::{Db, FunctionRef, SourceFile, entry, parsed};
use auditline_source::FileKind;
use auditline_syntax::{TextRange, TextSize};

use super::relative;
use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity};

/// AUD703.
pub const HAZARD: Hazard = Hazard {
    code: "AUD703",
    name: "oversized-module",
    family: Family::Delivery,
    severity: Severity::Information,
    summary: "A module has far more lines and routes than those beside it",
    page: include_str!("page.md"),
    check: Check::File(check),
};

/// A module with less is not large, whatever stands beside it.
const MIN_LINES: u32 = 600;
const MIN_ROUTES: u32 = 12;
/// How many times as much as the modules beside it.
const TIMES: u32 = 3;
/// Fewer modules beside it are no measure.
const MIN_SIBLINGS: usize = 3;
/// A module with less says nothing of what is usual.
const SMALL: u32 = 20;

fn check(db: &dyn Db, file: SourceFile, findings: &mut Vec<Finding>) {
    if file.kind(db) != FileKind::Python || entry::is_test(db, file) || entry::is_migration(db, file) {
        return;
    }
    let own = size(db, file);
    if own.lines < MIN_LINES || own.routes < MIN_ROUTES {
        return;
    }
    let Some(directory) = file.path(db).parent() else { return };
    let entries = db.files().directory(db, directory).entries(db);
    let files = entries.iter().filter(|entry| entry.ends_with(".py") && **entry != "__init__.py");
    let siblings: Vec<(SourceFile, Size)> = files
        .filter_map(|entry| db.files().existing(db, directory.join(entry)))
        .filter(|other| *other != file && !entry::is_test(db, *other))
        .map(|other| (other, size(db, other)))
        .filter(|(_, size)| size.lines >= SMALL)
        .collect();
    if siblings.len() < MIN_SIBLINGS {
        return;
    }
    let lines = median(siblings.iter().map(|(_, size)| size.lines));
    let routes = median(siblings.iter().map(|(_, size)| size.routes).filter(|routes| *routes > 0));
    if own.lines < lines * TIMES || own.routes < routes * TIMES {
        return;
    }
    let Some((next, next_size)) = siblings.iter().max_by_key(|(_, size)| size.lines) else { return };
    let path = relative(db, file.path(db));
    let beside = match routes {
        0 => format!("the modules beside it have {lines} lines and no routes"),
        routes => format!("the modules beside it have {lines} lines and {routes} routes"),
    };
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Information,
        message: format!("`{path}` has {} lines and {} routes, {beside} (median)", own.lines, own.routes),
        place: Place::File(file, TextRange::empty(TextSize::new(0))),
        symbol: String::new(),
        evidence: vec![Evidence {
            place: Place::File(*next, TextRange::empty(TextSize::new(0))),
            message: format!("the next largest module has {} lines and {} routes", next_size.lines, next_size.routes),
        }],
        story: None,
        fixes: Vec::new(),
    });
}

/// How large a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    lines: u32,
    routes: u32,
}

/// The lines are rounded, so that one more does not wake the modules beside it.
#[salsa::tracked(returns(copy))]
fn size(db: &dyn Db, file: SourceFile) -> Size {
    const STEP: u32 = 10;
    let lines = file.content(db).text().map_or(0, |text| text.text().lines().count());
    let lines = u32::try_from(lines).unwrap_or(u32::MAX) / STEP * STEP;
    if lines < SMALL {
        return Size { lines, routes: 0 };
    }
    let parsed = parsed(db, file);
    let functions = parsed.module.functions.iter().map(|function| FunctionRef { file, path: function.path });
    let routes = functions.filter(|function| entry::is_endpoint(db, *function)).count();
    Size { lines, routes: u32::try_from(routes).unwrap_or(u32::MAX) }
}

/// The middle of some numbers; 0 of none.
fn median(numbers: impl Iterator<Item = u32>) -> u32 {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
