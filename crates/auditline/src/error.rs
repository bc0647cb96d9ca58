//! Why the job could not be done.

use std::io;
use std::path::PathBuf;

use auditline_project::{OpenError, UnknownHazard, WriteError};
use thiserror::Error;

/// Why the job could not be done.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("the working directory cannot be told: {0}")]
    WorkingDirectory(String),
    #[error("`{}` does not exist", .0.display())]
    NoSuchPath(PathBuf),
    #[error("`{}` cannot be read: {source}", path.display())]
    Path { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be read: its name is not UTF-8", .0.display())]
    PathNotUtf8(PathBuf),
    #[error("{option}: {source}")]
    Selector { option: &'static str, source: UnknownHazard },
    #[error("{0}")]
    UnknownHazard(#[from] UnknownHazard),
    #[error("`{0}` stands for several hazards; `auditline hazards` lists them all")]
    SeveralHazards(String),
    #[error("the page of {code} cannot be shown: {message}")]
    Page { code: &'static str, message: String },
    #[error("wrong configuration\n{0}")]
    Config(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the output cannot be written: {0}")]
    Output(#[source] io::Error),
}
