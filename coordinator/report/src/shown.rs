//! Text made safe to show, and sources made safe to link.

use std::fmt;

use serde::{Serialize, Serializer};
use url::Url;

use crate::caps;

/// Text from outside, made fit to stand in one line of a page: no control characters, no line breaks, no characters that
/// reorder or hide others, cut to a cap. It is *not* escaped; every format escapes it in its own way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Shown(String);

impl Shown {
    /// Cleans `raw` and cuts it to `cap` characters, the ellipsis included.
    pub fn new(raw: &str, cap: usize) -> Self {
        let mut out = String::with_capacity(raw.len().min(cap.saturating_mul(4)));
        let mut length = 0;
        let mut marks = 0;
        let mut pending_space = false;
        let mut cut = false;
        let mut characters = raw.chars().peekable();
        while let Some(character) = characters.next() {
            if character.is_whitespace() || character.is_control() {
                pending_space = !out.is_empty();
                continue;
            }
            if is_hidden(character) {
                continue;
            }
            if is_joiner(character) {
                // Emoji and the scripts of Persian and India need joiners; between Latin letters they only hide.
                let joins = !pending_space
                    && out.chars().next_back().is_some_and(|before| !before.is_ascii() && !is_joiner(before))
                    && characters.peek().is_some_and(|after| !after.is_ascii());
                if !joins {
                    continue;
                }
            }
            // A few combining marks are writing, dozens are a tower that covers the lines above.
            marks = if is_combining(character) { marks + 1 } else { 0 };
            if marks > MARKS {
                continue;
            }
            if length + usize::from(pending_space) >= cap {
                cut = true;
                break;
            }
            if pending_space {
                out.push(' ');
                length += 1;
                pending_space = false;
            }
            out.push(character);
            length += 1;
        }
        if cut {
            if length >= cap {
                out.pop();
            }
            out.truncate(out.trim_end().len());
            out.push('…');
        }
        Self(out)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left to show.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Combining marks in a row that are still taken for writing.
const MARKS: usize = 4;

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that are not seen and change how others are: direction marks, embeddings, overrides and isolates,
/// zero-width characters, fillers, annotations, tags, and code points that are no characters.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Where a document came from: as it is shown, and as a link when it is a web address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    shown: Shown,
    href: Option<String>,
}

impl Source {
    /// A source as the person gave it. Only `http` and `https` addresses become links; a user name or password in the
    /// address is neither shown nor linked.
    pub fn new(raw: &str) -> Self {
        let parsed = (raw.len() <= caps::LINK).then(|| Url::parse(raw).ok()).flatten();
        let web = parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        match web {
            None => Self { shown: Shown::new(raw, caps::SOURCE), href: None },
            Some(mut url) => {
                let secret = !url.username().is_empty() || url.password().is_some();
                // Neither call fails for an address with a host.
                let removed = url.set_username("").is_ok() && url.set_password(None).is_ok();
                let shown = if secret {
                    Shown::new(url.as_str(), caps::SOURCE)
                } else {
                    Shown::new(raw, caps::SOURCE)
                };
                Self { shown, href: removed.then(|| url.into()) }
            }
        }
    }

    /// The source as text.
    pub fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The address to link to; ASCII, percent-encoded, `http` or `https`.
    pub fn href(&self) -> Option<&str> {
        self.href.as_deref()
    }

    /// Host of a web address.
    pub fn host(&self) -> Option<String> {
        Url::parse(self.href()?).ok()?.host_str().map(str::to_owned)
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shown.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(raw: &str) -> String {
        Shown::new(raw, 40).to_string()
    }

    #[test]
    fn control_and_direction_characters_disappear() {
        assert_eq!(shown("a\u{0}b\r\n\tc"), "a b c");
        assert_eq!(shown("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert_eq!(shown("pay\u{200b}pal\u{feff}"), "paypal");
        assert_eq!(shown("pay\u{200d}pal"), "paypal");
        assert_eq!(shown(" \u{2028} "), "");
        assert_eq!(shown("\u{fffe}x\u{1ffff}"), "x");
    }

    #[test]
    fn writing_that_needs_joiners_keeps_them() {
        let family = "👩\u{200d}👩\u{200d}👧";
        assert_eq!(shown(family), family);
        let persian = "می\u{200c}خواهم";
        assert_eq!(shown(persian), persian);
    }

    #[test]
    fn towers_of_marks_are_cut_down() {
        let tower = format!("Z{}", "\u{0301}".repeat(30));
        assert_eq!(shown(&tower).chars().count(), 1 + MARKS);
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(Shown::new("abcdef", 4).as_str(), "abc…");
        assert_eq!(Shown::new("abcd", 4).as_str(), "abcd");
        assert_eq!(Shown::new("abc def", 4).as_str(), "abc…");
        assert_eq!(Shown::new("ab cdef", 4).as_str(), "ab…");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(Source::new("https://example.org/a?b=1").href(), Some("https://example.org/a?b=1"));
        for harmless in [
            "javascript:alert(1)",
            " JaVaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "notes.md",
        ] {
            assert_eq!(Source::new(harmless).href(), None, "{harmless}");
        }
        let quoted = Source::new("https://example.org/\"><img src=x onerror=alert(1)>");
        assert_eq!(quoted.href(), Some("https://example.org/%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"));
    }

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        let source = Source::new("https://user:secret@example.org/");
        assert_eq!(source.shown().as_str(), "https://example.org/");
        assert_eq!(source.href(), Some("https://example.org/"));
    }

    proptest! {
        #[test]
        fn shown_text_is_one_clean_line_within_its_cap(raw in any::<String>(), cap in 1usize..60) {
            let shown = Shown::new(&raw, cap);
            prop_assert!(shown.as_str().chars().count() <= cap);
            let clean = |c: char| !c.is_control() && !is_hidden(c) && (c == ' ' || !c.is_whitespace());
            prop_assert!(shown.as_str().chars().all(clean));
            prop_assert_eq!(Shown::new(shown.as_str(), cap), shown.clone());
        }
    }
}
