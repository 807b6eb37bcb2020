//! What bytes are, against what they are said to be.

mod support;

use sheaf_common::document::ContentType;
use sheaf_common::fault::{Fault, FaultKind};
use sheaf_parse::{Detected, Evidence, Input, Isolation, cost, detect, limits};
use support::{docx, paragraph, pdf, zip};

/// [`detect`], with empty strings for what is not said.
fn look(body: &[u8], declared: &str, name: &str) -> Result<Detected, Fault> {
    detect(body, Some(declared).filter(|said| !said.is_empty()), Some(name).filter(|said| !said.is_empty()))
}

#[track_caller]
fn is(body: &[u8], declared: &str, name: &str, content_type: ContentType, evidence: Evidence) {
    let found = look(body, declared, name).map(|detected| (detected.content_type, detected.evidence));
    assert_eq!(found, Ok((content_type, evidence)));
}

#[track_caller]
fn refused(body: &[u8], declared: &str, name: &str, kind: FaultKind, says: &str) {
    let found = look(body, declared, name);
    let fault = found.as_ref().err();
    assert_eq!(fault.map(|fault| fault.kind), Some(kind), "{found:?}");
    assert!(
        fault.is_some_and(|fault| fault.message.contains(says) && !fault.hint.is_empty()),
        "{fault:?}: {says}"
    );
}

#[test]
fn magic_wins_over_what_is_said() {
    is(&pdf(&[&["x"]]), "text/html", "x.txt", ContentType::Pdf, Evidence::Magic);
    is(&docx(&paragraph("x")), "application/zip", "x.zip", ContentType::Docx, Evidence::Magic);
    let late = [b"junk before\n".as_slice(), &pdf(&[&["x"]])].concat();
    is(&late, "application/pdf", "", ContentType::Pdf, Evidence::Magic);
    is(b"A note on how %PDF- headers work.", "", "", ContentType::Text, Evidence::Default);
}

#[test]
fn the_header_wins_over_the_ending_where_the_bytes_allow_it() {
    is(b"<p>An error page", "text/html", "report.pdf", ContentType::Html, Evidence::Header);
    is(b"# T", "text/markdown", "x.html", ContentType::Markdown, Evidence::Header);
    is(b"# T", "text/plain", "x.md", ContentType::Markdown, Evidence::Ending);
    is(b"<p>x", "application/octet-stream", "x.htm", ContentType::Html, Evidence::Ending);
    is(b"<h1 align=center>T</h1>\n\ntext", "", "README.md", ContentType::Markdown, Evidence::Ending);
}

#[test]
fn pages_are_told_by_how_they_begin() {
    for page in ["<!DOCTYPE html>", " \n<HTML lang=en>", "<!-- c --><?xml version='1.0'?> <!-- d -->\n<html>"]
    {
        is(page.as_bytes(), "", "page", ContentType::Html, Evidence::Sniffed);
        is(page.as_bytes(), "text/plain", "page.txt", ContentType::Html, Evidence::Sniffed);
        let wide: Vec<u8> = page.encode_utf16().flat_map(u16::to_le_bytes).collect();
        is(&wide, "", "page", ContentType::Html, Evidence::Sniffed);
    }
    is(b"fn main() { \"<html>\"; }", "", "main.rs", ContentType::Text, Evidence::Default);
    is(b"{\"a\": 1}", "application/json", "x.json", ContentType::Text, Evidence::Header);
}

