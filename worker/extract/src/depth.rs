//! What a page would do to a tree builder, told from its bytes in one pass.
//!
//! Tree builders take time in the square of the nesting depth and some recurse over it, so the depth is measured before
//! any of them sees the page. The count follows HTML's implied end tags only as far as needed for it not to be far too
//! high on honest pages: `<p>`, `<li>`, table cells and their like close each other.

use memchr::{memchr, memmem};

/// Measures of a page's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    /// Most elements open at once.
    pub depth: usize,
    /// Most attributes on one tag; repeated names are found by comparing each with all before it.
    pub attributes: usize,
}

/// The greatest number of elements open at once, estimated in linear time without building a tree. Any encoding will do in
/// which tags are written as in ASCII.
///
/// ```
/// assert_eq!(sheaf_extract::nesting_depth("<html><body><div><p>a<p>b</div>"), 4);
/// assert_eq!(sheaf_extract::nesting_depth(&"<div>".repeat(100_000)), 100_000);
/// ```
pub fn nesting_depth(html: impl AsRef<[u8]>) -> usize {
    measure(html.as_ref()).depth
}

/// Open elements of which only the names' hashes are known, with a count of each so that a stray end tag costs O(1).
#[derive(Default)]
struct Stack {
    open: Vec<(u16, bool)>,
    count: Vec<u32>,
}

impl Stack {
    const SLOTS: usize = 4096;

    fn slot(name: &[u8]) -> u16 {
        let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
        });
        ((hash ^ (hash >> 15)) as usize % Self::SLOTS) as u16
    }

    fn push(&mut self, slot: u16, closes_itself: bool) {
        if self.count.is_empty() {
            self.count.resize(Self::SLOTS, 0);
        }
        if closes_itself {
            // `<li>` after `<li>`: the elements of this sort that lie on top are siblings of the new one.
            while let Some(&(top, true)) = self.open.last() {
                if top != slot {
                    break;
                }
                self.pop();
            }
        }
        self.open.push((slot, closes_itself));
        if let Some(count) = self.count.get_mut(usize::from(slot)) {
            *count += 1;
        }
    }

    fn pop(&mut self) -> Option<u16> {
        let (slot, _) = self.open.pop()?;
        if let Some(count) = self.count.get_mut(usize::from(slot)) {
            *count = count.saturating_sub(1);
        }
        Some(slot)
    }

    fn holds(&self, slot: u16) -> bool {
        self.count.get(usize::from(slot)).is_some_and(|&count| count > 0)
    }

    fn close(&mut self, slot: u16) {
        if self.holds(slot) {
            while self.pop().is_some_and(|top| top != slot) {}
        }
    }
}

/// See [`Shape`].
pub(crate) fn measure(html: &[u8]) -> Shape {
    let mut shape = Shape::default();
    let mut stack = Stack::default();
    let (svg, math) = (Stack::slot(b"svg"), Stack::slot(b"math"));
    let mut rest = html;
    while let Some(tag) = next_tag(&mut rest) {
        shape.attributes = shape.attributes.max(tag.attributes);
        let slot = Stack::slot(tag.name);
        match tag.kind {
            Kind::End => stack.close(slot),
            Kind::Void => {}
            // HTML knows no `<div/>`; in a drawing or a formula the slash does close.
            Kind::Closed if stack.holds(svg) || stack.holds(math) => {}
            // Passing over the content takes the end tag too.
            Kind::Start | Kind::Closed if is_raw(tag.name) => {
                shape.depth = shape.depth.max(stack.open.len() + 1);
                skip_raw(&mut rest, tag.name);
            }
            Kind::Start | Kind::Closed => {
                stack.push(
                    slot,
                    is_any(tag.name, &[b"p", b"li", b"td", b"th", b"tr", b"dt", b"dd", b"option"]),
                );
                shape.depth = shape.depth.max(stack.open.len());
            }
        }
    }
    shape
}

/// Elements whose content is text up to their own end tag.
const RAW: &[&[u8]] =
    &[b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes"];

/// Elements that cannot have content.
const VOID: &[&[u8]] = &[
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr", b"frame", b"keygen",
];

fn is_any(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    End,
    /// The tag of an element that cannot have content.
    Void,
    /// A start tag that ends in `/>`.
    Closed,
}

pub(crate) struct Tag<'a> {
    pub name: &'a [u8],
    pub kind: Kind,
    pub attributes: usize,
    /// Bytes of the text before the tag.
    pub text: &'a [u8],
}

