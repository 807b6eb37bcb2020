//! Small PDFs and DOCX files, made for the tests.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "a test that cannot be set up is to stop")]

use std::io::{Cursor, Write};

use sheaf_common::document::Document;
use sheaf_common::fault::Fault;
use sheaf_parse::{Input, parse};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Parses bytes of which only the file's name is known.
pub(crate) fn parse_as(file_name: &str, body: &[u8]) -> Result<Document, Fault> {
    parse(Input { file_name: Some(file_name), ..Input::new(body) })
}

/// A PDF with the given lines on each page, in Helvetica.
pub(crate) fn pdf(pages: &[&[&str]]) -> Vec<u8> {
    let contents = pages.iter().map(|lines| {
        let mut content = String::from("BT /F1 11 Tf 14 TL 72 760 Td\n");
        for line in *lines {
            content += &format!("({line}) Tj T*\n");
        }
        content + "ET"
    });
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        String::new(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        "<< /Title (A survey) /Author (The engineer) /CreationDate (D:20260212101500Z) >>".to_owned(),
    ];
    let mut kids = String::new();
    for content in contents {
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            objects.len()
        ));
        kids += &format!("{} 0 R ", objects.len());
    }
    objects[1] = format!("<< /Type /Pages /Count {} /Kids [{kids}] >>", pages.len());
    let mut out = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut offsets = String::new();
    for (number, object) in objects.iter().enumerate() {
        offsets += &format!("{:010} 00000 n \n", out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let (at, size) = (out.len(), objects.len() + 1);
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{offsets}").bytes());
    out.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R /Info 4 0 R >>\nstartxref\n{at}\n%%EOF\n").bytes(),
    );
    out
}

/// A zip archive of the given files.
pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

/// A DOCX whose body is the given `WordprocessingML`.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    zip(&docx_files(body).iter().map(|(name, text)| (*name, text.as_bytes())).collect::<Vec<_>>())
}

/// The files of [`docx`].
pub(crate) fn docx_files(body: &str) -> Vec<(&'static str, String)> {
    vec![
        (
            "[Content_Types].xml",
            r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#.to_owned(),
        ),
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>"#.to_owned(),
        ),
        (
            "docProps/core.xml",
            r#"<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
               xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>Minutes</dc:title>
               <dc:creator>The office</dc:creator><dcterms:created>2026-02-13T09:12:00Z</dcterms:created></cp:coreProperties>"#
                .to_owned(),
        ),
        (
            "word/styles.xml",
            format!(
                r#"<w:styles xmlns:w="{MAIN}"><w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/></w:style></w:styles>"#
            ),
        ),
        ("word/document.xml", format!(r#"<w:document xmlns:w="{MAIN}"><w:body>{body}</w:body></w:document>"#)),
    ]
}

/// A paragraph of a DOCX.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}
