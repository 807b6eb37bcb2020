//! What is wrong with a document as reading matter.

use crate::cue;
use crate::passage::PassageKind;
use crate::reading::Reading;
use foldhash::HashSet;
use sheaf_common::document::{ContentType, Document};

/// Words below which a text is thin.
const THIN: usize = 60;
/// Words above which a page is not an error page, whatever it says.
const ERROR_MAX: usize = 250;

/// The flags of a document, by name in alphabetical order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags(Vec<&'static str>);

impl Flags {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.0.contains(&flag)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|&name| name.to_owned()).collect()
    }

    fn set(&mut self, flag: &'static str, when: bool) {
        if when {
            self.0.push(flag);
        }
    }
}

/// Looks for what is wrong. `words` counts the whole text.
pub(crate) fn of(document: &Document, reading: &Reading<'_>, words: usize) -> Flags {
    let mut flags = Flags::default();
    if words == 0 {
        flags.set("empty", true);
        return flags;
    }
    let text = reading.text;
    let opening = text.get(..text.floor_char_boundary(600)).unwrap_or_default().to_lowercase();
    let closing = text
        .get(text.ceil_char_boundary(text.len().saturating_sub(900))..)
        .unwrap_or_default()
        .to_lowercase();
    flags.set("boilerplate", is_boilerplate(document, reading, words));
    flags.set("error_page", is_error(document, &opening, words));
    flags.set("garbled", is_garbled(document, reading));
    flags.set("machine_made", is_machine_made(reading, &opening, words));
    let asked = |text: &str| cue::PAYWALL.iter().any(|cue| text.contains(cue));
    // An article about paywalls says such things in its middle; a paywall says them last.
    flags.set("paywall", document.marks.paywall && words < 400 || words < 1_500 && asked(&closing));
    let length = if reading.unspaced { words / 2 } else { words };
    flags.set("thin", length < THIN);
    flags
}

fn is_error(document: &Document, opening: &str, words: usize) -> bool {
    let title = document.title.as_deref().unwrap_or_default().to_lowercase();
    let heading = document.headings.first().map(|heading| heading.text.to_lowercase()).unwrap_or_default();
    let says = |text: &str| {
        cue::ERRORS.iter().any(|cue| match text.find(cue) {
            // A number must stand alone: "404" in "1404" says nothing.
            Some(at) if cue.starts_with(|c: char| c.is_ascii_digit()) => {
                !text.get(..at).is_some_and(|before| {
                    before.ends_with(|c: char| c.is_alphanumeric() || ",.$€£".contains(c))
                }) && !text
                    .get(at + cue.len()..)
                    .is_some_and(|after| after.starts_with(|c: char| c.is_alphanumeric()))
            }
            found => found.is_some(),
        })
    };
    let announced = says(&title) || says(&heading);
    (announced && words < ERROR_MAX) || (words < 80 && says(opening))
}

/// Most of what was kept is furniture of the site.
fn is_boilerplate(document: &Document, reading: &Reading<'_>, words: usize) -> bool {
    let mut furniture = 0_usize;
    let mut passages = 0_usize;
    for passage in reading.passages.iter().take(400).filter(|passage| passage.kind != PassageKind::Code) {
        let Some(text) = reading.text.get(passage.start..passage.end) else { continue };
        passages += 1;
        let lower = text.get(..text.floor_char_boundary(300)).unwrap_or_default().to_lowercase();
        furniture += usize::from(cue::is_furniture(&lower));
    }
    let crowded = passages >= 3 && furniture * 4 > passages;
    let linked =
        document.marks.link_density > 0.85 && words < 100 && document.content_type == ContentType::Html;
    crowded || linked
}

