//! Writing changed files.

use std::io::Write;
use std::path::Path;

use auditline_source::FilePath;
use tempfile::NamedTempFile;
use thiserror::Error;

use super::FileChange;

/// Why a file was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// It is a symbolic link, or stands behind one that leads out of the workspace.
    #[error("{0} is not written: a symbolic link leads out of the workspace")]
    LeadsOut(FilePath),
    /// It was to be made, and is there.
    #[error("{0} is not made: it is there already")]
    Exists(FilePath),
    /// Its content is no longer what was checked.
    #[error("{0} is not written: it was changed meanwhile")]
    Changed(FilePath),
    /// It is marked as read-only.
    #[error("{0} is not written: it is read-only")]
    ReadOnly(FilePath),
    /// The file system refused.
    #[error("{path} cannot be written: {source}")]
    Io {
        /// The file.
        path: FilePath,
        /// The error.
        source: std::io::Error,
    },
}

/// Writes the changes below `root`.
///
/// Each file is written beside its place and then moved there, so that none is ever seen half written; permissions
/// stay. Everything is made ready before the first file is moved, so that a change over several files is not torn
/// apart by a file that cannot be written.
///
/// # Errors
/// If a file cannot or must not be written. Nothing is written then, unless moving itself fails.
pub fn write_changes(root: FilePath, changes: &[FileChange]) -> Result<(), WriteError> {
    let canonical_root = root.as_path().canonicalize().map_err(|source| WriteError::Io { path: root, source })?;
    let mut ready = Vec::with_capacity(changes.len());
    for change in changes {
        let io = |source| WriteError::Io { path: change.path, source };
        let path = change.path.as_path();
        let Some(before) = &change.before else {
            ready.push((change.path, made(change, &canonical_root)?, true));
            continue;
        };
        let metadata = path.symlink_metadata().map_err(io)?;
        if !metadata.is_file() || leads_out(path, &canonical_root).map_err(io)? {
            return Err(WriteError::LeadsOut(change.path));
        }
        if metadata.permissions().readonly() {
            return Err(WriteError::ReadOnly(change.path));
        }
        if std::fs::read(path).map_err(io)? != before.text().as_bytes() {
            return Err(WriteError::Changed(change.path));
        }
        let mut file = NamedTempFile::with_prefix_in(".auditline-", path.parent().unwrap_or(path)).map_err(io)?;
        file.write_all(change.after.text().as_bytes()).map_err(io)?;
        file.as_file().set_permissions(metadata.permissions()).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        ready.push((change.path, file, false));
    }
    for (path, file, is_new) in ready {
        let moved = if is_new { file.persist_noclobber(path.as_path()) } else { file.persist(path.as_path()) };
        moved.map_err(|error| WriteError::Io { path, source: error.error })?;
    }
    Ok(())
}

/// A file that was not there, ready beside its place. It may be read by whoever may read the files of its directory, as
/// an editor would have it.
fn made(change: &FileChange, canonical_root: &Path) -> Result<NamedTempFile, WriteError> {
    let io = |source| WriteError::Io { path: change.path, source };
    let path = change.path.as_path();
    if path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(change.path));
    }
    let directory = path.parent().unwrap_or(path);
    if leads_out(directory, canonical_root).map_err(io)? {
        return Err(WriteError::LeadsOut(change.path));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".auditline-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).map_err(io)?;
    file.write_all(change.after.text().as_bytes()).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    Ok(file)
}

fn leads_out(path: &Path, canonical_root: &Path) -> std::io::Result<bool> {
    Ok(!path.canonicalize()?.starts_with(canonical_root))
}
