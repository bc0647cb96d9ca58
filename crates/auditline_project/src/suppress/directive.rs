//! Reading the comments that suppress findings.

use auditline_hazards::Hazard;

/// What one comment suppresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    /// The whole file instead of a line.
    pub(super) whole_file: bool,
    /// The codes, prefixes or names; `None`: everything.
    pub(super) words: Option<Vec<String>>,
}

impl Directive {
    pub(super) fn covers(&self, hazard: &Hazard) -> bool {
        self.words.as_ref().is_none_or(|words| words.iter().any(|word| means(word, hazard)))
    }
}

/// A word means a hazard by its name, its code or a prefix of its code that ends in a digit.
fn means(word: &str, hazard: &Hazard) -> bool {
    let is_prefix = word.len() > "AUD".len() && word.len() <= hazard.code.len();
    hazard.name == word || (is_prefix && hazard.code.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes()))
}

/// The directives in the text of a comment, which may hold several: `# noqa: E501 # auditline: ignore[AUD201] reason`.
pub(super) fn directives(comment: &str) -> Vec<Directive> {
    let mut found = Vec::new();
    for part in comment.split('#') {
        let part = part.trim_start().trim_start_matches("--").trim_start();
        if let Some(rest) = strip_word(part, "auditline:") {
            found.extend(own_form(rest.trim_start()));
        } else if let Some(rest) = strip_word(part, "noqa") {
            found.extend(noqa(rest));
        }
    }
    found
}

/// `ignore`, `ignore[AUD201, AUD3] reason`, `ignore-file[AUD201]`.
fn own_form(text: &str) -> Option<Directive> {
    let (whole_file, rest) = match strip_word(text, "ignore-file") {
        Some(rest) => (true, rest),
        None => (false, strip_word(text, "ignore")?),
    };
    if rest.starts_with(|char: char| char.is_alphanumeric() || matches!(char, '-' | '_')) {
        return None;
    }
    let Some(list) = rest.trim_start().strip_prefix('[') else { return Some(Directive { whole_file, words: None }) };
    // A list that is not closed is a mistake; it must not suppress more than was meant.
    let list = list.split_once(']')?.0;
    Some(Directive { whole_file, words: Some(split(list)) })
}

/// `noqa`, `noqa: AUD201`, `noqa:AUD201,E501 reason`.
fn noqa(rest: &str) -> Option<Directive> {
    let Some(list) = rest.trim_start().strip_prefix(':') else {
        let ends = rest.chars().next().is_none_or(|char| !char.is_alphanumeric() && char != '_');
        return ends.then_some(Directive { whole_file: false, words: None });
    };
    // The codes end where a word is not a code: what follows is a reason.
    let is_code = |word: &&str| {
        let letters = word.trim_end_matches(|char: char| char.is_ascii_digit());
        letters.len() < word.len() && !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let mut codes = Vec::new();
    for word in list.split([',', ' ', '\t']).map(str::trim).filter(|word| !word.is_empty()) {
        if is_code(&word) || auditline_hazards::find(word).is_some() {
            codes.push(word.to_owned());
        } else {
            break;
        }
    }
    Some(Directive { whole_file: false, words: Some(codes) })
}

fn split(list: &str) -> Vec<String> {
    list.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(comment: &str) -> Vec<Option<Vec<String>>> {
        directives(comment).into_iter().map(|directive| directive.words).collect()
    }

    fn some(codes: &[&str]) -> Vec<Option<Vec<String>>> {
        vec![Some(codes.iter().map(|code| (*code).to_owned()).collect())]
    }

    #[test]
    fn codes_are_read_in_both_forms() {
        assert_eq!(words("auditline: ignore[AUD201] the row is locked by the caller"), some(&["AUD201"]));
        assert_eq!(
            words("auditline:ignore[ AUD201,unlocked-read-modify-write ]"),
            some(&["AUD201", "unlocked-read-modify-write"])
        );
        assert_eq!(words("noqa: AUD201"), some(&["AUD201"]));
        assert_eq!(words("NOQA:AUD201,E501 because the table is small"), some(&["AUD201", "E501"]));
        assert_eq!(words("noqa: E501 # auditline: ignore[AUD1]").len(), 2);
    }

    #[test]
    fn a_blanket_comment_covers_everything() {
        assert_eq!(words("noqa"), vec![None]);
        assert_eq!(words("noqa - the reason"), vec![None]);
        assert_eq!(words("auditline: ignore"), vec![None]);
        assert_eq!(words("auditline: ignore the reason"), vec![None]);
    }

    #[test]
    fn what_only_looks_like_one_covers_nothing() {
        for comment in ["noqaz", "auditline: ignored", "auditline: ignore[AUD201", "see noqa", "auditline: check", ""] {
            assert!(words(comment).is_empty(), "{comment}");
        }
        assert_eq!(words("noqa: because"), some(&[]));
    }

    #[test]
    fn a_file_form_is_not_a_line_form() {
        let found = directives("auditline: ignore-file[AUD2]");
        assert_eq!(found.len(), 1);
        assert!(found[0].whole_file);
    }
}
