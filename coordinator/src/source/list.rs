//! Lines of a list of sources.

use std::{
    ffi::OsString,
    io::{self, BufRead, Read},
    os::unix::ffi::OsStringExt,
};

/// Longest line that is read, in bytes; the longest address browsers agree on is far shorter.
const LONGEST_LINE: u64 = 64 << 10;

/// A line of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A source, trimmed.
    Source(OsString),
    /// Longer than [`LONGEST_LINE`].
    TooLong,
}

/// The sources of a list with their line numbers from 1: blank lines and `#` comments left out, a byte order mark and
/// the `\r` of DOS files ignored.
pub(super) fn lines(mut reader: impl BufRead) -> impl Iterator<Item = io::Result<(u64, Line)>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            let mut bytes = Vec::new();
            match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(_) => number += 1,
            }
            if bytes.len() as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
                return Some(skip_line(&mut reader).map(|()| (number, Line::TooLong)));
            }
            let line =
                bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&bytes).trim_ascii();
            if !line.is_empty() && !line.starts_with(b"#") {
                return Some(Ok((number, Line::Source(OsString::from_vec(line.to_vec())))));
            }
        }
    })
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut rest = Vec::new();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut rest)?;
        if read == 0 || rest.ends_with(b"\n") {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<(u64, Line)> {
        lines(bytes).map(Result::unwrap).collect()
    }

    #[test]
    fn comments_blanks_and_line_ends() {
        let found = read(b"\xef\xbb\xbfa\r\n\n# note\n  b c  \n\xff");
        let source = |bytes: &[u8]| Line::Source(OsString::from_vec(bytes.to_vec()));
        assert_eq!(found, [(1, source(b"a")), (4, source(b"b c")), (5, source(b"\xff"))]);
    }

    #[test]
    fn a_line_without_end_costs_itself_alone() {
        let mut bytes = vec![b'x'; 3 * LONGEST_LINE as usize];
        bytes.extend(b"\nb");
        let found = read(&bytes);
        assert_eq!(found[0], (1, Line::TooLong));
        assert_eq!(found[1].0, 2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_give_at_most_a_source_a_line(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).len() <= bytes.split(|&byte| byte == b'\n').count());
        }
    }
}
