//! An end for tests that never come to one.

use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long one suite may take: several times what the slowest takes on two cores.
const LONGEST: Duration = Duration::from_secs(25 * 60);

/// A child that is ended, with all that it started, when its time is over. Dropping this takes the threat away.
pub(crate) struct Watched {
    pub(crate) child: Child,
    _over: Sender<()>,
}

/// Starts a command that has at most [`LONGEST`].
///
/// At a terminal nothing is ended: there the child stays in the terminal's group, so that the one who started it can interrupt it.
pub(crate) fn spawn(command: &mut Command) -> Result<Watched> {
    let (over, ended) = channel::<()>();
    #[cfg(unix)]
    let unattended = !std::io::IsTerminal::is_terminal(&std::io::stdin());
    #[cfg(unix)]
    if unattended {
        std::os::unix::process::CommandExt::process_group(command, 0);
    }
    let child = command.spawn().with_context(|| format!("cannot start `{}`", crate::shell::line(command)))?;
    #[cfg(unix)]
    if unattended {
        let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).context("an odd process number")?);
        let line = crate::shell::line(command);
        std::thread::spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                eprintln!("`{line}` is ended: it takes longer than {} minutes", LONGEST.as_secs() / 60);
                if let Err(error) = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL) {
                    eprintln!("it cannot be ended: {error}");
                }
            }
        });
    }
    Ok(Watched { child, _over: over })
}
