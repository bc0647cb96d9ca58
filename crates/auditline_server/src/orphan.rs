//! An editor that was killed says no `exit`.

use std::time::Duration;

/// How often it is looked whether the editor still runs.
const INTERVAL: Duration = Duration::from_secs(3);

/// Ends once no process of that number runs.
pub(crate) async fn wait_for_end_of(process: u32) {
    while is_running(process) {
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(unix)]
fn is_running(process: u32) -> bool {
    use nix::errno::Errno;
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    // Numbers that are no process would mean a group of processes.
    let Some(pid) = i32::try_from(process).ok().filter(|pid| *pid > 0) else { return true };
    // Signal 0 is not sent; only whether it could be is asked. One that we may not signal runs.
    kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH)
}

/// Elsewhere the end of standard input tells.
#[cfg(not(unix))]
fn is_running(_process: u32) -> bool {
    true
}
