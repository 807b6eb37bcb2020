//! Bytes to characters, by what the bytes are rather than by what they are said to be.
//!
//! In order: a byte order mark; UTF-16 told by where its zero bytes are; UTF-8 when the bytes leave no other reading;
//! the charset of the Content-Type header, then that of the page's `<meta>` or XML declaration; chardetng's guess. A
//! declared charset that the bytes contradict is not followed, and a remark says so.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// Bytes at the beginning in which a page's own declaration is looked for. The standard says 1,024; real pages put
/// scripts before it.
const PRESCAN_BYTES: usize = 8 * 1024;

/// Bytes that the detector is shown.
const DETECTOR_BYTES: usize = 512 * 1024;

/// Bytes over which zeros are counted to tell UTF-16.
const UTF_16_SAMPLE_BYTES: usize = 8 * 1024;

/// Characters, and how they were come by.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// U+FFFD in `text`: bytes that could not be decoded here, or by whoever wrote the document.
    pub replaced: usize,
    /// Said when a declared charset was not followed.
    pub remark: Option<String>,
}

/// Decodes `body`. `header` is the label in the Content-Type; `markup` says that a `<meta>` or an XML declaration counts.
pub(crate) fn decode<'a>(body: &'a [u8], header: Option<&str>, markup: bool) -> Decoded<'a> {
    let header = header.and_then(labelled);
    let declared = header.or_else(|| if markup { prescan(body) } else { None });
    let encoding = choose(body, declared);
    let (text, _) = encoding.decode_with_bom_removal(body);
    let replaced = text.matches('\u{FFFD}').count();
    let remark = declared.filter(|&declared| declared != encoding && !body.is_ascii()).map(|declared| {
        format!(
            "declared as {} and read as {}, which is what the bytes are",
            declared.name(),
            encoding.name()
        )
    });
    Decoded { text, replaced, remark }
}

/// Whether the bytes are UTF-16 by mark or by where their zeros are.
pub(crate) fn is_utf_16(body: &[u8]) -> bool {
    matches!(Encoding::for_bom(body), Some((encoding, _)) if encoding != UTF_8)
        || utf_16_without_mark(body).is_some()
}

fn labelled(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())?;
    match encoding {
        // Stands for charsets nobody should use; says nothing about what the bytes are.
        _ if encoding == REPLACEMENT => None,
        _ if encoding == X_USER_DEFINED => Some(WINDOWS_1252),
        _ => Some(encoding),
    }
}

fn choose(body: &[u8], declared: Option<&'static Encoding>) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    if let Some(encoding) = utf_16_without_mark(body) {
        return encoding;
    }
    // Without a mark and without zeros it is not UTF-16, whoever says so.
    let declared = declared.filter(|&encoding| encoding != UTF_16LE && encoding != UTF_16BE);
    let shape = Utf8Shape::of(body);
    match declared {
        // Only ASCII: every encoding that may be declared agrees, but for those that are made of ASCII (ISO-2022-JP).
        Some(encoding) if shape.is_ascii() => encoding,
        None if shape.is_ascii() && !body.contains(&0x1B) => UTF_8,
        Some(encoding) if encoding != UTF_8 && !encoding.is_single_byte() => {
            // Two or three characters of GBK or Shift_JIS may look like UTF-8 by chance; many cannot.
            if shape.invalid == 0 && shape.sequences >= 8 { UTF_8 } else { fewest_errors(body, encoding) }
        }
        _ if shape.is_utf_8() => UTF_8,
        Some(encoding) if encoding != UTF_8 => encoding,
        _ => guess(body),
    }
}

/// The declared multi-byte encoding, unless the detector's guess decodes with far fewer errors.
fn fewest_errors(body: &[u8], declared: &'static Encoding) -> &'static Encoding {
    let errors = |encoding: &'static Encoding| {
        encoding.decode_without_bom_handling(head(body, DETECTOR_BYTES)).0.matches('\u{FFFD}').count()
    };
    let wrong = errors(declared);
    if wrong <= 2 {
        return declared;
    }
    let guess = guess(body);
    if guess != declared && errors(guess) * 4 < wrong { guess } else { declared }
}

fn guess(body: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head(body, DETECTOR_BYTES), true);
    detector.guess(None, Utf8Detection::Allow)
}

