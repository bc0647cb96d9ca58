//! The table of hazards in the README.

use std::fmt::Write;

use anyhow::{Result, bail};
use auditline_hazards::Hazard;

const BEGIN: &str = "<!-- hazards: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- end of hazards -->";

/// The catalogue as a Markdown table; `pages` is the way to the folder of the pages.
pub(crate) fn table(catalogue: &[&Hazard], pages: &str) -> String {
    let mut table = String::from("| Code | Name | Severity | What it finds |\n|---|---|---|---|\n");
    for hazard in catalogue {
        let (code, name) = (hazard.code, hazard.name);
        let (severity, summary) = (hazard.severity.as_str(), hazard.summary.replace('|', "\\|"));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| [{code}]({pages}{code}.md) | `{name}` | {severity} | {summary} |");
    }
    table
}

/// The text with the table between the markers replaced.
pub(crate) fn replace(text: &str, table: &str) -> Result<String> {
    let Some((head, rest)) = text.split_once(BEGIN) else { bail!("README.md lacks the line {}", BEGIN.trim_end()) };
    let Some((_, tail)) = rest.split_once(END) else { bail!("README.md lacks the line {END}") };
    Ok(format!("{head}{BEGIN}{table}{END}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_what_stands_between_the_markers() {
        let text = format!("before\n{BEGIN}old\n{END}\nafter\n");
        let once = replace(&text, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}new\n{END}\nafter\n"));
        assert_eq!(replace(&once, "new\n").unwrap(), once);
        assert!(replace("no markers", "new").is_err());
    }
}
