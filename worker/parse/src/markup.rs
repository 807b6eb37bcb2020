//! Tags taken out of a piece of HTML, for the little of it that stands in Markdown.

/// The text between the tags, with a line end for each element that begins a line, and the commonest entities undone.
/// Scripts, styles and comments go away with their content.
pub(crate) fn strip(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = after(comment, "-->");
            continue;
        }
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            out.push('<');
            continue;
        }
        let name_end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| !c.is_ascii_alphanumeric())
            .map_or(rest.len(), |(at, _)| at);
        let name = rest.get(..name_end).unwrap_or_default().to_ascii_lowercase();
        rest = after(rest, ">");
        match name.trim_start_matches('/') {
            "script" | "style" if !name.starts_with('/') => {
                rest = after(after(rest, &format!("</{name}")), ">");
            }
            "br" | "p" | "div" | "li" | "tr" | "ul" | "ol" | "table" | "h1" | "h2" | "h3" | "h4" | "h5"
            | "h6" | "summary" | "details" | "blockquote" | "pre" | "hr" => out.push('\n'),
            "td" | "th" => out.push('\t'),
            _ => {}
        }
    }
    out.push_str(rest);
    entities(&out)
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.find(end).and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

fn entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    // The ampersand last, so that `&amp;lt;` becomes `&lt;`.
    [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&copy;", "©"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_and_its_lines() {
        assert_eq!(strip("<p align=center>a &lt;b&gt;<br/>c</p>"), "\na <b>\nc\n");
        assert_eq!(strip("x <!-- y --> z <script>w</script>v"), "x  z v");
        assert_eq!(strip("1 < 2 <b"), "1 < 2 ");
    }
}
