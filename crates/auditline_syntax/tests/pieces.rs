//! Read in pieces or as a whole: a text that parses is lowered to the same.
//!
//! The files are those of the sample projects, or with `AUDITLINE_PYTHON_FILES` those below that folder.

use std::path::{Path, PathBuf};

use auditline_syntax::python::{Reparser, lower, parse};

fn python_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => python_files(&path, found),
            Ok(kind) if kind.is_file() && path.extension().is_some_and(|extension| extension == "py") => {
                found.push(path)
            }
            _ => {}
        }
    }
}

#[test]
fn pieces_add_up_to_the_whole() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");
    let folder = std::env::var_os("AUDITLINE_PYTHON_FILES").unwrap_or_else(|| own.into());
    let mut files = Vec::new();
    python_files(Path::new(&folder), &mut files);
    assert!(files.len() > 20, "no sample projects in {}", folder.display());
    let mut differ = Vec::new();
    for path in &files {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        let tree = parse(&text, None);
        if !tree.has_errors() && Reparser::default().lower(&text, None) != lower(&text, &tree) {
            differ.push(path);
        }
    }
    assert!(differ.is_empty(), "{} of {} files: {differ:#?}", differ.len(), files.len());
}
