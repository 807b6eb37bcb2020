//! Whatever the bytes and whatever is said of them: an answer, within the caps, and never a panic.

mod support;

use proptest::prelude::*;
use sheaf_common::fault::FaultKind;
use sheaf_common::job::Extraction;
use sheaf_parse::{Input, cost, detect, limits, parse};
use support::parse_as;

fn declared() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some("text/html; charset=utf-8".to_owned())),
        Just(Some("text/html; charset=iso-8859-1".to_owned())),
        Just(Some("text/markdown; charset=shift_jis".to_owned())),
        Just(Some("text/plain; charset=utf-16".to_owned())),
        Just(Some("text/plain; charset=iso-2022-jp".to_owned())),
        Just(Some("application/octet-stream".to_owned())),
        ".{0,40}".prop_map(Some),
    ]
}

fn name() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        prop::sample::select(vec!["a.html", "a.md", "a.txt", "a.csv", "a.html.gz", "a", ".md", "é.gz"])
            .prop_map(|name| Some(name.to_owned())),
        ".{0,20}".prop_map(Some),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        ".{0,200}".prop_map(String::into_bytes),
        "([#*_`>\\[\\]()|~+-]|\n|\t| |a|1|<b|&lt;|---\n){0,120}".prop_map(String::into_bytes),
        ("(\\PC){0,80}", prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(text, junk)| [
            text.into_bytes(),
            junk
        ]
        .concat()),
        "(\\PC){0,80}".prop_map(|text| text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(body in body(), declared in declared(), name in name()) {
        let input = Input {
            body: &body,
            declared_content_type: declared.as_deref(),
            file_name: name.as_deref(),
            extraction: Extraction::Fast,
        };
        let detected = detect(&body, declared.as_deref(), name.as_deref());
        let _ = cost(&input);
        match parse(input) {
            Ok(document) => {
                prop_assert_eq!(detected.unwrap().content_type, document.content_type);
                prop_assert!(!document.text.trim().is_empty());
                prop_assert!((0.0..=1.0).contains(&document.extraction_confidence));
                prop_assert!(!document.text.contains(['\0', '\r']));
            }
            Err(fault) => {
                prop_assert_ne!(fault.kind, FaultKind::ParserCrash, "{}", fault.message);
                prop_assert!(!fault.message.is_empty());
            }
        }
    }

    #[test]
    fn text_comes_back_as_it_went_in(text in "[a-zäöüßéèñ]{3,12}( [a-zäöüßéèñ]{1,9}){4,40}") {
        let document = parse_as("x.txt", text.as_bytes()).unwrap();
        prop_assert_eq!(&document.text, &text);
        prop_assert_eq!(document.marks.replaced_characters, 0);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        prop_assert_eq!(&parse_as("x.txt", &wide).unwrap().text, &text);
    }
}

#[test]
fn empty_and_blank_input_is_empty() {
    for body in
        [b"".as_slice(), b" \r\n\t\n", b"\xEF\xBB\xBF\n", "\u{3000}\u{a0}".as_bytes(), b"\xFF\xFE\x20\x00"]
    {
        assert_eq!(parse(Input::new(body)).unwrap_err().kind, FaultKind::Empty, "{body:?}");
    }
}

#[test]
fn bytes_that_mean_nothing_are_refused() {
    for body in [vec![0xFF; 4096], vec![0; 4096], (0..=255).cycle().take(4096).collect::<Vec<u8>>()] {
        let fault = parse(Input::new(&body)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::UnsupportedType, "{fault:?}");
        assert!(fault.message.contains("binary data"), "{}", fault.message);
    }
}

#[test]
fn what_is_cut_is_said() {
    let line = vec![b'x'; limits::MAX_INPUT_BYTES + 10];
    let document = parse_as("x.txt", &line).unwrap();
    assert_eq!(document.text.len(), limits::MAX_TEXT_BYTES);
    assert_eq!(document.marks.remarks.len(), 2, "{:?}", document.marks.remarks);
    let markdown = "word ".repeat(limits::MAX_TEXT_BYTES / 4);
    let document = parse_as("x.md", markdown.as_bytes()).unwrap();
    assert!(document.text.len() <= limits::MAX_TEXT_BYTES);
    assert!(document.marks.remarks[0].contains("left out"), "{:?}", document.marks.remarks);
}

#[test]
fn a_gzip_bomb_stops_at_the_cap() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..=limits::MAX_GUNZIPPED_BYTES / (1 << 20) {
        encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    }
    let fault = parse_as("x.txt.gz", &encoder.finish().unwrap()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge);
}

#[test]
fn a_compressed_page_is_read_and_a_broken_one_is_named() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let page = format!(
        "<title>Tides</title><article><p>{}</p></article>",
        "High water at noon, low water at six. ".repeat(20)
    );
    encoder.write_all(page.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let document = parse_as("x.html.gz", &bytes).unwrap();
    assert_eq!(document.title.as_deref(), Some("Tides"));
    assert_eq!(parse_as("x.html.gz", &bytes[..bytes.len() - 9]).unwrap_err().kind, FaultKind::Malformed);
}

/// Markdown that makes a careless parser take time in the square of its length, or recurse.
#[test]
fn markdown_built_to_be_slow_comes_to_an_end() {
    for unit in ["> ", "- ", "[", "![](", "*a_ ", "`", "<a ", "|", "\n- ", "[a](<b", "&", "a\n\n    "] {
        let source = unit.repeat(100_000 / unit.len());
        let _ = parse_as("x.md", source.as_bytes());
    }
}
