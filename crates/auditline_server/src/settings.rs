//! What the user set in the editor.

use std::sync::Arc;

use auditline_project::{Config, ConfigErrors, Selector, Workspace as Judge};
use auditline_source::FilePath;
use serde_json::Value;
use tower_lsp::ls_types::ConfigurationItem;

use crate::keeper::Event;
use crate::shared::{CLIENT_PATIENCE, Shared};

/// The section of an editor's settings that is ours.
pub(crate) const SECTION: &str = "auditline";

/// What the user set in the editor. The configuration of the project goes on to count; `select` and `ignore` mean what
/// they mean on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    select: Vec<Selector>,
    ignore: Vec<Selector>,
    pub(crate) shown: Shown,
}

/// What is shown besides the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Findings about the posture of a project.
    pub(crate) hints: bool,
    /// Comments that suppress nothing.
    pub(crate) unused_suppressions: bool,
    /// The unit of work above each route handler and task.
    pub(crate) code_lens: bool,
    /// The commits that a callee makes.
    pub(crate) inlay_hints: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self { hints: false, unused_suppressions: true, code_lens: false, inlay_hints: false }
    }
}

impl Settings {
    /// Reads the settings from what a client sends: our section, or an object that has it. Also what is wrong with
    /// them; what is wrong is left out.
    pub(crate) fn read(value: &Value) -> (Self, Vec<String>) {
        let section = value.get(SECTION).unwrap_or(value);
        let mut settings = Self::default();
        let mut problems = Vec::new();
        settings.select = selectors(section, "select", &mut problems);
        settings.ignore = selectors(section, "ignore", &mut problems);
        let shown = &mut settings.shown;
        for (key, flag) in [
            ("hints", &mut shown.hints),
            ("unusedSuppressions", &mut shown.unused_suppressions),
            ("codeLens", &mut shown.code_lens),
            ("inlayHints", &mut shown.inlay_hints),
        ] {
            match section.get(key) {
                None | Some(Value::Null) => {}
                Some(Value::Bool(value)) => *flag = *value,
                Some(_) => problems.push(format!("`auditline.{key}` must be `true` or `false`")),
            }
        }
        (settings, problems)
    }

    /// The configuration of the workspace at `root` together with these settings. With errors the default
    /// configuration counts.
    pub(crate) fn judge(&self, root: FilePath) -> (Judge, Option<ConfigErrors>) {
        let (config, errors) = match Config::load(root) {
            Ok(config) => (config, None),
            Err(errors) => (Config::default(), Some(errors)),
        };
        (self.judge_with(root, config), errors)
    }

    /// As [`Settings::judge`], with a configuration that was read before.
    pub(crate) fn judge_with(&self, root: FilePath, config: Config) -> Judge {
        Judge::new(root, config, &self.select, &self.ignore)
    }
}

/// Asks the client for our section of its settings, if it can say. Nobody waits for the answer.
pub(crate) fn ask(shared: &Arc<Shared>) {
    if !shared.features().configuration {
        return;
    }
    let shared = Arc::clone(shared);
    shared.runtime.clone().spawn(async move {
        let Some(client) = shared.client() else { return };
        let item = ConfigurationItem { scope_uri: None, section: Some(SECTION.to_owned()) };
        match tokio::time::timeout(CLIENT_PATIENCE, client.configuration(vec![item])).await {
            Ok(Ok(mut values)) if !values.is_empty() => {
                let section = values.swap_remove(0);
                // A client that has nothing to say must not undo what it said when it started.
                if !section.is_null() {
                    shared.tell_keeper(Event::Settings(section));
                }
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the client does not tell its settings"),
            Err(_) => tracing::debug!("the client does not answer"),
        }
    });
}

fn selectors(section: &Value, key: &str, problems: &mut Vec<String>) -> Vec<Selector> {
    let words: Vec<&Value> = match section.get(key) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(words)) => words.iter().collect(),
        Some(word) => vec![word],
    };
    let mut selectors = Vec::new();
    for word in words {
        match word.as_str().map(Selector::parse_list) {
            Some(Ok(list)) => selectors.extend(list),
            Some(Err(error)) => problems.push(format!("`auditline.{key}`: {error}")),
            None => problems.push(format!("`auditline.{key}` must be an array of strings")),
        }
    }
    selectors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_read_in_both_forms() {
        let (inner, problems) = Settings::read(&json!({ "ignore": ["AUD201", "AUD3"], "hints": true }));
        assert!(problems.is_empty());
        assert!(inner.shown.hints && inner.ignore.len() == 2 && inner.select.is_empty());
        assert_eq!(Settings::read(&json!({ "auditline": { "ignore": "AUD201,AUD3", "hints": true } })).0, inner);
        assert_eq!(Settings::read(&Value::Null), (Settings::default(), vec![]));
    }

    #[test]
    fn mistakes_are_told_and_left_out() {
        let (settings, problems) = Settings::read(&json!({ "select": ["AUD2", "nonsense"], "ignore": 7, "hints": 1 }));
        assert_eq!(settings.select.len(), 1);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
