//! The lowered form of a Dockerfile.

use text_size::TextRange;

use crate::Name;

/// A lowered Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dockerfile {
    /// What `# syntax=` names: the frontend that builds it.
    pub syntax: Option<Box<str>>,
    /// Whether `# escape=` makes the backtick the escape character.
    pub escape_is_backtick: bool,
    /// `ARG` instructions before the first `FROM`.
    pub global: Vec<Instruction>,
    /// The stages, in source order.
    pub stages: Vec<Stage>,
    /// The text of comments, without `#` and blanks around it, outside of heredocs; in source order.
    pub comments: Vec<(TextRange, Box<str>)>,
    /// Instructions that could not be read, or that stand before the first `FROM` and may not.
    pub errors: Vec<TextRange>,
}

impl Dockerfile {
    /// Every instruction in a stage, in source order.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.stages.iter().flat_map(|stage| &stage.instructions)
    }
}

/// A build stage: `FROM` and the instructions behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The `FROM` instruction.
    pub range: TextRange,
    /// The base image or the earlier stage.
    pub image: Word,
    /// The name behind `AS`.
    pub name: Option<Word>,
    /// The value of `--platform`.
    pub platform: Option<Word>,
    /// What the stage does.
    pub instructions: Vec<Instruction>,
}

/// A word of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As written, but with line continuations taken out; in the JSON form what the string says.
    pub text: Box<str>,
    /// Where it stands; in the JSON form the inside of the quotes.
    pub range: TextRange,
    /// What it is when the image is built: quotes removed, variables filled in. `None` where a variable in it has no
    /// known value.
    pub value: Option<Box<str>>,
    /// The build arguments on which `value` depends: a build that sets one of them gets another value.
    pub args: Vec<Name>,
}

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of its last line, heredocs included, without the line end.
    pub range: TextRange,
    /// The keyword (behind `ONBUILD`, where there is one).
    pub keyword: TextRange,
    /// Whether it runs only when another image is built from this one.
    pub onbuild: bool,
    /// What it does.
    pub kind: InstructionKind,
}

/// The kinds of instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionKind {
    /// `COPY`, `ADD`.
    Copy(Copy),
    /// `RUN`.
    Run(Run),
    /// `ARG`; without a value where it has no default.
    Arg(Vec<Assignment>),
    /// `ENV`.
    Env(Vec<Assignment>),
    /// `WORKDIR`.
    Workdir(Word),
    /// `USER`.
    User(Word),
    /// `CMD`, by the range of what stands behind the keyword.
    Cmd(TextRange),
    /// `ENTRYPOINT`, by the range of what stands behind the keyword.
    Entrypoint(TextRange),
    /// Any other instruction.
    Other(Name),
}

/// `COPY` or `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Whether it is `ADD`.
    pub is_add: bool,
    /// `--from=…`, `--chown=…`, `--link`, …
    pub flags: Vec<Flag>,
    /// How the paths are written.
    pub form: CopyForm,
    /// What is copied.
    pub sources: Vec<Source>,
    /// Where to; `None` while it is being typed.
    pub destination: Option<Word>,
}

impl Copy {
    /// The first flag of that name.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| &*flag.name == name)
    }

    /// The values of every `--exclude`.
    pub fn excludes(&self) -> impl Iterator<Item = &Word> {
        self.flags.iter().filter(|flag| &*flag.name == "exclude").filter_map(|flag| flag.value.as_ref())
    }
}

/// How the paths of a `COPY` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyForm {
    /// Words between blanks.
    Words,
    /// A JSON array.
    Json,
}

/// A flag of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Its name, without `--`.
    pub name: Box<str>,
    /// What stands behind `=`.
    pub value: Option<Word>,
    /// The whole flag.
    pub range: TextRange,
}

/// A source of a `COPY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, pattern or URL.
    Path(Word),
    /// A file written in place.
    Heredoc(Heredoc),
}

/// A heredoc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: Box<str>,
    /// Where `<<NAME` stands.
    pub range: TextRange,
    /// The lines of its body, with their line ends.
    pub body: TextRange,
}

/// `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `--mount=…`.
    pub mounts: Vec<Mount>,
    /// The other flags.
    pub flags: Vec<Flag>,
    /// The command, as written.
    pub command: TextRange,
    /// The heredocs that it opens.
    pub heredocs: Vec<Heredoc>,
}

/// A `--mount` of a `RUN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The whole flag.
    pub range: TextRange,
    /// Its type: `bind` where it says nothing.
    pub kind: Box<str>,
    /// The stage, image or named context that it takes its files from.
    pub from: Option<Word>,
    /// What is mounted.
    pub source: Option<Word>,
    /// Where it is mounted.
    pub target: Option<Word>,
}

/// `NAME=value` of an `ARG` or `ENV`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: Name,
    /// The value as written.
    pub value: Option<Word>,
    /// The whole assignment.
    pub range: TextRange,
}
