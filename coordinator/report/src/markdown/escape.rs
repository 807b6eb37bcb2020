//! Texts from outside, made to stand for themselves in `CommonMark` and in GitHub's dialect of it.

use std::fmt;

use crate::shown::{Shown, Source};

/// Text that is shown as it is, whatever it holds.
pub(super) struct Plain<'a>(pub(super) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        let text = self.0;
        // At the start of a line these begin a heading, a list, a rule or a quotation.
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let start = match text.as_bytes().get(digits) {
            Some(b'.' | b')') if digits > 0 => Some(digits),
            Some(b'#' | b'-' | b'+' | b'=' | b':') if digits == 0 => Some(0),
            _ => None,
        };
        for (at, character) in text.char_indices() {
            let special = matches!(
                character,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '!'
            );
            // Bare web addresses become links in some dialects; these characters hold such addresses together.
            let rest = text.get(at..).unwrap_or_default();
            let before = text.get(..at).unwrap_or_default();
            let address =
                rest.starts_with("://") || (character == '.' && ends_with_www(before)) || character == '@';
            if special || address || start == Some(at) {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        Ok(())
    }
}

impl<'a> From<&'a Shown> for Plain<'a> {
    fn from(shown: &'a Shown) -> Self {
        Self(shown.as_str())
    }
}

fn ends_with_www(text: &str) -> bool {
    text.len() >= 3 && text.get(text.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// A source, as a link when it is a web address.
pub(super) struct Linked<'a>(pub(super) &'a Source);

impl fmt::Display for Linked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Plain::from(self.0.shown());
        match self.0.href() {
            None => write!(f, "{text}"),
            Some(href) => {
                write!(f, "[{text}](<")?;
                // An address is ASCII and percent-encoded, but not for characters that mean something here.
                for character in href.chars() {
                    match character {
                        '\\' | '`' | '|' | '<' | '>' | '*' | '_' | '[' | ']' | '$' => {
                            write!(f, "%{:02X}", u32::from(character))?;
                        }
                        '&' => f.write_str("&amp;")?,
                        other => write!(f, "{other}")?,
                    }
                }
                f.write_str(">)")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;
    use crate::caps;

    /// Everything that GitHub adds to `CommonMark`, as far as the parser has it.
    fn dialect() -> Options {
        Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_GFM
            | Options::ENABLE_MATH
            | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
            | Options::ENABLE_DEFINITION_LIST
    }

    /// The text a reader sees, and whether there is anything but text in one paragraph.
    fn read(markdown: &str) -> (String, bool) {
        let (mut text, mut only_text) = (String::new(), true);
        for event in Parser::new_ext(markdown, dialect()) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                _ => only_text = false,
            }
        }
        (text, only_text)
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        for hostile in [
            "# x",
            "1. x",
            "- x",
            "> x",
            "***",
            "---",
            "===",
            "[a](javascript:b)",
            "<script>",
            "`x`",
            "a|b",
            "![a](b)",
            "&lt;",
            "~~x~~",
            "\\",
        ] {
            assert_eq!(read(&Plain(hostile).to_string()), (hostile.to_owned(), true));
        }
    }

    #[test]
    fn links_lead_where_they_should() {
        let source = Source::new("https://example.org/a_b|c?d=1&lt=2`");
        let markdown = Linked(&source).to_string();
        let links: Vec<_> = Parser::new(&markdown)
            .filter_map(|event| match event {
                Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
                _ => None,
            })
            .collect();
        assert_eq!(links, ["https://example.org/a%5Fb%7Cc?d=1&lt=2%60"]);
    }

    proptest! {
        #[test]
        fn text_is_read_as_it_was(raw in any::<String>(), ascii in "[ -~]{0,40}") {
            for raw in [raw, ascii] {
                let shown = Shown::new(&raw, caps::TITLE);
                let (text, only_text) = read(&Plain::from(&shown).to_string());
                prop_assert!(only_text, "{:?}", shown);
                prop_assert_eq!(text, shown.as_str());
            }
        }
    }
}
