//! Every message of the fleet comes back as it went, and nothing that a stranger sends is a panic.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};
use prost::Message;
use sheaf_proto::v1;

use super::{assignment, exchange, member, roster};
use crate::{
    fleet::{
        Assignment, Budget, CacheMode, CacheSettings, Command, Counts, FromWorker, Health, Intake, KeyRate,
        LlmPolicy, Load, ModelSettings, Order, RedisAccess, Registration, Report, RosterEntry, Welcome,
        WorkerState,
    },
    id::{RunId, WorkerId},
    job::{AnalysisOptions, Extraction},
    mode::Mode,
};

/// Through bytes, as on a real wire.
fn travelled<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

fn name() -> impl Strategy<Value = String> {
    "[^\\p{Cc}]{1,20}"
}

fn run() -> impl Strategy<Value = RunId> {
    "[a-zA-Z0-9._-]{1,20}".prop_map(RunId::new)
}

fn worker() -> impl Strategy<Value = WorkerId> {
    "[a-zA-Z0-9._-]{1,20}".prop_map(WorkerId::new)
}

fn mode() -> impl Strategy<Value = Mode> {
    prop::sample::select(&Mode::ALL[..])
}

fn period() -> impl Strategy<Value = Duration> {
    (1..u64::MAX).prop_map(Duration::from_millis)
}

fn run_assignment() -> impl Strategy<Value = Assignment> {
    let extraction = prop::sample::select(vec![Extraction::Fast, Extraction::Auto, Extraction::Best]);
    let options =
        (extraction, any::<bool>(), any::<bool>()).prop_map(|(extraction, include_text, include_links)| {
            AnalysisOptions { extraction, include_text, include_links }
        });
    let models =
        any::<(bool, Option<u32>, Option<u64>, Option<u64>, u32, bool)>().prop_map(|models| ModelSettings {
            no_parallel: models.0,
            max_parallel: models.1,
            requests_per_minute: models.2,
            tokens_per_minute: models.3,
            batch_size: models.4,
            batch_api: models.5,
        });
    let mode_of_cache = prop::sample::select(vec![CacheMode::Off, CacheMode::Read, CacheMode::On]);
    let cache =
        (mode_of_cache, any::<u64>(), name(), any::<bool>()).prop_map(|(mode, seconds, tenant, semantic)| {
            CacheSettings { mode, ttl: Duration::from_secs(seconds), tenant, semantic }
        });
    let budget =
        (option::of(0.0..1e9), any::<(Option<u64>, u64, u64, u64)>()).prop_map(|(usd, numbers)| Budget {
            usd,
            tokens: numbers.0,
            spent_nano_usd: numbers.1,
            spent_input_tokens: numbers.2,
            spent_output_tokens: numbers.3,
        });
    let redis = ("redis://[a-z0-9:@.]{0,20}", any::<bool>())
        .prop_map(|(url, host_is_coordinator)| RedisAccess { url, host_is_coordinator });
    let llm = prop::sample::select(vec![LlmPolicy::Never, LlmPolicy::Unsure, LlmPolicy::Every]);
    let caps = (period(), any::<u64>());
    (run(), redis, 1..u16::MAX, options, mode(), caps, llm, models, budget, cache).prop_map(
        |(run, redis, shards, options, mode, caps, llm, models, budget, cache)| Assignment {
            run,
            redis,
            shards,
            options,
            mode,
            parse_timeout: caps.0,
            parse_memory_bytes: caps.1,
            llm,
            models,
            budget,
            cache,
        },
    )
}

fn load() -> impl Strategy<Value = Load> {
    (any::<(u32, u32, u32, u64)>(), 0.0..1.0).prop_map(|(counts, cpu_share)| Load {
        in_flight: counts.0,
        slots: counts.1,
        children: counts.2,
        cpu_share,
        resident_bytes: counts.3,
    })
}

fn report() -> impl Strategy<Value = Report> {
    let rate = (name(), 0.0..1e6).prop_map(|(key, requests_per_minute)| KeyRate { key, requests_per_minute });
    let health = prop_oneof![Just(Health::Well), name().prop_map(Health::Unwell)];
    let intake = prop::sample::select(vec![Intake::Open, Intake::Paused, Intake::Draining]);
    let leases = prop::collection::btree_map(run(), any::<u32>(), 0..4);
    (load(), leases, any::<u64>(), vec(rate, 0..4), health, intake).prop_map(
        |(load, leases, done, rates, health, intake)| Report { load, leases, done, rates, health, intake },
    )
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        Just(Order::Drain),
        Just(Order::Pause),
        Just(Order::Resume),
        (1..u32::MAX).prop_map(|workers| Order::Share { workers }),
        run_assignment().prop_map(|run| Order::Assign(Box::new(run))),
        run().prop_map(Order::Withdraw),
        (run(), any::<bool>()).prop_map(|(run, closing)| Order::Closing { run, closing }),
    ]
}

