//! From a host's name to addresses that may be connected to.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address;

/// Addresses of one name that are considered; the rest are passed over.
const MAX_ADDRESSES: usize = 16;

/// Answer of a [`Lookup`].
pub type LookupAnswer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name. [`SystemLookup`] is the real one.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `host`, in order of preference. What may not be connected to is sorted out by the caller.
    fn lookup(&self, host: &str) -> LookupAnswer;

    /// Addresses that pass for public, for tests of whole programs, which have none but loopback to connect to.
    #[cfg(feature = "testing")]
    fn pretend_public(&self) -> Vec<IpAddr> {
        Vec::new()
    }
}

/// Asks the operating system (`getaddrinfo`, so that `/etc/hosts` and the machine's own resolver are heeded).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> LookupAnswer {
        let host = host.to_owned();
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// Decides which addresses may be connected to.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressPolicy {
    pub(crate) allow_private: bool,
    /// Addresses that pass for public in tests, which have none but loopback to connect to.
    pub(crate) pretend_public: Vec<IpAddr>,
}

impl AddressPolicy {
    /// Why `ip` may not be connected to.
    pub(crate) fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        if self.allow_private || self.pretend_public.contains(&ip) { None } else { address::refusal(ip) }
    }
}

/// No address of a host may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{ip} is {reason}")]
pub(crate) struct AddressRefused {
    pub(crate) ip: IpAddr,
    pub(crate) reason: &'static str,
}

/// Hands the HTTP client only addresses that may be connected to. Since the client connects to exactly what comes out
/// of here, a name that changes its addresses between a check and a connection (DNS rebinding) gains nothing.
pub(crate) struct GuardedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) policy: AddressPolicy,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let answer = self.lookup.lookup(name.as_str());
        let policy = self.policy.clone();
        Box::pin(async move {
            let (mut allowed, mut refused) = (Vec::new(), None);
            for ip in answer.await?.into_iter().take(MAX_ADDRESSES) {
                match policy.refusal(ip) {
                    None => allowed.push(SocketAddr::new(ip, 0)),
                    Some(reason) => refused = Some(AddressRefused { ip, reason }),
                }
            }
            match refused {
                Some(refused) if allowed.is_empty() => Err(refused.into()),
                _ if allowed.is_empty() => Err(io::Error::other("the name has no address").into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
