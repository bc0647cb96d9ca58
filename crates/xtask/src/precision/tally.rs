//! What is counted: the warnings of each hazard by what was said of them.

use std::collections::BTreeMap;

use super::list::Verdict;

/// The warnings and errors of a hazard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) right: usize,
    pub(super) debatable: usize,
    pub(super) wrong: usize,
    /// Nobody has judged them.
    pub(super) unjudged: usize,
}

impl Count {
    fn add(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::True) => self.right += 1,
            Some(Verdict::Debatable) => self.debatable += 1,
            Some(Verdict::False) => self.wrong += 1,
            None => self.unjudged += 1,
        }
    }

    fn join(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            debatable: self.debatable + other.debatable,
            wrong: self.wrong + other.wrong,
            unjudged: self.unjudged + other.unjudged,
        }
    }

    /// The share of the true ones among those that were judged, in percent.
    fn share(self) -> String {
        match (self.right * 100).checked_div(self.right + self.debatable + self.wrong) {
            Some(percent) => format!("{percent} %"),
            None => "-".to_owned(),
        }
    }
}

/// The counts by hazard.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, Count>);

impl Tally {
    pub(super) fn add(&mut self, hazard: &str, verdict: Option<Verdict>) {
        self.0.entry(hazard.to_owned()).or_default().add(verdict);
    }

    /// A table with a line for each hazard, and one for each family of which there are several.
    pub(super) fn table(&self) -> String {
        let mut table =
            format!("{:<10}{:>6}{:>11}{:>7}{:>10}{:>8}\n", "", "true", "debatable", "false", "unjudged", "share");
        let mut line = |name: &str, count: Count| {
            let Count { right, debatable, wrong, unjudged } = count;
            table.push_str(&format!(
                "{name:<10}{right:>6}{debatable:>11}{wrong:>7}{unjudged:>10}{:>8}\n",
                count.share()
            ));
        };
        let mut families: BTreeMap<&str, Count> = BTreeMap::new();
        for (hazard, count) in &self.0 {
            line(hazard, *count);
            let family = families.entry(hazard.get(..4).unwrap_or(hazard)).or_default();
            *family = family.join(*count);
        }
        for (family, count) in &families {
            line(&format!("{family}xx"), *count);
        }
        line("all", families.values().copied().fold(Count::default(), Count::join));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_judged_counts_for_the_share() {
        let mut tally = Tally::default();
        let verdicts = [Some(Verdict::True), Some(Verdict::True), Some(Verdict::Debatable), Some(Verdict::False), None];
        verdicts.into_iter().for_each(|verdict| tally.add("AUD201", verdict));
        tally.add("AUD102", None);
        let table = tally.table();
        let row = |name: &str| -> Option<Vec<&str>> {
            table
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>())
                .find(|words| words.first() == Some(&name))
        };
        assert_eq!(row("AUD201"), Some(vec!["AUD201", "2", "1", "1", "1", "50", "%"]));
        assert_eq!(row("AUD1xx"), Some(vec!["AUD1xx", "0", "0", "0", "1", "-"]));
        assert_eq!(row("all"), Some(vec!["all", "2", "1", "1", "2", "50", "%"]));
    }
}
