//! Comments that suppress nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use auditline_hazards::{CATALOGUE, Hazard};
use auditline_source::{FilePath, SourceText, TextEdit, TextRange, TextSize};
use rustc_hash::FxHashSet;

use super::{Entry, Scope, Suppressions, Word};
use crate::resolved::ResolvedRange;

/// Something in a comment that suppresses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedSuppression {
    /// The file.
    pub path: FilePath,
    /// The comment, or the words in its list.
    pub range: ResolvedRange,
    /// What of it.
    pub what: Unused,
    /// One sentence, without a full stop at its end.
    pub message: String,
    /// What takes it away, and leaves in its place all that counts.
    pub edit: TextEdit,
}

/// What of a comment suppresses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unused {
    /// All of it.
    Comment,
    /// Some words of its list.
    Words(Vec<String>),
}

static NEEDLES: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(["auditline:", "noqa"]).ok());

/// Whether a comment of ours may stand in the text; most files have none, and need not be parsed to know.
pub(crate) fn may_hold_ours(text: &str) -> bool {
    let Some(needles) = NEEDLES.as_ref() else { return false };
    needles.find_iter(text).any(|hit| {
        let rest = text[hit.end()..].lines().next().unwrap_or_default();
        let names = || CATALOGUE.iter().any(|hazard| rest.contains(hazard.name));
        hit.pattern().as_usize() == 0 || rest.to_ascii_uppercase().contains("AUD") || names()
    })
}

/// Which comments of a file have suppressed something.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// By the number of the comment and of the word in its list; comments without a list have the word 0.
    used: FxHashSet<(usize, usize)>,
}

impl Suppressions {
    /// As [`Suppressions::covers`], and keeps in mind which comments it was.
    pub(crate) fn covers_and_notes(
        &self,
        usage: &mut Usage,
        hazard: &Hazard,
        range: TextRange,
        text: &SourceText,
        module: Option<&auditline_syntax::python::ir::Module>,
    ) -> bool {
        let covering = self.covering(hazard, range, text, module);
        for entry in &covering {
            self.note(usage, *entry, hazard);
        }
        !covering.is_empty()
    }

    fn note(&self, usage: &mut Usage, entry: usize, hazard: &Hazard) {
        match &self.entries[entry].directive.words {
            None => drop(usage.used.insert((entry, 0))),
            Some(words) => {
                let meant = words.iter().enumerate().filter(|(_, word)| word.means(hazard));
                usage.used.extend(meant.map(|(word, _)| (entry, word)));
            }
        }
    }

    /// What has suppressed nothing. Nobody knows what a comment would have suppressed of a hazard that `failed`.
    pub(crate) fn unused(
        &self,
        mut usage: Usage,
        failed: &[&'static Hazard],
        path: FilePath,
        text: &SourceText,
    ) -> Vec<UnusedSuppression> {
        for hazard in failed {
            (0..self.entries.len()).for_each(|entry| self.note(&mut usage, entry, hazard));
        }
        let entries = self.entries.iter().enumerate();
        let unused = entries.filter_map(|(index, entry)| {
            let is_used = |word: usize| usage.used.contains(&(index, word));
            let Some(words) = &entry.directive.words else {
                // Other linters read a `noqa` without codes, too.
                let unused = entry.directive.own_form && !is_used(0);
                return unused.then(|| entry.without(text, path, &[]));
            };
            // Codes of other linters in a `noqa` are not ours to judge.
            let unused =
                |(number, word): &(usize, &Word)| !is_used(*number) && (entry.directive.own_form || word.is_ours());
            let unused: Vec<&Word> = words.iter().enumerate().filter(unused).map(|(_, word)| word).collect();
            let is_empty = words.is_empty() && entry.directive.own_form;
            (is_empty || !unused.is_empty()).then(|| entry.without(text, path, &unused))
        });
        unused.collect()
    }
}

impl Entry {
    /// The report on these words, none meaning all of the comment.
    fn without(&self, text: &SourceText, path: FilePath, unused: &[&Word]) -> UnusedSuppression {
        let words = self.directive.words.as_deref().unwrap_or_default();
        let kept: Vec<&str> =
            words.iter().filter(|word| !unused.contains(word)).map(|word| word.text.as_str()).collect();
        let place = if self.scope == Scope::File { "in this file" } else { "here" };
        let (first, last) = (unused.first(), unused.last());
        let range = match (first, last) {
            (Some(first), Some(last)) => first.range.cover(last.range),
            _ => self.directive.range,
        };
        let list = words.first().zip(words.last()).map(|(first, last)| first.range.cover(last.range));
        let (what, edit) = match list {
            Some(list) if !kept.is_empty() => {
                let names = unused.iter().map(|word| word.text.clone()).collect();
                (Unused::Words(names), TextEdit::replace(list, kept.join(", ")))
            }
            _ => (Unused::Comment, TextEdit::replace(self.removable(text), String::new())),
        };
        let message = match unused {
            [] => format!("this comment suppresses nothing {place}"),
            [word] if is_unknown(word) => format!("no hazard is called `{}`; this suppresses nothing", word.text),
            words => {
                let names: Vec<String> = words.iter().map(|word| format!("`{}`", word.text)).collect();
                let verb = if names.len() == 1 { "suppresses" } else { "suppress" };
                format!("{} {verb} nothing {place}", names.join(", "))
            }
        };
        UnusedSuppression { path, range: ResolvedRange::new(text, range), what, message, edit }
    }

    /// What goes with the directive: its reason, the blanks before it, and its line where nothing else stands there.
    fn removable(&self, text: &SourceText) -> TextRange {
        let part = self.directive.part;
        if part != self.comment {
            if part.end() == self.comment.end() {
                return self.with_blanks_before(text, part);
            }
            return part;
        }
        if !self.own_line {
            return self.with_blanks_before(text, part);
        }
        let lines = text.line_index();
        let line = lines.line_of(part.start());
        let start = lines.line_content(text.text(), line).map_or(part.start(), |content| content.start());
        let end = lines.line_content(text.text(), line + 1).map_or(text.len(), |content| content.start());
        // A byte order mark stays where it is.
        let mark = if text.text()[usize::from(start)..].starts_with('\u{feff}') { 3 } else { 0 };
        TextRange::new(start + TextSize::new(mark), end)
    }

    fn with_blanks_before(&self, text: &SourceText, range: TextRange) -> TextRange {
        let before = &text.text()[..usize::from(range.start())];
        let blanks = before.len() - before.trim_end_matches([' ', '\t']).len();
        TextRange::new(range.start() - TextSize::try_from(blanks).unwrap_or_default(), range.end())
    }
}

fn is_unknown(word: &Word) -> bool {
    !CATALOGUE.iter().any(|hazard| word.means(hazard))
}
