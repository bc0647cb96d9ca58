//! Lowering a Dockerfile, instruction by instruction.

use text_size::TextRange;

use super::dockerfile::{
    Assignment, Copy, CopyForm, Dockerfile, Flag, Heredoc, Instruction, InstructionKind, Mount, Run, Source, Stage,
    Word,
};
use super::expand::{Scope, Value, expand};
use super::lines::{Joined, Lines, comment, join, range};
use super::words::{self, Span};
use crate::Name;

/// Lowers a Dockerfile. Never fails: what cannot be read is in [`Dockerfile::errors`].
#[must_use]
pub fn lower(text: &str) -> Dockerfile {
    let mut lowering =
        Lowering { escape: '\\', file: Dockerfile::default(), scopes: Vec::new(), global: Scope::default() };
    let mut lines = Lines::new(text);
    lowering.directives(lines.clone());
    while let Some((start, line)) = lines.next() {
        if let Some(found) = comment(start, line) {
            lowering.file.comments.push(found);
        } else if !line.trim().is_empty() {
            let (joined, end) = join((start, line), &mut lines, lowering.escape, &mut lowering.file.comments);
            lowering.instruction(&joined, end, &mut lines);
        }
    }
    lowering.file
}

struct Lowering {
    escape: char,
    file: Dockerfile,
    /// The variables at the end of each stage so far, parallel to the stages.
    scopes: Vec<Scope>,
    /// What `ARG` before the first `FROM` sets.
    global: Scope,
}

impl Lowering {
    /// Reads `# syntax=` and `# escape=`, which stand before anything else.
    fn directives(&mut self, lines: Lines<'_>) {
        for (start, line) in lines {
            let Some((_, text)) = comment(start, line) else { return };
            let Some((key, value)) = text.split_once('=') else { return };
            match key.trim().to_ascii_lowercase().as_str() {
                "syntax" => self.file.syntax = Some(value.trim().into()),
                "escape" if value.trim() == "`" => {
                    self.escape = '`';
                    self.file.escape_is_backtick = true;
                }
                "escape" | "check" => {}
                _ => return,
            }
        }
    }

