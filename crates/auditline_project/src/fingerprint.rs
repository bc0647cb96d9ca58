//! Fingerprints: the same finding is told again after edits elsewhere in its file.

use rustc_hash::FxHashMap;

/// Gives the findings of one file their fingerprints, in the order in which they stand.
///
/// A fingerprint is made of the code, the path in the workspace, the function or class, and the message; findings that
/// are equal in all of these are told apart by their order. Positions are not in it.
#[derive(Debug, Default)]
pub struct Fingerprints {
    seen: FxHashMap<blake3::Hash, u32>,
}

impl Fingerprints {
    /// The fingerprint of the next finding.
    pub fn next(&mut self, code: &str, path: &str, symbol: &str, message: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [code, path, symbol, &normalise(message)] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let ordinal = self.seen.entry(hasher.finalize()).or_insert(0);
        hasher.update(&ordinal.to_le_bytes());
        *ordinal += 1;
        let mut hex = hasher.finalize().to_hex();
        hex.truncate(16);
        hex.to_string()
    }
}

/// The message with runs of blanks made one and numbers that stand alone made 0: a count or a line number in it may
/// change with edits elsewhere. A number in code, between backticks, is part of what the message is about.
fn normalise(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for (index, part) in message.split('`').enumerate() {
        if index > 0 {
            out.push('`');
        }
        if index % 2 == 1 {
            out.push_str(part);
            continue;
        }
        let words = part.split_whitespace().map(|word| {
            let plain = word.trim_matches(|char: char| char.is_ascii_punctuation());
            if !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit()) { "0" } else { word }
        });
        out.push_str(&words.collect::<Vec<_>>().join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_told_apart_by_their_order() {
        let mut prints = Fingerprints::default();
        let first = prints.next("AUD201", "app/a.py", "f", "m");
        let second = prints.next("AUD201", "app/a.py", "f", "m");
        let other = prints.next("AUD201", "app/a.py", "g", "m");
        assert_eq!(first.len(), 16);
        assert_ne!(first, second);
        assert_ne!(first, other);
        assert_eq!(first, Fingerprints::default().next("AUD201", "app/a.py", "f", "m"));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let one = Fingerprints::default().next("AUD1", "01", "", "");
        let other = Fingerprints::default().next("AUD10", "1", "", "");
        assert_ne!(one, other);
    }

    #[test]
    fn a_changed_line_number_in_the_message_changes_nothing() {
        let print = |message: &str| Fingerprints::default().next("AUD201", "a.py", "f", message);
        assert_eq!(print("written in line 12 too"), print("written in line 7  too"));
        assert_ne!(print("`a1` is lost"), print("`a2` is lost"));
        assert_ne!(print("`item 1` is lost"), print("`item 2` is lost"));
    }
}
