//! The other end of the `Fleet` door: what workers and operators hold.

use std::{future::Future, pin::Pin, time::Duration};

use futures::{Stream, StreamExt, stream};
use sheaf_proto::v1::{self, fleet_client::FleetClient as Stub};
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use super::{ClientTls, exchange, member, roster};
use crate::{
    fleet::{
        Command, Counts, FromWorker, Order, PROTOCOL, Refusal, Registration, RosterEntry, Token, Welcome,
    },
    id::WorkerId,
    wire::WireError,
};

/// How long a connection may take, and an answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// A connection on which nothing was heard for so long is asked whether it is there …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(2);
/// … and closed when it has not answered for so long.
const KEEPALIVE_WAIT: Duration = Duration::from_secs(2);
/// Largest message that is taken, in bytes: the list of a full fleet.
const LARGEST_MESSAGE: usize = 8 << 20;

/// Where the coordinator is, and how one shows who one is.
#[derive(Debug, Clone)]
pub struct ReachSettings {
    /// `http://HOST:PORT`, or `https://HOST:PORT` for TLS.
    pub url: String,
    /// The secret that the coordinator shares.
    pub token: Option<Token>,
    /// TLS other than with the system's authorities; only with `https`.
    pub tls: Option<ClientTls>,
}

impl ReachSettings {
    /// Looks whether a coordinator could be reached with them, without asking anybody.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`].
    pub fn check(&self) -> Result<(), ClientError> {
        endpoint(self).map(drop)
    }
}

/// Why the coordinator did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No address of a coordinator.
    #[error("{url} is no address of a coordinator: {why}; give one such as http://127.0.0.1:7700")]
    Address {
        /// What was given.
        url: String,
        /// Why.
        why: String,
    },
    /// Nobody answers, or not in time.
    #[error(
        "no coordinator answers at {url}: {why}; check that it runs, and that it listens at this address"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// The token is missing or another one.
    #[error("the coordinator at {url} refuses: {why}")]
    Unauthorized {
        /// Where.
        url: String,
        /// What it said.
        why: String,
    },
    /// The coordinator does not know the worker: it was started again, or has forgotten it.
    #[error("{why}")]
    UnknownWorker {
        /// What it said.
        why: String,
    },
    /// The coordinator will not do it however often it is asked.
    #[error("the coordinator at {url} refuses: {why}")]
    Refused {
        /// Where.
        url: String,
        /// What it said.
        why: String,
    },
    /// The coordinator speaks a newer protocol.
    #[error(transparent)]
    Newer(Refusal),
    /// The answer is not what it was taken for.
    #[error("the coordinator's answer cannot be understood: {0}; use programs of the same version")]
    Answer(#[from] WireError),
}

impl ClientError {
    /// Whether the same request may succeed later although nobody has mended anything here.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::UnknownWorker { .. })
    }
}

/// A connection to a coordinator.
#[derive(Debug, Clone)]
pub struct FleetClient {
    url: String,
    host: String,
    stub: Stub<InterceptedService<Channel, Bearer>>,
}

impl FleetClient {
    /// Connects to the coordinator; tries once.
    pub async fn connect(settings: &ReachSettings) -> Result<Self, ClientError> {
        let url = settings.url.clone();
        let (endpoint, host) = endpoint(settings)?;
        let channel = endpoint.connect().await.map_err(|error| ClientError::Unreachable {
            url: url.clone(),
            why: crate::cause::root(&error),
        })?;
        let bearer = Bearer::new(settings.token.as_ref());
        let stub = Stub::with_interceptor(channel, bearer).max_decoding_message_size(LARGEST_MESSAGE);
        Ok(Self { url, host, stub })
    }

    /// The host at which the coordinator is reached, without brackets; see
    /// [`RedisAccess::reached_from`](crate::fleet::RedisAccess::reached_from).
    pub fn host(&self) -> &str {
        &self.host
    }

    /// A worker introduces itself. A coordinator with a newer protocol is refused.
    pub async fn register(&mut self, registration: Registration) -> Result<Welcome, ClientError> {
        let request = member::registration_message(registration);
        let welcome = answered(&self.url, self.stub.register(request)).await?;
        if welcome.protocol > PROTOCOL {
            let (theirs, ours) = (welcome.protocol, PROTOCOL);
            return Err(ClientError::Newer(Refusal::NewerCoordinator { theirs, ours }));
        }
        Ok(member::welcome_of(welcome)?)
    }

    /// Opens the session of a registered worker. It is over when `said` ends, too.
    pub async fn session<S>(&mut self, worker: &WorkerId, said: S) -> Result<Orders, ClientError>
    where
        S: Stream<Item = FromWorker> + Send + 'static,
    {
        let opening = exchange::opening_message(worker);
        let messages = stream::once(std::future::ready(opening)).chain(said.map(exchange::said_message));
        let stream = answered(&self.url, self.stub.session(messages)).await?;
        Ok(Orders { url: self.url.clone(), stream })
    }

