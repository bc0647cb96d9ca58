//! What must not stand in the repository.

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell;

/// A source file longer than this probably holds more than one concept; it is named, not refused.
const LONG: usize = 500;

/// Refuses unfinished code and paths of the machine it was written on, and names long source files.
pub(crate) fn check() -> Result<()> {
    let files = shell::output(shell::command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut faults = Vec::new();
    let mut long = Vec::new();
    for name in files.lines() {
        let path = shell::root().join(name);
        // Binary files, and those that are deleted but not yet committed, hold nothing to read.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        for (line, number) in text.lines().zip(1..) {
            faults.extend(faults_of(line, is_rust, shell::root()).map(|word| format!("{name}:{number}: `{word}`")));
        }
        if is_rust && text.lines().count() > LONG {
            long.push((text.lines().count(), name.to_owned()));
        }
    }
    long.sort_by(|a, b| b.cmp(a));
    for (lines, name) in long {
        eprintln!("note: {name} has {lines} lines");
    }
    if !faults.is_empty() {
        bail!("the tree holds what it must not:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

fn faults_of<'a>(line: &'a str, is_rust: bool, root: &'a Path) -> impl Iterator<Item = String> + use<'a> {
    // Spelled in two halves, so that this list does not find itself.
    let unfinished = [("todo", "!("), ("unimplemented", "!("), ("dbg", "!("), ("#[ig", "nore")];
    let in_code = unfinished.into_iter().filter(move |_| is_rust).map(|(head, tail)| format!("{head}{tail}"));
    let paths = [Some(root), root.parent().filter(|parent| parent.components().count() > 2)];
    let of_the_machine = paths.into_iter().flatten().map(|path| format!("{}/", path.display()));
    in_code.chain(of_the_machine).filter(|word| line.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_unfinished_code_and_paths_of_the_machine() {
        let root = Path::new("/somewhere/deep/auditline");
        let count = |line: &str, is_rust| faults_of(line, is_rust, root).count();
        assert_eq!(count(&format!("    {}()", concat!("todo", "!")), true), 1);
        assert_eq!(count(&format!("    {}()", concat!("todo", "!")), false), 0, "only in Rust");
        assert_eq!(count("see /somewhere/deep/auditline/target", false), 2);
        assert_eq!(count("see /somewhere/deep/other", false), 1);
        assert_eq!(count("let fine = 1;", true), 0);
    }
}
