//! The published pages of hazards.

use anyhow::{Context, Result};
use auditline_hazards::{Hazard, page};

use super::table;

/// The page of a hazard as it is published.
pub(crate) fn page(hazard: &Hazard) -> Result<String> {
    let page = page::parse(hazard.page).with_context(|| format!("the page of {}", hazard.code))?;
    Ok(page.render_docs(hazard))
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
