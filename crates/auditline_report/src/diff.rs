//! Changes as a unified diff.

use std::io::{self, Write};

use auditline_project::FileChange;
use auditline_source::{FilePath, SourceText};
use similar::TextDiff;

use crate::paths::{relative, visible};

/// Writes the changes as a unified diff that `patch -p1` and `git apply` take, byte for byte: line ends are kept.
///
/// # Errors
/// If it cannot be written.
pub fn write(changes: &[FileChange], from: FilePath, out: &mut dyn Write) -> io::Result<()> {
    for change in changes {
        let path = visible(&relative(from, change.path));
        let before = change.before.as_deref().map_or("", SourceText::text);
        let diff = TextDiff::from_lines(before, change.after.text());
        let old = if change.before.is_some() { format!("a/{path}") } else { "/dev/null".to_owned() };
        let new = format!("b/{path}");
        write!(out, "{}", diff.unified_diff().header(&old, &new))?;
    }
    Ok(())
}
