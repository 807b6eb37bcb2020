//! A document longer than the context, in parts. Never cut silently: every character is in exactly one part.

use crate::tokens;

/// Most parts of a document.
pub(crate) const MOST_PARTS: usize = 64;

/// Ends at which a text is split, the best first: between paragraphs, lines, sentences, words.
const ENDS: [&str; 5] = ["\n\n", "\n", ". ", "。", " "];

/// The text in parts of at most `room` estimated tokens each; together they are the text. `None` when it takes more
/// than [`MOST_PARTS`].
pub(crate) fn split(text: &str, room: u64) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if parts.len() == MOST_PARTS {
            return None;
        }
        let (part, after) = rest.split_at(part_end(rest, room));
        parts.push(part);
        rest = after;
    }
    if parts.is_empty() {
        parts.push(text);
    }
    Some(parts)
}

/// Where the first part ends, in bytes.
fn part_end(text: &str, room: u64) -> usize {
    if tokens::estimate(text) <= room {
        return text.len();
    }
    // Estimates are sums over characters, so a longest prefix can be searched for by halves.
    let (mut fits, mut too_long) = (0, text.len());
    while too_long - fits > 1 {
        let middle = text.floor_char_boundary(usize::midpoint(fits, too_long));
        if middle <= fits {
            break;
        }
        let estimate = text.get(..middle).map_or(u64::MAX, tokens::estimate);
        if estimate <= room { fits = middle } else { too_long = middle }
    }
    // At least a character, or nothing would ever end.
    let most = fits.max(text.chars().next().map_or(0, char::len_utf8));
    let whole = text.get(..most).unwrap_or(text);
    // An end in the first half makes parts too small to be worth it.
    ENDS.iter()
        .filter_map(|end| whole.rfind(end).map(|at| at + end.len()))
        .find(|end| *end > most / 2)
        .unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_between_paragraphs_where_it_can() {
        let paragraph = "A sentence of some length. And another one, a little longer.";
        let text = [paragraph; 6].join("\n\n");
        let parts = split(&text, tokens::estimate(paragraph) * 2 + 5).unwrap();
        assert_eq!(parts.len(), 3);
        assert!(parts[..2].iter().all(|part| part.ends_with("longer.\n\n")), "{parts:?}");
    }

    #[test]
    fn what_would_take_too_many_parts_is_refused() {
        assert_eq!(split(&"word ".repeat(1_000), 3), None);
    }

    proptest! {
        #[test]
        fn parts_fit_and_together_are_the_text(text in "[a-zé東🎉 .\n]{0,400}", room in 4u64..100) {
            if let Some(parts) = split(&text, room) {
                prop_assert_eq!(&parts.concat(), &text);
                prop_assert!(parts.iter().all(|part| tokens::estimate(part) <= room));
            }
        }
    }
}
