//! Declared types that are certainly no documents.

/// Whether an answer declared as `content_type` is certainly nothing that Sheaf reads, so that its body need not be
/// downloaded. `application/octet-stream` says nothing and passes; so does a ZIP file whose name says that it is a
/// Word document.
pub(crate) fn is_no_document(content_type: &str, path: &str) -> bool {
    const KINDS: &[&str] = &["image", "video", "audio", "font", "model"];
    const TYPES: &[&str] = &[
        "application/gzip",
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/vnd.debian.binary-package",
        "application/vnd.rar",
        "application/wasm",
        "application/x-7z-compressed",
        "application/x-apple-diskimage",
        "application/x-bzip2",
        "application/x-gzip",
        "application/x-iso9660-image",
        "application/x-msdownload",
        "application/x-rar-compressed",
        "application/x-tar",
        "application/x-xz",
        "application/zip",
        "application/x-zip-compressed",
    ];
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = essence.split('/').next().unwrap_or_default();
    let word = path.len() >= 5 && path.as_bytes()[path.len() - 5..].eq_ignore_ascii_case(b".docx");
    (KINDS.contains(&kind) && essence.contains('/'))
        || (TYPES.contains(&essence.as_str()) && !(word && essence.contains("zip")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_films_and_archives_are_no_documents() {
        for declared in
            ["image/png", "Video/MP4; codecs=x", "audio/ogg", "application/zip", "application/x-tar"]
        {
            assert!(is_no_document(declared, "/a"), "{declared}");
        }
    }

    #[test]
    fn what_may_be_a_document_passes() {
        for declared in
            ["text/html; charset=utf-8", "application/pdf", "application/octet-stream", "", "image", "x/y"]
        {
            assert!(!is_no_document(declared, "/a"), "{declared}");
        }
        assert!(!is_no_document("application/zip", "/a/Report.DOCX"));
        assert!(is_no_document("image/png", "/a.docx"));
    }
}
