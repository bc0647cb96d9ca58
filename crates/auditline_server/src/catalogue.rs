//! What the catalogue says, for clients that show lists and pages of hazards.

use auditline_hazards::{CATALOGUE, Hazard, Severity, find, page};
use serde::{Deserialize, Serialize};
use tower_lsp::jsonrpc::{Error, Result};

/// The request for [`hazards`].
pub(crate) const HAZARDS: &str = "auditline/hazards";

/// The request for [`explain`].
pub(crate) const EXPLAIN: &str = "auditline/explain";

/// A hazard, in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    code: &'static str,
    name: &'static str,
    family: &'static str,
    severity: Severity,
    summary: &'static str,
    url: String,
}

impl From<&Hazard> for Entry {
    fn from(hazard: &Hazard) -> Self {
        Self {
            code: hazard.code,
            name: hazard.name,
            family: hazard.family.as_str(),
            severity: hazard.severity,
            summary: hazard.summary,
            url: hazard.url(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Explain {
    /// A code or a name.
    hazard: String,
}

/// A page.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    code: &'static str,
    name: &'static str,
    /// As it is published.
    markdown: String,
}

/// All hazards, in the order of their codes.
pub(crate) fn hazards() -> Vec<Entry> {
    CATALOGUE.iter().copied().map(Entry::from).collect()
}

/// The page of one hazard.
pub(crate) fn explain(params: &Explain) -> Result<Explanation> {
    let word = params.hazard.trim();
    let hazard = find(word).ok_or_else(|| Error::invalid_params(format!("there is no hazard `{word}`")))?;
    let page = page::parse(hazard.page).map_err(|_| Error::internal_error())?;
    Ok(Explanation { code: hazard.code, name: hazard.name, markdown: page.render_docs(hazard) })
}
