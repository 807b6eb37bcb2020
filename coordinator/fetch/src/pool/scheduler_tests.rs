//! The scheduler alone: hosts, slots and a clock that the tests turn.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use sheaf_common::fault::FaultKind;
use tokio::time::Instant;
use url::Url;

use super::{
    host::Ticket,
    scheduler::{Action, HostId, Job, Scheduler},
    settings::PoolSettings,
};
use crate::{
    door::{FetchRequest, Fetched, Terms},
    failure::{Advice, FetchFailure},
};

type End = Result<Fetched, FetchFailure>;
type Started = (HostId, Ticket, Job<u32>);

fn request(host: &str) -> FetchRequest {
    FetchRequest::document(Url::parse(&format!("http://{host}/")).unwrap())
}

fn page() -> Fetched {
    Fetched {
        body: Bytes::new(),
        final_url: request("a.test").url,
        content_type: None,
        last_modified: None,
        etag: None,
        status: 200,
        wire_bytes: 0,
        redirects: 0,
        attempts: 1,
        elapsed: Duration::ZERO,
    }
}

fn failure(kind: FaultKind, advice: Advice) -> FetchFailure {
    FetchFailure::new(kind, "what", "hint", advice)
}

fn down() -> FetchFailure {
    failure(FaultKind::Connect, Advice::HostDown)
}

/// A scheduler with slots and a clock.
struct Bench {
    scheduler: Scheduler<u32>,
    settings: PoolSettings,
    now: Instant,
    terms: HashMap<String, Result<Terms, FetchFailure>>,
    in_flight: Vec<Started>,
    over: Vec<(u32, End)>,
}

impl Bench {
    fn new(settings: PoolSettings) -> Self {
        Self {
            scheduler: Scheduler::new(settings.clone()),
            settings,
            now: Instant::now(),
            terms: HashMap::new(),
            in_flight: Vec::new(),
            over: Vec::new(),
        }
    }

    fn with_slots(max_workers: usize) -> Self {
        Self::new(PoolSettings { max_workers, ..PoolSettings::default() })
    }

    fn offer(&mut self, host: &str, payload: u32) {
        self.scheduler.offer(request(host), payload, self.now);
    }

    /// Fills the free slots; questions about terms are answered on the spot.
    fn fill(&mut self) {
        while self.in_flight.len() < self.settings.max_workers && self.scheduler.has_action(self.now) {
            match self.scheduler.next(self.now).expect("an action was announced") {
                Action::Ask { host, ticket, request } => {
                    let terms = self.terms.get(request.url.host_str().unwrap()).cloned();
                    self.scheduler.terms(host, ticket, terms.unwrap_or(Ok(Terms::default())), self.now, 1.0);
                }
                Action::Start { host, ticket, job } => self.in_flight.push((host, ticket, job)),
                Action::Fail { payload, failure } => self.over.push((payload, Err(failure))),
            }
        }
    }

    fn end(&mut self, at: usize, end: End) {
        let (host, ticket, job) = self.in_flight.remove(at);
        self.over.extend(self.scheduler.finished(host, ticket, job, end, self.now, 1.0));
    }

    /// Ends everything in flight the same way.
    fn end_all(&mut self, end: &End) {
        while !self.in_flight.is_empty() {
            self.end(0, end.clone());
        }
    }

