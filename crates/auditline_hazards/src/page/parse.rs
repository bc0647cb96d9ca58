//! Reading a page.

use crate::finding::Severity;

use super::{Example, ExampleFile, Expected, Fixed, Page, PageError};

/// The sections of a page, in their order.
const SECTIONS: [&str; 5] = ["Story", "Hazardous", "Silent", "Fix", "Seen when run"];

/// Reads a page.
///
/// # Errors
/// If it does not keep the contract of this module: a section is missing or out of order, a fence has no path, an
/// example has no files, a marker cannot be read.
pub fn parse(text: &str) -> Result<Page, PageError> {
    let blocks = blocks(text)?;
    let mut blocks = blocks.iter().peekable();
    let (code, name) = match blocks.next() {
        Some(Block::Heading { level: 1, title, line }) => match title.split_once(' ') {
            Some((code, name)) => (code.to_owned(), name.trim().to_owned()),
            None => return Err(error(*line, "the title is a code and a name: `# AUD000 some-name`")),
        },
        _ => return Err(error(1, "a page starts with its title: `# AUD000 some-name`")),
    };
    let mut sections: Vec<(&str, usize, Vec<&Block<'_>>)> = vec![("", 1, Vec::new())];
    for block in blocks {
        match block {
            Block::Heading { level: 2, title, line } => sections.push((title, *line, Vec::new())),
            Block::Heading { level: 1, line, .. } => return Err(error(*line, "a page has one title")),
            other => {
                if let Some((_, _, content)) = sections.last_mut() {
                    content.push(other);
                }
            }
        }
    }
    let mut sections = sections.into_iter();
    let summary = sections.next().map(|(_, _, content)| prose(&content)).unwrap_or_default();
    if summary.is_empty() {
        return Err(error(2, "a paragraph under the title says what goes wrong"));
    }
    let mut page = Page {
        code,
        name,
        summary,
        story: String::new(),
        hazardous: Vec::new(),
        silent: Vec::new(),
        fix: String::new(),
        seen: String::new(),
    };
    for wanted in SECTIONS {
        let Some((title, line, content)) = sections.next() else {
            return Err(error(text.lines().count(), format!("the section `## {wanted}` is missing")));
        };
        if title != wanted {
            return Err(error(line, format!("here stands `## {title}`, and `## {wanted}` is expected")));
        }
        match wanted {
            "Story" => page.story = prose(&content),
            "Hazardous" => page.hazardous = examples(&content)?,
            "Silent" => page.silent = examples(&content)?,
            "Fix" => page.fix = prose(&content),
            _ => page.seen = prose(&content),
        }
    }
    if let Some((title, line, _)) = sections.next() {
        return Err(error(line, format!("the section `## {title}` has no place on a page")));
    }
    Ok(page)
}

fn error(line: usize, message: impl Into<String>) -> PageError {
    PageError { line, message: message.into() }
}

/// A piece of Markdown, as far as pages go.
enum Block<'a> {
    /// A heading.
    Heading { level: usize, title: &'a str, line: usize },
    /// A fenced block.
    Fence { info: &'a str, text: String, line: usize },
    /// A line of prose, also an empty one.
    Prose(&'a str),
}

fn blocks(text: &str) -> Result<Vec<Block<'_>>, PageError> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let ticks = 3 + info.len() - info.trim_start_matches('`').len();
            let info = info.trim_start_matches('`').trim();
            let mut content = String::new();
            loop {
                let Some((_, line)) = lines.next() else {
                    return Err(error(at + 1, "this fence is never closed"));
                };
                if line.len() >= ticks && line.bytes().all(|byte| byte == b'`') {
                    break;
                }
                content.push_str(line);
                content.push('\n');
            }
            blocks.push(Block::Fence { info, text: content, line: at + 1 });
            continue;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        match line[level..].strip_prefix(' ') {
            Some(title) if (1..=6).contains(&level) => {
                blocks.push(Block::Heading { level, title: title.trim(), line: at + 1 });
            }
            _ => blocks.push(Block::Prose(line)),
        }
    }
    Ok(blocks)
}

/// Blocks as Markdown again, without empty lines around them.
fn prose(blocks: &[&Block<'_>]) -> String {
    let mut out = String::new();
    for block in blocks {
        match block {
            Block::Heading { level, title, .. } => {
                out.push_str(&"#".repeat(*level));
                out.push(' ');
                out.push_str(title);
            }
            Block::Fence { info, text, .. } => {
                out.push_str("```");
                out.push_str(info);
                out.push('\n');
                out.push_str(text);
                out.push_str("```");
            }
            Block::Prose(line) => out.push_str(line),
        }
        out.push('\n');
    }
    out.trim().to_owned()
}

fn examples(blocks: &[&Block<'_>]) -> Result<Vec<Example>, PageError> {
    let mut shared = Vec::new();
    let mut examples: Vec<Example> = Vec::new();
    let mut fixed = false;
    let mut refused = false;
    let mut words: Vec<&Block<'_>> = Vec::new();
    for block in blocks {
        match block {
            Block::Heading { level: 3, title, line } => {
                end_words(examples.last_mut(), &mut words, refused);
                fixed = false;
                refused = false;
                examples.push(Example {
                    title: (*title).to_owned(),
                    line: *line,
                    files: shared.clone(),
                    ..Example::default()
                });
            }
            Block::Heading { title: "Fixed", .. } => fixed = true,
            Block::Heading { title: "No fix", .. } => {
                end_words(examples.last_mut(), &mut words, false);
                refused = true;
            }
            Block::Heading { title: "Files", .. } => fixed = false,
            Block::Heading { title, line, .. } => {
                return Err(error(
                    *line,
                    format!("`{title}` is neither an example nor `#### Fixed` nor `#### No fix`"),
                ));
            }
            Block::Fence { info, text, line } => {
                let fence = fence(info, *line)?;
                let Some(path) = fence.path else {
                    words.push(block);
                    continue;
                };
                match examples.last_mut() {
                    Some(example) if fixed => {
                        if !fence.creates && !example.files.iter().any(|file| file.path == path) {
                            let what = format!("the example has no file `{path}` that a fix could change");
                            return Err(error(*line, what));
                        }
                        add_fixed(example, fence.fix, path, text.clone(), *line)?;
                    }
                    example => {
                        let (mut text, expected) = markers(text, *line)?;
                        text = text.repeat(fence.repeat);
                        let file = ExampleFile {
                            path: path.to_owned(),
                            language: fence.language.to_owned(),
                            text,
                            expected,
                            shared: example.is_none(),
                        };
                        let files = example.map_or(&mut shared, |example| &mut example.files);
                        // An example may have its own version of a shared file.
                        files.retain(|other| other.path != file.path || !other.shared);
                        if files.iter().any(|other| other.path == file.path) {
                            return Err(error(*line, format!("`{path}` stands twice in this example")));
                        }
                        files.push(file);
                    }
                }
            }
            Block::Prose(_) => words.push(block),
        }
    }
    end_words(examples.last_mut(), &mut words, refused);
    for example in &examples {
        if example.files.iter().all(|file| file.shared) {
            return Err(error(example.line, format!("the example `{}` has no file", example.title)));
        }
    }
    Ok(examples)
}

/// Gives what was said since the last heading to the example: to its prose, or as the reason why there is no fix.
fn end_words(example: Option<&mut Example>, words: &mut Vec<&Block<'_>>, refused: bool) {
    let text = prose(words);
    words.clear();
    let Some(example) = example else { return };
    if refused {
        example.no_fix = Some(text);
    } else {
        example.prose = text;
    }
}

fn add_fixed(example: &mut Example, fix: Option<&str>, path: &str, text: String, line: usize) -> Result<(), PageError> {
    let at = example.fixed.iter().position(|other| other.fix.as_deref() == fix);
    let group = match at {
        Some(at) => &mut example.fixed[at],
        None => {
            example.fixed.push(Fixed { fix: fix.map(str::to_owned), files: Vec::new() });
            let last = example.fixed.len() - 1;
            &mut example.fixed[last]
        }
    };
    if group.files.iter().any(|(other, _)| other == path) {
        return Err(error(line, format!("the fix changes `{path}` twice")));
    }
    group.files.push((path.to_owned(), text));
    Ok(())
}

struct Fence<'a> {
    language: &'a str,
    path: Option<&'a str>,
    fix: Option<&'a str>,
    /// Whether the fix makes the file.
    creates: bool,
    /// How many times the text stands in the file.
    repeat: usize,
}

fn fence(info: &str, line: usize) -> Result<Fence<'_>, PageError> {
    let (language, mut rest) = info.split_once(' ').unwrap_or((info, ""));
    let mut fence = Fence { language, path: None, fix: None, creates: false, repeat: 1 };
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(fence);
        }
        let Some((key, value)) = rest.split_once('=') else {
            return Err(error(line, format!("`{rest}` in the fence is no `key=value`")));
        };
        let value = match value.strip_prefix('"') {
            Some(quoted) => {
                let Some((value, after)) = quoted.split_once('"') else {
                    return Err(error(line, format!("the value of `{key}` has no closing quote")));
                };
                rest = after;
                value
            }
            None => {
                let (value, after) = value.split_once(' ').unwrap_or((value, ""));
                rest = after;
                value
            }
        };
        match key {
            "path" => fence.path = Some(value),
            "fix" => fence.fix = Some(value),
            "create" => fence.creates = value == "true",
            "repeat" => {
                let wrong = || error(line, format!("`{value}` is no number from 1 to 1000"));
                fence.repeat = value.parse().ok().filter(|times| (1..=1000).contains(times)).ok_or_else(wrong)?;
            }
            _ => return Err(error(line, format!("a fence knows `path`, `fix`, `create` and `repeat`, not `{key}`"))),
        }
    }
}

