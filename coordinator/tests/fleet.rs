//! The fleet over real connections: workers' sessions, interruptions, refusals, guards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "fleet/certificates.rs"]
mod certificates;
#[path = "fleet/guards.rs"]
mod guards;
#[path = "fleet/interruptions.rs"]
mod interruptions;
#[path = "fleet/refusals.rs"]
mod refusals;
#[path = "fleet/road.rs"]
mod road;
#[path = "fleet/scene.rs"]
mod scene;

use std::sync::atomic::{AtomicU64, Ordering};

use sheaf_common::{
    fleet::{Command, Order, Report, WorkerState},
    id::RunId,
};
use sheaf_coordinator::fleet::{Backlog, FleetEvent};
use sheaf_worker::session::{Session, SessionSettings};
use tokio_util::sync::CancellationToken;

use scene::{Scene, join, order, reach, registration, report, run, soon, state};

#[tokio::test]
async fn a_worker_joins_reports_takes_orders_and_leaves() {
    let mut scene = Scene::new().await;
    scene.fleet.assign(run("first"));
    let registration = registration("w1");
    let worker = registration.worker.clone();
    let mut session = join(reach(scene.address()), registration).await.unwrap();
    assert_eq!(scene.event().await, FleetEvent::Joined { worker: worker.clone() });
    assert_eq!((session.welcome().worker.clone(), session.coordinator_host()), (worker.clone(), "127.0.0.1"));
    assert_eq!(session.welcome().runs, [run("first")]);

    let snapshot = scene.snapshot(|snapshot| snapshot.counts.done == 7).await;
    assert_eq!((snapshot.workers[0].load, state(&snapshot)), (report().load, Some(WorkerState::Working)));
    assert_eq!(soon(session.next_order()).await, Some(Order::Share { workers: 1 }));

    scene.fleet.assign(run("second"));
    assert_eq!(order(&mut session).await, Order::Assign(Box::new(run("second"))));
    scene.fleet.withdraw(&RunId::new("first"));
    assert_eq!(order(&mut session).await, Order::Withdraw(RunId::new("first")));

    let mut operator = scene.operator().await;
    for (command, expected) in
        [(Command::Pause, Order::Pause), (Command::Resume, Order::Resume), (Command::Drain, Order::Drain)]
    {
        operator.command(&worker, command).await.unwrap();
        assert_eq!(order(&mut session).await, expected);
    }
    let listed = operator.workers().await.unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, WorkerState::Draining));

    assert!(soon(session.leave()).await, "the goodbye was heard");
    assert_eq!(scene.event().await, FleetEvent::Left { worker });
    assert_eq!(operator.workers().await.unwrap(), []);
}

/// Invariant heartbeat-off-the-work-path: the only thread of the worker's program is blocked, and its reports go on.
#[tokio::test]
async fn reports_go_on_while_the_program_is_blocked() {
    let scene = Scene::new().await;
    let settings = SessionSettings { reach: reach(scene.address()), registration: registration("w1") };
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let program = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reports = AtomicU64::new(0);
            let counted =
                move || Report { done: 1 + reports.fetch_add(1, Ordering::Relaxed), ..Report::default() };
            let session = Session::join(settings, counted, &CancellationToken::new()).await.unwrap();
            blocked.recv().unwrap();
            session.leave().await
        })
    });
    scene.snapshot(|snapshot| snapshot.counts.done >= 4).await;
    release.send(()).unwrap();
    assert!(soon(tokio::task::spawn_blocking(|| program.join().unwrap())).await.unwrap());
}

#[tokio::test]
async fn operators_read_how_many_workers_are_wanted() {
    let scene = Scene::new().await;
    let _session = join(reach(scene.address()), registration("w1")).await.unwrap();
    scene.snapshot(|snapshot| snapshot.counts.slots == 3).await;
    scene.fleet.set_backlog(Backlog { jobs: 12, done_per_second: 0.0 });
    let counts = scene.operator().await.counts().await.unwrap();
    assert_eq!((counts.workers, counts.in_flight, counts.backlog, counts.wanted_workers), (1, 2, 12, 4));
}

#[tokio::test]
async fn sessions_end_when_the_coordinator_does() {
    let scene = Scene::new().await;
    let session = join(reach(scene.address()), registration("w1")).await.unwrap();
    scene.ending.cancel();
    soon(scene.listening.served).await.unwrap().unwrap();
    assert!(!soon(session.leave()).await, "nobody is there to hear a goodbye");
}
