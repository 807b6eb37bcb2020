//! Undoing a body's content encoding, within a cap.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;

/// What we tell servers we can unpack.
pub(crate) const ACCEPTED: &str = "gzip, br, zstd";

/// Largest window that a zstd stream may ask for, 8 MiB, as RFC 9659 has it for content encodings.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Buffer of the brotli decoder, in bytes.
const BROTLI_BUFFER: usize = 16 * 1024;

/// Room reserved at once for a body whose length was announced; announcing costs a server nothing.
const RESERVED_AT_ONCE: usize = 256 * 1024;

/// Undoes one content encoding piece by piece; output past the cap stops it while it unpacks, so that a few
/// kilobytes that unpack to gigabytes cost no more than the cap.
pub(crate) struct Decoder {
    method: Method,
    started: bool,
}

#[allow(clippy::large_enum_variant, reason = "one a body; a box would cost every small body an allocation")]
enum Method {
    /// Nothing to undo. The first piece is kept as it came, so that a body in one piece is not copied.
    Identity {
        first: Bytes,
        more: BytesMut,
        room: usize,
        cap: u64,
    },
    Gzip(MultiGzDecoder<Capped>),
    Brotli(Box<DecompressorWriter<Capped>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Capped>>),
}

/// Why unpacking stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// More than the cap came out.
    TooLarge,
    /// The stream is damaged or cut short.
    Damaged,
}

impl Decoder {
    /// A decoder for this value of `Content-Encoding`; `None` for one that we did not offer. `expected` is the length
    /// that the server announced, as a hint.
    pub(crate) fn new(encoding: &str, cap: u64, expected: Option<u64>) -> Option<Self> {
        let sink = Capped { out: Vec::new(), cap, over: false };
        let method = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => {
                let room = usize::try_from(expected.unwrap_or(0).min(cap)).unwrap_or(0).min(RESERVED_AT_ONCE);
                Method::Identity { first: Bytes::new(), more: BytesMut::new(), room, cap }
            }
            "gzip" | "x-gzip" => Method::Gzip(MultiGzDecoder::new(sink)),
            "br" => Method::Brotli(Box::new(DecompressorWriter::new(sink, BROTLI_BUFFER))),
            "zstd" => {
                let mut decoder = zstd::stream::write::Decoder::new(sink).ok()?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).ok()?;
                Method::Zstd(Box::new(decoder))
            }
            _ => return None,
        };
        Some(Self { method, started: false })
    }

    /// Takes the next piece of the body as sent.
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), Stop> {
        self.started |= !piece.is_empty();
        match &mut self.method {
            Method::Identity { first, more, room, cap } => {
                let room_left = cap.saturating_sub((first.len() + more.len()) as u64);
                let over = piece.len() as u64 > room_left;
                let piece = if over { piece.slice(..room_left as usize) } else { piece };
                if first.is_empty() && more.is_empty() {
                    *first = piece;
                } else {
                    if more.is_empty() {
                        more.reserve(*room);
                        more.extend_from_slice(&std::mem::take(first));
                    }
                    more.extend_from_slice(&piece);
                }
                if over { Err(Stop::TooLarge) } else { Ok(()) }
            }
            Method::Gzip(decoder) => {
                let written = decoder.write_all(&piece);
                stop(&written, decoder.get_ref())
            }
            Method::Brotli(decoder) => {
                let written = decoder.write_all(&piece);
                stop(&written, decoder.get_ref())
            }
            Method::Zstd(decoder) => {
                let written = decoder.write_all(&piece);
                stop(&written, decoder.get_ref())
            }
        }
    }

    /// The unpacked body, once every piece was pushed. An encoded body of no bytes at all is taken as empty: servers
    /// send that for empty answers.
    pub(crate) fn finish(self) -> Result<Bytes, Stop> {
        if !self.started {
            return Ok(Bytes::new());
        }
        let sink = match self.method {
            Method::Identity { first, more, .. } => {
                return Ok(if more.is_empty() { first } else { more.freeze() });
            }
            Method::Gzip(mut decoder) => {
                let finished = decoder.try_finish();
                stop(&finished, decoder.get_ref())?;
                decoder.finish().map_err(|_| Stop::Damaged)?
            }
            Method::Brotli(mut decoder) => {
                let finished = decoder.close();
                stop(&finished, decoder.get_ref())?;
                decoder.into_inner().map_err(|_| Stop::Damaged)?
            }
            Method::Zstd(mut decoder) => {
                let finished = decoder.do_finish();
                stop(&finished, decoder.get_ref())?;
                decoder.into_inner()
            }
        };
        Ok(sink.out.into())
    }

    /// What came out so far, the cap at most.
    pub(crate) fn so_far(self) -> Bytes {
        match self.method {
            Method::Identity { first, more, .. } => {
                if more.is_empty() {
                    first
                } else {
                    more.freeze()
                }
            }
            Method::Gzip(mut decoder) => std::mem::take(&mut decoder.get_mut().out).into(),
            Method::Brotli(mut decoder) => std::mem::take(&mut decoder.get_mut().out).into(),
            Method::Zstd(mut decoder) => std::mem::take(&mut decoder.get_mut().out).into(),
        }
    }
}

