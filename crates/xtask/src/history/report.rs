//! What is said about each entry, and about all.

use anyhow::{Result, bail};

use super::list::Entry;

/// What became of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It is found on the parent.
    pub(super) found: bool,
    /// It is gone on the commit.
    pub(super) gone: bool,
    /// The function is not there any more on the commit.
    pub(super) vanished: bool,
}

impl Verdict {
    fn is_right(self) -> bool {
        self.found && self.gone
    }
}

/// The entries so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    checked: usize,
    found: usize,
    gone: usize,
    missed: usize,
    failed: usize,
    skipped: Vec<String>,
}

impl Report {
    pub(super) fn add(&mut self, entry: &Entry, verdict: Verdict) {
        self.checked += 1;
        self.found += usize::from(verdict.found);
        self.gone += usize::from(verdict.gone);
        self.missed += usize::from(entry.missed.is_some());
        self.failed += usize::from(entry.missed.is_none() && !verdict.is_right());
        println!("{}", line(entry, verdict));
    }

    pub(super) fn skip(&mut self, entry: &Entry) {
        self.skipped.push(format!("{} {}", entry.repository, entry.commit));
        println!("skipped   {}: not on disk", place(entry));
    }

    /// Says what all of it means; an error where an entry fails that is not listed as missed, or where none was checked.
    pub(super) fn close(self) -> Result<()> {
        println!("{}", self.summary());
        if self.failed > 0 {
            bail!("{} of {} races are not shown as the list says", self.failed, self.checked);
        }
        if self.checked == 0 {
            bail!("none of the repositories is on disk: tests/history/README.md says how to get them");
        }
        Ok(())
    }

    fn summary(&self) -> String {
        format!(
            "{} races: {} found on the parent ({}), {} gone on the commit ({}), {} listed as missed, {} failed; {} skipped",
            self.checked,
            self.found,
            share(self.found, self.checked),
            self.gone,
            share(self.gone, self.checked),
            self.missed,
            self.failed,
            self.skipped.len(),
        )
    }
}

fn share(part: usize, whole: usize) -> String {
    match (part * 100).checked_div(whole) {
        Some(percent) => format!("{percent} %"),
        None => "-".to_owned(),
    }
}

fn place(entry: &Entry) -> String {
    let commit: String = entry.commit.chars().take(10).collect();
    format!("{} {} {commit} {}:{}", entry.hazard, entry.repository, entry.path, entry.line)
}

fn line(entry: &Entry, verdict: Verdict) -> String {
    let place = place(entry);
    match (&entry.missed, verdict) {
        (None, Verdict { found: true, gone: true, .. }) => format!("ok        {place}"),
        (None, Verdict { found: false, .. }) => format!("FAILED    {place}: not found on the parent"),
        (None, Verdict { vanished: true, .. }) => {
            format!("FAILED    {place}: the function is gone, which shows nothing")
        }
        (None, Verdict { gone: false, .. }) => format!("FAILED    {place}: still there on the commit"),
        (Some(_), verdict) if verdict.is_right() => format!("not missed {place}: take `missed` out of the list"),
        (Some(why), _) => format!("missed    {place}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(missed: Option<&str>) -> Entry {
        Entry {
            repository: "owner/name".to_owned(),
            commit: "a".repeat(40),
            path: "shop.py".to_owned(),
            line: 3,
            hazard: "AUD201".to_owned(),
            cured: "Locks.".to_owned(),
            missed: missed.map(str::to_owned),
        }
    }

    #[test]
    fn only_what_is_not_listed_as_missed_fails() {
        let right = Verdict { found: true, gone: true, vanished: false };
        let mut report = Report::default();
        report.add(&entry(None), right);
        report.add(&entry(Some("A view decides it.")), Verdict { gone: true, ..Verdict::default() });
        report.skip(&entry(None));
        assert_eq!(
            report.summary(),
            "2 races: 1 found on the parent (50 %), 2 gone on the commit (100 %), 1 listed as missed, 0 failed; 1 skipped"
        );
        assert!(report.close().is_ok());

        let mut failing = Report::default();
        failing.add(&entry(None), Verdict { gone: false, ..right });
        assert!(failing.close().is_err());
    }

    #[test]
    fn what_is_skipped_is_not_passed() {
        let mut report = Report::default();
        report.skip(&entry(None));
        assert!(report.close().is_err());
    }
}
