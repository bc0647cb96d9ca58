//! Messages on the wire: a head with their length, and a body.

use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// A head that is longer is none.
const MAX_HEAD: usize = 16 * 1024;

/// A message that is longer is refused: nothing that an editor says comes near.
const MAX_BODY: usize = 512 * 1024 * 1024;

/// Why no further message can be read.
#[derive(Debug, Error)]
pub(crate) enum FrameError {
    /// The stream ended inside a message.
    #[error("the input ended in the middle of a message")]
    CutOff,
    /// What stands where a head should be.
    #[error("the input is not a message: expected the header `Content-Length`, found {0:?}")]
    NotAHead(String),
    /// A head without a length.
    #[error("a message without the header `Content-Length`")]
    NoLength,
    /// A length that is no number.
    #[error("a message whose length is {0:?}")]
    BadLength(String),
    /// A length beyond all reason.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// The stream failed.
    #[error("the input cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads the body of the next message; `None` at the end of the stream.
pub(crate) async fn read_frame<R: AsyncBufRead + Unpin>(input: &mut R) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(length) = read_head(input).await? else { return Ok(None) };
    if length > MAX_BODY {
        return Err(FrameError::TooLong(length));
    }
    // Grows with what arrives: a length alone must not cost memory.
    let mut body = Vec::with_capacity(length.min(1024 * 1024));
    let read = input.take(length as u64).read_to_end(&mut body).await?;
    if read < length { Err(FrameError::CutOff) } else { Ok(Some(body)) }
}

async fn read_head<R: AsyncBufRead + Unpin>(input: &mut R) -> Result<Option<usize>, FrameError> {
    let mut length = None;
    let mut size = 0;
    loop {
        let mut line = Vec::new();
        let read = (&mut *input).take((MAX_HEAD - size) as u64).read_until(b'\n', &mut line).await?;
        if read == 0 && size < MAX_HEAD {
            return if size == 0 { Ok(None) } else { Err(FrameError::CutOff) };
        }
        size += read;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() && line.ends_with(b"\n") {
            // Blank lines between messages are nobody's harm.
            if size == read {
                size = 0;
                continue;
            }
            return length.map(Some).ok_or(FrameError::NoLength);
        }
        let Some((name, value)) = text.split_once(':') else {
            return Err(if line.ends_with(b"\n") || size >= MAX_HEAD {
                FrameError::NotAHead(text.chars().take(80).collect())
            } else {
                FrameError::CutOff
            });
        };
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            let value = value.trim();
            length = Some(value.parse().map_err(|_| FrameError::BadLength(value.chars().take(80).collect()))?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frames(bytes: &[u8]) -> (Vec<String>, Result<(), String>) {
        let mut input = bytes;
        let mut bodies = Vec::new();
        loop {
            match read_frame(&mut input).await {
                Ok(Some(body)) => bodies.push(String::from_utf8(body).unwrap()),
                Ok(None) => return (bodies, Ok(())),
                Err(error) => return (bodies, Err(error.to_string())),
            }
        }
    }

    #[tokio::test]
    async fn frames_are_read_until_the_end() {
        let (bodies, end) = frames(
            b"Content-Length: 2\r\n\r\n{}content-length:4\r\nContent-Type: x; charset=utf-8\r\n\r\nnull\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        assert_eq!(bodies, ["{}", "null", ""]);
        assert_eq!(end, Ok(()));
    }

    #[tokio::test]
    async fn what_is_cut_off_is_told() {
        for bytes in [&b"Content-Length: 20\r\n\r\n{}"[..], b"Content-Length: 2", b"Content-Length: 2\r\n"] {
            assert_eq!(frames(bytes).await.1.unwrap_err(), "the input ended in the middle of a message");
        }
    }

    #[tokio::test]
    async fn garbage_is_told() {
        assert!(frames(b"hello world\r\n\r\n").await.1.unwrap_err().contains("hello world"));
        assert!(frames(b"Content-Length: many\r\n\r\n").await.1.unwrap_err().contains("many"));
        assert!(frames(b"Content-Length: 99999999999\r\n\r\n").await.1.unwrap_err().contains("too long"));
        assert!(frames(b"Content-Type: x\r\n\r\n{}").await.1.unwrap_err().contains("without the header"));
        assert!(frames(&[b'x'; 100_000]).await.1.unwrap_err().contains("not a message"));
    }
}
