//! `cargo xtask dist`: the archive of a release for this platform, and the extension of VS Code with the program in it.

use anyhow::{Context, Result};

use crate::{shell, vscode};

pub(crate) fn run() -> Result<()> {
    let binary = shell::build_auditline(true)?;
    let rustc = shell::output(shell::command("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not name its host")?;
    let name = format!("auditline-{}-{host}", env!("CARGO_PKG_VERSION"));

    let dist = shell::target().join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let program = binary.file_name().context("the binary has no name")?;
    std::fs::copy(&binary, folder.join(program))?;
    for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        std::fs::copy(shell::root().join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    let extension = vscode::package(&binary, &dist)?;
    let archive = dist.join(format!("{name}.tar.gz"));
    shell::run(shell::command("tar").arg("-C").arg(&dist).arg("-czf").arg(&archive).arg(&name))?;
    println!("{}", archive.display());
    println!("{}", extension.display());
    Ok(())
}