/// Takes the next tag off `rest`; comments are passed over.
pub(crate) fn next_tag<'a>(rest: &mut &'a [u8]) -> Option<Tag<'a>> {
    let start = *rest;
    loop {
        let at = memchr(b'<', rest)?;
        *rest = rest.get(at + 1..)?;
        match rest.first()? {
            b'!' if rest.starts_with(b"!--") => {
                let body = rest.get(3..)?;
                let end = memmem::find(body, b"-->")?;
                *rest = body.get(end + 3..)?;
            }
            b'/' | b'a'..=b'z' | b'A'..=b'Z' => {
                let text = start.get(..start.len() - rest.len() - 1)?;
                return read_tag(rest, text);
            }
            _ => {}
        }
    }
}

fn read_tag<'a>(rest: &mut &'a [u8], text: &'a [u8]) -> Option<Tag<'a>> {
    let is_end = rest.first() == Some(&b'/');
    let body = rest.get(usize::from(is_end)..)?;
    let length =
        body.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).unwrap_or(body.len());
    let (name, mut tail) = body.split_at_checked(length)?;
    let (mut attributes, mut before, mut slash) = (0, b' ', false);
    while let Some((&byte, after)) = tail.split_first() {
        tail = after;
        if byte == b'>' {
            break;
        }
        match byte {
            // A quote opens a value only behind a `=`; elsewhere it is part of a name.
            b'"' | b'\'' if before == b'=' => {
                tail = memchr(byte, tail).and_then(|end| tail.get(end + 1..)).unwrap_or_default();
            }
            _ if !byte.is_ascii_whitespace() && byte != b'=' && byte != b'/' && is_gap(before) => {
                attributes += 1;
            }
            _ => {}
        }
        slash = byte == b'/';
        // White space around a `=` does not end the attribute.
        if !(before == b'=' && byte.is_ascii_whitespace()) {
            before = byte;
        }
    }
    *rest = tail;
    let kind = match (is_end, is_any(name, VOID), slash) {
        (true, ..) => Kind::End,
        (_, true, _) => Kind::Void,
        (.., true) => Kind::Closed,
        _ => Kind::Start,
    };
    Some(Tag { name, kind, attributes, text })
}

fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'')
}

/// Passes over the text of a raw element, up to and with its end tag.
pub(crate) fn skip_raw(rest: &mut &[u8], name: &[u8]) {
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|tail| memchr(b'<', tail)) {
        let tail = rest.get(from + at + 1..).unwrap_or_default();
        if tail.first() == Some(&b'/')
            && tail.get(1..=name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name))
        {
            *rest = tail.get(1 + name.len()..).unwrap_or_default();
            return;
        }
        from += at + 1;
    }
    *rest = &[];
}

/// Whether the name is that of an element whose content is text up to its own end tag.
pub(crate) fn is_raw(name: &[u8]) -> bool {
    is_any(name, RAW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_open_at_once() {
        assert_eq!(nesting_depth(""), 0);
        assert_eq!(nesting_depth("<ul><li>a<li>b<li>c</ul>"), 2);
        assert_eq!(nesting_depth("<br><img/><hr>"), 0);
        assert_eq!(nesting_depth("<div></p></span></div><div>"), 1);
        assert_eq!(nesting_depth("<DIV><Div></dIV></div><div>"), 2);
    }

    #[test]
    fn text_that_looks_like_tags_is_not_counted() {
        assert_eq!(nesting_depth("<!-- <div><div> --><p>"), 1);
        assert_eq!(nesting_depth("<script>'<div><div>'</script><p>"), 1);
        assert_eq!(nesting_depth("<a title='<div><div>'>"), 1);
    }

    #[test]
    fn an_unclosed_quote_comment_or_script_ends_with_the_page() {
        for html in ["<div title=\"", "<!-- <div>", "<script><div>", "<div", "<", "</"] {
            assert!(nesting_depth(html) <= 1, "{html}");
        }
    }

    #[test]
    fn attributes_are_counted() {
        assert_eq!(measure(b"<a b c = 'd e' f=g>").attributes, 3);
        assert_eq!(measure(format!("<p{}>", " x".repeat(5000)).as_bytes()).attributes, 5000);
    }
}
