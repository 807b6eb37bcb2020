//! Passages: what a text is made of. A line of the text is a block; a paragraph that was wrapped at a fixed width is
//! put together again, code and tables are told from prose, and headings stay by themselves.

use crate::cue;
use crate::word;
use foldhash::HashSet;

/// What a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassageKind {
    /// Running text.
    Prose,
    /// An item of a list.
    Item,
    /// A heading of the document.
    Heading,
    /// A line of a program, a command, markup.
    Code,
    /// A few words that are no sentence: a label, a cell, a button.
    Fragment,
}

/// A passage and its place in bytes, without the white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) kind: PassageKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The passages of a text in order, with the document's headings known.
pub(crate) fn passages<'a>(text: &str, headings: impl Iterator<Item = &'a str>) -> Vec<Passage> {
    let headings: HashSet<&str> = headings.map(str::trim).collect();
    let mut all = Vec::new();
    let mut paragraph: Vec<Passage> = Vec::new();
    let mut offset = 0;
    let mut fenced = false;
    for line in text.split('\n') {
        let trimmed = line.trim();
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len() + 1;
        if trimmed.is_empty() {
            close(text, &mut paragraph, &mut all);
            continue;
        }
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
            close(text, &mut paragraph, &mut all);
            all.push(Passage { kind: PassageKind::Code, start, end: start + trimmed.len() });
            continue;
        }
        let kind = if fenced { PassageKind::Code } else { kind(line, trimmed, &headings) };
        paragraph.push(Passage { kind, start, end: start + trimmed.len() });
    }
    close(text, &mut paragraph, &mut all);
    all
}

fn kind(line: &str, trimmed: &str, headings: &HashSet<&str>) -> PassageKind {
    let bare = trimmed.trim_start_matches('#').trim();
    if headings.contains(bare)
        || (bare.len() < trimmed.len() && trimmed.starts_with('#') && headings.contains(bare))
    {
        PassageKind::Heading
    } else if is_code(line, trimmed) {
        PassageKind::Code
    } else if is_table_row(trimmed) {
        PassageKind::Fragment
    } else if item_marker(trimmed) > 0 {
        PassageKind::Item
    } else if ends_sentence(trimmed) && has_words(trimmed, 4) || has_words(trimmed, 14) {
        PassageKind::Prose
    } else {
        PassageKind::Fragment
    }
}

/// Ends a paragraph: lines that were wrapped become one passage, lines between lines of code are code.
fn close(text: &str, paragraph: &mut Vec<Passage>, all: &mut Vec<Passage>) {
    for at in 1..paragraph.len().saturating_sub(1) {
        let is_code =
            |at: usize| paragraph.get(at).is_some_and(|line: &Passage| line.kind == PassageKind::Code);
        if is_code(at - 1)
            && is_code(at + 1)
            && let Some(line) = paragraph.get_mut(at)
        {
            line.kind = PassageKind::Code;
        }
    }
    let wrapped = is_wrapped(text, paragraph);
    let mut open = false;
    for line in paragraph.drain(..) {
        let flows = wrapped && matches!(line.kind, PassageKind::Prose | PassageKind::Fragment);
        match all.last_mut() {
            Some(last) if open && (flows || continues(text, last, &line)) => {
                last.end = line.end;
                if last.kind == PassageKind::Fragment {
                    last.kind = PassageKind::Prose;
                }
            }
            _ => all.push(line),
        }
        open = matches!(line.kind, PassageKind::Prose | PassageKind::Fragment | PassageKind::Item);
    }
}

/// Lines of a paragraph in a text of fixed width are about equally long, but for the last.
fn is_wrapped(text: &str, paragraph: &[Passage]) -> bool {
    let Some((_, full)) = paragraph.split_last() else { return false };
    let width = |line: &Passage| text.get(line.start..line.end).map_or(0, |line| line.chars().count());
    full.len() >= 2
        && full.iter().all(|line| (45..=110).contains(&width(line)) && line.kind != PassageKind::Code)
        && full.iter().map(width).max().unwrap_or(0) - full.iter().map(width).min().unwrap_or(0) <= 25
}

/// Whether a line carries on the sentence of the line before it.
fn continues(text: &str, before: &Passage, line: &Passage) -> bool {
    let (Some(last), Some(next)) = (text.get(before.start..before.end), text.get(line.start..line.end))
    else {
        return false;
    };
    matches!(before.kind, PassageKind::Prose | PassageKind::Fragment | PassageKind::Item)
        && matches!(line.kind, PassageKind::Prose | PassageKind::Fragment)
        && next.starts_with(char::is_lowercase)
        && last.len() >= 40
        && !ends_sentence(last)
        && !last.ends_with([':', ';'])
}