/// The characters are not what the author wrote.
fn is_garbled(document: &Document, reading: &Reading<'_>) -> bool {
    let sample = reading.text.get(..reading.text.floor_char_boundary(40_000)).unwrap_or_default();
    let visible = sample.chars().filter(|c| !c.is_whitespace()).count().max(1);
    let broken = sample
        .chars()
        .filter(|&c| {
            c == '\u{FFFD}'
                || (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
                || ('\u{E000}'..='\u{F8FF}').contains(&c)
        })
        .count();
    let replaced = document.marks.replaced_characters.max(broken);
    let mojibake: usize = cue::MOJIBAKE.iter().map(|cue| sample.matches(cue).count()).sum();
    // Glyphs of a PDF without a table of characters come out as consonants at random.
    let mut words = 0_usize;
    let mut mute = 0_usize;
    for token in reading.tokens.iter().take(4_000) {
        let word = reading.word(token);
        if word.len() >= 4 && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            words += 1;
            mute += usize::from(!word.bytes().any(|byte| b"aeiouy".contains(&byte)));
        }
    }
    replaced * 200 > visible || mojibake * 250 > visible || (words > 40 && mute * 4 > words)
}

/// Written by a program: it says so, or the same words come again and again.
fn is_machine_made(reading: &Reading<'_>, opening: &str, words: usize) -> bool {
    if cue::MACHINE.iter().any(|cue| opening.contains(cue)) {
        return true;
    }
    let tokens = reading.tokens.get(..reading.tokens.len().min(5_000)).unwrap_or_default();
    let triples: HashSet<[u32; 3]> = tokens
        .windows(3)
        .filter_map(|window| match window {
            [a, b, c] => Some([a.term, b.term, c.term]),
            _ => None,
        })
        .collect();
    words > 150 && triples.len() * 10 < tokens.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(document: &Document) -> Vec<String> {
        let reading = Reading::new(document, Some("en"));
        of(document, &reading, reading.tokens.len()).names()
    }

    fn text(text: &str) -> Document {
        Document { text: text.into(), content_type: ContentType::Html, ..Document::default() }
    }

    fn prose() -> String {
        (0..40)
            .map(|n| format!("Sentence {n} tells how the harbour of town number {n} was dug in year {n}."))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n"
    }

    #[test]
    fn sound_prose_has_no_flags() {
        assert_eq!(flags(&text(&prose())), [""; 0]);
        assert_eq!(flags(&text("")), ["empty"]);
    }

    #[test]
    fn error_pages_say_so_and_are_short() {
        let mut page = text("Sorry, the page you requested has moved or never was.");
        page.title = Some("404 Not Found".into());
        assert_eq!(flags(&page), ["error_page", "thin"]);
        let mut article = text(&prose());
        article.text.push_str(&prose());
        article.title = Some("What a 404 page should say".into());
        assert!(!flags(&article).contains(&"error_page".to_owned()));
    }

    #[test]
    fn a_paywall_speaks_last() {
        let teaser = prose() + "Subscribe to continue reading this story.";
        assert_eq!(flags(&text(&teaser)), ["paywall"]);
        let about = "Papers say: subscribe to continue reading.\n".to_owned() + &prose();
        assert_eq!(flags(&text(&about)), [""; 0]);
    }

    #[test]
    fn broken_characters_are_garbled() {
        assert_eq!(flags(&text(&prose().replace('o', "\u{FFFD}"))), ["garbled"]);
        assert_eq!(flags(&text(&prose().replace('e', "Ã©"))), ["garbled"]);
        let glyphs = (0..200)
            .map(|n| format!("bcdf{}", ["gh", "jk", "lm", "np", "qr"][n % 5]))
            .collect::<Vec<_>>()
            .join(" ");
        assert!(flags(&text(&glyphs)).contains(&"garbled".to_owned()));
    }

    #[test]
    fn repetition_is_machine_made() {
        assert_eq!(
            flags(&text(&"Buy the best pumps for your best boat today.\n".repeat(40))),
            ["machine_made"]
        );
    }

    #[test]
    fn furniture_is_boilerplate() {
        let page = "Sign up for our newsletter.\nRead our privacy policy.\nAll rights reserved.\nThe ferry leaves at noon.";
        assert!(flags(&text(page)).contains(&"boilerplate".to_owned()));
    }
}
