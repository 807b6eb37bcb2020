//! A length of four bytes, little-endian, then that many bytes.

use std::io::{self, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why no frame came.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The other end closed or broke.
    Closed,
    /// The other end announced more than the limit.
    TooLarge(usize),
}

impl From<io::Error> for FrameError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

fn length(bytes: &[u8], limit: usize) -> io::Result<[u8; 4]> {
    if bytes.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the frame is larger than the limit"));
    }
    Ok((bytes.len() as u32).to_le_bytes())
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], limit: usize) -> io::Result<()> {
    to.write_all(&length(bytes, limit)?).await?;
    to.write_all(bytes).await?;
    to.flush().await
}

pub(super) async fn read(from: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut header = [0; 4];
    from.read_exact(&mut header).await?;
    let length = u32::from_le_bytes(header) as usize;
    if length > limit {
        return Err(FrameError::TooLarge(length));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    Ok(bytes)
}

pub(super) fn write_blocking(to: &mut impl Write, bytes: &[u8], limit: usize) -> io::Result<()> {
    to.write_all(&length(bytes, limit)?)?;
    to.write_all(bytes)?;
    to.flush()
}

/// `None` at the end of the stream.
pub(super) fn read_blocking(from: &mut impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 4];
    match from.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(header) as usize;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is larger than the limit"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ends_agree() {
        let mut wire = Vec::new();
        write(&mut wire, b"abc", 10).await.unwrap();
        write_blocking(&mut wire, b"", 10).unwrap();
        let mut blocking = wire.as_slice();
        assert_eq!(read_blocking(&mut blocking, 10).unwrap().unwrap(), b"abc");
        assert_eq!(read_blocking(&mut blocking, 10).unwrap().unwrap(), b"");
        assert!(read_blocking(&mut blocking, 10).unwrap().is_none());
        assert_eq!(read(&mut wire.as_slice(), 10).await.unwrap(), b"abc");
    }

    #[tokio::test]
    async fn a_frame_beyond_the_limit_is_neither_sent_nor_read() {
        assert!(write(&mut Vec::new(), b"abcd", 3).await.is_err());
        let mut wire = Vec::new();
        write(&mut wire, b"abcd", 4).await.unwrap();
        assert!(matches!(read(&mut wire.as_slice(), 3).await, Err(FrameError::TooLarge(4))));
        assert!(read_blocking(&mut wire.as_slice(), 3).is_err());
    }
}
