//! Time and memory of a process, as the system accounts for it.
//!
//! The system tells a process what the largest of *all* its children needed, so each measured command gets a small
//! parent of its own: `xtask measure -- COMMAND`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the figures go.
    #[arg(long)]
    to: PathBuf,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What a process cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) seconds: f64,
    /// Seconds of the processors, user and system, over all threads.
    pub(crate) cpu_seconds: f64,
    /// The largest resident memory, in bytes.
    pub(crate) peak_rss: u64,
}

/// The run of middle length.
pub(crate) fn median(costs: &mut [Cost]) -> Option<Cost> {
    costs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    costs.get(costs.len() / 2).copied()
}

/// The measured parent: runs the command with its own standard streams and writes down what it cost.
pub(crate) fn run(options: &Options) -> Result<()> {
    let Some((program, arguments)) = options.command.split_first() else { bail!("no command") };
    let start = Instant::now();
    let status = Command::new(program).args(arguments).status().context("cannot start the measured command")?;
    let seconds = start.elapsed().as_secs_f64();
    let (cpu_seconds, peak_rss) = children()?;
    std::fs::write(&options.to, serde_json::to_string(&Cost { seconds, cpu_seconds, peak_rss })?)?;
    std::process::exit(status.code().unwrap_or(101));
}

#[cfg(unix)]
fn children() -> Result<(f64, u64)> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    // Linux counts in kibibytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    Ok((cpu as f64 / 1e6, u64::try_from(usage.max_rss()).unwrap_or(0) * unit))
}

#[cfg(not(unix))]
fn children() -> Result<(f64, u64)> {
    bail!("the benchmark measures memory on Unix only")
}

/// What a measured command printed, and what it cost.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) stdout: String,
    pub(crate) cost: Cost,
}

/// Commands whose cost can be measured.
pub(crate) trait OutputMeasured {
    /// Runs the command below a parent of its own, the program `xtask`.
    fn output_measured(&mut self, xtask: &Path) -> Result<Measured>;
}

impl OutputMeasured for Command {
    fn output_measured(&mut self, xtask: &Path) -> Result<Measured> {
        let figures = tempfile::NamedTempFile::new()?;
        let mut parent = Command::new(xtask);
        parent.arg("measure").arg("--to").arg(figures.path()).arg("--");
        parent.arg(self.get_program()).args(self.get_args());
        parent.stdin(Stdio::null()).stderr(Stdio::inherit());
        if let Some(folder) = self.get_current_dir() {
            parent.current_dir(folder);
        }
        parent.envs(self.get_envs().filter_map(|(key, value)| Some((key, value?))));
        let output = parent.output().context("cannot start the measuring process")?;
        if !output.status.success() {
            bail!("{:?} failed ({})", self.get_program(), output.status);
        }
        let cost = serde_json::from_str(&std::fs::read_to_string(figures.path())?)?;
        Ok(Measured { stdout: String::from_utf8_lossy(&output.stdout).into_owned(), cost })
    }
}

/// The resident memory of a running process in bytes: now, and at its peak.
pub(crate) fn resident(pid: u32) -> Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has ended")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    field("VmRSS:").zip(field("VmHWM:")).context("the system does not say how much memory the process uses")
}

/// The processor time of a running process so far, in ticks of the system's clock.
pub(crate) fn ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("an unknown form of /proc/PID/stat")?;
    let mut fields = fields.split_whitespace().skip(11).map(|field| field.parse::<u64>());
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(user + system),
        _ => bail!("an unknown form of /proc/PID/stat"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn reads_what_this_process_uses() {
        let (now, peak) = resident(std::process::id()).unwrap();
        assert!(now > 0 && peak >= now);
        ticks(std::process::id()).unwrap();
    }

    #[test]
    fn takes_the_middle_run() {
        let cost = |seconds| Cost { seconds, cpu_seconds: 0.0, peak_rss: 0 };
        let mut costs = [cost(3.0), cost(1.0), cost(2.0)];
        assert_eq!(median(&mut costs).map(|cost| cost.seconds), Some(2.0));
        assert!(median(&mut []).is_none());
    }
}
