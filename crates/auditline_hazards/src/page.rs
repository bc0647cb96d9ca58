//! Pages: the hover, the documentation and the test of a hazard in one Markdown file.
//!
//! The contract of a page:
//!
//! ```markdown
//! # AUD201 unlocked-read-modify-write
//!
//! One paragraph: what goes wrong. It is the head of every hover.
//!
//! ## Story
//! Who loses what, step by step.
//!
//! ## Hazardous
//! ### A short title of the example
//! (a fenced block `py path=app/services.py`: the lines with findings end in `# finding: AUD201` or
//!  `# finding: AUD201 "part of the message"`, with the severity before the words where the example shows that:
//!  `# finding: AUD201 information`; several files are several blocks. Markers are removed
//!  before the code is checked. `repeat=40` says that the file holds the text so many times; markers count in the first.
//!  Other kinds of files: ```dockerfile path=Dockerfile```, and `text path=…`; markers there
//!  are lines above the finding that say `# finding-below: AUD701`, removed with their line end.)
//! #### Fixed
//! (one block per file that the fix changes, with the same `path=`, the expected text byte for byte. The title
//!  of the fix may be named: ```py path=app/services.py fix="Lock the load"```; without it the first fix is taken.
//!  Several groups with different titles are tried one by one, each on the hazardous example. A file that the fix makes is
//!  marked ```py path=app/new.py create=true```.)
//! #### No fix
//! Instead of the above: why no fix is offered; none may be.
//!
//! ## Silent
//! ### A title for each look-alike
//! (blocks as above, without markers: nothing of this hazard may be reported.)
//!
//! ## Fix
//! What the quick fixes do and what else helps.
//!
//! ## Seen when run
//! Facts that were tried by running them, with versions.
//! ```
//!
//! Each `###` example is one workspace of its own. A section `#### Files` may hold files that several examples share:
//! blocks directly under `## Hazardous` or `## Silent`, before the first `###`, belong to every example of the section.

use thiserror::Error;

use crate::finding::Severity;

mod parse;
mod render;

pub use parse::parse;

/// A hazard's page, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The code of its title.
    pub code: String,
    /// The name of its title.
    pub name: String,
    /// The paragraph under the title, as Markdown.
    pub summary: String,
    /// Who loses what, as Markdown.
    pub story: String,
    /// Code that must be reported.
    pub hazardous: Vec<Example>,
    /// Code that must not be.
    pub silent: Vec<Example>,
    /// What the fixes do, as Markdown.
    pub fix: String,
    /// What was seen when it was run, as Markdown.
    pub seen: String,
}

/// An example: a small workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// Its title.
    pub title: String,
    /// The line of its title in the page, from 1.
    pub line: usize,
    /// What is said about it besides its files, as Markdown.
    pub prose: String,
    /// Its files, those that its section shares first.
    pub files: Vec<ExampleFile>,
    /// What fixes make of it.
    pub fixed: Vec<Fixed>,
    /// Why no fix is offered for it, as Markdown, where the page says so.
    pub no_fix: Option<String>,
}

/// A file of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFile {
    /// Its path in the workspace.
    pub path: String,
    /// The language of the fence.
    pub language: String,
    /// Its text, without markers.
    pub text: String,
    /// The findings expected in it, in the order of their lines.
    pub expected: Vec<Expected>,
    /// Whether every example of the section has it.
    pub shared: bool,
}

/// A finding that an example expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The line, from 1.
    pub line: u32,
    /// The code.
    pub code: String,
    /// The severity, where the example says it.
    pub severity: Option<Severity>,
    /// What the message must contain.
    pub message: Option<String>,
}

/// What one fix makes of an example: the files that it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fixed {
    /// How the title of the fix begins; the first fix where it does not say.
    pub fix: Option<String>,
    /// The changed files: path and text.
    pub files: Vec<(String, String)>,
}

/// What is wrong with a page.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct PageError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}