    fn going(&self, host: &str) -> usize {
        self.in_flight.iter().filter(|(.., job)| job.request.url.host_str() == Some(host)).count()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_alone_gets_every_slot_once_it_has_answered() {
    let mut bench = Bench::with_slots(8);
    (0..100).for_each(|n| bench.offer("a.test", n));
    bench.fill();
    assert_eq!(bench.going("a.test"), 4, "half before it has answered");
    bench.end(0, Ok(page()));
    bench.fill();
    assert_eq!(bench.going("a.test"), 8);
}

#[tokio::test(start_paused = true)]
async fn shares_shrink_when_others_have_work() {
    let mut bench = Bench::with_slots(8);
    (0..100).for_each(|n| bench.offer("a.test", n));
    bench.fill();
    bench.end(0, Ok(page()));
    bench.fill();
    for host in ["b.test", "c.test", "d.test"] {
        (0..100).for_each(|n| bench.offer(host, n));
    }
    for _ in 0..40 {
        bench.end(0, Ok(page()));
        bench.fill();
    }
    assert_eq!(["a.test", "b.test", "c.test", "d.test"].map(|host| bench.going(host)), [2, 2, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_holds_one_slot_while_it_is_tried_and_none_while_it_is_waited_for() {
    let mut bench = Bench::with_slots(4);
    bench.terms.insert("dead.test".into(), Err(down()));
    (0..50).for_each(|n| bench.offer("dead.test", n));
    (50..60).for_each(|n| bench.offer("live.test", n));
    for _ in 0..10 {
        bench.fill();
        assert_eq!(bench.going("dead.test"), 0);
        bench.end_all(&Ok(page()));
    }
    assert_eq!(bench.over.len(), 10, "the live host is done while the dead one is waited for");
    bench.over.clear();
    for _ in 0..2 {
        bench.pass(Duration::from_mins(1));
        bench.fill();
    }
    assert_eq!(bench.over.len(), 50, "given up after three rounds");
    for (_, end) in &bench.over {
        let failure = end.as_ref().unwrap_err();
        assert_eq!((failure.kind, failure.attempts), (FaultKind::Connect, 0));
        assert!(failure.to_string().starts_with("dead.test was given up"), "{failure}");
    }
    bench.offer("dead.test", 99);
    bench.fill();
    assert_eq!(bench.over.len(), 51, "and newcomers at once");
}

#[tokio::test(start_paused = true)]
async fn crawl_delay_spaces_starts_and_leaves_the_slots_to_others() {
    let mut bench = Bench::with_slots(4);
    bench.terms.insert("slow.test".into(), Ok(Terms { crawl_delay: Some(Duration::from_secs(5)) }));
    (0..3).for_each(|n| bench.offer("slow.test", n));
    (0..20).for_each(|n| bench.offer("quick.test", n));
    let mut starts = Vec::new();
    for _ in 0..30 {
        bench.fill();
        if bench.going("slow.test") > 0 {
            assert_eq!(bench.going("slow.test"), 1);
            starts.push(bench.now);
        }
        bench.end_all(&Ok(page()));
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(starts.len(), 3);
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_secs(5)), "{starts:?}");
    assert_eq!(bench.over.len(), 23);
}

#[tokio::test(start_paused = true)]
async fn pages_that_robots_txt_forbids_cost_no_crawl_delay() {
    let mut bench = Bench::with_slots(4);
    bench.terms.insert("slow.test".into(), Ok(Terms { crawl_delay: Some(Duration::from_secs(5)) }));
    (0..100).for_each(|n| bench.offer("slow.test", n));
    for _ in 0..100 {
        bench.fill();
        bench.end_all(&Err(failure(FaultKind::Robots, Advice::GiveUp)));
    }
    assert_eq!(bench.over.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn coming_back_later_occupies_no_slot_and_is_no_attempt() {
    let mut bench = Bench::with_slots(4);
    bench.offer("a.test", 1);
    let limited = failure(FaultKind::RateLimited, Advice::ComeBack { after: Some(Duration::from_secs(40)) });
    for round in 0..10 {
        bench.fill();
        assert_eq!(bench.going("a.test"), 1, "round {round}");
        bench.end_all(&Err(limited.clone()));
        assert!(!bench.scheduler.has_action(bench.now));
        assert_eq!(bench.scheduler.next_wake(), Some(bench.now + Duration::from_secs(40)));
        bench.pass(Duration::from_secs(40));
    }
    bench.fill();
    bench.end_all(&Err(limited));
    let failure = bench.over[0].1.as_ref().unwrap_err();
    assert_eq!((failure.attempts, failure.elapsed), (11, Duration::from_secs(400)));
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_three_times_and_nothing_else() {
    for (end, attempts) in [
        (failure(FaultKind::HttpStatus, Advice::TryAgain), 3),
        (failure(FaultKind::HttpStatus, Advice::ComeBack { after: None }), 3),
        (failure(FaultKind::Body, Advice::TryAgain), 3),
        (failure(FaultKind::NotFound, Advice::GiveUp), 1),
        (down(), 3),
    ] {
        let mut bench = Bench::with_slots(4);
        bench.offer("a.test", 1);
        for _ in 0..10 {
            bench.fill();
            bench.end_all(&Err(end.clone()));
            bench.pass(Duration::from_mins(1));
        }
        assert_eq!(bench.over.len(), 1);
        assert_eq!(bench.over[0].1.as_ref().unwrap_err().attempts, attempts, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_with_nothing_to_do_are_forgotten_beyond_the_cap() {
    let mut bench =
        Bench::new(PoolSettings { max_workers: 4, remembered_hosts: 10, ..PoolSettings::default() });
    for n in 0..1000 {
        bench.offer(&format!("host{n}.test"), n);
        bench.fill();
        bench.end_all(&Ok(page()));
    }
    assert_eq!(bench.over.len(), 1000);
    assert!(bench.scheduler.hosts_known() <= 11);
}

#[derive(Debug, Clone)]
enum Step {
    Offer(u8),
    End(usize, u8),
    Pass(u16),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0u8..5).prop_map(Step::Offer),
        5 => (any::<usize>(), 0u8..8).prop_map(|(at, how)| Step::End(at, how)),
        3 => (0u16..20_000).prop_map(Step::Pass),
        1 => Just(Step::Take),
    ]
}

fn ending(how: u8) -> End {
    match how {
        0..=2 => Ok(page()),
        3 => Err(down()),
        4 => Err(failure(FaultKind::RateLimited, Advice::ComeBack { after: Some(Duration::from_secs(3)) })),
        5 => Err(failure(FaultKind::FetchTimeout, Advice::TryAgain)),
        6 => Err(failure(FaultKind::Robots, Advice::GiveUp)),
        _ => Err(failure(FaultKind::HttpStatus, Advice::TryAgain)),
    }
}

proptest! {
    /// Whatever happens: slots are never exceeded, crawl-delays hold, and each document comes out exactly once.
    #[test]
    fn each_document_comes_out_exactly_once(steps in proptest::collection::vec(step(), 1..200), slots in 1usize..6) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        let mut bench = Bench::with_slots(slots);
        let delay = Duration::from_secs(2);
        bench.terms.insert("h0.test".into(), Ok(Terms { crawl_delay: Some(delay) }));
        bench.terms.insert("h1.test".into(), Err(down()));
        let (mut offered, mut taken, mut last_start) = (0, Vec::new(), None);
        for step in steps {
            match step {
                Step::Offer(host) => {
                    bench.offer(&format!("h{host}.test"), offered);
                    offered += 1;
                }
                Step::End(at, how) if !bench.in_flight.is_empty() => {
                    let at = at % bench.in_flight.len();
                    bench.end(at, ending(how));
                    if how == 6 {
                        // No request was made, so the delay starts anew.
                        last_start = None;
                    }
                }
                Step::End(..) => {}
                Step::Pass(millis) => bench.pass(Duration::from_millis(u64::from(millis))),
                Step::Take => taken.extend(bench.scheduler.take_waiting(bench.now)),
            }
            let before = bench.going("h0.test");
            bench.fill();
            prop_assert!(bench.in_flight.len() <= slots);
            prop_assert!(bench.going("h0.test") <= 1);
            prop_assert_eq!(bench.going("h1.test"), 0);
            if bench.going("h0.test") > before {
                prop_assert!(last_start.is_none_or(|last| bench.now - last >= delay));
                last_start = Some(bench.now);
            }
        }
        // Let it run dry.
        for _ in 0..10_000 {
            if bench.scheduler.waiting() == 0 && bench.in_flight.is_empty() {
                break;
            }
            bench.end_all(&Ok(page()));
            bench.pass(Duration::from_secs(1));
            bench.fill();
        }
        let mut seen: Vec<u32> = bench.over.iter().map(|(payload, _)| *payload).chain(taken).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..offered).collect::<Vec<_>>());
    }
}
