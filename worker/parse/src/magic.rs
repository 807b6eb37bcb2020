//! What bytes are that Sheaf does not parse, in words for a person.

use infer::MatcherType;

/// Bytes at the beginning that are looked at.
const HEAD_BYTES: usize = 8 * 1024;

/// Formats that are text to look at and yet nothing to read, by how they begin.
const TEXTUAL: &[(&[u8], &str)] = &[
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript file"),
    (b"%!FontType", "a PostScript font"),
    (b"-----BEGIN PGP MESSAGE", "a PGP-encrypted message"),
];

/// What the bytes are, if they are some known format that Sheaf does not parse. Signatures of three bytes are no
/// evidence in text, so `binary` files alone are held against the long list.
pub(crate) fn name(body: &[u8], binary: bool) -> Option<String> {
    if let Some((_, name)) = TEXTUAL.iter().find(|(magic, _)| body.starts_with(magic)) {
        return Some((*name).to_owned());
    }
    if !binary {
        return None;
    }
    let kind = infer::get(body.get(..HEAD_BYTES).unwrap_or(body))?;
    Some(in_words(kind.matcher_type(), kind.mime_type()))
}

/// A media type in words, such as `an image (image/png)`.
pub(crate) fn in_words(matcher: MatcherType, media_type: &str) -> String {
    let class = match matcher {
        MatcherType::App => "a program or data of one",
        MatcherType::Archive => "an archive",
        MatcherType::Audio => "a sound recording",
        MatcherType::Book => "an e-book",
        MatcherType::Doc => "an office document",
        MatcherType::Font => "a font",
        MatcherType::Image => "an image",
        MatcherType::Video => "a film",
        MatcherType::Text | MatcherType::Custom => "a file",
    };
    format!("{class} ({media_type})")
}

/// What a declared media type stands for, if Sheaf does not parse it.
pub(crate) fn declared(essence: &str) -> Option<String> {
    let class = match essence.split_once('/')? {
        ("image", _) => "an image",
        ("audio", _) => "a sound recording",
        ("video", _) => "a film",
        ("font", _) => "a font",
        (
            "application",
            "zip" | "gzip" | "x-tar" | "x-7z-compressed" | "vnd.rar" | "x-bzip2" | "x-xz" | "zstd",
        ) => "an archive",
        ("application", "msword" | "vnd.ms-excel" | "vnd.ms-powerpoint" | "rtf") => "an office document",
        ("application", kind)
            if kind.starts_with("vnd.openxmlformats-officedocument.")
                || kind.starts_with("vnd.oasis.opendocument.") =>
        {
            "an office document"
        }
        ("application", "vnd.microsoft.portable-executable" | "x-executable" | "java-archive" | "wasm") => {
            "a program"
        }
        _ => return None,
    };
    Some(format!("{class} ({essence})"))
}

/// Whether bytes that are not UTF-16 are something else than text: control characters that no text has, or one byte
/// beyond ASCII over and over.
pub(crate) fn is_binary(body: &[u8]) -> bool {
    let sample = body.get(..64 * 1024).unwrap_or(body);
    let mut counts = [0_usize; 256];
    for &byte in sample {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let controls: usize = (0..32_u8)
        .filter(|byte| !matches!(byte, b'\t' | b'\n' | 0x0B | 0x0C | b'\r' | 0x1B | 0x0E | 0x0F))
        .chain([0x7F])
        .filter_map(|byte| counts.get(usize::from(byte)))
        .sum();
    let zeros = counts[0];
    // In UTF-8 every other byte of a Hebrew text may be the same.
    let most_high = counts.iter().skip(128).copied().max().unwrap_or(0);
    // One stray zero or control character in a page of text is dirt; one in a hundred is no text.
    zeros * 200 > sample.len()
        || controls * 100 > sample.len()
        || (sample.len() >= 16 && most_high * 5 > sample.len() * 2 && !is_utf_8(sample))
}

/// Whether the bytes are UTF-8 but for a character that the end cuts in two.
fn is_utf_8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}
