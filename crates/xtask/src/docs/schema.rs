//! The JSON schema of the configuration, for editors that complete `auditline.toml` and `[tool.auditline]`.

use anyhow::Result;
use auditline_hazards::{Hazard, Severity};
use serde_json::{Value, json};

const URL: &str = "https://github.com/auditline/auditline/blob/main/docs/auditline.schema.json";

/// The schema, as it is written to disk.
pub(crate) fn schema(catalogue: &[&Hazard]) -> Result<String> {
    let mut text = serde_json::to_string_pretty(&document(catalogue))?;
    text.push('\n');
    Ok(text)
}

fn document(catalogue: &[&Hazard]) -> Value {
    let severities = [Severity::Error, Severity::Warning, Severity::Information, Severity::Hint];
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": URL,
        "title": "Auditline",
        "description": "The configuration of Auditline: `auditline.toml`, or the table `[tool.auditline]` of `pyproject.toml`.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "select": {
                "description": "The hazards to look for; all where it is left out. A prefix such as `AUD2` names a family.",
                "$ref": "#/definitions/selectors"
            },
            "ignore": {
                "description": "The hazards to leave out.",
                "$ref": "#/definitions/selectors"
            },
            "per-file-ignores": {
                "description": "The hazards to leave out of the files that match a glob.",
                "type": "object",
                "additionalProperties": { "$ref": "#/definitions/selectors" }
            },
            "severity": {
                "description": "Another severity for a hazard.",
                "type": "object",
                "propertyNames": { "$ref": "#/definitions/selector" },
                "additionalProperties": { "enum": severities.map(Severity::as_str) }
            },
            "exclude": {
                "description": "Globs of files and folders that are neither read nor reported, relative to the configuration file.",
                "type": "array",
                "items": { "type": "string" }
            },
            "source-roots": {
                "description": "Folders from which absolute imports start, besides those that are found.",
                "type": "array",
                "items": { "type": "string" }
            },
            "include-tests": {
                "description": "Whether tests are reported on as production code is.",
                "type": "boolean",
                "default": false
            }
        },
        "definitions": {
            "selectors": { "type": "array", "items": { "$ref": "#/definitions/selector" } },
            "selector": {
                "anyOf": [
                    { "enum": names(catalogue) },
                    { "type": "string", "pattern": "^(ALL|AUD([1-9][0-9]{0,2})?)$" }
                ]
            }
        }
    })
}

/// Codes first, each followed by its name.
fn names(catalogue: &[&Hazard]) -> Vec<&'static str> {
    catalogue.iter().flat_map(|hazard| [hazard.code, hazard.name]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reader of the configuration knows, the schema describes, and nothing else.
    #[test]
    fn describes_the_keys_that_are_read() {
        let document = document(auditline_hazards::CATALOGUE);
        let described: Vec<&String> = document["properties"].as_object().unwrap().keys().collect();
        assert_eq!(described, auditline_project::config::KEYS);
    }
}
