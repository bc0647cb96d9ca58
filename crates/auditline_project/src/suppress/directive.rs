//! Reading the comments that suppress findings.

use auditline_hazards::{CATALOGUE, Hazard};
use auditline_source::{TextRange, TextSize};

/// What one comment suppresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The whole file instead of a line.
    pub whole_file: bool,
    /// Whether it is written for this tool, and not for every linter (`noqa`).
    pub own_form: bool,
    /// The codes, prefixes or names; `None`: everything.
    pub words: Option<Vec<Word>>,
    /// From its first letter to the end of its list; a reason behind it does not belong to it.
    pub range: TextRange,
    /// The part of the comment that is it alone, with its `#` and its reason.
    pub part: TextRange,
}

/// A word in the list of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub range: TextRange,
}

impl Directive {
    /// Whether it speaks of that hazard.
    #[must_use]
    pub fn covers(&self, hazard: &Hazard) -> bool {
        self.words.as_ref().is_none_or(|words| words.iter().any(|word| word.means(hazard)))
    }
}

impl Word {
    /// A word means a hazard by its name, its code or a prefix of its code that ends in a digit.
    #[must_use]
    pub fn means(&self, hazard: &Hazard) -> bool {
        let word = self.text.as_str();
        let is_prefix = word.len() > "AUD".len() && word.len() <= hazard.code.len();
        hazard.name == word || (is_prefix && hazard.code.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether it is written like a code or a name of ours; `noqa` also lists codes of other tools.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let head = self.text.get(.."AUD".len()).unwrap_or_default();
        let is_code = head.eq_ignore_ascii_case("AUD") && self.text["AUD".len()..].bytes().all(|b| b.is_ascii_digit());
        is_code || CATALOGUE.iter().any(|hazard| hazard.name == self.text)
    }
}

/// A piece of a comment, with the offset at which it starts.
#[derive(Debug, Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    start: TextSize,
}

impl<'a> Piece<'a> {
    /// The rest behind the first `bytes` bytes.
    fn skip(self, bytes: usize) -> Self {
        Self { text: &self.text[bytes..], start: self.start + size(bytes) }
    }

    fn trim_start(self) -> Self {
        self.skip(self.text.len() - self.text.trim_start().len())
    }

    fn strip_word(self, word: &str) -> Option<Self> {
        let head = self.text.get(..word.len())?;
        head.eq_ignore_ascii_case(word).then(|| self.skip(word.len()))
    }