    /// Every worker that the coordinator knows, by name.
    pub async fn workers(&mut self) -> Result<Vec<RosterEntry>, ClientError> {
        let request = v1::ListWorkersRequest {};
        let workers = answered(&self.url, self.stub.list_workers(request)).await?.workers;
        Ok(workers.into_iter().map(roster::entry_of).collect::<Result<_, _>>()?)
    }

    /// Asks something of a worker.
    pub async fn command(&mut self, worker: &WorkerId, command: Command) -> Result<(), ClientError> {
        let request = roster::command_message(worker, command);
        answered(&self.url, self.stub.command(request)).await.map(drop)
    }

    /// The fleet in numbers.
    pub async fn counts(&mut self) -> Result<Counts, ClientError> {
        answered(&self.url, self.stub.counts(v1::CountsRequest {})).await.map(roster::counts_of)
    }
}

/// Orders to a worker; the stream ends when its session does.
#[derive(Debug)]
pub struct Orders {
    url: String,
    stream: Streaming<v1::SessionResponse>,
}

impl Orders {
    /// The next order; `None` when the coordinator has ended the session.
    pub async fn next(&mut self) -> Option<Result<Order, ClientError>> {
        let message = Pin::new(&mut self.stream).next().await?;
        Some(match message {
            Ok(message) => exchange::order_of(message).map_err(ClientError::Answer),
            Err(status) => Err(refused(&self.url, &status)),
        })
    }
}

/// The answer to one request, which comes in time or not at all.
async fn answered<T>(
    url: &str,
    request: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(ANSWER, request).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(refused(url, &status)),
        Err(_) => Err(ClientError::Unreachable {
            url: url.to_owned(),
            why: format!("no answer within {} s", ANSWER.as_secs()),
        }),
    }
}

fn refused(url: &str, status: &Status) -> ClientError {
    let (url, why) = (url.to_owned(), status.message().to_owned());
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => ClientError::Unauthorized { url, why },
        Code::NotFound => ClientError::UnknownWorker { why },
        Code::FailedPrecondition | Code::InvalidArgument => ClientError::Refused { url, why },
        Code::Unimplemented => {
            ClientError::Refused { url, why: "it is no coordinator of this kind".to_owned() }
        }
        // What the connection says is in the chain below the status.
        _ => ClientError::Unreachable { url, why: crate::cause::root(status) },
    }
}

fn endpoint(settings: &ReachSettings) -> Result<(Endpoint, String), ClientError> {
    let url = &settings.url;
    let unusable = |why: &str| ClientError::Address { url: url.clone(), why: why.to_owned() };
    let endpoint =
        Endpoint::from_shared(url.clone()).map_err(|error| unusable(&crate::cause::root(&error)))?;
    let host = endpoint.uri().host().ok_or_else(|| unusable("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let encrypted = match endpoint.uri().scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(unusable("it begins with neither http:// nor https://")),
    };
    let mut endpoint = endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_WAIT)
        .user_agent(concat!("sheaf/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| unusable(&crate::cause::root(&error)))?;
    match &settings.tls {
        Some(_) if !encrypted => return Err(unusable("certificates are of use with https:// only")),
        None if !encrypted => {}
        tls => {
            let tls = tls.clone().unwrap_or_else(ClientTls::of_the_system);
            endpoint =
                endpoint.tls_config(tls.config()).map_err(|error| unusable(&crate::cause::root(&error)))?;
        }
    }
    Ok((endpoint, host))
}

/// Puts the token on every request.
#[derive(Debug, Clone)]
struct Bearer(Option<AsciiMetadataValue>);

impl Bearer {
    fn new(token: Option<&Token>) -> Self {
        Self(token.and_then(|token| {
            // A token has visible ASCII characters only.
            let mut value: AsciiMetadataValue = format!("Bearer {}", token.expose()).parse().ok()?;
            value.set_sensitive(true);
            Some(value)
        }))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(url: &str) -> Result<String, ClientError> {
        endpoint(&ReachSettings { url: url.to_owned(), token: None, tls: None }).map(|(_, host)| host)
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        assert_eq!(reach("http://hub:7700").unwrap(), "hub");
        assert_eq!(reach("http://[::1]:7700").unwrap(), "::1");
        for wrong in ["hub:7700", "hub", "ftp://hub", "", "http://", "nonsense nonsense"] {
            let said = reach(wrong).unwrap_err().to_string();
            assert!(said.contains("http://127.0.0.1:7700"), "{wrong}: {said}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let bearer = Bearer::new(Some(&Token::new("0123456789abcdef").unwrap()));
        assert!(bearer.0.is_some() && !format!("{bearer:?}").contains("0123456789"), "{bearer:?}");
    }
}
