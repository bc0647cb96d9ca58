//! The published page of a hazard.

use auditline_hazards::Hazard;

use super::table;

/// The page of a hazard, below a line that says what it is at a glance.
///
/// The page in the source is also the test of the hazard. What only the test needs (the names of expected fixes in the
/// heads of fenced blocks) stays: it is harmless, and says which quick fix leads to which block.
pub(crate) fn page(hazard: &Hazard) -> String {
    let source = hazard.page.trim();
    let (title, body) = match source.split_once('\n') {
        Some((first, body)) if first.starts_with("# ") => (first.to_owned(), body.trim_start()),
        _ => (format!("# {} {}", hazard.code, hazard.name), source),
    };
    let family = hazard.family.as_str();
    let severity = hazard.severity.as_str();
    format!(
        "{title}\n\n*{family} · {severity} · silence one place with `# auditline: ignore[{code}] reason`*\n\n{body}\n",
        code = hazard.code
    )
}

/// The list of all pages.
pub(crate) fn index(catalogue: &[&Hazard]) -> String {
    let table = table::table(catalogue, "");
    format!(
        "# Hazards\n\nOne page for each. A page is what the editor shows on hover, what `auditline explain CODE` \
         prints, and the test of the\ncheck: its hazardous examples must be reported on the marked lines, its fixed \
         blocks are what the quick fix writes,\nand its look-alikes must stay silent.\n\n{table}"
    )
}
