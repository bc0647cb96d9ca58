//! Image builds in shell scripts, Makefiles and the steps of CI jobs.

use rustc_hash::FxHashMap;

use super::build::{Build, BuildPath, DIRECTORY, DockerfileAt, PathBase, ROOT, UNKNOWN, build_arg};
use super::lines::range;
use super::words::Span;

/// The image builds in a shell script.
#[must_use]
pub fn script_builds(text: &str) -> Vec<Build> {
    Shell::new(text, Dialect::Script).builds()
}

/// The image builds in the recipes of a Makefile.
#[must_use]
pub fn makefile_builds(text: &str) -> Vec<Build> {
    Shell::new(text, Dialect::Make).builds()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Script,
    /// Each recipe line is a shell of its own, and `$(NAME)` is a variable.
    Make,
}

/// A reader of shell commands that knows as much as leads to the paths of an image build.
pub(super) struct Shell<'a> {
    text: &'a str,
    dialect: Dialect,
    /// What variables hold; a text with [`UNKNOWN`] in it where that cannot be told.
    variables: FxHashMap<String, String>,
    workdir: Option<BuildPath>,
    start: Option<BuildPath>,
    /// Directories to come back to, and whether a subshell was opened there.
    stack: Vec<(Option<BuildPath>, bool)>,
    builds: Vec<Build>,
}

/// A word of a command: what it says, and where it stands.
type ShellWord = (String, Span);

