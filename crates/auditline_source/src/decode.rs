//! From bytes to text.

use std::sync::Arc;

use thiserror::Error;

use crate::BOM;

/// Why the bytes of a file are not a text that we can read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A NUL byte: not a text file (or UTF-16).
    #[error("the file has a NUL byte at offset {offset}")]
    Nul {
        /// Where it stands.
        offset: usize,
    },
    /// Bytes that are not UTF-8, in a file that does not say that it is anything else.
    #[error("the file is not UTF-8: invalid byte at offset {offset}")]
    InvalidUtf8 {
        /// Where the first of them stands.
        offset: usize,
    },
    /// Bytes that are not UTF-8, in a file whose coding line (PEP 263) names another encoding.
    #[error("the file is written in {encoding}, not in UTF-8")]
    OtherEncoding {
        /// The encoding that it names.
        encoding: String,
        /// Where the first byte stands that is not UTF-8.
        offset: usize,
    },
    /// More than 4 GiB.
    #[error("the file is too large: {len} bytes")]
    TooLarge {
        /// Its size.
        len: usize,
    },
}

/// Reads the bytes of a file as UTF-8.
///
/// A byte order mark *stays in the text*, so that offsets into the text are offsets into the file and an edit keeps
/// every byte it does not name. Positions do not count it (see [`crate::LineIndex`]), the Python grammar skips it, and
/// [`crate::SourceText::content_start`] is where the first insertion goes.
///
/// # Errors
/// If the bytes hold a NUL, or are not UTF-8, or are more than an offset can reach.
pub fn decode(bytes: Vec<u8>) -> Result<Arc<str>, DecodeError> {
    if u32::try_from(bytes.len()).is_err() {
        return Err(DecodeError::TooLarge { len: bytes.len() });
    }
    if let Some(offset) = memchr::memchr(0, &bytes) {
        return Err(DecodeError::Nul { offset });
    }
    String::from_utf8(bytes).map(Arc::from).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        match coding_line(error.as_bytes()) {
            Some(encoding) => DecodeError::OtherEncoding { encoding, offset },
            None => DecodeError::InvalidUtf8 { offset },
        }
    })
}

/// The encoding named by a comment in the first two lines (PEP 263), unless it is UTF-8.
fn coding_line(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(BOM.as_bytes()).unwrap_or(bytes);
    for line in bytes.split(|&byte| byte == b'\n').take(2) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if !line.starts_with(b"#") {
            return None;
        }
        let Some(at) = memchr::memmem::find(line, b"coding") else { continue };
        let rest = &line[at + b"coding".len()..];
        let Some((b':' | b'=', rest)) = rest.split_first().map(|(first, rest)| (*first, rest)) else { continue };
        let name: String = rest
            .trim_ascii_start()
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            .map(|&byte| byte as char)
            .collect();
        let plain = name.to_ascii_lowercase().replace('_', "-");
        let is_utf8 = plain == "utf-8" || plain == "utf8" || plain.starts_with("utf-8-");
        return (!name.is_empty() && !is_utf8).then_some(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_stays() {
        assert_eq!(&*decode(b"\xEF\xBB\xBFx = 1\n".to_vec()).unwrap(), "\u{feff}x = 1\n");
    }

    #[test]
    fn nul_and_invalid_bytes_are_told_with_their_offset() {
        assert_eq!(decode(b"ab\0c".to_vec()), Err(DecodeError::Nul { offset: 2 }));
        assert_eq!(decode(b"ab\xffc".to_vec()), Err(DecodeError::InvalidUtf8 { offset: 2 }));
        assert_eq!(decode(b"# coding: utf-8\nx = '\xe9'\n".to_vec()), Err(DecodeError::InvalidUtf8 { offset: 21 }));
    }

    #[test]
    fn another_encoding_is_named() {
        for text in
            [&b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nx = '\xe9'\n"[..], b"# vim: fileencoding=latin-1\n'\xe9'"]
        {
            let Err(DecodeError::OtherEncoding { encoding, .. }) = decode(text.to_vec()) else { panic!("decoded") };
            assert_eq!(encoding, "latin-1");
        }
        // Behind code it is an ordinary comment.
        assert!(matches!(decode(b"x = 1\n# coding: latin-1\n'\xe9'".to_vec()), Err(DecodeError::InvalidUtf8 { .. })));
        // A file that names another encoding but is plain UTF-8 is read.
        assert!(decode(b"# coding: latin-1\nx = 1\n".to_vec()).is_ok());
    }
}
