//! Where a Redis is.

use std::fmt;

use ::redis::{ConnectionInfo, IntoConnectionInfo};

/// The URL of a Redis: `redis://[user:password@]host[:port][/db]`, `rediss://` with TLS, or `unix:///path`.
///
/// It never shows its password, nor what stands behind a question mark, which may be one.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    url: String,
    shown: String,
}

/// A URL that is none of a Redis.
#[derive(Debug, thiserror::Error)]
#[error(
    "{shown} is not the URL of a Redis ({reason}); write redis://HOST:PORT, with a password redis://:PASSWORD@HOST:PORT"
)]
pub struct AddressError {
    shown: String,
    reason: String,
}

impl RedisUrl {
    /// Checks and takes a URL.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let shown = redacted(url);
        match url.into_connection_info() {
            Ok(_) => Ok(Self { url: url.to_owned(), shown }),
            Err(error) => {
                let reason = error.detail().map_or_else(|| error.to_string(), str::to_owned);
                Err(AddressError { shown, reason })
            }
        }
    }

    /// The URL with its password, for a client only.
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// Whether only this host reaches it.
    pub fn is_loopback(&self) -> bool {
        let (_, place) = split(&self.url);
        let authority = place.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn info(&self) -> Result<ConnectionInfo, ::redis::RedisError> {
        self.url.as_str().into_connection_info()
    }
}

/// What stands before the host, and the rest. Of a URL that was checked.
fn split(url: &str) -> (&str, &str) {
    let (scheme, rest) = url.split_at(scheme(url));
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..authority].rfind('@').map_or(0, |at| at + 1);
    url.split_at(scheme.len() + host)
}

/// Bytes of the scheme and what ends it.
fn scheme(url: &str) -> usize {
    url.find("://").map_or(0, |at| at + 3)
}

/// A URL, or what should have been one, without what may be secret: anything before the last `@`, and a query.
fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_at(scheme(url));
    let (user, place) = rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    if user.is_some_and(|user| user.contains('?')) {
        // The `@` may be a password's own, in the query: then what follows it is secret, too.
        return format!("{scheme}***");
    }
    let user = if user.is_some() { "***@" } else { "" };
    match place.split_once('?') {
        Some((place, _)) => format!("{scheme}{user}{place}?***"),
        None => format!("{scheme}{user}{place}"),
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url = RedisUrl::parse("redis://user:hunter2@db.test:6380/1").unwrap();
        assert_eq!(url.to_string(), "redis://***@db.test:6380/1");
        assert!(!format!("{url:?}").contains("hunter2"));
        let error = RedisUrl::parse("http://user:hunter2@db.test").unwrap_err().to_string();
        assert!(error.starts_with("http://***@db.test is not the URL of a Redis"), "{error}");
    }

    #[test]
    fn a_query_is_never_shown() {
        let shown = |url: &str| RedisUrl::parse(url).map_or_else(|error| error.shown, |url| url.to_string());
        assert_eq!(shown("unix:///run/redis.sock?pass=hunter2"), "unix:///run/redis.sock?***");
        assert_eq!(shown("redis://db.test:6380?password=hunter2"), "redis://db.test:6380?***");
        assert_eq!(shown("redis://:pw@db.test/1?password=hunter2"), "redis://***@db.test/1?***");
        assert_eq!(shown("unix:///run/redis.sock?pass=hun@ter2"), "unix://***");
        let error = RedisUrl::parse("redis://:hun?ter2@db.test")
            .map_or_else(|error| error.to_string(), |url| url.to_string());
        assert!(!error.contains("hun") && !error.contains("ter2"), "{error}");
    }

    #[test]
    fn loopback_is_told_apart() {
        let is = |url: &str| RedisUrl::parse(url).unwrap().is_loopback();
        assert!(
            is("redis://:pw@127.0.0.1:7001/0") && is("redis://localhost:7001") && is("redis://[::1]:7001")
        );
        assert!(is("redis://127.0.0.1:7001?protocol=resp3") && !is("redis://db.test?a=@localhost"));
        assert!(!is("redis://10.0.0.1:7001") && !is("redis://db.test:7001"));
    }
}