    fn instruction(&mut self, line: &Joined, end: usize, lines: &mut Lines<'_>) {
        let Some(mut keyword) = words::next(&line.text, 0) else { return };
        let onbuild = keyword.of(&line.text).eq_ignore_ascii_case("ONBUILD");
        let whole = |end: usize| TextRange::new(line.range(0, 0).start(), range(end, end).end());
        if onbuild {
            let Some(inner) = words::next(&line.text, keyword.end) else {
                self.file.errors.push(whole(end));
                return;
            };
            keyword = inner;
        }
        let name = keyword.of(&line.text).to_ascii_uppercase();
        let (flags, rest) = words::flags(&line.text, keyword.end, self.escape);
        let mut heredocs = Vec::new();
        let mut end = end;
        if !onbuild && matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
            for word in words::split_quoted(&line.text, rest, self.escape) {
                let Some((name, cut_tabs)) = words::heredoc(word.of(&line.text)) else { continue };
                match self.heredoc_body(&name, cut_tabs, lines) {
                    Some((body, last)) => {
                        heredocs.push(Heredoc { name: name.into(), range: line.range(word.start, word.end), body });
                        end = last;
                    }
                    None => self.file.errors.push(line.range(word.start, word.end)),
                }
            }
        }
        let whole = whole(end);
        if name == "FROM" && !onbuild {
            self.from(line, &flags, rest, whole);
            return;
        }
        let kind = match name.as_str() {
            "COPY" | "ADD" => self.copy(name == "ADD", line, &flags, rest, heredocs),
            "RUN" => self.run(line, &flags, rest, heredocs),
            "ARG" => self.arg(line, keyword.end, onbuild),
            "ENV" => self.env(line, keyword.end, onbuild),
            "WORKDIR" => InstructionKind::Workdir(self.rest_as_word(line, rest)),
            "USER" => InstructionKind::User(self.rest_as_word(line, rest)),
            "CMD" => InstructionKind::Cmd(line.range(rest, line.text.trim_end().len())),
            "ENTRYPOINT" => InstructionKind::Entrypoint(line.range(rest, line.text.trim_end().len())),
            "LABEL" | "EXPOSE" | "VOLUME" | "STOPSIGNAL" | "HEALTHCHECK" | "SHELL" | "MAINTAINER" => {
                InstructionKind::Other(Name::new(&name))
            }
            _ => {
                self.file.errors.push(whole);
                return;
            }
        };
        let instruction = Instruction { range: whole, keyword: line.range(keyword.start, keyword.end), onbuild, kind };
        match (self.file.stages.last_mut(), &instruction.kind) {
            (Some(stage), _) => stage.instructions.push(instruction),
            (None, InstructionKind::Arg(_)) => self.file.global.push(instruction),
            (None, _) => self.file.errors.push(whole),
        }
    }

    /// Reads the lines of a heredoc; returns its body and the end of the line that closes it. Where nothing closes it,
    /// nothing is read.
    fn heredoc_body(&self, name: &str, cut_tabs: bool, lines: &mut Lines<'_>) -> Option<(TextRange, usize)> {
        let mut ahead = lines.clone();
        let body = ahead.offset();
        while let Some((start, line)) = ahead.next() {
            let line_text = if cut_tabs { line.trim_start_matches('\t') } else { line };
            if line_text == name {
                *lines = ahead;
                return Some((range(body, start), start + line.len()));
            }
        }
        None
    }

    fn scope(&self) -> &Scope {
        self.scopes.last().unwrap_or(&self.global)
    }

    fn set(&mut self, name: Name, value: Value) {
        self.scopes.last_mut().unwrap_or(&mut self.global).set(name, value);
    }

    fn word(&self, line: &Joined, span: Span) -> Word {
        self.word_in(line, span, self.scope())
    }

    fn word_in(&self, line: &Joined, span: Span, scope: &Scope) -> Word {
        let text = span.of(&line.text);
        let Value { text: value, args } = expand(text, self.escape, scope);
        Word { text: text.into(), range: line.range(span.start, span.end), value: value.map(Into::into), args }
    }

    fn rest_as_word(&self, line: &Joined, rest: usize) -> Word {
        self.word(line, Span { start: rest, end: line.text.trim_end().len().max(rest) })
    }

    fn flag(&self, line: &Joined, span: Span) -> Flag {
        let text = span.of(&line.text);
        let body = text.strip_prefix("--").unwrap_or(text);
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(Span { start: span.end - value.len(), end: span.end })),
            None => (body, None),
        };
        Flag {
            name: name.into(),
            value: value.map(|span| self.word(line, span)),
            range: line.range(span.start, span.end),
        }
    }

    fn from(&mut self, line: &Joined, flags: &[Span], rest: usize, whole: TextRange) {
        let words = words::split(&line.text, rest);
        let Some(image) = words.first() else {
            self.file.errors.push(whole);
            return;
        };
        // Only arguments from before the first stage are seen here.
        let image = self.word_in(line, *image, &self.global);
        let platform = flags.iter().find_map(|span| {
            let value = span.of(&line.text).strip_prefix("--platform=")?;
            Some(self.word_in(line, Span { start: span.end - value.len(), end: span.end }, &self.global))
        });
        let is_as = words.get(1).is_some_and(|word| word.of(&line.text).eq_ignore_ascii_case("AS"));
        let name = words.get(2).filter(|_| is_as).map(|span| self.word(line, *span));
        let base = image.value.as_deref().and_then(|image| {
            self.file
                .stages
                .iter()
                .rposition(|stage| stage.name.as_ref().is_some_and(|name| name.text.eq_ignore_ascii_case(image)))
        });
        self.scopes.push(base.and_then(|base| self.scopes.get(base)).cloned().unwrap_or_default());
        self.file.stages.push(Stage { range: whole, image, name, platform, instructions: Vec::new() });
    }

    fn copy(
        &self,
        is_add: bool,
        line: &Joined,
        flags: &[Span],
        rest: usize,
        mut heredocs: Vec<Heredoc>,
    ) -> InstructionKind {
        let flags = flags.iter().map(|span| self.flag(line, *span)).collect();
        let (form, mut paths) = match words::json_strings(&line.text, rest) {
            Some(strings) => {
                (CopyForm::Json, strings.iter().map(|(span, text)| self.json_word(line, *span, text)).collect())
            }
            None => {
                let words = words::split(&line.text, rest);
                (CopyForm::Words, words.iter().map(|span| self.word(line, *span)).collect::<Vec<_>>())
            }
        };
        if form == CopyForm::Words && line.text[rest.min(line.text.len())..].starts_with('[') {
            // A JSON array that is not complete, or a pattern: its words are not what they seem.
            paths.iter_mut().for_each(|path| path.value = None);
        }
        // With one word alone nobody can tell whether it is a source; BuildKit refuses it.
        let destination = if paths.len() > 1 { paths.pop() } else { None };
        let sources = paths
            .into_iter()
            .map(|word| match heredocs.iter().position(|heredoc| heredoc.range == word.range) {
                Some(index) => Source::Heredoc(heredocs.swap_remove(index)),
                None => Source::Path(word),
            })
            .collect();
        InstructionKind::Copy(Copy { is_add, flags, form, sources, destination })
    }

    fn json_word(&self, line: &Joined, span: Span, text: &str) -> Word {
        let Value { text: value, args } = expand(text, self.escape, self.scope());
        Word { text: text.into(), range: line.range(span.start, span.end), value: value.map(Into::into), args }
    }

    fn run(&self, line: &Joined, flags: &[Span], rest: usize, heredocs: Vec<Heredoc>) -> InstructionKind {
        let (mounts, flags): (Vec<Span>, Vec<Span>) =
            flags.iter().copied().partition(|span| span.of(&line.text).starts_with("--mount="));
        InstructionKind::Run(Run {
            mounts: mounts.into_iter().map(|span| self.mount(line, span)).collect(),
            flags: flags.into_iter().map(|span| self.flag(line, span)).collect(),
            command: line.range(rest, line.text.trim_end().len().max(rest)),
            heredocs,
        })
    }

    fn mount(&self, line: &Joined, span: Span) -> Mount {
        let mut mount = Mount {
            range: line.range(span.start, span.end),
            kind: "bind".into(),
            from: None,
            source: None,
            target: None,
        };
        let mut at = span.start + "--mount=".len();
        for field in span.of(&line.text).get("--mount=".len()..).unwrap_or_default().split(',') {
            let end = at + field.len();
            if let Some((key, value)) = field.split_once('=') {
                let word = || Some(self.word(line, Span { start: end - value.len(), end }));
                match key.trim().to_ascii_lowercase().as_str() {
                    "type" => mount.kind = value.into(),
                    "from" => mount.from = word(),
                    "source" | "src" => mount.source = word(),
                    "target" | "dst" | "destination" => mount.target = word(),
                    _ => {}
                }
            }
            at = end + 1;
        }
        mount
    }

    fn assignments(&self, line: &Joined, at: usize) -> Vec<Assignment> {
        let words = words::split_quoted(&line.text, at, self.escape);
        words
            .into_iter()
            .map(|span| {
                let text = span.of(&line.text);
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (name, Some(Span { start: span.end - value.len(), end: span.end })),
                    None => (text, None),
                };
                Assignment {
                    name: Name::new(name),
                    value: value.map(|span| self.word(line, span)),
                    range: line.range(span.start, span.end),
                }
            })
            .collect()
    }

    fn arg(&mut self, line: &Joined, at: usize, onbuild: bool) -> InstructionKind {
        let assignments = self.assignments(line, at);
        for assignment in assignments.iter().filter(|_| !onbuild) {
            let mut value = match &assignment.value {
                Some(word) => value_of(word),
                // Without a default of its own it takes that of the argument before the first stage.
                None => self.global.get(assignment.name).cloned().unwrap_or_default(),
            };
            value.args.push(assignment.name);
            self.set(assignment.name, value);
        }
        InstructionKind::Arg(assignments)
    }

    fn env(&mut self, line: &Joined, at: usize, onbuild: bool) -> InstructionKind {
        let first = words::next(&line.text, at);
        let assignments = match first {
            // The old form: one variable, and all the rest is its value.
            Some(name) if !name.of(&line.text).contains('=') => {
                let value = words::next(&line.text, name.end)
                    .map(|rest| Span { start: rest.start, end: line.text.trim_end().len() });
                vec![Assignment {
                    name: Name::new(name.of(&line.text)),
                    value: value.map(|span| self.word(line, span)),
                    range: line.range(name.start, value.map_or(name.end, |span| span.end)),
                }]
            }
            _ => self.assignments(line, at),
        };
        for assignment in assignments.iter().filter(|_| !onbuild) {
            let value = assignment.value.as_ref().map(value_of).unwrap_or_default();
            self.set(assignment.name, value);
        }
        InstructionKind::Env(assignments)
    }
}

fn value_of(word: &Word) -> Value {
    Value { text: word.value.as_deref().map(str::to_owned), args: word.args.clone() }
}