impl<'a> Shell<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Self {
        let start = Some(BuildPath { base: PathBase::Start, path: "".into() });
        Self {
            text,
            dialect,
            variables: FxHashMap::default(),
            workdir: start.clone(),
            start,
            stack: Vec::new(),
            builds: Vec::new(),
        }
    }

    /// A step of a job that starts in `workdir`, with these variables.
    pub(super) fn step(text: &'a str, workdir: Option<BuildPath>, variables: FxHashMap<String, String>) -> Self {
        Self { variables, workdir: workdir.clone(), start: workdir, ..Self::new(text, Dialect::Script) }
    }

    pub(super) fn builds(mut self) -> Vec<Build> {
        let bytes = self.text.as_bytes();
        let mut words: Vec<ShellWord> = Vec::new();
        let mut at = 0;
        let mut at_line_start = true;
        while at < bytes.len() {
            let was_line_start = std::mem::take(&mut at_line_start);
            match bytes[at] {
                b'\\' if self.newline_length(at + 1) > 0 => at += 1 + self.newline_length(at + 1),
                b'\n' => {
                    self.run(&mut words);
                    at += 1;
                    at_line_start = true;
                    if self.dialect == Dialect::Make {
                        self.workdir = self.start.clone();
                        self.stack.clear();
                    }
                }
                b' ' | b'\t' | b'\r' => {
                    at += 1;
                    at_line_start = was_line_start;
                }
                b'@' | b'-' if was_line_start && self.dialect == Dialect::Make => {
                    at += 1;
                    at_line_start = true;
                }
                b'#' => at += bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at),
                b'(' => {
                    self.run(&mut words);
                    self.stack.push((self.workdir.clone(), true));
                    at += 1;
                }
                b')' => {
                    self.run(&mut words);
                    while let Some((workdir, is_subshell)) = self.stack.pop() {
                        self.workdir = workdir;
                        if is_subshell {
                            break;
                        }
                    }
                    at += 1;
                }
                b';' | b'&' | b'|' => {
                    self.run(&mut words);
                    at += 1;
                }
                _ => {
                    let (word, end) = self.word(at, 0);
                    words.push((word, Span { start: at, end }));
                    at = end.max(at + 1);
                }
            }
        }
        self.run(&mut words);
        self.builds
    }

    fn newline_length(&self, at: usize) -> usize {
        match self.text.as_bytes().get(at..) {
            Some([b'\n', ..]) => 1,
            Some([b'\r', b'\n', ..]) => 2,
            _ => 0,
        }
    }

    /// Reads a word; returns what it says and where it ends.
    fn word(&self, start: usize, depth: u32) -> (String, usize) {
        let mut out = String::new();
        let mut quoted = false;
        let mut at = start;
        while let Some(char) = self.text.get(at..).and_then(|rest| rest.chars().next()) {
            let width = char.len_utf8();
            match char {
                '"' => quoted = !quoted,
                '\'' if !quoted => {
                    let inner = self.text.get(at + 1..).unwrap_or_default();
                    let length = inner.find('\'').unwrap_or(inner.len());
                    out.push_str(&inner[..length]);
                    at += length + 1;
                }
                '\\' => {
                    let newline = self.newline_length(at + 1);
                    if newline > 0 {
                        at += newline;
                    } else if let Some(escaped) = self.text.get(at + 1..).and_then(|rest| rest.chars().next()) {
                        out.push(escaped);
                        at += escaped.len_utf8();
                    }
                }
                '$' => {
                    let (value, end) = self.dollar(at, depth);
                    out.push_str(&value);
                    at = end;
                    continue;
                }
                '`' => {
                    let inner = self.text.get(at + 1..).unwrap_or_default();
                    let length = inner.find('`').unwrap_or(inner.len());
                    out.push_str(&self.command_value(&inner[..length], depth));
                    at += length + 1;
                }
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' if !quoted => break,
                other => out.push(other),
            }
            at += width;
        }
        (out, at.min(self.text.len()))
    }

    /// Reads what a `$` at `at` starts.
    fn dollar(&self, at: usize, depth: u32) -> (String, usize) {
        let rest = self.text.get(at + 1..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix('(') {
            let length = closing(inner, '(', ')');
            let end = (at + 2 + length + 1).min(self.text.len());
            let body = &inner[..length];
            let value = match self.dialect {
                Dialect::Make => self.variable(body.trim()),
                Dialect::Script => self.command_value(body, depth),
            };
            return (value, end);
        }
        if let Some(inner) = rest.strip_prefix('{') {
            let length = closing(inner, '{', '}');
            let end = (at + 2 + length + 1).min(self.text.len());
            return (self.braced(&inner[..length]), end);
        }
        if self.dialect == Dialect::Make && rest.starts_with('$') {
            return self.dollar_of_shell(at + 1);
        }
        self.dollar_of_shell(at)
    }

    fn dollar_of_shell(&self, at: usize) -> (String, usize) {
        let rest = self.text.get(at + 1..).unwrap_or_default();
        let length = rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(rest.len());
        if length > 0 {
            return (self.variable(&rest[..length]), at + 1 + length);
        }
        let special =
            rest.chars().next().filter(|char| matches!(char, '@' | '*' | '#' | '?' | '!' | '$' | '-' | '<' | '^'));
        (UNKNOWN.into(), at + 1 + special.map_or(0, char::len_utf8))
    }

    fn braced(&self, inner: &str) -> String {
        let length = inner.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(inner.len());
        let (name, rest) = inner.split_at(length);
        let value = self.variable(name);
        let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
        match (rest, default) {
            ("", _) => value,
            // A variable that nothing here sets is most likely not set at all.
            (_, Some(default)) if value.contains(UNKNOWN) && !default.contains(['$', '`']) => {
                default.trim_matches('"').to_owned()
            }
            ("[0]", _) if name == "BASH_SOURCE" => format!("{DIRECTORY}/x"),
            _ => UNKNOWN.into(),
        }
    }

    fn variable(&self, name: &str) -> String {
        match name {
            "PWD" | "CURDIR" => ".".to_owned(),
            "GITHUB_WORKSPACE" | "CI_PROJECT_DIR" => ROOT.into(),
            "0" | "BASH_SOURCE" => format!("{DIRECTORY}/x"),
            name => self.variables.get(name).cloned().unwrap_or_else(|| UNKNOWN.into()),
        }
    }

    /// What a command prints, for the few by which scripts find where they are.
    fn command_value(&self, command: &str, depth: u32) -> String {
        const MAX_DEPTH: u32 = 4;
        let unknown = || UNKNOWN.to_string();
        if depth >= MAX_DEPTH {
            return unknown();
        }
        let command = command.trim();
        if command.starts_with("git rev-parse --show-toplevel") {
            return ROOT.into();
        }
        let inner = Shell { text: command, variables: self.variables.clone(), ..Shell::new("", self.dialect) };
        let mut words = Vec::new();
        let mut at = 0;
        while at < command.len() {
            match command.as_bytes()[at] {
                b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                b'&' | b';' | b'|' | b'(' | b')' => {
                    words.push(command[at..=at].to_owned());
                    at += 1;
                }
                _ => {
                    let (word, end) = inner.word(at, depth + 1);
                    words.push(word);
                    at = end.max(at + 1);
                }
            }
        }
        // What goes to another place than the standard output does not matter here.
        words.retain(|word| !word.starts_with('>') && !word.starts_with("2>") && word != "--" && word != "-P");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["pwd"] => ".".to_owned(),
            ["cd", path, "&", "&" | "/dev/null", "pwd", ..] | ["cd", path, ";", "pwd"] => (*path).to_owned(),
            ["cd", path, rest @ ..] if rest.last() == Some(&"pwd") => (*path).to_owned(),
            ["realpath" | "readlink", "-f" | "-e", path] | ["realpath", path] => (*path).to_owned(),
            ["dirname", path] => match path.rsplit_once('/') {
                Some((parent, _)) => parent.to_owned(),
                None => unknown(),
            },
            _ => unknown(),
        }
    }

    /// Runs a command as far as it matters here.
    fn run(&mut self, words: &mut Vec<ShellWord>) {
        let mut words = std::mem::take(words);
        let is_make_assignment = self.dialect == Dialect::Make
            && words.get(1).is_some_and(|(word, _)| matches!(word.as_str(), "=" | ":=" | "?=" | "::="));
        if is_make_assignment {
            let value: Vec<&str> = words.iter().skip(2).map(|(word, _)| word.as_str()).collect();
            let (name, value) = (words[0].0.clone(), value.join(" "));
            self.assign(&name, &value);
            return;
        }
        while let Some((word, _)) = words.first() {
            let is_prefix = matches!(
                word.as_str(),
                "sudo"
                    | "then"
                    | "do"
                    | "else"
                    | "if"
                    | "elif"
                    | "while"
                    | "!"
                    | "{"
                    | "time"
                    | "exec"
                    | "export"
                    | "local"
                    | "readonly"
                    | "env"
                    | "command"
                    | "set"
            );
            let assignment = word
                .split_once('=')
                .filter(|(name, _)| is_variable(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            if let Some((name, value)) = assignment {
                self.assign(&name, &value);
            } else if !is_prefix {
                break;
            }
            words.remove(0);
        }
        let texts: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        match texts.as_slice() {
            ["cd" | "pushd", path, ..] => {
                if texts[0] == "pushd" {
                    self.stack.push((self.workdir.clone(), false));
                }
                self.workdir = BuildPath::resolve(path, self.workdir.as_ref());
            }
            ["popd", ..] => {
                if let Some((workdir, false)) = self.stack.last().cloned() {
                    self.workdir = workdir;
                    self.stack.pop();
                }
            }
            _ => {
                if let Some(first) = build_arguments(&texts) {
                    self.build(&words, first);
                }
            }
        }
    }

    fn assign(&mut self, name: &str, value: &str) {
        let known = self.variables.get(name);
        // A variable with two values has whichever the run gives it.
        let value = if known.is_some_and(|known| known != value) { UNKNOWN.to_string() } else { value.to_owned() };
        self.variables.insert(name.to_owned(), value);
    }

    fn build(&mut self, words: &[ShellWord], first: usize) {
        let mut file = None;
        let mut args = Vec::new();
        let mut positional: Vec<&str> = Vec::new();
        let mut rest = words.iter().skip(first).map(|(word, _)| word.as_str());
        while let Some(word) = rest.next() {
            if word.starts_with(['>', '<']) || word.starts_with("2>") {
                continue;
            }
            if !word.starts_with('-') || word == "-" {
                positional.push(word);
                continue;
            }
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None if !word.starts_with("--") && word.len() > 2 && word.starts_with("-f") => ("-f", word.get(2..)),
                None => (word, None),
            };
            if value.is_none() && !takes_value(option) {
                continue;
            }
            let Some(value) = value.or_else(|| rest.next()) else { break };
            match option {
                "-f" | "--file" => file = Some(value),
                "--build-arg" => args.extend(build_arg(value)),
                _ => {}
            }
        }
        let mut known = positional.iter().filter(|word| !word.contains(UNKNOWN));
        let context = match (known.next(), known.next()) {
            (Some(context), None) => BuildPath::resolve(context, self.workdir.as_ref()),
            _ => None,
        };
        let dockerfile = match file {
            None => DockerfileAt::InContext("Dockerfile".into()),
            Some(file) => {
                BuildPath::resolve(file, self.workdir.as_ref()).map_or(DockerfileAt::Unknown, DockerfileAt::At)
            }
        };
        let span = |words: &[ShellWord]| Some((words.first()?.1.start, words.last()?.1.end));
        if let Some((start, end)) = span(words) {
            self.builds.push(Build { range: range(start, end), context, dockerfile, args, filled: Vec::new() });
        }
    }
}

