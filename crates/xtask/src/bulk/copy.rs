//! Copies of trees.

use std::path::Path;

use anyhow::{Context, Result};
use ignore::WalkBuilder;

/// How the Python files of a copy are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// As they are.
    AsIs,
    /// With a byte order mark, and with the line ends of Windows.
    Windows,
}

/// Copies a tree without what its version control keeps, and without symbolic links.
pub(super) fn copy(from: &Path, to: &Path, writing: Writing) -> Result<()> {
    let walk = WalkBuilder::new(from).standard_filters(false).filter_entry(|entry| entry.file_name() != ".git").build();
    for entry in walk {
        let entry = entry?;
        let target = to.join(entry.path().strip_prefix(from)?);
        match entry.file_type() {
            Some(kind) if kind.is_dir() => std::fs::create_dir_all(target)?,
            Some(kind) if kind.is_file() && writing == Writing::Windows && is_python(&target) => {
                std::fs::write(target, as_windows(&std::fs::read_to_string(entry.path())?))?;
            }
            Some(kind) if kind.is_file() => {
                std::fs::copy(entry.path(), target).with_context(|| format!("{}", entry.path().display()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_python(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "py")
}

fn as_windows(text: &str) -> String {
    format!("\u{feff}{}", text.replace("\r\n", "\n").replace('\n', "\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_marks_the_file_and_ends_lines_with_two_bytes() {
        assert_eq!(as_windows("a\nb\r\nc"), "\u{feff}a\r\nb\r\nc");
    }
}
