//! Docker: Dockerfiles, what a build context leaves out, and the files that say how an image is built.
//!
//! A Dockerfile is read as BuildKit reads it, one logical line after the other, so that a half-typed instruction
//! costs nothing but itself. All ranges are absolute.

mod build;
#[cfg(test)]
mod build_tests;
mod compose;
mod dockerfile;
mod expand;
mod glob;
mod ignore;
mod lines;
mod lower;
mod shell;
#[cfg(test)]
mod tests;
mod words;
mod workflow;
mod yaml;

pub use build::{Build, BuildArg, BuildPath, DockerfileAt, PathBase};
pub use compose::compose_builds;
pub use dockerfile::{
    Assignment, Copy, CopyForm, Dockerfile, Flag, Heredoc, Instruction, InstructionKind, Mount, Run, Source, Stage,
    Word,
};
pub use glob::Glob;
pub use ignore::{DockerIgnore, GitIgnore, Verdict};
pub use lower::lower;
pub use shell::{makefile_builds, script_builds};
pub use workflow::ci_builds;
