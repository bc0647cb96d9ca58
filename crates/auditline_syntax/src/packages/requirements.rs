//! Requirement files of pip.

use super::{Include, RequirementFile, range, read};

/// Lowers the text of a requirement or constraint file.
#[must_use]
pub fn requirements(text: &str) -> RequirementFile {
    let mut file = RequirementFile::default();
    let mut lines = text.split_inclusive('\n');
    let mut at = 0;
    while let Some(line) = lines.next() {
        let start = at;
        at += line.len();
        let mut logical = content(line).to_owned();
        // What is joined to a line belongs to it, but the place is the first line.
        while let Some(joined) = logical.trim_end().strip_suffix('\\') {
            logical = joined.to_owned();
            let Some(next) = lines.next() else { break };
            at += next.len();
            logical.push_str(content(next));
        }
        let first = content(line).trim_end().trim_end_matches('\\').trim_end();
        let first = first.strip_prefix('\u{feff}').unwrap_or(first);
        let shift = content(line).len() - content(line).trim_start_matches(['\u{feff}', ' ', '\t']).len();
        lower(logical.trim_start_matches('\u{feff}').trim(), first.trim_start(), start + shift, &mut file);
    }
    file
}

/// A line without its end and comment.
fn content(line: &str) -> &str {
    let line = line.trim_end_matches(['\n', '\r']);
    if line.trim_start_matches(['\u{feff}', ' ', '\t']).starts_with('#') {
        return "";
    }
    let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']));
    comment.map_or(line, |(at, _)| &line[..at])
}

fn lower(text: &str, first: &str, start: usize, file: &mut RequirementFile) {
    if text.starts_with('-') {
        if let Some(path) = included(text) {
            file.includes.push(Include { path: path.into(), range: range(start, start + first.len()) });
        }
        return;
    }
    // `--hash` and other options of one requirement.
    let asked = text.split(" --").next().unwrap_or(text);
    let first = first.split(" --").next().unwrap_or(first).trim_end();
    file.requirements.extend(read(asked, range(start, start + first.len())));
}

/// The path behind `-r`, `-c`, and their long forms.
fn included(text: &str) -> Option<&str> {
    let long = ["--requirement", "--constraint"].iter().find_map(|option| {
        let rest = text.strip_prefix(option)?;
        rest.strip_prefix('=').or_else(|| rest.starts_with([' ', '\t']).then_some(rest))
    });
    let path = long.or_else(|| text.strip_prefix("-r")).or_else(|| text.strip_prefix("-c"))?.trim();
    let path = path.trim_start_matches('=').trim().trim_matches(['"', '\'']);
    (!path.is_empty() && !path.contains("://") && !path.contains('$')).then_some(path)
}
