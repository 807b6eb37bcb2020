//! A source as the person gave it.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::PathBuf};

use url::Url;

/// A source as the person gave it, on the command line or as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A web address: a document or a sitemap.
    Url(Url),
    /// A file or a folder.
    Path(PathBuf),
    /// `@LIST`: a file with one source a line.
    List(PathBuf),
    /// `-`: a list on standard input.
    StandardInput,
}

/// Text that is not a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// A URL that cannot be parsed.
    #[error("{given:?} is not a valid web address: {reason}")]
    BadUrl {
        /// As given.
        given: String,
        /// Why not.
        reason: String,
    },
    /// A URL of a kind that is not fetched.
    #[error("{given:?} cannot be fetched: Sheaf reads http:// and https:// addresses, files and folders")]
    Scheme {
        /// As given.
        given: String,
    },
    /// Nothing.
    #[error("an empty source was given")]
    Empty,
}

impl Given {
    /// Reads a source as the command line gives it.
    pub fn parse(given: &OsStr) -> Result<Self, GivenError> {
        match given.as_bytes() {
            b"-" => Ok(Self::StandardInput),
            [b'@', list @ ..] if !list.is_empty() => Ok(Self::List(OsStr::from_bytes(list).into())),
            _ => Self::parse_entry(given),
        }
    }

    /// Reads a source as a line of a list gives it: an address, a file or a folder.
    pub fn parse_entry(given: &OsStr) -> Result<Self, GivenError> {
        if given.is_empty() {
            return Err(GivenError::Empty);
        }
        // What has a scheme is text; a path may be any bytes.
        let Some((scheme, _)) = given.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Path(given.into()));
        };
        let text = given.to_string_lossy().into_owned();
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(GivenError::Scheme { given: text });
        }
        Url::parse(&text)
            .map(Self::Url)
            .map_err(|error| GivenError::BadUrl { given: text, reason: error.to_string() })
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&sheaf_fetch::displayed(url)),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::List(path) => write!(f, "@{}", path.display()),
            Self::StandardInput => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &str) -> Result<Given, GivenError> {
        Given::parse(OsStr::new(given))
    }

    #[test]
    fn every_kind_is_told_apart() {
        assert_eq!(parse("-"), Ok(Given::StandardInput));
        assert_eq!(parse("@urls.txt"), Ok(Given::List("urls.txt".into())));
        assert_eq!(parse("reports"), Ok(Given::Path("reports".into())));
        assert_eq!(parse("@"), Ok(Given::Path("@".into())));
        assert!(matches!(parse("HTTPS://example.org/a"), Ok(Given::Url(_))));
    }

    #[test]
    fn what_is_no_source_is_said() {
        assert_eq!(parse(""), Err(GivenError::Empty));
        let scheme = parse("ftp://example.org").unwrap_err().to_string();
        assert!(scheme.contains("ftp://example.org") && scheme.contains("http://"), "{scheme}");
        let bad = parse("http://[::1").unwrap_err().to_string();
        assert!(bad.contains("invalid IPv6 address"), "{bad}");
    }
}
