//! VS Code: the tests of the extension in the real editor. The script installs the editor on first use.

use std::path::Path;

use anyhow::Result;

use crate::{editor, shell};

/// Runs the tests in VS Code against that build of the server.
pub(crate) fn test(auditline: &Path) -> Result<()> {
    let script = shell::root().join("tests/editors/vscode/run.sh");
    editor::run("VS Code", shell::command("bash").arg(&script).arg(auditline))
}
