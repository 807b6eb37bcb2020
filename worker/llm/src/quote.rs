//! Whether a quote stands in the document, and where.

use sheaf_common::analysis::Place;

/// A document in which quotes are looked up: read once, asked often.
///
/// A quote stands in the document when it does so letter for letter, or when it does once white space, letter case,
/// hyphens and the shape of quotation marks and dashes are no longer told apart. Nothing else is forgiven: a changed
/// word or number is not a quote.
pub struct Quotable<'a> {
    text: &'a str,
    /// The text in normal form, and for each byte of it the code point of the text that it comes from.
    normal: String,
    origins: Vec<u32>,
}

impl<'a> Quotable<'a> {
    /// Reads a document's text.
    pub fn new(text: &'a str) -> Self {
        let (normal, origins) = normal_form(text);
        Self { text, normal, origins }
    }

    /// Where a quote first stands, and the passage as the document has it; `None` when it does not.
    pub fn find(&self, quote: &str) -> Option<(Place, &'a str)> {
        let trimmed = quote.trim();
        if trimmed.is_empty() {
            return None;
        }
        if let Some(at) = self.text.find(trimmed) {
            let start = self.text.get(..at)?.chars().count();
            let place = Place { start, end: start + trimmed.chars().count() };
            return Some((place, self.text.get(at..at + trimmed.len())?));
        }
        let (normal, _) = normal_form(trimmed);
        // Models put quotation marks around a quote, or dots where they stopped.
        let bare = normal.trim_matches(['"', '\'', ' ', '.']);
        if bare.is_empty() {
            return None;
        }
        let at = self.normal.find(bare)?;
        let start = *self.origins.get(at)? as usize;
        let end = *self.origins.get(at + bare.len() - 1)? as usize + 1;
        Some((Place { start, end }, self.passage(start, end)?))
    }

    /// The text between two code points.
    fn passage(&self, start: usize, end: usize) -> Option<&'a str> {
        let mut offsets = self.text.char_indices().map(|(offset, _)| offset).skip(start);
        let from = offsets.next()?;
        let to = offsets.nth((end - start).checked_sub(1)?).unwrap_or(self.text.len());
        self.text.get(from..to)
    }
}

fn normal_form(text: &str) -> (String, Vec<u32>) {
    let mut normal = String::with_capacity(text.len());
    let mut origins = Vec::with_capacity(text.len());
    let mut after_space = true;
    for (index, character) in (0u32..).zip(text.chars()) {
        let plain = match character {
            // Zero-width characters and soft hyphens are invisible.
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => continue,
            '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' => '\'',
            '“' | '”' | '„' | '‟' | '″' | '«' | '»' => '"',
            '\u{2010}'..='\u{2015}' | '−' => '-',
            space if space.is_whitespace() => ' ',
            other => other,
        };
        if plain == ' ' && after_space {
            continue;
        }
        after_space = plain == ' ';
        for lower in plain.to_lowercase() {
            normal.push(lower);
            origins.resize(normal.len(), index);
        }
    }
    (normal, origins)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str =
        "Die Brücke wurde 1932 eröffnet.\nSie trägt, so heißt es, „alles\u{a0}außer Sorgen“ – und Züge.";

    fn found(quote: &str) -> Option<&'static str> {
        Quotable::new(TEXT).find(quote).map(|(place, passage)| {
            let expected: String = TEXT.chars().skip(place.start).take(place.end - place.start).collect();
            assert_eq!(passage, expected);
            passage
        })
    }

    #[test]
    fn letter_for_letter_or_but_for_typography() {
        assert_eq!(found("wurde 1932 eröffnet"), Some("wurde 1932 eröffnet"));
        assert_eq!(found("  ERÖFFNET. Sie trägt  "), Some("eröffnet.\nSie trägt"));
        assert_eq!(found("\"alles außer Sorgen\" - und"), Some("alles\u{a0}außer Sorgen“ – und"));
        assert_eq!(found("“Die Brücke wurde…”"), None, "an ellipsis is not in the text");
        assert_eq!(found("Die Brücke wurde..."), Some("Die Brücke wurde"));
    }

    #[test]
    fn a_changed_word_or_number_is_no_quote() {
        assert_eq!(found("wurde 1933 eröffnet"), None);
        assert_eq!(found("wurde eröffnet"), None);
        assert_eq!(found(""), None);
        assert_eq!(found(" \"...\" "), None);
    }

    proptest! {
        #[test]
        fn every_passage_is_found_at_a_place_that_holds_it(text in "[a-zäß東🎉“”\\-– \n.A-Z]{1,200}", a in 0usize..200, b in 0usize..200) {
            let characters: Vec<char> = text.chars().collect();
            let (a, b) = (a.min(b).min(characters.len()), a.max(b).min(characters.len()));
            let passage: String = characters[a..b].iter().collect();
            if let Some((place, found)) = Quotable::new(&text).find(&passage) {
                prop_assert_eq!(found, characters[place.start..place.end].iter().collect::<String>());
                prop_assert_eq!(found, passage.trim());
            } else {
                prop_assert!(passage.trim().is_empty());
            }
        }

        #[test]
        fn anything_is_looked_up_without_a_panic(text: String, quote: String) {
            if let Some((place, found)) = Quotable::new(&text).find(&quote) {
                let held: String = text.chars().skip(place.start).take(place.end - place.start).collect();
                prop_assert_eq!(found, held);
            }
        }
    }
}