/// Where the arguments of an image build start, if the command is one.
fn build_arguments(words: &[&str]) -> Option<usize> {
    let program = words.first()?.rsplit('/').next()?;
    if !matches!(program, "docker" | "podman" | "nerdctl" | "buildah" | "depot" | "finch") {
        return None;
    }
    let mut at = 1;
    loop {
        match *words.get(at)? {
            "build" => return Some(at + 1),
            "bud" if program == "buildah" => return Some(at + 1),
            "buildx" | "image" | "builder" => at += 1,
            "--context" | "--host" | "-H" | "--config" | "--log-level" | "-l" | "--builder" => at += 2,
            option if option.starts_with('-') => at += 1,
            _ => return None,
        }
    }
}

/// Whether an option of an image build is followed by its value as a word of its own.
fn takes_value(option: &str) -> bool {
    match option.strip_prefix("--") {
        Some(name) => !matches!(
            name,
            "push"
                | "load"
                | "pull"
                | "no-cache"
                | "rm"
                | "force-rm"
                | "quiet"
                | "compress"
                | "squash"
                | "check"
                | "debug"
                | "disable-content-trust"
                | "layers"
                | "squash-all"
                | "save"
                | "stream"
                | "no-hosts"
                | "lint"
        ),
        None => matches!(option, "-t" | "-f" | "-o" | "-m" | "-c" | "-v"),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The length of what stands before the bracket that closes one opened before `text`.
fn closing(text: &str, open: char, close: char) -> usize {
    let mut depth = 0_u32;
    for (offset, char) in text.char_indices() {
        if char == open {
            depth += 1;
        } else if char == close {
            match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return offset,
            }
        }
    }
    text.len()
}
