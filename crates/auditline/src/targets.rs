//! What is checked: the paths on the command line, by workspace.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use auditline_project::{Config, ConfigErrors, Selector, Workspace, workspace_root};
use auditline_report::relative;
use auditline_source::FilePath;

use crate::args::CheckArguments;
use crate::error::Error;

/// A workspace and what is checked in it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) workspace: Workspace,
    pub(crate) paths: Vec<FilePath>,
}

/// The working directory, as paths are shown from it.
pub(crate) fn working_directory() -> Result<FilePath, Error> {
    let path = std::env::current_dir().and_then(|path| path.canonicalize());
    let path = path.map_err(|error| Error::WorkingDirectory(error.to_string()))?;
    FilePath::new(&path).ok_or_else(|| Error::WorkingDirectory("its name is not UTF-8".to_owned()))
}

/// Sorts the paths into workspaces, each with its configuration.
pub(crate) fn targets(arguments: &CheckArguments, from: FilePath) -> Result<Vec<Target>, Error> {
    let select = selectors("--select", &arguments.select)?;
    let ignore = selectors("--ignore", &arguments.ignore)?;
    let here = [PathBuf::from(".")];
    let named = if arguments.paths.is_empty() { &here[..] } else { &arguments.paths };
    let mut by_root: BTreeMap<FilePath, Vec<FilePath>> = BTreeMap::new();
    for path in named {
        let path = canonical(path)?;
        by_root.entry(workspace_root(path)).or_default().push(path);
    }
    let config_file = arguments.config.as_deref().map(canonical).transpose()?;
    let mut targets = Vec::with_capacity(by_root.len());
    for (root, paths) in by_root {
        let config = match config_file {
            _ if arguments.no_config => Ok(Config::default()),
            Some(file) => Config::read(root, file),
            None => Config::load(root),
        };
        let config = config.map_err(|errors| Error::Config(describe(&errors, from)))?;
        targets.push(Target { workspace: Workspace::new(root, config, &select, &ignore), paths });
    }
    Ok(targets)
}

/// The workspace around a path, with its configuration.
pub(crate) fn workspace_of(path: &Path, no_config: bool, from: FilePath) -> Result<Workspace, Error> {
    let root = workspace_root(canonical(path)?);
    let config = if no_config { Ok(Config::default()) } else { Config::load(root) };
    let config = config.map_err(|errors| Error::Config(describe(&errors, from)))?;
    Ok(Workspace::new(root, config, &[], &[]))
}

fn selectors(option: &'static str, lists: &[String]) -> Result<Vec<Selector>, Error> {
    let mut selectors = Vec::new();
    for list in lists {
        selectors.extend(Selector::parse_list(list).map_err(|source| Error::Selector { option, source })?);
    }
    Ok(selectors)
}

/// The path without symbolic links: a link that is named on the command line is followed, others are not.
fn canonical(path: &Path) -> Result<FilePath, Error> {
    let canonical = path.canonicalize().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoSuchPath(path.to_owned()),
        _ => Error::Path { path: path.to_owned(), source },
    })?;
    FilePath::new(&canonical).ok_or_else(|| Error::PathNotUtf8(path.to_owned()))
}

/// The mistakes with their places, paths as seen from the working directory.
fn describe(errors: &ConfigErrors, from: FilePath) -> String {
    let lines = errors.0.iter().map(|error| {
        let file = relative(from, error.file);
        match error.line {
            Some(line) => format!("  {file}:{line}:{}: {}", error.column, error.message),
            None => format!("  {file}: {}", error.message),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
