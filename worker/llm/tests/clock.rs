//! The figures of `limits.rs` and `pool.rs` by a real clock. They take seconds, and a busy machine spoils them, so they
//! run only when asked for: `cargo test -p sheaf-llm --release --test clock -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and shows its figures")]

mod provider;

use futures::{StreamExt, stream};
use provider::{Limit, provider, requests, spec};
use sheaf_llm::{BackendSpec, Client, ClientSettings, Parallelism, ToldLimits};
use tokio::time::Instant;
use tower::ServiceExt;

async fn run(limit: Limit, parallelism: Parallelism, told: Option<u64>, count: u64) -> (usize, usize, f64) {
    let (service, seen) = provider(limit).service("provider");
    let limits = ToldLimits { requests_per_minute: told, tokens_per_minute: None };
    let spec = BackendSpec { limits, ..spec("provider", parallelism) };
    let client = Client::builder(ClientSettings::default()).backend(spec, service).build().unwrap();
    let began = Instant::now();
    let answers = client.ask_all(requests(count)).await;
    let seconds = began.elapsed().as_secs_f64();
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    println!("{limit:?}, {parallelism:?}, told {told:?}: {answered} / {} / {seconds:.3}", seen.refused());
    (answered, seen.refused(), seconds)
}

/// The same requests at the same number at once, without a client: what the timers of this machine allow.
async fn bare(slots: usize, count: u64) -> f64 {
    let (service, _) = provider(Limit::None).service("provider");
    let began = Instant::now();
    let answers = stream::iter(requests(count)).map(|request| service.clone().oneshot(request));
    assert_eq!(answers.buffer_unordered(slots).collect::<Vec<_>>().await.len() as u64, count);
    began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes real seconds"]
async fn makespan_is_that_of_a_bare_loop() {
    for (count, slots) in [(91, 10), (1_000, 100), (5_000, 500)] {
        let ceiling = bare(slots, count).await;
        let (answered, _, seconds) = run(Limit::None, Parallelism::Fixed(slots), None, count).await;
        println!("{count} at {slots}: {:.4} of a bare loop's {ceiling:.3} s", seconds / ceiling);
        assert_eq!(answered as u64, count);
        assert!(seconds / ceiling <= 1.02);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes real seconds"]
async fn limits_are_kept_or_learned() {
    let ten = Limit::Rate { per_second: 10.0, bucket: 10.0 };
    let adaptive = |start| Parallelism::Adaptive { start, most: start };
    let (told, few, many, slots) = tokio::join!(
        run(ten, adaptive(100), Some(600), 200),
        run(ten, adaptive(10), None, 200),
        run(ten, adaptive(100), None, 200),
        run(Limit::InFlight(10), adaptive(50), None, 200),
    );
    assert!(told.1 == 0 && told.2 <= 20.1, "{told:?}");
    assert!(few.1 <= 10 && few.2 <= 21.0, "{few:?}");
    assert!(many.1 <= 110 && many.2 <= 21.0, "{many:?}");
    assert!(slots.1 <= 60 && slots.2 <= 11.0, "{slots:?}");
    assert!([told, few, many, slots].iter().all(|outcome| outcome.0 == 200));
}
