//! The figures of a benchmark: as a table for people, as JSON for comparison.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::lsp::Delivery;
use super::measure::Cost;

/// Everything that one run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    version: &'static str,
    threads: usize,
    seed: u64,
    check: Vec<CheckFigures>,
    server: Vec<ServerFigures>,
}

/// `check` beside a bare parse of the same files.
#[derive(Debug, Serialize)]
pub(crate) struct CheckFigures {
    pub(crate) corpus: String,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    pub(crate) findings: usize,
    pub(crate) bare: Cost,
    pub(crate) check: Cost,
}

/// The server in one workspace.
#[derive(Debug, Serialize)]
pub(crate) struct ServerFigures {
    pub(crate) workspace: String,
    pub(crate) files: usize,
    pub(crate) delivery: Delivery,
    /// The lines of the edited file.
    pub(crate) lines: usize,
    /// The findings in the edited file.
    pub(crate) findings: usize,
    /// From the start of the process to the first diagnostics of the open file.
    pub(crate) first_ms: f64,
    /// From the start of the process to the diagnostics that stayed.
    pub(crate) complete_ms: f64,
    /// From the start of the process until it rested.
    pub(crate) idle_ms: f64,
    pub(crate) latency: Latency,
    pub(crate) rss: u64,
    pub(crate) peak_rss: u64,
}

/// From a change to its diagnostics, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) edits: usize,
    pub(crate) median_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        // The smallest value that at least that share of the edits does not exceed.
        let at = |share: f64| {
            let rank = (share * latencies.len() as f64).ceil() as usize;
            latencies.get(rank.max(1) - 1).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
        };
        Self { edits: latencies.len(), median_ms: at(0.5), p95_ms: at(0.95), max_ms: at(1.0) }
    }
}

impl Report {
    pub(crate) fn new(threads: usize, seed: u64) -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), threads, seed, check: Vec::new(), server: Vec::new() }
    }

    pub(crate) fn add_check(&mut self, figures: CheckFigures) {
        self.check.push(figures);
    }

    pub(crate) fn add_server(&mut self, figures: ServerFigures) {
        self.server.push(figures);
    }

    /// The tables. Writing to a string cannot fail.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("auditline {}, {} threads\n", self.version, self.threads);
        for figures in &self.check {
            let megabytes = figures.bytes as f64 / 1e6;
            let (corpus, files, findings) = (&figures.corpus, figures.files, figures.findings);
            let _ = writeln!(text, "\n{corpus}: {files} Python files, {megabytes:.1} MB, {findings} findings");
            let _ = writeln!(text, "  {:<12}{:>10}{:>10}{:>10}{:>12}", "", "seconds", "cpu s", "files/s", "peak RSS");
            for (name, cost) in [("bare parse", figures.bare), ("check", figures.check)] {
                let rate = figures.files as f64 / cost.seconds;
                let (seconds, cpu, peak) = (cost.seconds, cost.cpu_seconds, mib(cost.peak_rss));
                let _ = writeln!(text, "  {name:<12}{seconds:>10.2}{cpu:>10.2}{rate:>10.0}{peak:>8.0} MiB");
            }
            let times = figures.check.seconds / figures.bare.seconds;
            let _ = writeln!(text, "  check costs {times:.2} times the bare parse");
        }
        if let Some(figures) = self.server.first() {
            let (lines, edits) = (figures.lines, figures.latency.edits);
            let _ = writeln!(text, "\nserver, {edits} edits of a file of {lines} lines; times in ms");
            let heads = ["first", "complete", "at rest", "median", "p95", "max", "RSS", "peak RSS"];
            let _ = write!(text, "  {:<22}", "");
            for head in heads {
                let _ = write!(text, "{head:>10}");
            }
            text.push('\n');
        }
        for figures in &self.server {
            let delivery = match figures.delivery {
                Delivery::Pull => "pull",
                Delivery::Push => "push",
            };
            let _ = write!(text, "  {:<22}", format!("{} files, {delivery}", figures.files));
            for time in [figures.first_ms, figures.complete_ms, figures.idle_ms] {
                let _ = write!(text, "{time:>10.0}");
            }
            for time in [figures.latency.median_ms, figures.latency.p95_ms, figures.latency.max_ms] {
                let _ = write!(text, "{time:>10.2}");
            }
            let _ = writeln!(text, "{:>6.0} MiB{:>6.0} MiB", mib(figures.rss), mib(figures.peak_rss));
        }
        text
    }

    /// Writes the figures as JSON and returns where.
    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("report.json");
        std::fs::write(&path, serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_latencies() {
        let latency = Latency::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!((latency.edits, latency.median_ms, latency.p95_ms, latency.max_ms), (100, 50.0, 95.0, 100.0));
        let latency = Latency::of(vec![Duration::from_millis(7)]);
        assert_eq!((latency.median_ms, latency.p95_ms), (7.0, 7.0));
        assert!(Latency::of(Vec::new()).p95_ms.is_nan());
    }
}
