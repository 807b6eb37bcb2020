//! Orders and the parts that they begin and end.

use std::future::pending;

use sheaf_cache::MemoryCache;
use sheaf_common::fleet::RedisAccess;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long is looked for what must not happen.
const MOMENT: Duration = Duration::from_millis(200);

fn host(shutdown: &Shutdown) -> Host {
    let settings = HostSettings {
        worker: WorkerId::new("w"),
        slots: 1,
        child: ChildCommand { program: "/nowhere".into(), arguments: Vec::new() },
        host: "here".to_owned(),
        coordinator_host: "127.0.0.1".to_owned(),
        lease: Duration::from_secs(30),
        heartbeat: Duration::from_secs(10),
        answers: MemoryCache::new(1 << 20),
        embedding_model: None,
        prices: None,
    };
    Host::new(settings, Arc::new(Status::new(1)), shutdown.clone())
}

fn assignment(port: u16) -> Assignment {
    Assignment {
        redis: RedisAccess { url: format!("redis://127.0.0.1:{port}"), host_is_coordinator: false },
        parse_timeout: PATIENCE,
        ..Assignment::sample("r", 1)
    }
}

/// A part whose work is what `working` waits for.
fn part(working: impl Future<Output = ()> + Send + 'static, shutdown: &Shutdown) -> Part {
    Part {
        assignment: assignment(1),
        shutdown: shutdown.part(),
        closing: watch::Sender::new(false),
        working: tokio::spawn(working),
    }
}

#[tokio::test]
async fn orders_do_not_wait_for_documents_in_flight() {
    let shutdown = Shutdown::new();
    let mut host = host(&shutdown);
    host.duties.insert(RunId::new("r"), part(pending(), &shutdown));
    let old = host.duties[&RunId::new("r")].shutdown.clone();
    host.obey(Order::Withdraw(RunId::new("r")));
    assert!(old.is_draining() && !shutdown.is_draining());
    host.obey(Order::Drain);
    assert!(shutdown.is_draining());
    assert!(timeout(MOMENT, host.finish()).await.is_err(), "the end waits for what is in flight");
}

/// Redis is somebody who only listens: a part that has begun is seen to connect.
#[tokio::test]
async fn a_run_that_is_assigned_anew_is_begun_when_its_old_part_has_ended() {
    let redis = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = redis.local_addr().unwrap().port();
    let shutdown = Shutdown::new();
    let mut host = host(&shutdown);
    let (end, ended) = oneshot::channel::<()>();
    let working = async move {
        let _told = ended.await;
    };
    host.duties.insert(RunId::new("r"), part(working, &shutdown));
    host.obey(Order::Assign(Box::new(assignment(port))));
    assert!(timeout(MOMENT, redis.accept()).await.is_err(), "the old part still works");
    // Neither does one that is withdrawn and assigned meanwhile.
    host.obey(Order::Withdraw(RunId::new("r")));
    host.obey(Order::Assign(Box::new(assignment(port))));
    assert!(timeout(MOMENT, redis.accept()).await.is_err(), "the old part still works");
    end.send(()).unwrap();
    timeout(PATIENCE, redis.accept()).await.expect("the new part has begun").unwrap();
    shutdown.stop();
    timeout(PATIENCE, host.finish()).await.expect("nothing is in flight");
}

#[tokio::test]
async fn what_was_spent_before_makes_no_new_assignment() {
    let shutdown = Shutdown::new();
    let mut host = host(&shutdown);
    host.duties.insert(RunId::new("r"), part(pending(), &shutdown));
    let old = host.duties[&RunId::new("r")].shutdown.clone();
    let spent =
        Budget { spent_nano_usd: 7, spent_input_tokens: 8, spent_output_tokens: 9, ..Budget::default() };
    host.obey(Order::Assign(Box::new(Assignment { budget: spent, ..assignment(1) })));
    assert!(!old.is_draining());
    let raised = Budget { tokens: Some(1), ..spent };
    host.obey(Order::Assign(Box::new(Assignment { budget: raised, ..assignment(1) })));
    assert!(old.is_draining(), "a ceiling is another matter");
}