    /// The words between `separators`, without the empty ones.
    fn words(self, separators: &'static [char]) -> impl Iterator<Item = Word> + use<'a> {
        let mut at = 0;
        self.text.split(separators).filter_map(move |word| {
            let start = self.start + size(at);
            at += word.len() + 1;
            (!word.is_empty()).then(|| Word { text: word.to_owned(), range: TextRange::at(start, size(word.len())) })
        })
    }
}

fn size(bytes: usize) -> TextSize {
    TextSize::try_from(bytes).unwrap_or_default()
}

/// The directives in a comment that starts at `start`, which may hold several: `# noqa: E501 # auditline: ignore[AUD201]
/// reason`.
#[must_use]
pub fn directives(comment: &str, start: TextSize) -> Vec<Directive> {
    let mut found = Vec::new();
    let mut at = 0_usize;
    for part in comment.split('#') {
        let sign = size(at.saturating_sub(1));
        let whole = TextRange::new(start + sign, start + size(at + part.len()));
        let piece = Piece { text: part, start: start + size(at) }.trim_start();
        let dashes = piece.text.len() - piece.text.trim_start_matches("--").len();
        let piece = piece.skip(dashes).trim_start();
        at += part.len() + 1;
        if let Some(rest) = piece.strip_word("auditline:") {
            found.extend(own_form(whole, piece.start, rest.trim_start()));
        } else if let Some(rest) = piece.strip_word("noqa") {
            found.extend(noqa(whole, piece.start, rest));
        }
    }
    found
}

/// `ignore`, `ignore[AUD201, AUD3] reason`, `ignore-file[AUD201]`.
fn own_form(part: TextRange, start: TextSize, text: Piece<'_>) -> Option<Directive> {
    let (whole_file, rest) = match text.strip_word("ignore-file") {
        Some(rest) => (true, rest),
        None => (false, text.strip_word("ignore")?),
    };
    if rest.text.starts_with(|char: char| char.is_alphanumeric() || matches!(char, '-' | '_')) {
        return None;
    }
    let range = |end| TextRange::new(start, end);
    let directive = |words, end| Directive { whole_file, own_form: true, words, range: range(end), part };
    let bracket = rest.trim_start();
    if !bracket.text.starts_with('[') {
        return Some(directive(None, rest.start));
    }
    // A list that is not closed is a mistake; it must not suppress more than was meant.
    let list = bracket.skip(1);
    let close = list.text.find(']')?;
    let words = Piece { text: &list.text[..close], ..list }.words(&[',', ' ', '\t']);
    Some(directive(Some(words.collect()), list.start + size(close + 1)))
}

/// `noqa`, `noqa: AUD201`, `noqa:AUD201,E501 reason`.
fn noqa(part: TextRange, start: TextSize, rest: Piece<'_>) -> Option<Directive> {
    let range = |end| TextRange::new(start, end);
    let directive = |words, end| Directive { whole_file: false, own_form: false, words, range: range(end), part };
    let colon = rest.trim_start();
    if !colon.text.starts_with(':') {
        let ends = rest.text.chars().next().is_none_or(|char| !char.is_alphanumeric() && char != '_');
        return ends.then(|| directive(None, rest.start));
    }
    // The codes end where a word is not a code: what follows is a reason.
    let is_code = |word: &Word| {
        let letters = word.text.trim_end_matches(|char: char| char.is_ascii_digit());
        letters.len() < word.text.len() && !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            || auditline_hazards::find(&word.text).is_some()
    };
    let codes: Vec<Word> = colon.skip(1).words(&[',', ' ', '\t']).take_while(is_code).collect();
    let end = codes.last().map_or(colon.start + size(1), |word| word.range.end());
    Some(directive(Some(codes), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(comment: &str) -> Vec<Option<Vec<String>>> {
        let words = |words: Vec<Word>| words.into_iter().map(|word| word.text).collect();
        directives(comment, 0.into()).into_iter().map(|directive| directive.words.map(words)).collect()
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
        let found = directives("auditline: ignore-file[AUD2]", 0.into());
        assert_eq!(found.len(), 1);
        assert!(found[0].whole_file);
    }

    #[test]
    fn ranges_say_where_directives_and_words_stand() {
        let comment = "# noqa: E501, AUD201 long # auditline: ignore[ AUD3 ,é,AUD1] why";
        let found = directives(comment, 7.into());
        let slice = |range: TextRange| &comment[usize::from(range.start()) - 7..usize::from(range.end()) - 7];
        let whole: Vec<&str> = found.iter().map(|directive| slice(directive.range)).collect();
        assert_eq!(whole, ["noqa: E501, AUD201", "auditline: ignore[ AUD3 ,é,AUD1]"]);
        for word in found.iter().flat_map(|directive| directive.words.iter().flatten()) {
            assert_eq!(slice(word.range), word.text);
        }
        let bare = directives("-- auditline: ignore -- the reason", 0.into());
        assert_eq!(bare[0].range, TextRange::new(3.into(), 20.into()));
    }

    #[test]
    fn words_of_other_tools_are_told_apart() {
        let ours = |text: &str| Word { text: text.to_owned(), range: TextRange::default() }.is_ours();
        assert!(ours("AUD201") && ours("aud2") && ours("AUD999") && ours("unlocked-read-modify-write"));
        assert!(!ours("E501") && !ours("AUDIT1") && !ours("F8") && !ours("é"));
    }
}
