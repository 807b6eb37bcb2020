//! Zip archives: what one is, and the parts of a DOCX read from it with every size held to a cap.

/// What a zip archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A Word document.
    Docx,
    /// Something else, in words.
    Other(&'static str),
}

/// Whether the bytes begin as a zip archive.
pub(crate) fn is_zip(body: &[u8]) -> bool {
    body.starts_with(b"PK\x03\x04") || body.starts_with(b"PK\x05\x06")
}

/// Names of files that tell what an archive is; a name that ends in `/` stands for all that begins with it.
const TELLTALES: &[(&[u8], Kind)] = &[
    (b"word/document.xml", Kind::Docx),
    (b"xl/workbook.xml", Kind::Other("an Excel workbook (XLSX)")),
    (b"xl/workbook.bin", Kind::Other("an Excel workbook (XLSB)")),
    (b"ppt/presentation.xml", Kind::Other("a PowerPoint presentation (PPTX)")),
    (b"META-INF/container.xml", Kind::Other("an EPUB book")),
    (b"AndroidManifest.xml", Kind::Other("an Android app (APK)")),
    (b"META-INF/MANIFEST.MF", Kind::Other("a Java archive (JAR)")),
    (b"content.xml", Kind::Other("an OpenDocument file (ODT, ODS or ODP)")),
    (b"word/", Kind::Docx),
];

/// What the archive holds, told from the names in its headers without unpacking anything. Damaged archives are named
/// as well, for the headers of the files stand before each file and once more at the end.
pub(crate) fn kind(body: &[u8]) -> Kind {
    let mut best = TELLTALES.len();
    for header in headers(body) {
        let found = TELLTALES.iter().take(best).position(|(telltale, _)| {
            header.name == *telltale || (telltale.ends_with(b"/") && header.name.starts_with(telltale))
        });
        best = found.unwrap_or(best);
        if best == 0 {
            break;
        }
    }
    TELLTALES.get(best).map_or(Kind::Other("a zip archive"), |&(_, kind)| kind)
}

/// A file's header, before the file or in the directory at the end.
struct Header<'a> {
    name: &'a [u8],
    in_directory: bool,
}

/// All that looks like a header, in one pass over the bytes.
fn headers(body: &[u8]) -> impl Iterator<Item = Header<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = body.get(at..)?;
            at += rest.windows(4).position(|four| four == b"PK\x01\x02" || four == b"PK\x03\x04")?;
            let header = body.get(at..)?;
            at += 4;
            let in_directory = header.starts_with(b"PK\x01\x02");
            let (length_at, name_at) = if in_directory { (28, 46) } else { (26, 30) };
            let length = match header.get(length_at..length_at + 2) {
                Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
                _ => continue,
            };
            if let Some(name) = header.get(name_at..name_at + length) {
                return Some(Header { name, in_directory });
            }
        }
    })
}

/// Files that the archive's directory may list at most: counted over the bytes, so that no count in a header is believed.
pub(crate) fn directory_entries(body: &[u8]) -> usize {
    headers(body).filter(|header| header.in_directory).count()
}
