//! Reading one file.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use auditline_source::{SourceText, decode};

use crate::skipped::{SkipReason, SpecialFile};

/// The size above which a file is named instead of read.
pub const MAX_FILE_SIZE: u64 = 8 * 1024 * 1024;

/// Reads a regular file of at most `limit` bytes as text.
///
/// # Errors
/// Why it cannot be read, as it is shown to the user.
pub fn read_text(path: &Path, limit: u64) -> Result<Arc<SourceText>, SkipReason> {
    // The kind is asked before the file is opened: opening a named pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(|error| SkipReason::from(&error))?;
    if let Some(special) = SpecialFile::of(metadata.file_type()) {
        return Err(SkipReason::Special(special));
    }
    if !metadata.is_file() {
        return Err(SkipReason::Io("it is a directory".to_owned()));
    }
    if metadata.len() > limit {
        return Err(SkipReason::TooLarge { size: metadata.len(), limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let file = File::open(path).map_err(|error| SkipReason::from(&error))?;
    // One byte more than allowed tells a file that grows while it is read from one that fits.
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| SkipReason::from(&error))?;
    if read as u64 > limit {
        return Err(SkipReason::TooLarge { size: read as u64, limit });
    }
    Ok(Arc::new(SourceText::new(decode(bytes)?)))
}
