//! What is being typed in a comment that suppresses findings.

use auditline_source::{FileKind, SourceText, TextRange, TextSize};
use auditline_syntax::python::ir::Module;

use super::directive::directives;

/// What is being typed at a place of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typing {
    /// What the comment is to do: `ignore`, `ignore-file`.
    Verb {
        /// What stands there already, up to the place.
        range: TextRange,
    },
    /// A word of a list of hazards.
    Hazard {
        /// What stands there already, up to the place.
        range: TextRange,
        /// The other words of the list.
        listed: Vec<String>,
    },
}

/// What is being typed at that offset, if it stands in such a comment; `module` is the lowered form where the file is
/// Python.
#[must_use]
pub fn typing_at(kind: FileKind, text: &SourceText, module: Option<&Module>, offset: TextSize) -> Option<Typing> {
    let line = text.line_index().line_of(offset);
    let content = text.line_index().line_content(text.text(), line)?;
    let start = match module {
        Some(module) => {
            let starts = module.pragmas.iter().map(|pragma| pragma.range.start());
            starts.filter(|start| content.contains_inclusive(*start)).find(|start| *start <= offset)?
        }
        None => {
            let marker = if kind == FileKind::Sql { "--" } else { "#" };
            content.start() + TextSize::try_from(text.slice(content).find(marker)?).ok()?
        }
    };
    let before = (start <= offset && offset <= content.end()).then(|| text.slice(TextRange::new(start, offset)))?;
    let behind = text.slice(TextRange::new(offset, content.end()));
    typing(before, behind, offset)
}

fn typing(before: &str, behind: &str, offset: TextSize) -> Option<Typing> {
    let part = before.rsplit('#').next()?.trim_start().trim_start_matches("--").trim_start();
    let range = |word: &str| TextRange::new(offset - TextSize::of(word), offset);
    let current = |list: &str| list.rsplit([',', ' ', '\t']).next().unwrap_or_default().len();
    if let Some(rest) = strip(part, "auditline:") {
        let rest = rest.trim_start();
        let Some((verb, list)) = rest.split_once('[') else {
            let is_verb = rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            return is_verb.then(|| Typing::Verb { range: range(rest) });
        };
        if !matches!(verb.trim_end().to_ascii_lowercase().as_str(), "ignore" | "ignore-file") || list.contains(']') {
            return None;
        }
        let word = &list[list.len() - current(list)..];
        let after = behind.split([']', '#']).next().unwrap_or_default();
        let listed = others(&list[..list.len() - word.len()], after);
        return Some(Typing::Hazard { range: range(word), listed });
    }
    let list = strip(part, "noqa")?.trim_start().strip_prefix(':')?;
    let word = &list[list.len() - current(list)..];
    let done = &list[..list.len() - word.len()];
    // What follows on a word that is no code is a reason.
    let read = directives(&format!("noqa:{done}"), 0.into());
    let codes = read.first()?.words.as_ref()?.len();
    (codes == words(done).count()).then(|| Typing::Hazard { range: range(word), listed: others(done, "") })
}

/// The words of a list around the one that is being typed. What stands directly behind the cursor belongs to that one.
fn others(before: &str, behind: &str) -> Vec<String> {
    let behind = behind.find([',', ' ', '\t']).map_or("", |at| &behind[at..]);
    words(before).chain(words(behind)).map(str::to_owned).collect()
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t']).filter(|word| !word.is_empty())
}

fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is typed at the bar, and the other words of the list.
    fn at(comment: &str) -> Option<(String, Option<Vec<String>>)> {
        let (before, behind) = comment.split_once('|').unwrap();
        let offset = TextSize::of(before);
        Some(match typing(before, behind, offset)? {
            Typing::Verb { range } => (before[usize::from(range.start())..].to_owned(), None),
            Typing::Hazard { range, listed } => (before[usize::from(range.start())..].to_owned(), Some(listed)),
        })
    }

    fn hazard(word: &str, listed: &[&str]) -> Option<(String, Option<Vec<String>>)> {
        Some((word.to_owned(), Some(listed.iter().map(|word| (*word).to_owned()).collect())))
    }

    #[test]
    fn hazards_are_typed_in_lists() {
        assert_eq!(at("# auditline: ignore[|"), hazard("", &[]));
        assert_eq!(at("# auditline: ignore[AUD2|"), hazard("AUD2", &[]));
        assert_eq!(at("# auditline:ignore-file [AUD101, un|locked, AUD3] why"), hazard("un", &["AUD101", "AUD3"]));
        assert_eq!(at("-- auditline: ignore[AUD4|]"), hazard("AUD4", &[]));
        assert_eq!(at("# noqa: E501 # auditline: ignore[|]"), hazard("", &[]));
        assert_eq!(at("# noqa:|"), hazard("", &[]));
        assert_eq!(at("# noqa: E501, AU|"), hazard("AU", &["E501"]));
    }

    #[test]
    fn verbs_are_typed_behind_the_colon() {
        assert_eq!(at("# auditline: ig|"), Some(("ig".to_owned(), None)));
        assert_eq!(at("# auditline:|"), Some((String::new(), None)));
    }

    #[test]
    fn elsewhere_nothing_is_typed() {
        for comment in [
            "# audit|",
            "# auditline: ignore[AUD201] the reason|",
            "# auditline: ignore the reason|",
            "# auditline: check[AUD|",
            "# noqa: because AUD|",
            "# noqa|",
            "# see # also|",
        ] {
            assert_eq!(at(comment), None, "{comment}");
        }
    }
}
