//! A progress bar for runs that take long.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use auditline_project::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A run that ends sooner shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on standard error, where somebody watches it.
pub(crate) struct Bar {
    is_watched: bool,
    started: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Bar {
    pub(crate) fn new(is_watched: bool) -> Self {
        Self { is_watched, started: Instant::now(), bar: OnceLock::new() }
    }

    pub(crate) fn show(&self, progress: Progress) {
        if !self.is_watched || (self.bar.get().is_none() && self.started.elapsed() < PATIENCE) {
            return;
        }
        let (word, done, total) = match progress {
            Progress::Read { done, total } => ("Reading ", done, total),
            Progress::Checked { done, total } => ("Checking", done, total),
        };
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len}");
            bar.with_message(word)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "))
        });
        if bar.length() != Some(total as u64) || bar.position() > done as u64 {
            bar.set_message(word);
            bar.set_length(total as u64);
        }
        bar.set_position(done as u64);
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
