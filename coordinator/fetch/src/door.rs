//! The door between the web and the coordinator.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::failure::FetchFailure;

/// Downloads documents. [`HttpFetcher`](crate::HttpFetcher) is the real one; tests of what uses downloads bring their
/// own.
///
/// Whoever implements it keeps to these rules:
///
/// - A call makes **one** attempt. Trying again is the [`Pool`](crate::Pool)'s business alone, which reads
///   [`FetchFailure::advice`] for it.
/// - A call ends by itself, within time and size limits of its own.
/// - Dropping the future stops the download; nothing goes on behind the caller's back.
pub trait Fetch: Send + Sync + 'static {
    /// Downloads one document, redirects followed.
    fn fetch(&self, request: FetchRequest) -> impl Future<Output = Result<Fetched, FetchFailure>> + Send;

    /// What the host of `request` asks of robots. The pool asks this once before the first download from a host, and
    /// takes an error to mean that the host cannot be reached.
    fn terms(&self, request: FetchRequest) -> impl Future<Output = Result<Terms, FetchFailure>> + Send {
        let _ = request;
        std::future::ready(Ok(Terms::default()))
    }
}

/// One document to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Where it is. Credentials in it are sent to its host and shown nowhere.
    pub url: Url,
    /// The host of `url` may be at a private address: the person gave the source by hand as such (see
    /// [`names_private_host`](crate::names_private_host)). Holds for this host only, not for private hosts to which
    /// it redirects.
    pub private_allowed: bool,
    /// Which types are worth downloading.
    pub accept: Accept,
}

impl FetchRequest {
    /// A document at a public address.
    pub fn document(url: Url) -> Self {
        Self { url, private_allowed: false, accept: Accept::Documents }
    }
}

/// Which types are worth downloading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Accept {
    /// What may be a document: an answer declared as a picture, film, sound, font or archive is refused before its
    /// body is read.
    #[default]
    Documents,
    /// Anything, such as a sitemap in a gzip file.
    Anything,
}

/// A downloaded document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body with its content encoding undone; the character set is as sent.
    pub body: Bytes,
    /// Where the body came from after redirects, without credentials.
    pub final_url: Url,
    /// `Content-Type` as declared, parameters included.
    pub content_type: Option<String>,
    /// `Last-Modified` as declared.
    pub last_modified: Option<String>,
    /// `ETag` as declared.
    pub etag: Option<String>,
    /// Status of the answer, 200 to 299.
    pub status: u16,
    /// Bytes of body as sent, before unpacking.
    pub wire_bytes: u64,
    /// Redirects followed.
    pub redirects: u32,
    /// Downloads tried, this one included.
    pub attempts: u32,
    /// From the start of the first attempt to the end of this one, waits between them included.
    pub elapsed: Duration,
}

/// What a host asks of robots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Least time between the starts of two downloads; the pool clamps it.
    pub crawl_delay: Option<Duration>,
}
