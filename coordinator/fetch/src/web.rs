//! One request to one address, checked.

use std::sync::Arc;

use reqwest::{Client, Response, header, redirect};
use sheaf_common::{cause, fault::FaultKind};
use tokio::time::timeout;
use url::{Host, Url};

use crate::{
    canonical::Server,
    decode,
    failure::{Advice, FetchFailure, excerpt},
    limits::FetchLimits,
    lookup::{AddressPolicy, AddressRefused, GuardedResolver, Lookup},
};

/// The name by which robots.txt files know us, and the whole of what we call ourselves to servers.
pub(crate) const ROBOT: &str = "sheaf";
/// The `User-Agent` of every request.
pub const USER_AGENT: &str =
    concat!("sheaf/", env!("CARGO_PKG_VERSION"), " (+document analysis; honours robots.txt)");

const ACCEPT: &str =
    "text/html,application/xhtml+xml,application/pdf;q=0.9,text/markdown;q=0.9,text/plain;q=0.8,*/*;q=0.5";

/// Longest URL that is asked for, in bytes; servers and intermediaries are asked to support 8,000 (RFC 9110, 4.1).
const MAX_URL: usize = 8_192;

/// Makes single requests: no redirects, no retries, no robots.txt, but never to an address that is not allowed.
pub(crate) struct Web {
    /// Connects to public addresses only.
    public: Client,
    public_policy: AddressPolicy,
    /// Connects anywhere.
    private: Client,
    pub(crate) limits: FetchLimits,
}

impl Web {
    pub(crate) fn new(
        limits: FetchLimits,
        lookup: Arc<dyn Lookup>,
        public_policy: AddressPolicy,
    ) -> Result<Self, reqwest::Error> {
        let public = client(&limits, Arc::clone(&lookup), public_policy.clone())?;
        let anywhere = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
        let private = client(&limits, lookup, anywhere)?;
        Ok(Self { public, public_policy, private, limits })
    }

    /// The answer's head; its body is still to be read.
    pub(crate) async fn get(&self, url: &Url, private_allowed: bool) -> Result<Response, FetchFailure> {
        let host = Server(url);
        if !matches!(url.scheme(), "http" | "https") || host.is_nameless() {
            let what = format!("`{}` is not an http or https address", excerpt(&crate::displayed(url)));
            return Err(FetchFailure::new(
                FaultKind::BadSource,
                what,
                "Give an http or https URL.",
                Advice::GiveUp,
            ));
        }
        if url.as_str().len() > MAX_URL {
            let what =
                format!("the URL at {host} is {} bytes long; the cap is {MAX_URL}", url.as_str().len());
            return Err(FetchFailure::new(FaultKind::BadSource, what, "Shorten the URL.", Advice::GiveUp));
        }
        // The client asks its resolver about names only, so literal addresses are checked here.
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(ip.into()),
            Some(Host::Ipv6(ip)) => Some(ip.into()),
            _ => None,
        };
        if let Some(ip) = literal.filter(|_| !private_allowed)
            && let Some(reason) = self.public_policy.refusal(ip)
        {
            return Err(address_refused(host, &AddressRefused { ip, reason }));
        }
        let client = if private_allowed { &self.private } else { &self.public };
        match timeout(self.limits.first_byte, client.get(url.clone()).send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.no_answer(host, &error)),
            Err(_) => {
                let seconds = self.limits.first_byte.as_secs_f64();
                let what = format!("{host} did not begin to answer within {seconds:.0} s");
                let hint = "Run again later; the server is too slow or out of order.";
                Err(FetchFailure::new(FaultKind::FetchTimeout, what, hint, Advice::TryAgain))
            }
        }
    }

    fn no_answer(&self, host: Server<'_>, error: &reqwest::Error) -> FetchFailure {
        if let Some(refused) = cause::find::<AddressRefused>(error) {
            return address_refused(host, refused);
        }
        let reason = excerpt(&cause::root(error));
        if error.is_dns() {
            let what = format!("the name {host} could not be resolved: {reason}");
            let hint = "Check the spelling of the host, and that this machine can look names up.";
            return FetchFailure::new(FaultKind::Dns, what, hint, Advice::HostDown);
        }
        if let Some(tls) = cause::find::<rustls::Error>(error) {
            let what = format!("no secure connection to {host}: {}", excerpt(&tls.to_string()));
            let hint =
                "Open the address in a browser; its certificate may have expired or be for another name.";
            return FetchFailure::new(FaultKind::Tls, what, hint, Advice::HostDown);
        }
        if error.is_connect() {
            let what = if error.is_timeout() {
                format!("no connection to {host} within {:.0} s", self.limits.connect.as_secs_f64())
            } else {
                format!("no connection to {host}: {reason}")
            };
            let hint = "Check that the server is up and can be reached from this machine, then run again.";
            return FetchFailure::new(FaultKind::Connect, what, hint, Advice::HostDown);
        }
        let what = format!("{host} ended the connection before it answered: {reason}");
        let hint = "Run again later; the server or the line fails.";
        FetchFailure::new(FaultKind::Connect, what, hint, Advice::TryAgain)
    }
}

fn client(
    limits: &FetchLimits,
    lookup: Arc<dyn Lookup>,
    policy: AddressPolicy,
) -> Result<Client, reqwest::Error> {
    let headers = [(header::ACCEPT, ACCEPT), (header::ACCEPT_ENCODING, decode::ACCEPTED)];
    Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(
            headers
                .map(|(name, value)| (name, header::HeaderValue::from_static(value)))
                .into_iter()
                .collect(),
        )
        // A proxy would look names up itself and connect where it likes, which would undo the address checks.
        .no_proxy()
        // Each hop is checked first, so redirects are followed by hand; and one owner retries, which is the pool.
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        // Bodies are unpacked by our own decoder, which counts the bytes on both sides of it.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(limits.connect)
        .pool_max_idle_per_host(limits.idle_per_host)
        .pool_idle_timeout(limits.idle)
        .dns_resolver(Arc::new(GuardedResolver { lookup, policy }))
        .build()
}

fn address_refused(host: Server<'_>, refused: &AddressRefused) -> FetchFailure {
    let what = format!("{host} was not connected to: {refused}");
    let hint = "If that is meant, allow private addresses (--allow-private-addresses).";
    FetchFailure::new(FaultKind::AddressRefused, what, hint, Advice::GiveUp)
}