fn stop<T>(result: &io::Result<T>, sink: &Capped) -> Result<(), Stop> {
    match result {
        _ if sink.over => Err(Stop::TooLarge),
        Ok(_) => Ok(()),
        Err(_) => Err(Stop::Damaged),
    }
}

/// A buffer that takes no more than its cap.
struct Capped {
    out: Vec<u8>,
    cap: u64,
    over: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room_left = self.cap.saturating_sub(self.out.len() as u64);
        if bytes.len() as u64 > room_left {
            self.out.extend(bytes.iter().take(room_left as usize));
            self.over = true;
            return Err(io::Error::other("larger than the cap"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAP: u64 = 1 << 20;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(body: &[u8]) -> Vec<u8> {
        zstd::encode_all(body, 3).unwrap()
    }

    fn decode(encoding: &str, body: &[u8], piece: usize, cap: u64) -> Result<Bytes, Stop> {
        let mut decoder = Decoder::new(encoding, cap, None).unwrap();
        for piece in body.chunks(piece) {
            decoder.push(Bytes::copy_from_slice(piece))?;
        }
        decoder.finish()
    }

    /// "hello brotli\n" in an uncompressed metablock, by hand (RFC 7932, 9.2).
    const BROTLI: &[u8] = &[
        0x0b, 0x06, 0x80, b'h', b'e', b'l', b'l', b'o', b' ', b'b', b'r', b'o', b't', b'l', b'i', b'\n', 0x03,
    ];

    #[test]
    fn brotli_is_undone() {
        assert_eq!(decode("br", BROTLI, 4, CAP).unwrap(), &b"hello brotli\n"[..]);
        assert_eq!(decode("br", &BROTLI[..9], 4, CAP), Err(Stop::Damaged));
        assert_eq!(decode("br", BROTLI, 4, 5), Err(Stop::TooLarge));
    }

    #[test]
    fn bombs_stop_at_the_cap() {
        let zeros = vec![0; 64 << 20];
        for (encoding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros))] {
            assert!(bomb.len() < 100_000);
            assert_eq!(decode(encoding, &bomb, 16 << 10, CAP), Err(Stop::TooLarge), "{encoding}");
        }
        assert_eq!(decode("", &zeros, 16 << 10, CAP), Err(Stop::TooLarge));
    }

    #[test]
    fn the_beginning_of_a_long_body_is_kept_to_the_cap() {
        let body: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        for (encoding, packed) in [("", body.clone()), ("gzip", gzip(&body)), ("zstd", zstd(&body))] {
            let mut decoder = Decoder::new(encoding, 50_000, None).unwrap();
            assert!(packed.chunks(999).any(|piece| decoder.push(Bytes::copy_from_slice(piece)).is_err()));
            assert_eq!(decoder.so_far(), body[..50_000], "{encoding}");
        }
    }

    #[test]
    fn damaged_and_cut_streams_are_told_apart_from_whole_ones() {
        let body = b"some text ".repeat(1000);
        for (encoding, packed) in [("gzip", gzip(&body)), ("zstd", zstd(&body))] {
            for length in 1..packed.len() {
                assert_eq!(
                    decode(encoding, &packed[..length], 7, CAP),
                    Err(Stop::Damaged),
                    "{encoding} {length}"
                );
            }
            let mut damaged = packed.clone();
            damaged[3] ^= 0xff;
            damaged[12] ^= 0xff;
            assert_ne!(decode(encoding, &damaged, 7, CAP), Ok(body.clone().into()), "{encoding}");
        }
    }

    #[test]
    fn nothing_at_all_is_empty_in_every_encoding() {
        for encoding in ["", "gzip", "br", "zstd"] {
            assert_eq!(decode(encoding, b"", 1, CAP).unwrap(), Bytes::new());
        }
    }

    #[test]
    fn encodings_that_were_not_offered_are_refused() {
        for encoding in ["deflate", "gzip, gzip", "compress", "aes128gcm"] {
            assert!(Decoder::new(encoding, CAP, None).is_none());
        }
    }

    #[test]
    fn a_window_beyond_the_agreed_one_is_refused() {
        // A zstd frame head that asks for a window of 2^27 bytes, and a raw last block of one byte.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x09, 0x00, 0x00, b'x'];
        assert_eq!(decode("zstd", &frame, 10, CAP), Err(Stop::Damaged));
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (23 - 10) << 3, 0x09, 0x00, 0x00, b'x'];
        assert_eq!(decode("zstd", &frame, 10, CAP).unwrap(), &b"x"[..]);
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(body: Vec<u8>, piece in 1usize..50) {
            for (encoding, packed) in [("", body.clone()), ("gzip", gzip(&body)), ("x-gzip", gzip(&body)), ("zstd", zstd(&body))] {
                prop_assert_eq!(&decode(encoding, &packed, piece, CAP).unwrap(), &body);
            }
        }

        #[test]
        fn any_bytes_are_taken(body: Vec<u8>) {
            for encoding in ["gzip", "br", "zstd"] {
                let _ = decode(encoding, &body, 9, 1000);
            }
        }
    }
}
