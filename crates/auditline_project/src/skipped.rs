//! What was left out, and why.

use std::path::Path;

use auditline_source::DecodeError;
use serde::Serialize;
use thiserror::Error;

/// A file or directory of the workspace that should have been read and could not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its absolute path with `/`; what is not UTF-8 in it is replaced.
    pub path: String,
    /// Why.
    pub reason: SkipReason,
}

impl Skipped {
    pub(crate) fn new(path: &Path, reason: SkipReason) -> Self {
        let path = path.to_string_lossy();
        let path = if cfg!(windows) { path.replace('\\', "/") } else { path.into_owned() };
        Self { path, reason }
    }

    /// Whether it is `base` or stands below it.
    #[must_use]
    pub fn is_below(&self, base: &str) -> bool {
        self.path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || base.ends_with('/') || rest.starts_with('/'))
    }
}

/// Why something was left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum SkipReason {
    /// It may not be read.
    #[error("no permission to read it")]
    PermissionDenied,
    /// It is larger than what is read.
    #[error("it is larger than {limit} MB ({size} bytes)", limit = limit / (1024 * 1024))]
    TooLarge {
        /// Its size.
        size: u64,
        /// What is read at most.
        limit: u64,
    },
    /// Its bytes are not a text that can be read.
    #[error("{0}")]
    NotText(String),
    /// Its name is not UTF-8.
    #[error("its name is not UTF-8")]
    NameNotUtf8,
    /// A FIFO, socket or device.
    #[error("it is a {0}, not a regular file")]
    Special(SpecialFile),
    /// A symbolic link to something outside of the workspace.
    #[error("it is a symbolic link that leads out of the workspace")]
    LinkLeadsOut,
    /// A symbolic link that leads to itself, or to a directory in which it stands.
    #[error("it is a symbolic link that leads back to itself")]
    LinkLoop,
    /// A symbolic link to nothing.
    #[error("it is a symbolic link to nothing")]
    LinkDangling,
    /// Another error of the file system.
    #[error("{0}")]
    Io(String),
}

/// What a special file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error, Serialize)]
#[allow(missing_docs)]
pub enum SpecialFile {
    #[error("named pipe")]
    Fifo,
    #[error("socket")]
    Socket,
    #[error("device")]
    Device,
    #[error("special file")]
    Other,
}

impl SpecialFile {
    /// What a file of that type is; `None` for regular files, directories and links.
    pub(crate) fn of(kind: std::fs::FileType) -> Option<Self> {
        if kind.is_file() || kind.is_dir() || kind.is_symlink() {
            return None;
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            if kind.is_fifo() {
                return Some(Self::Fifo);
            }
            if kind.is_socket() {
                return Some(Self::Socket);
            }
            if kind.is_block_device() || kind.is_char_device() {
                return Some(Self::Device);
            }
        }
        Some(Self::Other)
    }
}

impl From<DecodeError> for SkipReason {
    fn from(error: DecodeError) -> Self {
        Self::NotText(error.to_string())
    }
}

impl From<&std::io::Error> for SkipReason {
    fn from(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            _ if is_link_loop(error) => Self::LinkLoop,
            _ => Self::Io(error.to_string()),
        }
    }
}

/// Whether too many symbolic links were met. The standard library has no stable name for it.
pub(crate) fn is_link_loop(error: &std::io::Error) -> bool {
    const ELOOP: i32 = if cfg!(any(target_os = "linux", target_os = "android")) { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(ELOOP)
}
