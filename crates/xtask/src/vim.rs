//! Vim with ALE: the real editor in a terminal, and the tests that press its keys.

use std::path::Path;
use std::process::Stdio;

use anyhow::Result;

use crate::{apt, editor, shell};

/// Runs the tests in Vim against that build of the server.
pub(crate) fn test(auditline: &Path) -> Result<()> {
    let has_ale = Path::new("/usr/share/vim-ale").is_dir();
    if !has_ale || !has_terminal() || !has_vim() {
        apt::install(&["vim-nox", "vim-ale", "tmux"])?;
    }
    let script = shell::root().join("tests/editors/vim/run.sh");
    editor::run("Vim", shell::command("bash").arg(&script).arg(auditline))
}

/// A Vim that can run a server: the smallest builds of it cannot.
fn has_vim() -> bool {
    ["vim.nox", "vim"].into_iter().any(|vim| {
        let version = shell::output(shell::command(vim).arg("--version"));
        version.is_ok_and(|version| version.contains("+job") && version.contains("+channel"))
    })
}

fn has_terminal() -> bool {
    let tmux = shell::command("tmux").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tmux.is_ok_and(|status| status.success())
}
