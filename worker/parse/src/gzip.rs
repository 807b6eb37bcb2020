//! A single gzip-compressed document, unpacked with a cap.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use sheaf_common::fault::{Fault, FaultKind};

use crate::limits::MAX_GUNZIPPED_BYTES;

/// Bytes of the beginning that decide what is inside.
const PEEK_BYTES: u64 = 64 * 1024;

/// Whether the bytes begin as gzip with DEFLATE inside, the only method there is.
pub(crate) fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1F, 0x8B, 0x08])
}

/// The beginning of what is inside, as far as it can be read.
pub(crate) fn peek(body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    // An error leaves what was read before it, which is all that is asked for here.
    let _ = MultiGzDecoder::new(body).take(PEEK_BYTES).read_to_end(&mut head);
    head
}

/// All of what is inside.
pub(crate) fn inflate(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let read = MultiGzDecoder::new(body).take(MAX_GUNZIPPED_BYTES as u64 + 1).read_to_end(&mut inflated);
    if inflated.len() > MAX_GUNZIPPED_BYTES {
        return Err(Fault::new(
            FaultKind::TooLarge,
            format!(
                "the gzip file of {} bytes unpacks to more than {} MiB; unpacking stopped there",
                body.len(),
                MAX_GUNZIPPED_BYTES / 1024 / 1024
            ),
            "unpack it by hand if it can be trusted, and give Sheaf the parts of it that matter",
        ));
    }
    match read {
        Ok(_) => Ok(inflated),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(out_of_memory(inflated.len())),
        Err(error) => Err(Fault::new(
            FaultKind::Malformed,
            format!(
                "the gzip file breaks off or is damaged after {} unpacked bytes: {error}",
                inflated.len()
            ),
            "download or copy it again",
        )),
    }
}
/// The fault of a document that unpacks to more than there is memory for.
pub(crate) fn out_of_memory(unpacked: usize) -> Fault {
    Fault::new(
        FaultKind::ParseMemory,
        format!("after {unpacked} unpacked bytes there was no memory for more"),
        "raise --parse-memory if the document is worth it",
    )
}
