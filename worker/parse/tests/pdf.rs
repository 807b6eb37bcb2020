//! PDFs: whole, of scans, encrypted, broken off, mutated.

mod support;

use proptest::prelude::*;
use sheaf_common::document::ContentType;
use sheaf_common::fault::FaultKind;
use support::{parse_as, pdf};

const PAGE: &[&str] = &[
    "The breakwater is sound over most of its length, and the con-",
    "dition of the head has been known since the survey of 2011. At",
    "present the toe is washed out to a depth of almost two metres,",
    "which pre- and post-war drawings show as solid rock.",
];

#[test]
fn text_and_properties_are_read_and_words_made_whole() {
    let document = parse_as("survey.pdf", &pdf(&[PAGE])).unwrap();
    assert_eq!(document.content_type, ContentType::Pdf);
    assert_eq!(document.title.as_deref(), Some("A survey"));
    assert_eq!(document.author.as_deref(), Some("The engineer"));
    assert_eq!(document.published.as_deref(), Some("2026-02-12"));
    assert!(document.text.contains("the condition of the head"), "{}", document.text);
    assert!(document.text.contains("pre- and post-war"), "{}", document.text);
    assert_eq!((document.marks.pages, document.marks.pages_without_text), (Some(1), 0));
    assert_eq!(document.marks.remarks, [""; 0]);
}

#[test]
fn a_paragraph_goes_on_over_the_page() {
    let first =
        ["The rock can be taken from the quarry that delivered it in 1998, and the barge needs a depth of"];
    let second = ["two metres and a half at the head, which it has for five hours around each high water."];
    let document = parse_as("x.pdf", &pdf(&[&first, &second])).unwrap();
    assert!(document.text.contains("a depth of two metres and a half"), "{}", document.text);
}

#[test]
fn a_scan_says_how_many_pages_it_has_and_what_to_do() {
    let fault = parse_as("scan.pdf", &pdf(&[&[], &[], &[]])).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoText);
    assert_eq!(fault.message, "the PDF has 3 pages and no text: probably a scan; run OCR first");
}

#[test]
fn pages_without_text_among_others_are_remarked_and_lower_the_confidence() {
    let whole = parse_as("x.pdf", &pdf(&[PAGE])).unwrap();
    let half = parse_as("x.pdf", &pdf(&[PAGE, &[]])).unwrap();
    assert_eq!(half.marks.pages_without_text, 1);
    assert!(half.marks.remarks[0].contains("1 of 2 pages have no text"), "{:?}", half.marks.remarks);
    assert!(half.extraction_confidence < whole.extraction_confidence * 0.6);
}

#[test]
fn an_encrypted_pdf_is_named() {
    let plain = String::from_utf8_lossy(&pdf(&[PAGE])).replace(
        "/Info 4 0 R",
        "/Info 4 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>] /Encrypt << /Filter \
         /Standard /V 2 /R 3 /Length 128 /P -4 /O <000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F> /U \
         <202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F> >>",
    );
    let fault = parse_as("secret.pdf", plain.as_bytes()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Encrypted, "{fault:?}");
}

#[test]
fn broken_off_anywhere_it_gives_what_is_there_with_a_remark_or_says_so() {
    let whole = pdf(&[PAGE, PAGE, PAGE]);
    let (mut partly, mut refused) = (0, 0);
    for length in (8..whole.len() - 40).step_by(37) {
        match parse_as("cut.pdf", &whole[..length]) {
            Ok(document) => {
                assert!(!document.marks.remarks.is_empty(), "nothing is said at {length} of {}", whole.len());
                partly += 1;
            }
            Err(fault) => {
                assert!(
                    matches!(fault.kind, FaultKind::Malformed | FaultKind::NoText),
                    "{length}: {fault:?}"
                );
                refused += 1;
            }
        }
    }
    assert!(partly > 5 && refused > 5, "{partly} {refused}");
}

#[test]
fn a_page_under_a_pdf_name_is_told_from_a_pdf() {
    let fault =
        parse_as("report.pdf", b"<!doctype html><title>Not found</title><p>Nothing here.").unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
    assert!(fault.message.contains("seems to be an HTML page"), "{}", fault.message);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_pdfs_never_panic(changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..12)) {
        let mut bytes = pdf(&[PAGE, PAGE]);
        let length = bytes.len();
        for (at, value) in changes {
            bytes[at % length] = value;
        }
        if let Err(fault) = parse_as("x.pdf", &bytes) {
            prop_assert!(!fault.message.is_empty());
            prop_assert_ne!(fault.kind, FaultKind::ParserCrash, "{}", fault.message);
        }
    }
}