#[test]
fn what_has_no_parser_is_refused_by_name() {
    let unsupported = FaultKind::UnsupportedType;
    refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01", "", "x.txt", unsupported, "an image (image/png)");
    let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 64]].concat();
    refused(&elf, "", "", unsupported, "a program");
    refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "", "x.svg", unsupported, "an image");
    refused(b"{\\rtf1\\ansi text}", "", "x.rtf", unsupported, "RTF");
    refused(&zip(&[("xl/workbook.xml", b"<x/>")]), "", "x.xlsx", unsupported, "an Excel workbook");
    refused(&zip(&[("ppt/presentation.xml", b"<x/>")]), "", "", unsupported, "a PowerPoint presentation");
    refused(&zip(&[("a.txt", b"x")]), "", "x.zip", unsupported, "a zip archive");
    refused(
        &zip(&[("mimetype", b"application/epub+zip"), ("META-INF/container.xml", b"<x/>")]),
        "",
        "",
        unsupported,
        "EPUB",
    );
    let mut doc = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    doc.extend([0; 600]);
    doc.extend("WordDocument".encode_utf16().flat_map(u16::to_le_bytes));
    refused(&doc, "application/msword", "x.doc", unsupported, "a Word 97-2003 document");
    doc.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    refused(&doc, "", "x.docx", FaultKind::Encrypted, "password");
    let mut noise: Vec<u8> = (0..2000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    noise[0] = 7;
    refused(&noise, "audio/x-unknown", "", unsupported, "a sound recording (audio/x-unknown)");
}

#[test]
fn text_is_not_taken_for_a_picture_by_two_letters() {
    for text in [
        "BM is the abbreviation of benchmark.",
        "MZ 250 for sale",
        "II. Act, first scene",
        "GIF and PNG compared",
    ] {
        is(text.as_bytes(), "", "", ContentType::Text, Evidence::Default);
    }
}

#[test]
fn charset_and_type_are_read_from_the_header() {
    let detected = detect(b"x", Some("Text/HTML; foo=bar; Charset=\"ISO-8859-1\""), None).unwrap();
    assert_eq!(detected.content_type, ContentType::Html);
    assert_eq!(detected.charset.as_deref(), Some("ISO-8859-1"));
}

#[test]
fn what_may_hurt_goes_to_a_process_that_can_be_killed() {
    let isolation =
        |body: &[u8], name: &str| cost(&Input { file_name: Some(name), ..Input::new(body) }).isolate;
    assert_eq!(isolation(&pdf(&[&["x"]]), "x.pdf"), Some(Isolation::Pdf));
    assert_eq!(isolation(&docx(&paragraph("x")), "x.docx"), Some(Isolation::Docx));
    assert_eq!(isolation("<div>".repeat(600).as_bytes(), "x.html"), Some(Isolation::DeepPage));
    assert_eq!(isolation("<p>text</p>".repeat(600).as_bytes(), "x.html"), None);
    let long = "<p>text".repeat(limits::TRUSTED_HTML_BYTES / 7 + 1);
    assert_eq!(isolation(long.as_bytes(), "x.html"), Some(Isolation::LargePage));
    let wide: Vec<u8> = "<p>text ".repeat(600).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(isolation(&wide, "x.html"), Some(Isolation::DeepPage));
    assert_eq!(isolation(b"some text", "x.txt"), None);
    assert_eq!(isolation(&vec![b'x'; limits::TRUSTED_TEXT_BYTES + 1], "x.txt"), Some(Isolation::LargeText));
    assert_eq!(isolation(b"", "x.txt"), None);
    assert!(!cost(&Input::new(b"some text")).is_cpu_bound());
    assert!(cost(&Input::new(long.as_bytes())).is_cpu_bound());
}

#[cfg(not(feature = "hostile"))]
#[test]
fn the_stand_in_is_plain_text_where_it_is_not_compiled_in() {
    is(b"sheaf-hostile: abort\n", "application/x-sheaf-hostile", "", ContentType::Text, Evidence::Header);
}

#[cfg(feature = "hostile")]
#[test]
fn the_stand_in_is_isolated_and_its_panic_is_a_fault() {
    let body = b"sheaf-hostile: panic\n";
    is(body, "text/plain", "", ContentType::Hostile, Evidence::Magic);
    assert_eq!(cost(&Input::new(body)).isolate, Some(Isolation::Hostile));
    let fault = sheaf_parse::parse(Input::new(body)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::ParserCrash);
    assert!(fault.message.contains("the hostile document asked for it"), "{}", fault.message);
}
