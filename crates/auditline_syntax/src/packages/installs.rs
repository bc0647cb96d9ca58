//! Commands that install requirement files: lines of Dockerfiles, scripts, Makefiles and CI files.

use super::{Include, range};

/// The requirement and constraint files of each command `pip install` (also `pip3`, `python -m pip`, `uv pip`) that names
/// several. What a shell would put in (`$…`), and what has an address, is left out.
#[must_use]
pub fn installs(text: &str) -> Vec<Vec<Include>> {
    let mut found = Vec::new();
    let mut command: Vec<(usize, &str)> = Vec::new();
    let mut end = |command: &mut Vec<(usize, &str)>| {
        let files = files(command);
        if files.len() > 1 {
            found.push(files);
        }
        command.clear();
    };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_end();
        // A comment between joined lines is no part of the command, and does not end it.
        if content.trim_start().starts_with('#') {
            continue;
        }
        let (content, goes_on) = match content.strip_suffix('\\') {
            Some(content) => (content, true),
            None => (content, false),
        };
        for (offset, word) in words(content) {
            match word {
                "&&" | "||" | ";" | "|" | "&" => end(&mut command),
                word if word.ends_with(';') => {
                    command.push((start + offset, word.trim_end_matches(';')));
                    end(&mut command);
                }
                word => command.push((start + offset, word)),
            }
        }
        if !goes_on {
            end(&mut command);
        }
    }
    end(&mut command);
    found
}

/// The words of a line with their offsets.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = line;
    let mut at = 0;
    std::iter::from_fn(move || {
        let blank = rest.len() - rest.trim_start().len();
        rest = &rest[blank..];
        at += blank;
        if rest.is_empty() {
            return None;
        }
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = (at, &rest[..length]);
        rest = &rest[length..];
        at += length;
        Some(word)
    })
}

/// The files that one command installs.
fn files(command: &[(usize, &str)]) -> Vec<Include> {
    let is_pip = |word: &str| {
        let name = word.trim_matches(['"', '\'']).rsplit('/').next().unwrap_or(word);
        name == "pip" || name.strip_prefix("pip").is_some_and(|version| version.starts_with('3'))
    };
    let installs = command.windows(2).position(|pair| is_pip(pair[0].1) && pair[1].1 == "install");
    let Some(installs) = installs else { return Vec::new() };
    let mut found = Vec::new();
    let mut words = command[installs + 2..].iter();
    while let Some((at, word)) = words.next() {
        let attached = ["--requirement=", "--constraint=", "-r", "-c"]
            .iter()
            .find_map(|option| word.strip_prefix(option).filter(|path| !path.is_empty()));
        let (path, end) = if let Some(path) = attached {
            (path, at + word.len())
        } else if matches!(*word, "-r" | "-c" | "--requirement" | "--constraint") {
            let Some((start, path)) = words.next() else { break };
            (*path, start + path.len())
        } else {
            continue;
        };
        let path = path.trim_matches(['"', '\'']);
        if !path.is_empty() && !path.contains(['$', '{', '*']) && !path.contains("://") {
            found.push(Include { path: path.into(), range: range(*at, end) });
        }
    }
    found
}
