//! VS Code: the tests of the extension in the real editor, and its package. The script installs the editor, and the Node.js
//! that builds the extension, on first use.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{editor, shell};

/// Runs the tests in VS Code against that build of the server.
pub(crate) fn test(auditline: &Path) -> Result<()> {
    let script = shell::root().join("tests/editors/vscode/run.sh");
    editor::run("VS Code", shell::command("bash").arg(&script).arg(auditline))
}

/// Packages the extension with that build of the server in it; says where it is.
pub(crate) fn package(auditline: &Path, folder: &Path) -> Result<PathBuf> {
    let script = shell::root().join("tests/editors/vscode/package.sh");
    let target = vsix_target();
    let name = match &target {
        Some(target) => format!("auditline-{}-{target}.vsix", env!("CARGO_PKG_VERSION")),
        None => format!("auditline-{}.vsix", env!("CARGO_PKG_VERSION")),
    };
    let archive = folder.join(name);
    let mut command = shell::command("bash");
    command.arg(&script).arg(auditline).arg(&archive).args(target);
    shell::run(&mut command)?;
    Ok(archive)
}

/// What the marketplace calls this platform, where it has a name for it: the program inside runs nowhere else.
fn vsix_target() -> Option<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        "windows" => "win32",
        _ => return None,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("{system}-{machine}"))
}
