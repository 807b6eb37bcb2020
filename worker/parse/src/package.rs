//! Zip archives: what one is, and the parts of a DOCX read from it with every size held to a cap.

use std::io::{self, Cursor, Read, Write};

use quick_xml::events::Event as XmlEvent;
use sheaf_common::fault::{Fault, FaultKind};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::gzip;
use crate::limits::{MAX_UNZIPPED_BYTES, MAX_XML_DEPTH, MAX_ZIP_ENTRIES, MAX_ZIP_RATIO, RATIO_GRACE_BYTES};

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

/// The parts of a DOCX that have text or say how text is to be read, unpacked under the caps and packed again without
/// compression: what reads them next finds nothing left that could grow, and no pictures.
///
/// # Errors
///
/// `TooLarge` with the cap that was met, `Encrypted`, and `Malformed` with what is wrong.
pub(crate) fn lean(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let entries = directory_entries(body);
    if entries > MAX_ZIP_ENTRIES {
        return Err(too_large(&format!(
            "its directory lists {entries} files, at most {MAX_ZIP_ENTRIES} are accepted"
        )));
    }
    let mut archive = ZipArchive::new(Cursor::new(body)).map_err(|error| malformed(&error))?;
    let wanted = wanted(&mut archive)?;
    let declared: u64 = wanted.iter().map(|part| part.declared).fold(0, u64::saturating_add);
    if declared > MAX_UNZIPPED_BYTES {
        return Err(too_large(&format!(
            "its text is declared to unpack to {declared} bytes, more than {}",
            cap()
        )));
    }
    let mut lean = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut room = MAX_UNZIPPED_BYTES;
    for part in wanted {
        let bytes = unpack(&mut archive, &part, room)?;
        room = room.saturating_sub(bytes.len() as u64);
        if nests_too_deeply(&bytes) {
            return Err(Fault::new(
                FaultKind::Malformed,
                format!("the part {} of the DOCX has elements nested deeper than {MAX_XML_DEPTH}", part.name),
                "open it in its own program and save it again, or save it as PDF",
            ));
        }
        lean.start_file(part.name.as_str(), options).map_err(|error| malformed(&error))?;
        lean.write_all(&bytes).map_err(|error| malformed(&error.into()))?;
    }
    Ok(lean.finish().map_err(|error| malformed(&error))?.into_inner())
}

/// A part that is wanted.
struct Part {
    index: usize,
    /// The name under which it is handed on.
    name: String,
    declared: u64,
}

/// Where the main part must be for the reader behind this.
const MAIN: &str = "word/document.xml";

/// Looks through the directory, without unpacking anything.
fn wanted(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<Vec<Part>, Fault> {
    let mut parts: Vec<Part> = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|error| malformed(&error))?;
        let Ok(name) = file.name() else { continue };
        // Written by some programs with the separators of their own system.
        let name = name.replace('\\', "/");
        if !is_wanted(&name) || parts.iter().any(|part| part.name == name) {
            continue;
        }
        if file.encrypted() {
            return Err(Fault::new(
                FaultKind::Encrypted,
                format!("the part {name} of the DOCX is protected by a password"),
                "save it without a password and run Sheaf again",
            ));
        }
        let (declared, packed) = (file.size(), file.compressed_size());
        if declared > RATIO_GRACE_BYTES && declared / MAX_ZIP_RATIO > packed {
            return Err(too_large(&format!(
                "{name} is declared to grow from {packed} to {declared} bytes, more than {MAX_ZIP_RATIO} times"
            )));
        }
        parts.push(Part { index, name, declared });
    }
    if parts.iter().all(|part| part.name != MAIN) {
        // Word on the web names it `document2.xml`, for one.
        let other = parts.iter_mut().find(|part| part.name.starts_with("word/document"));
        let Some(main) = other else {
            return Err(Fault::new(
                FaultKind::Malformed,
                "the DOCX has no main part (word/document.xml)",
                "open it in its own program and save it again",
            ));
        };
        let relationships = main.name.replacen("word/", "word/_rels/", 1) + ".rels";
        MAIN.clone_into(&mut main.name);
        if let Some(part) = parts.iter_mut().find(|part| part.name == relationships) {
            "word/_rels/document.xml.rels".clone_into(&mut part.name);
        }
    }
    Ok(parts)
}

fn is_wanted(name: &str) -> bool {
    let numbered = |start: &str, end: &str| {
        name.strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(end))
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    matches!(
        name,
        "[Content_Types].xml"
            | "_rels/.rels"
            | "docProps/core.xml"
            | "docProps/app.xml"
            | "word/styles.xml"
            | "word/numbering.xml"
            | "word/footnotes.xml"
            | "word/endnotes.xml"
    ) || numbered("word/document", ".xml")
        || numbered("word/_rels/document", ".xml.rels")
        || numbered("word/charts/chart", ".xml")
}

/// Unpacks a part; what it declared of itself is not believed.
fn unpack(archive: &mut ZipArchive<Cursor<&[u8]>>, part: &Part, room: u64) -> Result<Vec<u8>, Fault> {
    let file = archive.by_index(part.index).map_err(|error| malformed(&error))?;
    let packed = file.compressed_size();
    let limit = room.min(RATIO_GRACE_BYTES.max(packed.saturating_mul(MAX_ZIP_RATIO)));
    let mut bytes = Vec::with_capacity(part.declared.min(limit).min(1 << 20) as usize);
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > limit {
        let grows = if limit == room {
            format!("unpacks to more than {}", cap())
        } else {
            format!("grows to more than {MAX_ZIP_RATIO} times its packed size")
        };
        return Err(too_large(&format!("its part {} {grows}, whatever it declares", part.name)));
    }
    match read {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(gzip::out_of_memory(bytes.len())),
        Err(error) => Err(Fault::new(
            FaultKind::Malformed,
            format!("the part {} of the DOCX is damaged after {} bytes: {error}", part.name, bytes.len()),
            "fetch the file again, or open it in Word or LibreOffice and save it anew",
        )),
    }
}

/// Readers of XML may recurse over its elements.
fn nests_too_deeply(xml: &[u8]) -> bool {
    let mut reader = quick_xml::Reader::from_reader(xml);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    loop {
        match reader.read_event() {
            Ok(XmlEvent::Start(_)) => depth += 1,
            Ok(XmlEvent::End(_)) => depth = depth.saturating_sub(1),
            // The reader behind this says what is wrong with the XML.
            Ok(XmlEvent::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
        if depth > MAX_XML_DEPTH {
            return true;
        }
    }
}

fn cap() -> String {
    format!("{} MiB", MAX_UNZIPPED_BYTES / 1024 / 1024)
}

fn too_large(why: &str) -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        format!("the DOCX was not unpacked: {why}"),
        "if the file can be trusted, split it, or save it as PDF",
    )
}

fn malformed(error: &ZipError) -> Fault {
    if matches!(error, ZipError::UnsupportedArchive(_))
        && error.to_string().to_lowercase().contains("password")
    {
        return Fault::new(
            FaultKind::Encrypted,
            "the DOCX is protected by a password",
            "save it without a password and run Sheaf again",
        );
    }
    Fault::new(
        FaultKind::Malformed,
        format!("the DOCX cannot be read as the zip archive that it should be: {error}"),
        "fetch the file again: it is damaged or broken off",
    )
}
