//! Lists of words.

use std::sync::LazyLock;

/// A list of words, split when it is first used.
pub(crate) type Words = LazyLock<Vec<&'static str>>;

/// The words of a text, which stand closer together than a list of literals.
macro_rules! words {
    ($text:literal) => {
        std::sync::LazyLock::new(|| $text.split_whitespace().collect())
    };
}

pub(crate) use words;

/// The English plural, near enough for names of tables.
pub(crate) fn plural(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if word.ends_with('s') => format!("{word}es"),
        _ => format!("{word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_plurals() {
        let plurals = ["policy", "address", "delay", "order"].map(plural);
        assert_eq!(plurals, ["policies", "addresses", "delays", "orders"]);
    }
}
