//! Explaining and listing hazards.

use auditline_hazards::page;
use auditline_project::Selector;

use crate::args::ListFormat;
use crate::error::Error;
use crate::terminal::Terminal;

/// Prints the page of a hazard.
pub(crate) fn explain(word: &str, terminal: &Terminal) -> Result<u8, Error> {
    let Some(hazard) = auditline_hazards::find(word.trim()) else {
        Selector::parse(word)?;
        return Err(Error::SeveralHazards(word.to_owned()));
    };
    let page =
        page::parse(hazard.page).map_err(|error| Error::Page { code: hazard.code, message: error.to_string() })?;
    let url = hazard.url();
    terminal.print(|out| writeln!(out, "{}\n{url}", page.render_plain(hazard)))
}

/// Lists all hazards.
pub(crate) fn hazards(format: ListFormat, terminal: &Terminal) -> Result<u8, Error> {
    terminal.print(|out| match format {
        ListFormat::Text => auditline_report::lines::write_hazards(out),
        ListFormat::Json => auditline_report::json::write_hazards(out),
    })
}
