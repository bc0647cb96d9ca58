//! Python for the chores: virtual environments with pinned packages.

use std::path::PathBuf;

use anyhow::Result;

use crate::{apt, shell};

/// The interpreter of a virtual environment below `target/` that holds those requirements; made on first use, and again
/// when the requirements have changed.
pub(crate) fn environment(name: &str, requirements: &[PathBuf]) -> Result<PathBuf> {
    let folder = shell::target().join("python").join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let mut wanted = shell::output(shell::command("python3").arg("--version"))?;
    for path in requirements {
        wanted.push_str(&std::fs::read_to_string(path)?);
    }
    // Written last: an installation that was cut off is not taken for an environment.
    let stamp = folder.join("installed.txt");
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    if shell::output(shell::command("python3").args(["-c", "import ensurepip, venv"])).is_err() {
        apt::install(&["python3-venv"])?;
    }
    shell::run(shell::command("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = shell::command(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    for path in requirements {
        pip.arg("--requirement").arg(path);
    }
    shell::run(&mut pip)?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}
