//! Containers made to hurt: gzip, zip, DOCX, PDF.

use std::io::{Cursor, Write};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// `bytes` in gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A gzip file of `mebibytes` MiB of one letter, in one line.
pub(crate) fn gzip_bomb(mebibytes: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let block = vec![b'a'; 1 << 20];
    for _ in 0..mebibytes {
        packed.write_all(&block).unwrap();
    }
    packed.finish().unwrap()
}

/// A zip archive of the given files.
pub(crate) fn zip<B: AsRef<[u8]>>(files: &[(&str, B)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes.as_ref()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A DOCX whose main part is `main`, with files beside it.
pub(crate) fn docx(main: &[u8], beside: &[(&str, &[u8])]) -> Vec<u8> {
    let types = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
    let mut files: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", types.as_bytes()),
        (
            "_rels/.rels",
            br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>"#,
        ),
        ("word/document.xml", main),
    ];
    files.extend(beside);
    zip(&files)
}

/// The main part of a DOCX, with a declaration in front and `WordprocessingML` in its body.
pub(crate) fn word(declaration: &str, body: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
    format!(r#"<?xml version="1.0"?>{declaration}<w:document xmlns:w="{main}"><w:body>{body}</w:body></w:document>"#)
        .into_bytes()
}

/// A paragraph of a DOCX.
pub(crate) fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

/// The beginning of an OLE compound file that names an encrypted package.
pub(crate) fn encrypted_office_file() -> Vec<u8> {
    let mut bytes = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    bytes.resize(1024, 0);
    bytes.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    bytes.resize(4096, 0);
    bytes
}

/// A PDF of the given objects, numbered from 1; the first is the catalogue. `trailer` is added to its trailer.
pub(crate) fn pdf<B: AsRef<[u8]>>(objects: &[B], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut offsets = String::new();
    for (number, object) in objects.iter().enumerate() {
        offsets += &format!("{:010} 00000 n \n", out.len());
        out.extend(format!("{} 0 obj\n", number + 1).bytes());
        out.extend(object.as_ref());
        out.extend(b"\nendobj\n");
    }
    let (at, size) = (out.len(), objects.len() + 1);
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{offsets}").bytes());
    out.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{at}\n%%EOF\n").bytes(),
    );
    out
}

/// The objects of a PDF with one page, whose content stream is given with its dictionary entries.
pub(crate) fn page(entries: &str, content: &[u8]) -> Vec<Vec<u8>> {
    let stream = format!("<< /Length {} {entries} >>\nstream\n", content.len());
    vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_vec(),
        [stream.as_bytes(), content, b"\nendstream"].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ]
}

/// A content stream that shows `lines`.
pub(crate) fn shown(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("({line}) Tj T*\n")).collect();
    format!("BT /F1 11 Tf 14 TL 72 760 Td\n{lines}ET")
}

/// A PDF whose one content stream unpacks to `mebibytes` MiB.
pub(crate) fn pdf_bomb(mebibytes: usize) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = b"(a)' ".repeat(1 << 20).split_off(4 << 20);
    for _ in 0..mebibytes {
        packed.write_all(&block).unwrap();
    }
    pdf(&page("/Filter /FlateDecode", &packed.finish().unwrap()), "")
}
