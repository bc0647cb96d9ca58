//! The words of a text.

use rustc_hash::FxHashSet;

/// Whether a byte belongs to a word: letters, digits, `_`, and every byte of a character outside ASCII.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | 0x80..);
        byte += 1;
    }
    table
};

/// Calls `found` for each word of `text` that could be an identifier, those in strings and comments included. A word
/// that starts with a digit is none. One pass over the bytes, no parsing: this feeds the index of words of a whole
/// workspace.
pub fn words<'a>(text: &'a str, mut found: impl FnMut(&'a str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        while at < bytes.len() && !WORD[usize::from(bytes[at])] {
            at += 1;
        }
        if at == bytes.len() {
            return;
        }
        let start = at;
        while at < bytes.len() && WORD[usize::from(bytes[at])] {
            at += 1;
        }
        // A word starts and ends beside ASCII, so the slice is on character boundaries.
        if !bytes[start].is_ascii_digit()
            && let Some(word) = text.get(start..at)
        {
            found(word);
        }
    }
}

/// The words that an edit took out of a text, and those that it brought in.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangedWords<'a> {
    /// The words of the old text that the new one has not.
    pub gone: FxHashSet<&'a str>,
    /// The words of the new text that the old one had not.
    pub come: FxHashSet<&'a str>,
}

impl<'a> ChangedWords<'a> {
    /// Compares two texts. Where they are the same but for one place, only that place is read word by word.
    #[must_use]
    pub fn between(old: &'a str, new: &'a str) -> Self {
        let (old_part, new_part) = differing(old, new);
        let mut gone = FxHashSet::default();
        let mut come = FxHashSet::default();
        words(old_part, |word| {
            gone.insert(word);
        });
        words(new_part, |word| {
            come.insert(word);
        });
        let both: Vec<&str> = gone.intersection(&come).copied().collect();
        for word in both {
            gone.remove(word);
            come.remove(word);
        }
        gone.retain(|word| !has_word(new, word));
        come.retain(|word| !has_word(old, word));
        Self { gone, come }
    }
}

/// What is left of two texts without the words that they begin and end with in common.
fn differing<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let is_word = |bytes: &[u8], at: usize| bytes.get(at).is_some_and(|byte| WORD[usize::from(*byte)]);
    let mut front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    while front > 0 && (is_word(a, front - 1) || is_word(b, front - 1)) {
        front -= 1;
    }
    let rest = a.len().min(b.len()) - front;
    let mut back = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    while back > 0 && is_word(a, a.len() - back) {
        back -= 1;
    }
    // Both ends stand beside a byte of ASCII that is no word's, or at an end of the text.
    let part = |text: &'a str| text.get(front..text.len() - back).unwrap_or(text);
    (part(old), part(new))
}

/// Whether a word occurs in a text.
fn has_word(text: &str, word: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memmem::find_iter(bytes, word.as_bytes()).any(|start| {
        let before = start.checked_sub(1).is_some_and(|at| WORD[usize::from(bytes[at])]);
        let behind = bytes.get(start + word.len()).is_some_and(|byte| WORD[usize::from(*byte)]);
        !before && !behind
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustc_hash::FxHashSet;

    use super::{ChangedWords, words};

    fn all(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        words(text, |word| out.push(word));
        out
    }

    #[test]
    fn words_of_code_strings_and_comments() {
        assert_eq!(all("a_1 = b.c2(\"d e\") # f"), ["a_1", "b", "c2", "d", "e", "f"]);
        assert_eq!(all("größe+naïve"), ["größe", "naïve"]);
        assert_eq!(all("1x 0xff 12"), Vec::<&str>::new());
        assert_eq!(all(""), Vec::<&str>::new());
        assert_eq!(all("end"), ["end"]);
    }

    #[test]
    fn a_word_that_stands_elsewhere_has_not_gone() {
        let changed = ChangedWords::between("a = total + rest\nrest = 1\n", "a = total2 + res\nrest = 1\n");
        let set = |words: &[&'static str]| words.iter().copied().collect::<FxHashSet<_>>();
        assert_eq!(changed, ChangedWords { gone: set(&["total"]), come: set(&["total2", "res"]) });
    }

    proptest! {
        #[test]
        fn changed_words_are_the_difference(
            front in "[ab_ é.1]{0,12}",
            old in "[ab_ é.1]{0,8}",
            new in "[ab_ é.1]{0,8}",
            back in "[ab_ é.1]{0,12}",
        ) {
            let (old, new) = (format!("{front}{old}{back}"), format!("{front}{new}{back}"));
            let changed = ChangedWords::between(&old, &new);
            let (before, after): (FxHashSet<&str>, FxHashSet<&str>) =
                (all(&old).into_iter().collect(), all(&new).into_iter().collect());
            prop_assert_eq!(changed.gone, before.difference(&after).copied().collect::<FxHashSet<_>>());
            prop_assert_eq!(changed.come, after.difference(&before).copied().collect::<FxHashSet<_>>());
        }
    }
}
