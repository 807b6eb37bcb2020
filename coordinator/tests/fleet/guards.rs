//! Tokens, TLS, and what is told without either.

use std::net::SocketAddr;

use futures::{StreamExt, stream};
use sheaf_common::{
    fleet::Token,
    wire::fleet::{ClientError, ClientTls, FleetClient, ReachSettings},
};
use sheaf_coordinator::fleet::{FleetService, GuardSettings, TlsFiles};
use sheaf_worker::session::JoinError;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    certificates::{Authority, Pair},
    scene::{Scene, join, reach, registration, settings, soon},
};

fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn only_the_right_token_lets_in() {
    let guard = GuardSettings { token: Some(token("the-right-token-of-all")), ..GuardSettings::default() };
    let scene = Scene::guarded(&guard).await;
    let with = |given: Option<&str>| ReachSettings { token: given.map(token), ..reach(scene.address()) };
    for wrong in [None, Some("another-token-of-some"), Some("the-right-token-of-al")] {
        let refused = join(with(wrong), registration("w1")).await.unwrap_err();
        assert!(matches!(&refused, JoinError::Refused(ClientError::Unauthorized { .. })), "{refused}");
        assert!(refused.to_string().contains("token"), "{refused}");
        let mut operator = FleetClient::connect(&with(wrong)).await.unwrap();
        assert!(operator.workers().await.is_err());
    }
    let session = join(with(Some("the-right-token-of-all")), registration("w1")).await.unwrap();
    assert!(soon(session.leave()).await);
    // A probe knows no token.
    let mut health = HealthClient::new(channel(scene.address()).await);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
}

#[tokio::test]
async fn health_and_reflection_answer() {
    let scene = Scene::new().await;
    let channel = channel(scene.address()).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "sheaf.v1.Fleet"] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(asked).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let mut reflection = ServerReflectionClient::new(channel);
    for asked in [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("sheaf.v1.Fleet.Session".to_owned()),
    ] {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(asked.clone()) };
        let mut answers =
            reflection.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
        match answers.next().await.unwrap().unwrap().message_response.unwrap() {
            MessageResponse::ListServicesResponse(list) => {
                let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
                assert!(
                    names.contains(&"sheaf.v1.Fleet") && names.contains(&"grpc.health.v1.Health"),
                    "{names:?}"
                );
            }
            MessageResponse::FileDescriptorResponse(files) => {
                assert!(!files.file_descriptor_proto.is_empty());
            }
            other => panic!("{asked:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn health_says_when_the_coordinator_ends() {
    let scene = Scene::new().await;
    let mut health = HealthClient::new(channel(scene.address()).await);
    let asked = HealthCheckRequest { service: "sheaf.v1.Fleet".to_owned() };
    let mut told = health.watch(asked).await.unwrap().into_inner();
    assert_eq!(soon(told.next()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    scene.ending.cancel();
    assert_eq!(soon(told.next()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn other_hosts_are_not_listened_to_unasked() {
    let (fleet, _events) = FleetService::new(settings(), CancellationToken::new());
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let said = fleet
        .listen(everywhere, &GuardSettings::default(), axum::Router::new())
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("0.0.0.0:0") && said.contains("token") && said.contains("--insecure"), "{said}");
}

fn tls(served: &Pair, client_authority: Option<&Authority>) -> GuardSettings {
    let files = TlsFiles {
        certificate: served.certificate.clone(),
        key: served.key.clone(),
        client_authority: client_authority.map(Authority::certificate),
    };
    GuardSettings { tls: Some(files), ..GuardSettings::default() }
}

fn encrypted(scene: &Scene, trusted: &Authority, shown: Option<&Pair>) -> ReachSettings {
    let shown = shown.map(|pair| (pair.certificate.as_path(), pair.key.as_path()));
    let tls = ClientTls::read(Some(&trusted.certificate()), shown).unwrap();
    let url = format!("https://localhost:{}", scene.address().port());
    ReachSettings { url, token: None, tls: Some(tls) }
}

/// Whether an operator with these settings is answered.
async fn is_answered(settings: &ReachSettings) -> Result<(), ClientError> {
    soon(async { FleetClient::connect(settings).await?.workers().await }).await.map(drop)
}

#[tokio::test]
async fn with_tls_only_the_trusted_coordinator_is_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let scene = Scene::guarded(&tls(&authority.sign("localhost"), None)).await;
    let session = join(encrypted(&scene, &authority, None), registration("w1")).await.unwrap();
    assert!(soon(session.leave()).await);
    let said = is_answered(&encrypted(&scene, &stranger, None)).await.unwrap_err().to_string();
    assert!(said.contains("certificate"), "{said}");
    assert!(is_answered(&reach(scene.address())).await.is_err(), "plain text is not answered");
}

#[tokio::test]
async fn with_mutual_tls_only_those_with_a_certificate_are_answered() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let scene = Scene::guarded(&tls(&authority.sign("localhost"), Some(&authority))).await;
    let (own, strange) = (authority.sign("worker"), stranger.sign("worker"));
    let session = join(encrypted(&scene, &authority, Some(&own)), registration("w1")).await.unwrap();
    assert!(soon(session.leave()).await);
    assert!(is_answered(&encrypted(&scene, &authority, None)).await.is_err(), "no certificate");
    assert!(is_answered(&encrypted(&scene, &authority, Some(&strange))).await.is_err(), "a stranger's");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_with_the_files_names() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("one"), authority.sign("other"));
    let mixed = Pair { certificate: one.certificate, key: other.key };
    let (fleet, _events) = FleetService::new(settings(), CancellationToken::new());
    let refused = fleet
        .listen("127.0.0.1:0".parse().unwrap(), &tls(&mixed, None), axum::Router::new())
        .await
        .unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("one.pem") && said.contains("other.key"), "{said}");
}
