//! Limits over real HTTP: told, they provoke hardly a refusal; not told, they are learned. Everything is answered, in
//! order.
//!
//! The bounds are generous, for machines that do other things meanwhile: the exact figures are those of `bench llm` and
//! of the tests in virtual time. What is asserted is far below what a client without these rules provokes (each of 200
//! requests refused many times over).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod models;

use std::time::{Duration, Instant};

use models::{Backend, all_answered, client, requests, settings};
use sheaf_llm::ToldLimits;
use sheaf_tests::provider::{Limit, Provider, Script, Seen};

const CALLS: u64 = 200;
const LATENCY: Duration = Duration::from_millis(50);
/// A hundred a second.
const REQUESTS: Limit = Limit::Requests { per_minute: 6_000.0, bucket: 100.0 };
/// Twenty a second, for what is to be learned: moments of a busy machine are short beside its pace.
const SLOWER: Limit = Limit::Requests { per_minute: 1_200.0, bucket: 20.0 };
/// The told limit's own time for all calls but those that the bucket holds.
const LEAST: Duration = Duration::from_millis(950);

/// Asks all at once and checks what must hold in any case.
async fn outcome(limit: Limit, at_once: usize, told: ToldLimits) -> Seen {
    outcome_of(limit, LATENCY, at_once, told, Backend::adaptive).await
}

async fn outcome_of(
    limit: Limit,
    latency: Duration,
    at_once: usize,
    told: ToldLimits,
    slots: impl FnOnce(Backend) -> Backend,
) -> Seen {
    let provider = Provider::start(Script { limit, ..Script::latency(latency) });
    let mut backend = slots(Backend::at("one", &provider, at_once));
    backend.spec.limits = told;
    let client = client(settings(5), [backend]);
    let began = Instant::now();
    // Half as many where each takes long.
    let calls = if latency == LATENCY { CALLS } else { CALLS / 2 };
    let answers = client.ask_all(requests(calls)).await;
    let seconds = began.elapsed().as_secs_f64();
    assert!(all_answered(&answers));
    let (seen, statistics) = (provider.seen(), client.statistics());
    println!("{limit:?}, {at_once} at once, {told:?}: {} refused, {seconds:.2} s", seen.status(429));
    assert_eq!(seen.status(200), calls as usize);
    assert!(seen.most_in_flight <= at_once);
    // The client's own count is the provider's.
    assert_eq!((statistics.answered, statistics.failed), (calls, 0));
    assert_eq!(statistics.rate_limited, seen.status(429) as u64);
    assert_eq!(statistics.input_tokens + statistics.output_tokens, seen.tokens());
    seen
}

#[tokio::test]
async fn told_requests_a_minute_are_paced() {
    let told = ToldLimits { requests_per_minute: Some(6_000), tokens_per_minute: None };
    for at_once in [10, 100] {
        let seen = outcome(REQUESTS, at_once, told).await;
        // None, but for what a busy machine pushes together.
        assert!(seen.status(429) <= 20, "{at_once} at once: {:?}", seen.statuses);
        let spread = seen.arrivals[seen.arrivals.len() - 1] - seen.arrivals[0];
        assert!(spread >= LEAST, "{spread:?}");
    }
}

#[tokio::test]
async fn told_tokens_a_minute_are_paced() {
    // A request and its answer have about a dozen tokens.
    let limit = Limit::Tokens { per_minute: 72_000.0, bucket: 1_200.0 };
    let told = ToldLimits { requests_per_minute: None, tokens_per_minute: Some(72_000) };
    for at_once in [10, 100] {
        let seen = outcome(limit, at_once, told).await;
        assert!(seen.status(429) <= 20, "{at_once} at once: {:?}", seen.statuses);
    }
}

#[tokio::test]
async fn requests_a_minute_that_nobody_told_are_learned() {
    for at_once in [10, 100] {
        let seen = outcome_of(SLOWER, LATENCY * 4, at_once, ToldLimits::default(), Backend::adaptive).await;
        // One burst, and what measuring takes.
        assert!(seen.status(429) <= at_once + 100, "{at_once} at once: {:?}", seen.statuses);
    }
}

#[tokio::test]
async fn a_number_that_a_person_said_is_no_leave_to_hammer() {
    for (limit, said) in [(SLOWER, 100), (Limit::InFlight(10), 50)] {
        let seen = outcome_of(limit, LATENCY * 4, said, ToldLimits::default(), |fixed| fixed).await;
        assert!(seen.status(429) <= said + 100, "{said} at once: {:?}", seen.statuses);
    }
}

#[tokio::test]
async fn requests_in_flight_that_nobody_told_are_learned() {
    let seen = outcome(Limit::InFlight(10), 50, ToldLimits::default()).await;
    assert!(seen.status(429) <= 150, "{:?}", seen.statuses);
    assert!(seen.most_in_flight <= 10);
}
