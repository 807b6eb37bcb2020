//! DOCX: whole, bombs, damaged, encrypted, deep.

mod support;

use proptest::prelude::*;
use sheaf_common::document::ContentType;
use sheaf_common::fault::FaultKind;
use support::{docx, docx_files, paragraph, parse_as, zip};

#[test]
fn text_headings_tables_and_properties_are_read() {
    let body = r#"<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Tide gauge</w:t></w:r></w:p>"#
        .to_owned()
        + &paragraph("High water is eleven minutes late.")
        + "<w:tbl><w:tr><w:tc>"
        + &paragraph("Berths")
        + "</w:tc><w:tc>"
        + &paragraph("36")
        + "</w:tc></w:tr></w:tbl><w:p><w:r><w:t>Before.</w:t></w:r><w:del><w:r><w:delText> Gone.</w:delText></w:r></w:del>\
           <w:ins><w:r><w:t> After.</w:t></w:r></w:ins></w:p>";
    let document = parse_as("minutes.docx", &docx(&body)).unwrap();
    assert_eq!(document.content_type, ContentType::Docx);
    assert_eq!(document.title.as_deref(), Some("Minutes"));
    assert_eq!(document.author.as_deref(), Some("The office"));
    assert_eq!(document.published.as_deref(), Some("2026-02-13"));
    assert_eq!(document.headings[0].text, "Tide gauge");
    assert_eq!(
        document.text,
        "Tide gauge\n\nHigh water is eleven minutes late.\n\nBerths\t36\n\nBefore. After."
    );
}

#[test]
fn a_main_part_by_another_name_is_found() {
    let mut files = docx_files(&paragraph("Written in a browser."));
    files
        .iter_mut()
        .filter(|file| file.0 == "word/document.xml")
        .for_each(|file| file.0 = "word/document2.xml");
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    assert_eq!(parse_as("x.docx", &zip(&files)).unwrap().text, "Written in a browser.");
}

#[test]
fn not_a_zip_says_what_it_seems_to_be() {
    let fault = parse_as("x.docx", b"Four lines of text.\n").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(
        fault.message.contains("not a zip archive") && fault.message.contains("plain text"),
        "{}",
        fault.message
    );
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let zeros = vec![b' '; 64 << 20];
    let fault = parse_as("x.docx", &zip(&[("word/document.xml", &zeros)])).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert!(fault.message.contains("times"), "{}", fault.message);
}

#[test]
fn a_bomb_that_declares_little_is_stopped_while_it_unpacks() {
    let spaces = vec![b' '; 64 << 20];
    let mut bytes = zip(&[("word/document.xml", &spaces)]);
    let size = u32::try_from(spaces.len()).unwrap().to_le_bytes();
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 4].copy_from_slice(&1000_u32.to_le_bytes());
    }
    let fault = parse_as("x.docx", &bytes).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed, "{fault:?}");
    assert!(fault.message.contains("damaged after 1000 bytes"), "{}", fault.message);
}

#[test]
fn a_directory_without_end_is_not_walked() {
    let names: Vec<String> = (0..10_100).map(|n| format!("word/media/{n}")).collect();
    let mut files: Vec<(&str, &[u8])> = vec![("word/document.xml", b"<w:document/>")];
    files.extend(names.iter().map(|name| (name.as_str(), b"".as_slice())));
    let fault = parse_as("x.docx", &zip(&files)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert!(fault.message.contains("10101 files"), "{}", fault.message);
}

#[test]
fn deep_nesting_is_refused_before_anything_recurses() {
    let depth = 50_000;
    let body = "<w:tbl><w:tr><w:tc>".repeat(depth) + &"</w:tc></w:tr></w:tbl>".repeat(depth);
    let fault = parse_as("x.docx", &docx(&body)).unwrap_err();
    assert!(matches!(fault.kind, FaultKind::Malformed | FaultKind::TooLarge), "{fault:?}");
}

#[test]
fn pictures_alone_are_no_text() {
    let fault = parse_as("x.docx", &docx("<w:p><w:r><w:drawing/></w:r></w:p>")).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoText);
}

#[test]
fn broken_off_it_is_malformed() {
    let whole = docx(&paragraph("Some text that is long enough."));
    for length in (4..whole.len() - 1).step_by(13) {
        let fault = parse_as("x.docx", &whole[..length]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{length}: {fault:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_archives_never_panic(changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..10)) {
        let mut bytes = docx(&paragraph("Some text."));
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        if let Err(fault) = parse_as("x.docx", &bytes) {
            prop_assert_ne!(fault.kind, FaultKind::ParserCrash, "{}", fault.message);
        }
    }

    #[test]
    fn arbitrary_xml_never_panics(body in "(<w:(p|r|t|tbl|tr|tc|pPr|sdt|hyperlink)/?>|</w:(p|r|t|tbl|tr|tc)>|[a-z <>&;\"]){0,60}") {
        if let Err(fault) = parse_as("x.docx", &docx(&body)) {
            prop_assert_ne!(fault.kind, FaultKind::ParserCrash, "{}", fault.message);
        }
    }
}