/// Bytes of a bullet or number at the start of an item, 0 for anything else.
pub(crate) fn item_marker(trimmed: &str) -> usize {
    let mut chars = trimmed.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    if matches!(first, '-' | '*' | '+' | '•' | '‣' | '◦' | '▪' | '·' | '–') {
        return match chars.next() {
            Some((at, c)) if c.is_whitespace() => at + c.len_utf8(),
            _ => 0,
        };
    }
    let digits = trimmed.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let mut rest = trimmed.get(digits..).unwrap_or_default().chars();
    match (digits, rest.next(), rest.next()) {
        (1..=2, Some('.' | ')'), Some(' ')) => digits + 2,
        _ => 0,
    }
}

/// Whether a sentence ends here, closing quotes and brackets aside.
pub(crate) fn ends_sentence(trimmed: &str) -> bool {
    let bare = trimmed
        .trim_end_matches(['"', '\'', '”', '’', '»', '«', '“', ')', ']', '」', '』', '）', ' ', '\u{a0}']);
    bare.ends_with(['.', '!', '?', '。', '！', '？', '…', '।', '؟', '۔', '։', '።', '។', '॥', '．'])
}

fn has_words(trimmed: &str, wanted: usize) -> bool {
    let wanted = if trimmed.chars().take(40).filter(|&c| word::is_unspaced(c)).count() > 8 {
        wanted * 2
    } else {
        wanted
    };
    word::spans(trimmed).take(wanted).count() >= wanted
}

fn is_table_row(trimmed: &str) -> bool {
    trimmed.bytes().filter(|&b| b == b'|').count() >= 2
        || trimmed.bytes().filter(|&b| b == b'\t').count() >= 2
}

/// Whether a line is a program's. Judged by its first 400 bytes.
pub(crate) fn is_code(line: &str, trimmed: &str) -> bool {
    let head = trimmed.get(..trimmed.floor_char_boundary(400)).unwrap_or(trimmed);
    let (mut signs, mut visible, mut letters) = (0_usize, 0_usize, 0_usize);
    for byte in head.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        visible += 1;
        letters += usize::from(byte.is_ascii_alphabetic() || !byte.is_ascii());
        signs += usize::from(matches!(
            byte,
            b'{' | b'}'
                | b'['
                | b']'
                | b';'
                | b'='
                | b'<'
                | b'>'
                | b'\\'
                | b'$'
                | b'_'
                | b'`'
                | b'&'
                | b'^'
                | b'~'
                | b'@'
        ));
    }
    if visible == 0 {
        return false;
    }
    let share = signs as f64 / visible as f64;
    let indented = line.starts_with("    ") || line.starts_with('\t');
    let ends =
        trimmed.ends_with(['{', '}', ';', '\\']) || trimmed.ends_with("();") || trimmed.ends_with("=>");
    let starts = cue::CODE_STARTS.iter().any(|start| trimmed.starts_with(start));
    (share > 0.15 && visible > 3 && letters > 0)
        || (ends && (share > 0.03 || visible < 30) && !has_words(head, 20))
        || (starts && (share > 0.03 || trimmed.ends_with([':', ')', ';'])))
        || (indented && share > 0.06)
        || trimmed.starts_with("$ ")
        || trimmed.starts_with(">>> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(PassageKind, &str)> {
        passages(text, ["Results"].into_iter()).iter().map(|p| (p.kind, &text[p.start..p.end])).collect()
    }

    #[test]
    fn tells_prose_from_the_rest() {
        let text = "Results\nThe pumps were tested twice.\n- a short item\n  let x = f(y);\nPrice\nName | Size | Weight |";
        assert_eq!(
            kinds(text),
            [
                (PassageKind::Heading, "Results"),
                (PassageKind::Prose, "The pumps were tested twice."),
                (PassageKind::Item, "- a short item"),
                (PassageKind::Code, "let x = f(y);"),
                (PassageKind::Fragment, "Price"),
                (PassageKind::Fragment, "Name | Size | Weight |"),
            ]
        );
    }

    #[test]
    fn puts_wrapped_lines_together() {
        let text = "The survey of the northern harbour took three weeks and\nended when Captain Ruiz ordered every vessel back to the\ndock before the storm.\n\nNext.";
        let found = kinds(text);
        assert_eq!(found.len(), 2);
        assert!(found[0].1.starts_with("The survey") && found[0].1.ends_with("storm."));
    }

    #[test]
    fn prose_with_brackets_is_not_code() {
        for line in [
            "The rate rose to 5 % (from 4 %), as the board expected; nobody objected.",
            "If you return the form, we import your data and let you know.",
            "See [1] and [2] for details of the method used in this study.",
        ] {
            assert!(!is_code(line, line), "{line}");
        }
        for line in
            ["def area(self):", "$ cargo build", "return x + 1;", "<div class=\"a\">", "}", "import os;"]
        {
            assert!(is_code(line, line), "{line}");
        }
    }

    #[test]
    fn markers_of_items() {
        assert_eq!(item_marker("- one"), 2);
        assert_eq!(item_marker("12. twelve"), 4);
        assert_eq!(item_marker("2026 was"), 0);
        assert_eq!(item_marker("-5 degrees"), 0);
    }
}
