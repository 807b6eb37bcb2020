//! When two URLs mean the same page, site or server.

use std::fmt;

use percent_encoding::percent_decode_str;
use url::Url;

/// Query parameters that tell where a visitor came from and never what is shown. Besides these, everything that
/// starts with `utm_` is dropped.
const TRACKING: &[&str] = &[
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "dclid",
    "fbclid",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_id",
    "wbraid",
    "yclid",
];

/// The form of `url` under which duplicates are found; equal pages may differ in it, different pages should not be
/// equal in it.
///
/// Scheme and host are lower case, the default port, the fragment, a trailing dot of the host and credentials are
/// gone, an empty path is `/`, percent-encoding is normal (unreserved characters plain, the rest with upper-case
/// digits; RFC 3986, 6.2.2), and tracking parameters (`utm_*`, `gclid`, `fbclid` and their like) are dropped. The
/// order of the other parameters is kept, since servers may tell it apart. Idempotent.
pub fn canonical_url(url: &Url) -> String {
    let mut text = String::with_capacity(url.as_str().len());
    text.push_str(url.scheme());
    text.push_str("://");
    text.push_str(host(url));
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(&port.to_string());
    }
    match url.path() {
        "" => text.push('/'),
        path => push_normal(&mut text, path),
    }
    if let Some(query) = url.query() {
        let mut separator = '?';
        for parameter in query.split('&').filter(|parameter| !is_tracking(parameter)) {
            text.push(separator);
            push_normal(&mut text, parameter);
            separator = '&';
        }
    }
    text
}

/// Whether a crawl that starts at `a` may go on to `b`: the same host but for a leading `www.`, and the same port
/// (80 and 443 count as one, so that a move to https stays within the site). Subdomains are other sites.
pub fn is_same_site(a: &Url, b: &Url) -> bool {
    let site = |url: &Url| {
        let host = host(url);
        (host.strip_prefix("www.").unwrap_or(host).to_owned(), port_of_its_own(url))
    };
    matches!((a.scheme(), b.scheme()), ("http" | "https", "http" | "https")) && site(a) == site(b)
}

/// `url` as it may be shown: without credentials.
pub fn displayed(url: &Url) -> String {
    without_credentials(url.clone()).into()
}

/// The server behind a URL: its host, and its port unless that is 80 or 443. Most downloads never tell it, so it is written
/// out only where it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server<'a>(pub(crate) &'a Url);

impl Server<'_> {
    /// Whether the URL has no host, or one of dots alone.
    pub(crate) fn is_nameless(self) -> bool {
        host(self.0).is_empty()
    }
}

impl fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(host(self.0))?;
        port_of_its_own(self.0).map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The server behind a URL, for whose sake downloads are spread out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostKey(String);

impl HostKey {
    pub(crate) fn of(url: &Url) -> Self {
        Self(Server(url).to_string())
    }
}

pub(crate) fn without_credentials(mut url: Url) -> Url {
    // Neither can fail for a URL that has a host, and one without a host has no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_end_matches('.')
}

fn port_of_its_own(url: &Url) -> Option<u16> {
    url.port_or_known_default().filter(|port| ![80, 443].contains(port))
}

fn is_tracking(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or(parameter);
    let name = percent_decode_str(name).decode_utf8_lossy().to_ascii_lowercase();
    name.starts_with("utm_") || TRACKING.contains(&name.as_str())
}

/// Appends `text` with its percent-encoding made normal. A `%` that no two hexadecimal digits follow means itself.
fn push_normal(to: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        to.push_str(before);
        let code = from.get(1..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                to.push(char::from(byte));
            } else {
                to.push('%');
                to.push_str(&from[1..3].to_ascii_uppercase());
            }
            rest = &from[3..];
        } else {
            to.push_str("%25");
            rest = &from[1..];
        }
    }
    to.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        canonical_url(&Url::parse(text).unwrap())
    }

    #[test]
    fn equal_pages_have_one_form() {
        for (url, form) in [
            ("HTTP://Example.ORG:80", "http://example.org/"),
            ("https://example.org.:443/a#part", "https://example.org/a"),
            ("https://user:secret@example.org/a", "https://example.org/a"),
            ("https://example.org/%7euser/%e2%82%ac%2F", "https://example.org/~user/%E2%82%AC%2F"),
            (
                "https://example.org/a?utm_source=x&b=2&a=1&gclid=9&%75tm_id=3",
                "https://example.org/a?b=2&a=1",
            ),
            ("https://example.org/a?UTM_Medium=x", "https://example.org/a"),
            ("https://example.org/100%/%%41a", "https://example.org/100%25/%25Aa"),
            ("http://0x7f.1:8080/", "http://127.0.0.1:8080/"),
        ] {
            assert_eq!(canonical(url), form, "{url}");
        }
    }

    #[test]
    fn different_pages_stay_different() {
        for (a, b) in [
            ("http://example.org/a", "https://example.org/a"),
            ("http://example.org/a", "http://example.org/a/"),
            ("http://example.org/a?x=1&y=2", "http://example.org/a?y=2&x=1"),
            ("http://example.org/a%2Fb", "http://example.org/a/b"),
            ("http://example.org/", "http://example.org:81/"),
        ] {
            assert_ne!(canonical(a), canonical(b));
        }
    }

    #[test]
    fn a_site_is_a_host_but_for_www() {
        let same = |a: &str, b: &str| is_same_site(&Url::parse(a).unwrap(), &Url::parse(b).unwrap());
        assert!(same("http://www.example.org/a", "https://example.org/b"));
        assert!(same("http://example.org:8080/", "http://www.example.org:8080/"));
        assert!(!same("http://example.org/", "http://blog.example.org/"));
        assert!(!same("http://example.org/", "http://example.org:8080/"));
        assert!(!same("http://example.org/", "ftp://example.org/"));
    }

    #[test]
    fn credentials_are_never_shown() {
        let url = Url::parse("https://user:secret@example.org/a?b#c").unwrap();
        assert_eq!(displayed(&url), "https://example.org/a?b#c");
        assert_eq!(Server(&url).to_string(), "example.org");
    }

    proptest! {
        #[test]
        fn canonical_form_is_idempotent(
            host in "[a-zA-Z][a-zA-Z0-9-]{0,8}\\.(org|COM)\\.?",
            port in proptest::option::of(1u16..),
            path in "(/[a-zA-Z0-9%~ é.]{0,6}){0,4}",
            query in proptest::option::of("([a-z_%0-9=&A-F;+ü]{0,20}|utm_a=1&b=%7e)"),
        ) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            let Ok(url) = Url::parse(&format!("http://{host}{port}{path}{query}#x")) else { return Ok(()) };
            let once = canonical_url(&url);
            let again = Url::parse(&once).unwrap();
            prop_assert_eq!(&canonical_url(&again), &once);
            // A parser that reads the form back changes nothing in it.
            prop_assert_eq!(again.as_str(), once.as_str());
        }
    }
}
