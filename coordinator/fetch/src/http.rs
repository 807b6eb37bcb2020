//! Downloads over HTTP: redirects, robots.txt, statuses, bodies.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use reqwest::{
    Response, StatusCode,
    header::{self, HeaderMap, HeaderName},
};
use sheaf_common::fault::FaultKind;
use tokio::time::Instant;
use url::Url;

use crate::{
    body::{self, Excess},
    canonical::{Server, without_credentials},
    door::{Accept, Fetch, FetchRequest, Fetched, Terms},
    failure::{Advice, FetchFailure, excerpt},
    limits::FetchLimits,
    lookup::{AddressPolicy, Lookup, SystemLookup},
    media,
    robots_cache::RobotsCache,
    web::Web,
};

/// Downloads over HTTP/1.1 and HTTP/2 (where TLS negotiates it), with kept-alive connections.
///
/// Proxies of the environment are not used: a proxy would look names up itself, which would undo the address checks.
#[derive(Clone)]
pub struct HttpFetcher {
    web: Arc<Web>,
    robots: Arc<RobotsCache>,
}

/// The HTTP client could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be set up (are the system's certificates in place?): {0}")]
pub struct SetupError(#[from] reqwest::Error);

impl HttpFetcher {
    /// A fetcher that looks names up as the operating system does.
    pub fn new(limits: FetchLimits) -> Result<Self, SetupError> {
        Self::with_lookup(limits, Arc::new(SystemLookup))
    }

    /// A fetcher with another way to look names up. What may be connected to is checked all the same.
    pub fn with_lookup(limits: FetchLimits, lookup: Arc<dyn Lookup>) -> Result<Self, SetupError> {
        let policy = AddressPolicy {
            allow_private: limits.allow_private_addresses,
            #[cfg(feature = "testing")]
            pretend_public: lookup.pretend_public(),
            #[cfg(not(feature = "testing"))]
            pretend_public: Vec::new(),
        };
        Self::with_policy(limits, lookup, policy)
    }

    /// A fetcher for tests: `public` are addresses that pass for public.
    #[cfg(feature = "testing")]
    pub fn pretending(
        limits: FetchLimits,
        lookup: Arc<dyn Lookup>,
        public: Vec<std::net::IpAddr>,
    ) -> Result<Self, SetupError> {
        let policy = AddressPolicy { allow_private: limits.allow_private_addresses, pretend_public: public };
        Self::with_policy(limits, lookup, policy)
    }

    fn with_policy(
        limits: FetchLimits,
        lookup: Arc<dyn Lookup>,
        policy: AddressPolicy,
    ) -> Result<Self, SetupError> {
        let web = Arc::new(Web::new(limits, lookup, policy)?);
        let robots = Arc::new(RobotsCache::new(Arc::clone(&web)));
        Ok(Self { web, robots })
    }

    /// Follows `request` from hop to hop to its document.
    async fn follow(&self, request: &FetchRequest) -> Result<Fetched, FetchFailure> {
        let mut url = request.url.clone();
        url.set_fragment(None);
        let mut visited = Vec::new();
        loop {
            let first = visited.is_empty();
            let response = self.hop(request, &url).await.map_err(|failure| failure.at_hop(first))?;
            if !is_redirect(response.status()) {
                return self.document(request, url, visited.len() as u32, response).await;
            }
            let next = target(&url, &response)?;
            visited.push(url);
            if visited.contains(&next) {
                return Err(redirect_failure(&next, "leads back to an address it came from"));
            }
            if visited.len() > self.web.limits.redirects as usize {
                return Err(redirect_failure(&next, &format!("is the {}th in a row", visited.len())));
            }
            url = next;
        }
    }

    /// Asks for one address, which robots.txt must allow.
    async fn hop(&self, request: &FetchRequest, url: &Url) -> Result<Response, FetchFailure> {
        let private_allowed = request.private_allowed && url.host() == request.url.host();
        if self.web.limits.respect_robots && is_web(url) {
            let rules =
                self.robots.rules(url, private_allowed, false).await.map_err(|failure| (*failure).clone())?;
            if !rules.allows(url.path(), url.query()) {
                let host = Server(url);
                let what = format!("robots.txt of {host} asks robots to stay away from this address");
                let hint = "Ask the site's owner for leave, or give the document as a file.";
                return Err(FetchFailure::new(FaultKind::Robots, what, hint, Advice::GiveUp));
            }
        }
        self.web.get(url, private_allowed).await
    }

    async fn document(
        &self,
        request: &FetchRequest,
        url: Url,
        redirects: u32,
        response: Response,
    ) -> Result<Fetched, FetchFailure> {
        let host = Server(&url);
        let status = response.status();
        if !status.is_success() {
            return Err(refused(host, status, response.headers()));
        }
        let content_type = text(response.headers(), header::CONTENT_TYPE);
        if request.accept == Accept::Documents
            && let Some(declared) =
                content_type.as_deref().filter(|declared| media::is_no_document(declared, url.path()))
        {
            let what = format!("{host} declares the answer as `{}`, which is no document", excerpt(declared));
            let hint = "Sheaf reads HTML, Markdown, plain text, PDF and DOCX.";
            return Err(FetchFailure::new(FaultKind::UnsupportedType, what, hint, Advice::GiveUp));
        }
        let last_modified = text(response.headers(), header::LAST_MODIFIED);
        let etag = text(response.headers(), header::ETAG);
        let body = body::read(response, &host, &self.web.limits, Excess::Refuse).await?;
        Ok(Fetched {
            body: body.bytes,
            final_url: without_credentials(url),
            content_type,
            last_modified,
            etag,
            status: status.as_u16(),
            wire_bytes: body.wire_bytes,
            redirects,
            attempts: 1,
            elapsed: Duration::ZERO,
        })
    }
}

impl Fetch for HttpFetcher {
    async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchFailure> {
        let start = Instant::now();
        match self.follow(&request).await {
            Ok(fetched) => Ok(Fetched { elapsed: start.elapsed(), ..fetched }),
            Err(failure) => Err(FetchFailure { elapsed: start.elapsed(), ..failure }),
        }
    }

    async fn terms(&self, request: FetchRequest) -> Result<Terms, FetchFailure> {
        if !self.web.limits.respect_robots || !is_web(&request.url) {
            return Ok(Terms::default());
        }
        let start = Instant::now();
        match self.robots.rules(&request.url, request.private_allowed, true).await {
            Ok(rules) => Ok(Terms { crawl_delay: rules.crawl_delay() }),
            // What is wrong with the address and not with the host is each document's own affair.
            Err(failure) if failure.advice == Advice::GiveUp => Ok(Terms::default()),
            Err(failure) => Err(FetchFailure { elapsed: start.elapsed(), ..(*failure).clone() }),
        }
    }
}

impl FetchFailure {
    /// A host that a redirect led to may be down without the document's own host being so.
    fn at_hop(mut self, first: bool) -> Self {
        if !first {
            self.what.push_str(", where a redirect led");
            if self.advice == Advice::HostDown || matches!(self.advice, Advice::ComeBack { .. }) {
                self.advice = Advice::TryAgain;
            }
        }
        self
    }
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
fn target(url: &Url, response: &Response) -> Result<Url, FetchFailure> {
    let Some(location) = response.headers().get(header::LOCATION) else {
        return Err(redirect_failure(url, "names no address to go to"));
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let Ok(mut next) = url.join(&location) else {
        return Err(redirect_failure(
            url,
            &format!("leads to `{}`, which is no address", excerpt(&location)),
        ));
    };
    if !is_web(&next) {
        return Err(redirect_failure(
            url,
            &format!("leads to an address of the scheme `{}`", excerpt(next.scheme())),
        ));
    }
    next.set_fragment(None);
    // Credentials stay with the host they were given for, and none come from a server.
    let same_host = next.host() == url.host() && next.port_or_known_default() == url.port_or_known_default();
    next = without_credentials(next);
    if same_host {
        let _ = next.set_username(url.username());
        let _ = next.set_password(url.password());
    }
    Ok(next)
}

fn redirect_failure(url: &Url, what: &str) -> FetchFailure {
    let what = format!("the redirect at {} {what}", Server(url));
    let hint = "Open the address in a browser and give the one it ends at.";
    FetchFailure::new(FaultKind::Redirect, what, hint, Advice::GiveUp)
}

/// An answer with a status other than success.
fn refused(host: Server<'_>, status: StatusCode, headers: &HeaderMap) -> FetchFailure {
    let (kind, hint, advice) = match status.as_u16() {
        404 | 410 => (FaultKind::NotFound, "Check the address; the page may have moved.", Advice::GiveUp),
        401 | 403 | 407 | 451 => (
            FaultKind::HttpStatus,
            "The site does not show this to us; give the document as a file.",
            Advice::GiveUp,
        ),
        429 => {
            let hint = "Run again later, or with fewer downloads at once (--max-workers).";
            (FaultKind::RateLimited, hint, Advice::ComeBack { after: retry_after(headers) })
        }
        503 => {
            let hint = "Run again later; the server is overloaded or being mended.";
            (FaultKind::HttpStatus, hint, Advice::ComeBack { after: retry_after(headers) })
        }
        408 | 425 | 500..=599 => {
            (FaultKind::HttpStatus, "Run again later; the server is in trouble.", Advice::TryAgain)
        }
        _ => (FaultKind::HttpStatus, "Open the address in a browser to see what it says.", Advice::GiveUp),
    };
    FetchFailure::new(kind, format!("{host} answered {status}"), hint, advice)
}

/// `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
