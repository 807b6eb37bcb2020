//! Sitemaps and sitemap indexes (sitemaps.org protocol 0.9), plain or in gzip.

use std::{borrow::Cow, io::Read};

use flate2::read::MultiGzDecoder;
use quick_xml::{Reader, events::Event};
use url::Url;

/// Most bytes of an unpacked sitemap: the protocol's 50 MB, rounded up.
const LARGEST: u64 = 64 << 20;
/// Longest address that is read, in bytes; the protocol allows 2,048.
const LONGEST_ADDRESS: usize = 8 << 10;

/// What a sitemap names, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sitemap {
    /// It names other sitemaps, not documents.
    pub(super) is_index: bool,
    /// Addresses that it names.
    pub(super) addresses: Vec<Url>,
    /// Entries that are no web address.
    pub(super) unusable: usize,
    /// Why reading stopped before the end.
    pub(super) cut: Option<String>,
}

/// Whether an address is worth a look for a sitemap before it is taken for a document.
pub(super) fn may_be_sitemap(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, extension)| extension == "xml")
}

/// Reads a sitemap; `None` when the bytes are something else. What can be read of a damaged one is kept.
pub(super) fn read(bytes: &[u8]) -> Option<Sitemap> {
    let (bytes, mut cut) = unpack(bytes);
    let text = String::from_utf8_lossy(&bytes);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = false;
    let mut sitemap: Option<Sitemap> = None;
    let mut address: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                let name = element.local_name();
                match (&sitemap, name.as_ref()) {
                    (None, "urlset" | "sitemapindex") => {
                        let is_index = name.as_ref() == "sitemapindex";
                        sitemap = Some(Sitemap { is_index, addresses: Vec::new(), unusable: 0, cut: None });
                    }
                    // Another kind of document.
                    (None, _) => return None,
                    (Some(_), "loc") => address = Some(String::new()),
                    (Some(_), _) => {}
                }
            }
            Ok(Event::Text(text)) => push(address.as_mut(), &text),
            Ok(Event::CData(text)) => push(address.as_mut(), &text),
            Ok(Event::GeneralRef(entity)) => {
                let character = entity.resolve_char_ref().ok().flatten();
                let named = quick_xml::escape::resolve_predefined_entity(&entity);
                push(
                    address.as_mut(),
                    &character.map(String::from).or(named.map(str::to_owned)).unwrap_or_default(),
                );
            }
            Ok(Event::End(element)) if element.local_name().as_ref() == "loc" => {
                if let (Some(sitemap), Some(address)) = (&mut sitemap, address.take()) {
                    match Url::parse(address.trim())
                        .ok()
                        .filter(|url| matches!(url.scheme(), "http" | "https"))
                    {
                        Some(url) => sitemap.addresses.push(url),
                        None => sitemap.unusable += 1,
                    }
                }
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                cut = Some(format!("it is damaged at byte {}: {error}", reader.error_position()));
                break;
            }
        }
    }
    sitemap.map(|sitemap| Sitemap { cut, ..sitemap })
}

fn push(address: Option<&mut String>, text: &str) {
    if let Some(address) = address
        && address.len() + text.len() <= LONGEST_ADDRESS
    {
        address.push_str(text);
    }
}

fn unpack(bytes: &[u8]) -> (Cow<'_, [u8]>, Option<String>) {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return (Cow::Borrowed(bytes), None);
    }
    let mut unpacked = Vec::new();
    let cut = match MultiGzDecoder::new(bytes).take(LARGEST).read_to_end(&mut unpacked) {
        Ok(_) if unpacked.len() as u64 == LARGEST => {
            Some(format!("it unpacks to more than {} MiB", LARGEST >> 20))
        }
        Ok(_) => None,
        Err(error) => Some(format!("its compression is damaged: {error}")),
    };
    (unpacked.into(), cut)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    const SITEMAP: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
        <url><loc> https://example.org/a?x=1&amp;y=&#50; </loc><lastmod>2026-01-01</lastmod></url>
        <url><loc><![CDATA[https://example.org/b]]></loc></url>
        <url><loc>not an address</loc></url></urlset>"#;

    #[test]
    fn addresses_come_unescaped_and_in_order() {
        let sitemap = read(SITEMAP.as_bytes()).unwrap();
        let addresses: Vec<_> = sitemap.addresses.iter().map(Url::as_str).collect();
        assert_eq!(addresses, ["https://example.org/a?x=1&y=2", "https://example.org/b"]);
        assert_eq!((sitemap.is_index, sitemap.unusable, sitemap.cut), (false, 1, None));
    }

    #[test]
    fn gzip_is_unpacked() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(SITEMAP.as_bytes()).unwrap();
        assert_eq!(read(&packed.finish().unwrap()), read(SITEMAP.as_bytes()));
    }

    #[test]
    fn other_documents_are_not_sitemaps() {
        for other in ["<html><body><urlset/></body></html>", "plain", "", "<rss version='2.0'></rss>"] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
        assert!(may_be_sitemap("/x/sitemap_index.xml.gz") && !may_be_sitemap("/xml/page.html"));
    }

    #[test]
    fn a_damaged_sitemap_keeps_what_was_read() {
        let damaged = SITEMAP.replace("<url><loc>not", "<url <loc>not");
        let sitemap = read(damaged.as_bytes()).unwrap();
        assert_eq!(sitemap.addresses.len(), 2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut wrapped = b"<urlset>".to_vec();
            wrapped.extend(&bytes);
            let _ = read(&wrapped);
            let _ = read(&bytes);
        }
    }
}
