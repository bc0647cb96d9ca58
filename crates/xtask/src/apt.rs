//! Installing packages of the system, where it is Debian's.

use anyhow::{Result, bail};

use crate::shell;

/// Installs packages, with `sudo` where we are not root.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if !shell::present("apt-get") {
        bail!("please install {}", packages.join(", "));
    }
    let is_root = shell::output(shell::command("id").arg("-u"))?.trim() == "0";
    let run = |words: &[&str]| {
        let mut apt = if is_root { shell::command("apt-get") } else { shell::command("sudo") };
        if !is_root {
            apt.args(["-n", "apt-get"]);
        }
        shell::run(apt.args(words).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    run(&["update", "-qq"])?;
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend(packages);
    run(&words)
}