fn head(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// UTF-16 text of any script has spaces, line ends and punctuation, so that zeros stand in one half of its code units
/// and never in the other. Anything else with zeros in it is no text.
fn utf_16_without_mark(body: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = head(body, UTF_16_SAMPLE_BYTES).as_chunks::<2>();
    let high = pairs.iter().filter(|pair| pair[0] == 0).count();
    let low = pairs.iter().filter(|pair| pair[1] == 0).count();
    let encoding = match (high, low) {
        (0, low) if low >= 2 => UTF_16LE,
        (high, 0) if high >= 2 => UTF_16BE,
        _ => return None,
    };
    let few = high.max(low) * 20 < pairs.len();
    let (text, _, errors) = encoding.decode(head(body, UTF_16_SAMPLE_BYTES));
    // A sample that ends inside a surrogate pair has one error at its end.
    let errors = errors && text.trim_end_matches('\u{FFFD}').contains('\u{FFFD}');
    let controls = text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{C}'));
    (!few && !errors && !controls).then_some(encoding)
}

/// How far bytes have the shape of UTF-8.
#[derive(Debug, Default)]
struct Utf8Shape {
    /// Sequences of two bytes and more.
    sequences: usize,
    /// Places where the bytes are not UTF-8.
    invalid: usize,
    /// The end cuts a sequence in two.
    cut: bool,
}

impl Utf8Shape {
    fn of(body: &[u8]) -> Self {
        let mut shape = Self::default();
        for chunk in body.utf8_chunks() {
            // Each sequence has one byte that is not a continuation of it.
            shape.sequences += chunk.valid().bytes().filter(|&byte| byte >= 0xC0).count();
            shape.invalid += usize::from(!chunk.invalid().is_empty());
            shape.cut = std::str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
        }
        // A sequence that the end cuts in two says nothing against the rest.
        shape.invalid -= usize::from(shape.cut);
        shape
    }

    fn is_ascii(&self) -> bool {
        self.sequences + self.invalid == 0 && !self.cut
    }

    /// No errors, or few beside what is right: bytes of another encoding seldom make valid sequences.
    fn is_utf_8(&self) -> bool {
        match self.invalid {
            0 => self.sequences > 0 || !self.cut,
            invalid => self.sequences > 4 * invalid,
        }
    }
}

/// The charset that a page declares of itself: `<?xml encoding="…"?>`, `<meta charset="…">` or
/// `<meta http-equiv="Content-Type" content="…; charset=…">`.
fn prescan(body: &[u8]) -> Option<&'static Encoding> {
    let head = head(body, PRESCAN_BYTES).to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    if let Some(declaration) =
        head.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split("?>").next())
        && let Some(encoding) = value_of(declaration, "encoding")
    {
        return Some(encoding);
    }
    head.split("<meta").skip(1).find_map(|rest| value_of(rest.split('>').next()?, "charset"))
}

fn value_of(tag: &str, name: &str) -> Option<&'static Encoding> {
    tag.split(name).skip(1).find_map(|rest| {
        let value = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '>'));
        let encoding = labelled(value.get(..end.unwrap_or(value.len()))?)?;
        // The declaration itself was readable as ASCII, so it is not UTF-16.
        Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_JP, GBK, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn text(body: &[u8], header: Option<&str>) -> (String, usize, bool) {
        let decoded = decode(body, header, true);
        (decoded.text.into_owned(), decoded.replaced, decoded.remark.is_some())
    }

    const GERMAN: &str = "Die Fähre fährt täglich über die Förde, außer bei Sturm.";

    #[test]
    fn a_mark_wins_over_everything() {
        let utf_8 = ["\u{FEFF}", GERMAN].concat();
        assert_eq!(text(utf_8.as_bytes(), Some("iso-8859-1")), (GERMAN.to_owned(), 0, true));
        let wide: Vec<u8> = ["\u{FEFF}", GERMAN].concat().encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&wide, Some("utf-8")).0, GERMAN);
    }

    #[test]
    fn utf_16_needs_no_mark() {
        for text_of in [GERMAN, "Приливы и отливы, высота воды."] {
            let little: Vec<u8> = text_of.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text_of.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(text(&little, None).0, text_of);
            assert_eq!(text(&big, Some("utf-8")).0, text_of);
        }
    }

    #[test]
    fn a_wrong_declaration_is_corrected_and_said() {
        assert_eq!(text(GERMAN.as_bytes(), Some("ISO-8859-1")), (GERMAN.to_owned(), 0, true));
        let latin = WINDOWS_1252.encode(GERMAN).0;
        assert_eq!(text(&latin, Some("utf-8")), (GERMAN.to_owned(), 0, true));
        assert_eq!(text(&latin, Some("utf-16")), (GERMAN.to_owned(), 0, true));
    }

    #[test]
    fn a_right_declaration_is_followed() {
        let sentence = "Прилив наступает в полдень.";
        let bytes = WINDOWS_1251.encode(sentence).0;
        assert_eq!(text(&bytes, Some("windows-1251")), (sentence.to_owned(), 0, false));
        let sentence = "满潮在中午，低潮在傍晚。";
        for encoding in [GBK, BIG5] {
            let (bytes, ..) = encoding.encode("中午");
            assert_eq!(text(&bytes, Some(encoding.name())).0, "中午");
        }
        let bytes = GBK.encode(sentence).0;
        assert_eq!(text(&bytes, Some("gb2312")), (sentence.to_owned(), 0, false));
    }

    #[test]
    fn without_a_declaration_it_is_told_from_the_bytes() {
        let sentence =
            "満潮は正午、干潮は夕方の六時ごろになります。港の入口では流れが速いので注意してください。";
        for encoding in [SHIFT_JIS, EUC_JP] {
            assert_eq!(text(&encoding.encode(sentence).0, None), (sentence.to_owned(), 0, false));
        }
        assert_eq!(text(GERMAN.as_bytes(), None), (GERMAN.to_owned(), 0, false));
    }

    #[test]
    fn a_page_declares_itself() {
        let cyrillic = WINDOWS_1251.encode("Прилив и отлив").0;
        for head in [
            "<?xml version='1.0' encoding='windows-1251'?><html>",
            "<html><meta charset=windows-1251>",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1251\" />",
            "<META CHARSET = \"Windows-1251\">",
        ] {
            let page = [head.as_bytes(), &cyrillic].concat();
            assert!(text(&page, None).0.ends_with("Прилив и отлив"), "{head}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_counted() {
        let mut bytes = GERMAN.repeat(4).into_bytes();
        bytes.insert(10, 0xFF);
        assert_eq!(text(&bytes, None).1, 1);
        // Broken off inside a character.
        let cut = "Flut über der Mole, übermorgen früh für alle. ü".as_bytes();
        assert_eq!(text(&cut[..cut.len() - 1], None).1, 1);
        assert_eq!(text(b"un petit caf\xE9", Some("utf-8")).0, "un petit café");
    }
}
