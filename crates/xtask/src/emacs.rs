//! Emacs with Eglot: the real editor, and the tests that run in it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{apt, editor, shell};

/// Runs the tests in Emacs against that build of the server.
pub(crate) fn test(auditline: &Path) -> Result<()> {
    let packages = Path::new("/usr/share/emacs/site-lisp/elpa");
    let has_eglot = || {
        let entries = std::fs::read_dir(packages).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("eglot"))
    };
    if !shell::present("emacs") || !has_eglot() || !shell::present("git") {
        apt::install(&["emacs-nox", "elpa-eglot", "git"])?;
    }
    if !has_eglot() {
        bail!("Eglot is not in {}, even with the system's package installed", packages.display());
    }
    let script = shell::root().join("tests/editors/emacs/run.sh");
    editor::run("Emacs", shell::command("bash").arg(&script).arg(auditline))
}
