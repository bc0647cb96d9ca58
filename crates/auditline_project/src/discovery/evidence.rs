//! Directories that are not the project's own code, told by what is in them.

use std::path::Path;

/// Directories of other people's code and of caches, by names that nobody gives to a package of their own.
const FOREIGN_NAMES: &[&str] =
    &["node_modules", "bower_components", "site-packages", "dist-packages", "__pycache__", "__pypackages__"];

/// Hidden directories in which projects keep files that matter.
const KEPT_HIDDEN: &[&str] = &[".github", ".gitlab", ".devcontainer", ".docker", ".circleci"];

/// Whether the directory holds no code of the project: packages of others, caches, what a build left.
pub(super) fn is_foreign(directory: &Path, name: &str) -> bool {
    if FOREIGN_NAMES.contains(&name) || name.ends_with(".egg-info") || name.ends_with(".dist-info") {
        return true;
    }
    // A virtual environment and a conda environment say so, whatever their name is.
    if directory.join("pyvenv.cfg").is_file() || directory.join("conda-meta").is_dir() {
        return true;
    }
    // https://bford.info/cachedir/: written by tools into directories that they can make again.
    if directory.join("CACHEDIR.TAG").is_file() {
        return true;
    }
    match name {
        "build" => {
            holds(directory, |entry| entry == "bdist" || entry.starts_with("bdist.") || entry.starts_with("lib."))
        }
        "dist" => holds(directory, |entry| entry.ends_with(".whl") || entry.ends_with(".tar.gz")),
        _ => false,
    }
}

/// Whether a hidden directory is walked nevertheless.
pub(super) fn is_kept_hidden(name: &str) -> bool {
    KEPT_HIDDEN.contains(&name)
}

fn holds(directory: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(&wanted))
}
