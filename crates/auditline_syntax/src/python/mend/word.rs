//! What the words of Python say about the line in which they stand.

/// Whether a line that starts with this text starts a statement, and cannot go on with a bracket opened above it.
pub(super) fn starts_statement(line: &str) -> bool {
    let (first, rest) = split(line);
    match first {
        "def" | "class" | "return" | "import" | "raise" | "while" | "with" | "try" | "except" | "finally" | "elif"
        | "pass" | "break" | "continue" | "global" | "nonlocal" | "del" | "assert" => true,
        "async" => matches!(split(rest).0, "def" | "with"),
        // `yield from` may be written over two lines in brackets.
        "from" => split(rest.trim_start_matches(['.', ' ']).trim_start_matches(is_path)).0 == "import",
        _ => false,
    }
}

fn is_path(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '.'
}

/// Whether a line starts a definition or one of its decorators.
pub(super) fn starts_definition(line: &str) -> bool {
    let (first, rest) = split(line);
    match first {
        "def" | "class" => rest.starts_with(|char: char| char.is_alphabetic() || char == '_'),
        "async" => split(rest).0 == "def",
        _ => line
            .strip_prefix('@')
            .is_some_and(|rest| rest.starts_with(|char: char| char.is_alphabetic() || char == '_')),
    }
}

/// Whether a statement that starts with these words ends its first line with a colon.
pub(super) fn is_header(first: &str, second: &str) -> bool {
    match first {
        "if" | "elif" | "else" | "for" | "while" | "with" | "try" | "except" | "finally" | "def" | "class" => true,
        "async" => matches!(second, "def" | "for" | "with"),
        _ => false,
    }
}

/// Whether something must stand behind this word.
pub(super) fn wants_more(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "or"
            | "not"
            | "in"
            | "is"
            | "await"
            | "import"
            | "as"
            | "if"
            | "elif"
            | "while"
            | "with"
            | "del"
            | "assert"
            | "global"
            | "nonlocal"
            | "from"
            | "else"
    )
}

/// The first word, and what stands behind it without blanks.
pub(super) fn split(line: &str) -> (&str, &str) {
    let end = line.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(line.len());
    (&line[..end], line[end..].trim_start_matches([' ', '\t']))
}

/// Whether a line that starts with this word and goes on like this is a `match` or `case`, which are names elsewhere.
pub(super) fn is_match(first: &str, behind: &str) -> bool {
    matches!(first, "match" | "case")
        && behind.starts_with(|char: char| char.is_alphanumeric() || matches!(char, '_' | '"' | '\''))
        && !matches!(split(behind).0, "in" | "is" | "and" | "or" | "not" | "if")
}

/// Whether a word is one that no name can be.
pub(super) fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "False"
            | "None"
            | "True"
            | "and"
            | "as"
            | "assert"
            | "async"
            | "await"
            | "break"
            | "class"
            | "continue"
            | "def"
            | "del"
            | "elif"
            | "else"
            | "except"
            | "finally"
            | "for"
            | "from"
            | "global"
            | "if"
            | "import"
            | "in"
            | "is"
            | "lambda"
            | "nonlocal"
            | "not"
            | "or"
            | "pass"
            | "raise"
            | "return"
            | "try"
            | "while"
            | "with"
            | "yield"
    )
}
