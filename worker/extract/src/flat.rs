//! Text of a page of which no tree can be made: its tags are stripped in one linear pass.

use crate::depth::{Kind, is_raw, next_tag, skip_raw};
use crate::words::collapse;

/// Text between tags, a line for each run that holds at least `LEAST` characters, so that menus are mostly left out.
pub(crate) fn strip(html: &str) -> String {
    const LEAST: usize = 25;
    let mut out = String::new();
    let mut rest = html.as_bytes();
    let mut push = |text: &[u8]| {
        let text = decode(&String::from_utf8_lossy(text));
        if let Some(text) = collapse(&text).filter(|text| text.chars().count() >= LEAST) {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&text);
        }
    };
    let mut tail = rest;
    while let Some(tag) = next_tag(&mut rest) {
        if !tag.text.contains(&b'<') || !tag.text.windows(4).any(|w| w == b"<!--") {
            push(tag.text);
        }
        if tag.kind == Kind::Start && is_raw(tag.name) {
            skip_raw(&mut rest, tag.name);
        }
        tail = rest;
    }
    push(tail);
    out
}

/// Decodes the five entities of XML and the space that does not break; all others stay as written.
fn decode(text: &str) -> String {
    const NAMED: [(&str, &str); 6] =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    if !text.contains('&') {
        return text.to_owned();
    }
    NAMED.iter().fold(text.to_owned(), |text, (name, sign)| text.replace(name, sign))
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn long_runs_stay_and_short_ones_go() {
        let html = "<div><a>Home</a><p>This is a sentence of the page &amp; it is long.<script>var not = 'text of the page, never';</script>";
        assert_eq!(strip(html), "This is a sentence of the page & it is long.");
    }
}
