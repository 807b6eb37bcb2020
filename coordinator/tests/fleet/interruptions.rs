//! Streams that break, networks that fall silent, coordinators that are started again.

use std::time::Duration;

use sheaf_common::{
    fleet::{Order, WorkerState},
    id::RunId,
};
use sheaf_coordinator::fleet::{FleetEvent, LOST_AFTER};
use sheaf_worker::session::{JoinError, Session, SessionSettings};
use tokio_util::sync::CancellationToken;

use crate::{
    road::Road,
    scene::{Scene, join, order, reach, registration, report, run, soon, state},
};

#[tokio::test]
async fn a_worker_whose_stream_broke_is_lost_and_comes_back_under_its_id() {
    let mut scene = Scene::new().await;
    scene.fleet.assign(run("first"));
    let road = Road::new(scene.address()).await;
    let registration = registration("w1");
    let worker = registration.worker.clone();
    let mut session = join(reach(road.address), registration).await.unwrap();
    assert_eq!(scene.event().await, FleetEvent::Joined { worker: worker.clone() });

    road.close();
    assert!(matches!(scene.event().await, FleetEvent::Lost { worker: lost, .. } if lost == worker));
    assert_eq!(scene.fleet.lost(), std::slice::from_ref(&worker));
    // Neither the worker nor its program notices what happens meanwhile.
    scene.fleet.assign(run("second"));
    scene.fleet.withdraw(&RunId::new("first"));

    road.open(scene.address());
    let event = loop {
        match scene.event().await {
            FleetEvent::Lost { .. } => {}
            event => break event,
        }
    };
    assert_eq!(event, FleetEvent::Back { worker });
    assert_eq!(order(&mut session).await, Order::Withdraw(RunId::new("first")));
    assert_eq!(order(&mut session).await, Order::Assign(Box::new(run("second"))));
    assert!(scene.fleet.lost().is_empty());
    assert!(soon(session.leave()).await);
}

#[tokio::test]
async fn a_worker_behind_a_silent_network_is_lost_though_its_connection_stands() {
    let mut scene = Scene::new().await;
    let road = Road::new(scene.address()).await;
    let _session = join(reach(road.address), registration("w1")).await.unwrap();
    assert!(matches!(scene.event().await, FleetEvent::Joined { .. }));
    scene.snapshot(|snapshot| state(snapshot) == Some(WorkerState::Working)).await;
    road.hold();
    let FleetEvent::Lost { silent_for, .. } = scene.event().await else { panic!("it is lost") };
    // The first of two notices: silence, or a connection that does not answer. Neither comes at once.
    assert!(silent_for >= Duration::from_secs(1), "{silent_for:?}");
    assert!(silent_for <= LOST_AFTER + Duration::from_secs(30), "{silent_for:?}");
}

#[tokio::test]
async fn a_coordinator_that_is_started_again_meets_its_workers_under_their_ids() {
    let first = Scene::new().await;
    first.fleet.assign(run("r"));
    let road = Road::new(first.address()).await;
    let registration = registration("w1");
    let worker = registration.worker.clone();
    let mut session = join(reach(road.address), registration).await.unwrap();
    first.ending.cancel();
    let mut second = Scene::new().await;
    second.fleet.assign(run("r"));
    road.close();
    road.open(second.address());
    assert_eq!(second.event().await, FleetEvent::Joined { worker: worker.clone() });
    // The run that both coordinators give is nothing new.
    second.fleet.assign(run("other"));
    assert_eq!(order(&mut session).await, Order::Assign(Box::new(run("other"))));
}

#[tokio::test]
async fn of_two_processes_with_one_id_the_newer_has_the_session() {
    let mut scene = Scene::new().await;
    let registration = registration("w1");
    let road = Road::new(scene.address()).await;
    let _older = join(reach(road.address), registration.clone()).await.unwrap();
    assert!(matches!(scene.event().await, FleetEvent::Joined { .. }));
    // The older one's connection is dead and its end has not come through yet.
    road.hold();
    let mut newer = join(reach(scene.address()), registration.clone()).await.unwrap();
    scene.fleet.assign(run("r"));
    assert_eq!(order(&mut newer).await, Order::Assign(Box::new(run("r"))));
    assert_eq!(scene.operator().await.workers().await.unwrap().len(), 1);
    // Nothing that becomes of the older session touches the newer one.
    road.close();
    assert!(soon(newer.leave()).await);
    assert_eq!(scene.event().await, FleetEvent::Left { worker: registration.worker });
}

#[tokio::test]
async fn a_worker_waits_for_a_coordinator_that_is_not_there_yet() {
    let scene = Scene::new().await;
    let road = Road::new(scene.address()).await;
    road.close();
    let joining = tokio::spawn(join(reach(road.address), registration("w1")));
    // Once is no accident, and twice is trying again.
    soon(road.has_turned_away(2)).await;
    assert!(scene.operator().await.workers().await.unwrap().is_empty());
    road.open(scene.address());
    assert!(soon(joining).await.unwrap().is_ok());
}

#[tokio::test]
async fn waiting_for_a_coordinator_ends_when_the_worker_is_stopped() {
    let scene = Scene::new().await;
    let road = Road::new(scene.address()).await;
    road.close();
    let stopped = CancellationToken::new();
    let settings = SessionSettings { reach: reach(road.address), registration: registration("w1") };
    let joining = {
        let stopped = stopped.clone();
        tokio::spawn(async move { Session::join(settings, report, &stopped).await })
    };
    soon(road.has_turned_away(1)).await;
    assert!(!joining.is_finished());
    stopped.cancel();
    assert!(matches!(soon(joining).await.unwrap(), Err(JoinError::Stopped)));
}