proptest! {
    #[test]
    fn a_registration(
        worker in worker(), name in name(), host in name(), version in name(), numbers: (u32, u64, u32),
        modes in vec(mode(), 0..5), models in vec(name(), 0..5),
    ) {
        let (cores, memory_bytes, protocol) = numbers;
        let went = Registration { worker, name, host, cores, memory_bytes, modes, version, protocol, models };
        let came = member::registration_of(travelled(&member::registration_message(went.clone())));
        prop_assert_eq!(came.unwrap(), went);
    }

    #[test]
    fn a_welcome(
        worker in worker(), version in name(), protocol: u32, lease in period(), heartbeat in period(),
        runs in vec(run_assignment(), 0..3),
    ) {
        let went = Welcome { worker, protocol, version, lease, heartbeat, runs };
        let came = member::welcome_of(travelled(&member::welcome_message(went.clone())));
        prop_assert_eq!(came.unwrap(), went);
    }

    #[test]
    fn what_a_worker_says(went in prop_oneof![report().prop_map(FromWorker::Report), Just(FromWorker::Goodbye)]) {
        prop_assert_eq!(exchange::said_of(travelled(&exchange::said_message(went.clone()))).unwrap(), went);
    }

    #[test]
    fn an_order(went in order()) {
        prop_assert_eq!(exchange::order_of(travelled(&exchange::order_message(went.clone()))).unwrap(), went);
    }

    #[test]
    fn an_opening(went in worker()) {
        prop_assert_eq!(exchange::opening_of(travelled(&exchange::opening_message(&went))).unwrap(), went);
    }

    #[test]
    fn a_roster_entry(
        worker in worker(), name in name(), host in name(), version in name(),
        state in prop::sample::select(&WorkerState::ALL[..]), load in load(), done: u64, silent_ms: u64,
        unwell in option::of(name()),
    ) {
        let silent_for = Duration::from_millis(silent_ms);
        let went = RosterEntry { worker, name, host, version, state, load, done, silent_for, unwell };
        prop_assert_eq!(roster::entry_of(travelled(&roster::entry_message(went.clone()))).unwrap(), went);
    }

    #[test]
    fn a_command(
        worker in worker(), command in prop::sample::select(vec![Command::Drain, Command::Pause, Command::Resume]),
    ) {
        let came = roster::command_of(travelled(&roster::command_message(&worker, command)));
        prop_assert_eq!(came.unwrap(), (worker, command));
    }

    #[test]
    fn counts(small: [u32; 4], large: [u64; 4]) {
        let [workers, lost, closed, wanted_workers] = small;
        let [in_flight, slots, done, backlog] = large;
        let went = Counts { workers, lost, closed, in_flight, slots, done, backlog, wanted_workers };
        prop_assert_eq!(roster::counts_of(travelled(&roster::counts_message(went))), went);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_but_never_a_panic(bytes: Vec<u8>) {
        let _ = v1::RegisterRequest::decode(&*bytes).map(member::registration_of);
        let _ = v1::RegisterResponse::decode(&*bytes).map(member::welcome_of);
        let _ = v1::SessionRequest::decode(&*bytes).map(exchange::said_of);
        let _ = v1::SessionResponse::decode(&*bytes).map(exchange::order_of);
        let _ = v1::RosterEntry::decode(&*bytes).map(roster::entry_of);
        let _ = v1::CommandRequest::decode(&*bytes).map(roster::command_of);
    }
}

#[test]
fn what_lacks_something_is_refused_by_name() {
    let lacking = |result: Result<(), crate::wire::WireError>| result.unwrap_err().to_string();
    assert!(lacking(assignment::of(v1::Assignment::default()).map(drop)).contains("`mode`"));
    assert!(lacking(exchange::said_of(v1::SessionRequest::default()).map(drop)).contains("`said`"));
    assert!(lacking(exchange::order_of(v1::SessionResponse::default()).map(drop)).contains("`order`"));
    assert!(lacking(exchange::opening_of(v1::SessionRequest::default()).map(drop)).contains("`opening`"));
    assert!(lacking(roster::command_of(v1::CommandRequest::default()).map(drop)).contains("`command`"));
}

#[test]
fn the_password_of_redis_is_in_no_error() {
    let url = "redis://:secret@hub\n".to_owned();
    let message = v1::Assignment {
        run_id: "r".to_owned(),
        redis_url: url,
        shards: 1,
        mode: v1::Mode::Sync.into(),
        llm: v1::LlmPolicy::Never.into(),
        models: Some(v1::ModelSettings::default()),
        budget: Some(v1::Budget::default()),
        cache: Some(v1::CacheSettings::default()),
        ..v1::Assignment::default()
    };
    let said = assignment::of(message).unwrap_err().to_string();
    assert!(said.contains("redis_url") && !said.contains("secret"), "{said}");
}
