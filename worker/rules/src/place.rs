//! Places in code points. Rust counts bytes, the reader of a result counts code points.

use sheaf_common::analysis::Place;

/// Bytes between two entries of the table.
const STRIDE: usize = 256;

/// Turns byte offsets into code point offsets, in constant time after one pass over the text.
pub(crate) struct Places<'a> {
    text: &'a str,
    /// Code points that start before byte `n * STRIDE`.
    table: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut table = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut count = 0;
        for chunk in text.as_bytes().chunks(STRIDE) {
            table.push(count);
            count += starts(chunk);
        }
        Self { text, table }
    }

    /// The place of a byte range.
    pub(crate) fn place(&self, start: usize, end: usize) -> Place {
        Place { start: self.code_points(start), end: self.code_points(end) }
    }

    fn code_points(&self, offset: usize) -> usize {
        let entry = (offset / STRIDE).min(self.table.len().saturating_sub(1));
        let counted = self.table.get(entry).copied().unwrap_or(0);
        counted + self.text.as_bytes().get(entry * STRIDE..offset).map_or(0, starts)
    }
}

/// Code points that start in these bytes of UTF-8: every byte but continuations.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_counts_code_points(text in "[a-zé東🎉 \n]{0,900}", a in 0_usize..900, b in 0_usize..900) {
            let start = text.floor_char_boundary(a.min(b).min(text.len()));
            let end = text.floor_char_boundary(a.max(b).min(text.len()));
            let place = Places::new(&text).place(start, end);
            let quote: String = text.chars().skip(place.start).take(place.end - place.start).collect();
            prop_assert_eq!(quote, &text[start..end]);
        }
    }
}
