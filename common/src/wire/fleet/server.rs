//! The `Fleet` door as a service, with health and reflection.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use futures::{Stream, StreamExt};
use sheaf_proto::v1::{
    self,
    fleet_server::{Fleet as Service, FleetServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataMap,
    service::{Routes, interceptor::InterceptedService},
    transport::{Server, server::TcpIncoming},
};

use super::{ServerTls, exchange, member, roster};
use crate::{
    fleet::{Fleet, FromWorker, Refusal, Token},
    wire::WireError,
};

/// A connection on which nothing was heard for so long is asked whether it is there …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
/// … and closed when it has not answered for so long.
const KEEPALIVE_WAIT: Duration = Duration::from_secs(2);
/// How long a session may wait before it opens, and a request before it is answered.
const ANSWER: Duration = Duration::from_secs(10);
/// How long requests may go on when the coordinator ends.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Largest message that is taken, in bytes.
const LARGEST_MESSAGE: usize = 256 << 10;
/// Requests at once on one connection.
const MOST_STREAMS: u32 = 64;

/// Who may speak to the fleet, and how.
#[derive(Debug, Clone, Default)]
pub struct ServeSettings {
    /// TLS, and mutual TLS if it asks for certificates; `None`: plain text.
    pub tls: Option<ServerTls>,
    /// The secret that requests carry; `None`: nobody is asked. Health is told without it.
    pub token: Option<Token>,
}

/// Why the fleet can no longer be served.
#[derive(Debug, thiserror::Error)]
#[error("the fleet's service ended: {why}; start the coordinator again")]
pub struct ServeError {
    why: String,
}

/// Serves the fleet until `ending` is cancelled, then until requests have ended, but for a few seconds only.
///
/// Beside the fleet, `grpc.health.v1` and server reflection answer, and `http` at the same port.
pub async fn serve<F: Fleet>(
    fleet: F,
    listener: TcpListener,
    settings: ServeSettings,
    http: axum::Router,
    ending: CancellationToken,
) -> Result<(), ServeError> {
    let failed = |error: &(dyn std::error::Error + 'static)| ServeError { why: crate::cause::root(error) };
    let mut server = Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_WAIT))
        .max_concurrent_streams(MOST_STREAMS)
        .timeout(ANSWER);
    if let Some(tls) = settings.tls {
        server = server.tls_config(tls.config()).map_err(|error| failed(&error))?;
    }
    let token = settings.token;
    let admit = move |request: Request<()>| match &token {
        Some(token) if !carries(request.metadata(), token) => Err(Status::unauthenticated(
            "the request carries no token or another one: give the coordinator's token",
        )),
        _ => Ok(request),
    };
    let service = FleetServer::new(Adapter(fleet)).max_decoding_message_size(LARGEST_MESSAGE);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(sheaf_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| failed(&error))?;
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<FleetServer<Adapter<F>>>().await;
    let told = async {
        ending.cancelled().await;
        health.set_not_serving::<FleetServer<Adapter<F>>>().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    };
    let answering = server
        .add_routes(Routes::from(http))
        .add_service(InterceptedService::new(service, admit.clone()))
        .add_service(InterceptedService::new(reflection, admit))
        .add_service(health_service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), told);
    let overdue = async {
        ending.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        ended = answering => ended.map_err(|error| failed(&error)),
        () = overdue => Ok(()),
    }
}

/// Serves `grpc.health.v1`, and `http` at the same port, until `ending` is cancelled: for a worker, which has no service
/// of its own. It is told to be serving until then.
pub async fn serve_health(
    listener: TcpListener,
    http: axum::Router,
    ending: CancellationToken,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let told = async {
        ending.cancelled().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    };
    Server::builder()
        .accept_http1(true)
        .timeout(ANSWER)
        .add_routes(Routes::from(http))
        .add_service(health_service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), told)
        .await
        .map_err(|error| ServeError { why: crate::cause::root(&error) })
}

fn carries(metadata: &MetadataMap, token: &Token) -> bool {
    let said = metadata.get("authorization").and_then(|value| value.to_str().ok());
    said.and_then(|said| said.strip_prefix("Bearer ")).is_some_and(|presented| token.is(presented))
}

/// The generated service over the door.
struct Adapter<F>(F);

#[tonic::async_trait]
impl<F: Fleet> Service for Adapter<F> {
    type SessionStream = Pin<Box<dyn Stream<Item = Result<v1::SessionResponse, Status>> + Send>>;

    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        let peer: Option<SocketAddr> = request.remote_addr();
        let registration = member::registration_of(request.into_inner()).map_err(|error| wrong(&error))?;
        let welcome = self.0.register(registration, peer).await.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(member::welcome_message(welcome)))
    }

    async fn session(
        &self,
        request: Request<Streaming<v1::SessionRequest>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut messages = request.into_inner();
        // The server's own limit of time covers a session that never opens.
        let opening = messages.message().await?.unwrap_or_default();
        let worker = exchange::opening_of(opening).map_err(|error| wrong(&error))?;
        let orders = self.0.session(worker, said(messages)).await.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(Box::pin(orders.map(|order| Ok(exchange::order_message(order))))))
    }

    async fn list_workers(
        &self,
        _request: Request<v1::ListWorkersRequest>,
    ) -> Result<Response<v1::ListWorkersResponse>, Status> {
        let workers = self.0.workers().await.into_iter().map(roster::entry_message).collect();
        Ok(Response::new(v1::ListWorkersResponse { workers }))
    }

    async fn command(
        &self,
        request: Request<v1::CommandRequest>,
    ) -> Result<Response<v1::CommandResponse>, Status> {
        let (worker, command) = roster::command_of(request.into_inner()).map_err(|error| wrong(&error))?;
        self.0.command(worker, command).await.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(v1::CommandResponse {}))
    }

    async fn counts(
        &self,
        _request: Request<v1::CountsRequest>,
    ) -> Result<Response<v1::CountsResponse>, Status> {
        Ok(Response::new(roster::counts_message(self.0.counts().await)))
    }
}

/// What a worker says, until its stream breaks or it says what cannot be understood.
fn said(messages: Streaming<v1::SessionRequest>) -> impl Stream<Item = FromWorker> + Send + 'static {
    messages
        .map(|message| match message.map(exchange::said_of) {
            Ok(Ok(said)) => Some(said),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a worker's session ends: what it says cannot be understood");
                None
            }
            Err(status) => {
                tracing::debug!(%status, "a worker's session broke off");
                None
            }
        })
        .take_while(|said| std::future::ready(said.is_some()))
        .filter_map(std::future::ready)
}

fn wrong(error: &WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

fn status(refusal: &Refusal) -> Status {
    let said = refusal.to_string();
    match refusal {
        Refusal::NewerWorker { .. } | Refusal::NewerCoordinator { .. } | Refusal::Drains(_) => {
            Status::failed_precondition(said)
        }
        Refusal::UnknownWorker(_) => Status::not_found(said),
        Refusal::Full { .. } => Status::resource_exhausted(said),
        Refusal::Ending => Status::unavailable(said),
    }
}