const ON_LINE: &str = "# finding: ";
const BELOW: &str = "# finding-below: ";

/// Takes the markers out of an example's text.
fn markers(text: &str, fence_line: usize) -> Result<(String, Vec<Expected>), PageError> {
    let mut out = String::with_capacity(text.len());
    let mut expected = Vec::new();
    let mut line_number = 1;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let wrong = || error(fence_line + 1 + at, "this marker cannot be read: `# finding: AUD000 \"words\"`");
        if let Some((before, marker)) = line.split_once(BELOW) {
            if !before.trim().is_empty() {
                return Err(error(fence_line + 1 + at, "`# finding-below:` stands on a line of its own"));
            }
            expected.push(marker_of(marker, line_number).ok_or_else(wrong)?);
            continue;
        }
        match line.split_once(ON_LINE) {
            Some((before, marker)) => {
                for marker in marker.split(ON_LINE) {
                    expected.push(marker_of(marker, line_number).ok_or_else(wrong)?);
                }
                out.push_str(before.trim_end());
                out.push('\n');
            }
            None => out.push_str(line),
        }
        line_number += 1;
    }
    Ok((out, expected))
}

fn marker_of(marker: &str, line: u32) -> Option<Expected> {
    let marker = marker.trim();
    let (code, rest) = marker.split_once(' ').unwrap_or((marker, ""));
    let digits = code.strip_prefix("AUD")?;
    if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (severity, rest) = severity_of(rest.trim());
    let message = if rest.is_empty() { None } else { Some(rest.strip_prefix('"')?.strip_suffix('"')?.to_owned()) };
    Some(Expected { line, code: code.to_owned(), severity, message })
}

/// The severity with which a marker begins, and what follows.
fn severity_of(marker: &str) -> (Option<Severity>, &str) {
    let (word, rest) = marker.split_once(' ').unwrap_or((marker, ""));
    let all = [Severity::Hint, Severity::Information, Severity::Warning, Severity::Error];
    match all.into_iter().find(|severity| severity.as_str() == word) {
        Some(severity) => (Some(severity), rest.trim()),
        None => (None, marker),
    }
}
