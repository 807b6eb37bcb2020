//! What is refused, and in which words.

use std::net::SocketAddr;

use futures::{Stream, StreamExt, stream};
use sheaf_common::{
    fleet::{
        Command, Counts, Fleet, FromWorker, Order, PROTOCOL, Refusal, Registration, RosterEntry, Welcome,
    },
    id::WorkerId,
    wire::fleet::{ClientError, FleetClient, ServeSettings, serve},
};
use sheaf_coordinator::fleet::{FleetService, GuardSettings, ListenError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::scene::{Scene, join, reach, registration, run, settings, soon};

#[tokio::test]
async fn a_newer_worker_is_refused_with_both_versions_and_what_to_do() {
    let scene = Scene::new().await;
    let newer = Registration { protocol: PROTOCOL + 1, ..registration("w1") };
    let said = join(reach(scene.address()), newer).await.unwrap_err().to_string();
    for part in [
        format!("speaks protocol {}", PROTOCOL + 1),
        format!("up to {PROTOCOL}"),
        "update the coordinator".to_owned(),
    ] {
        assert!(said.contains(&part), "{said}");
    }
}

/// A coordinator of the future.
#[derive(Clone)]
struct Newer;

impl Fleet for Newer {
    type Orders = stream::Pending<Order>;

    async fn register(
        &self,
        registration: Registration,
        _peer: Option<SocketAddr>,
    ) -> Result<Welcome, Refusal> {
        Ok(Welcome {
            worker: registration.worker,
            protocol: PROTOCOL + 1,
            version: "9.0.0".to_owned(),
            lease: settings().lease,
            heartbeat: settings().heartbeat,
            runs: vec![],
        })
    }

    async fn session<S>(&self, _worker: WorkerId, _said: S) -> Result<Self::Orders, Refusal>
    where
        S: Stream<Item = FromWorker> + Send + 'static,
    {
        Ok(stream::pending())
    }

    async fn workers(&self) -> Vec<RosterEntry> {
        vec![]
    }

    async fn command(&self, worker: WorkerId, _command: Command) -> Result<(), Refusal> {
        Err(Refusal::UnknownWorker(worker))
    }

    async fn counts(&self) -> Counts {
        Counts::default()
    }
}

#[tokio::test]
async fn a_newer_coordinator_is_refused_with_both_versions_and_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ending = CancellationToken::new();
    tokio::spawn(serve(Newer, listener, ServeSettings::default(), axum::Router::new(), ending));
    let said = join(reach(address), registration("w1")).await.unwrap_err().to_string();
    for part in [
        format!("speaks protocol {}", PROTOCOL + 1),
        format!("up to {PROTOCOL}"),
        "update the worker".to_owned(),
    ] {
        assert!(said.contains(&part), "{said}");
    }
}

#[tokio::test]
async fn what_cannot_stand_in_a_log_or_a_key_is_refused_by_its_field() {
    let scene = Scene::new().await;
    let mut client = scene.operator().await;
    let wrong = [
        (Registration { name: "a\nb".to_owned(), ..registration("w1") }, "`name`"),
        (Registration { worker: WorkerId::new("a}b"), ..registration("w1") }, "`worker_id`"),
        (Registration { models: vec!["m".to_owned(); 2_000], ..registration("w1") }, "`models`"),
        (Registration { host: "h".repeat(1_000), ..registration("w1") }, "`host`"),
    ];
    for (registration, field) in wrong {
        let refused = client.register(registration).await.unwrap_err();
        assert!(matches!(&refused, ClientError::Refused { why, .. } if why.contains(field)), "{refused}");
        assert!(!refused.may_pass());
    }
    // Larger than any message may be.
    let absurd = Registration { host: "h".repeat(1 << 20), ..registration("w1") };
    assert!(client.register(absurd).await.is_err());
    assert_eq!(client.workers().await.unwrap(), []);
}

#[tokio::test]
async fn a_session_of_nobody_is_refused_and_may_be_tried_again() {
    let scene = Scene::new().await;
    let mut client = scene.operator().await;
    let refused = client.session(&WorkerId::new("nobody"), stream::pending()).await.unwrap_err();
    assert!(matches!(&refused, ClientError::UnknownWorker { why } if why.contains("nobody")), "{refused}");
    assert!(refused.may_pass());
    let refused = client.command(&WorkerId::new("nobody"), Command::Drain).await.unwrap_err().to_string();
    assert!(refused.contains("nobody") && refused.contains("list of workers"), "{refused}");
}

#[tokio::test]
async fn a_worker_that_takes_no_orders_is_cut_off_and_holds_up_nobody() {
    let ending = CancellationToken::new();
    let (fleet, _events) = FleetService::new(settings(), ending);
    let worker = registration("deaf");
    fleet.register(worker.clone(), None).await.unwrap();
    let orders = fleet.session(worker.worker.clone(), stream::pending()).await.unwrap();
    // One order says with how many it shares the limits; of the others, 63 fit.
    for number in 0..100 {
        fleet.assign(run(&format!("r{number}")));
    }
    assert_eq!(soon(orders.count()).await, 64, "what fitted was given, then the session ended");
    assert_eq!(soon(lost(&fleet)).await, [worker.worker]);
}

/// The lost ones, when there are some.
async fn lost(fleet: &FleetService) -> Vec<WorkerId> {
    loop {
        let lost = fleet.lost();
        if !lost.is_empty() {
            return lost;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_with_what_to_do() {
    let scene = Scene::new().await;
    let (fleet, _events) = FleetService::new(settings(), CancellationToken::new());
    let refused =
        fleet.listen(scene.address(), &GuardSettings::default(), axum::Router::new()).await.unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, ListenError::Bind { .. }), "{said}");
    assert!(said.contains(&scene.address().to_string()) && said.contains("--listen"), "{said}");
}

#[tokio::test]
async fn nobody_at_the_address_is_said_with_what_to_do() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = FleetClient::connect(&reach(address)).await.unwrap_err();
    assert!(said.may_pass());
    let said = said.to_string();
    for part in [&address.to_string(), "connection refused", "check that it runs"] {
        assert!(said.contains(part), "{said}");
    }
}
