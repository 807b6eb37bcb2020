//! The budget of a run over several workers, against a real Redis.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod provider;

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use provider::{Answering, answer, failure, request, requests, spec};
use sheaf_common::{
    id::{RunId, WorkerId},
    quota::{Amount, Ledger},
    redis::{Link, Patience, command, stand::RedisStand},
};
use sheaf_llm::{
    BackendSpec, Ceilings, Client, ClientSettings, Cost, ModelErrorKind, ModelRequest, NanoDollars,
    Parallelism, Price, SharedBudget, TokenUsage,
};
use tokio::time::{Instant, sleep};
use tower::service_fn;

const TOKENS: fn(u64) -> Ceilings = |tokens| Ceilings { usd: None, tokens: Some(tokens) };
/// What the provider counts for each answer.
const ANSWER: TokenUsage = TokenUsage { input: 20, output: 10 };

async fn link(stand: &RedisStand) -> Link {
    Link::new(stand.connector().await, Patience::Endless)
}

async fn budget(stand: &RedisStand, worker: &str, ceilings: Ceilings) -> SharedBudget {
    let (run, worker) = (RunId::new("run"), WorkerId::new(worker));
    SharedBudget::open(&link(stand).await, &run, &worker, ceilings, Cost::default())
}

fn client(budget: &SharedBudget, latency: Duration) -> Client {
    let backend = service_fn(move |request: ModelRequest| -> Answering {
        Box::pin(async move {
            sleep(latency).await;
            Ok(answer(&request, "one", latency))
        })
    });
    let backend_spec =
        BackendSpec { price: Some(Price { input: 1.0, output: 10.0 }), ..spec("one", Parallelism::Fixed(8)) };
    Client::builder(ClientSettings::default())
        .with_budget(budget.clone())
        .backend(backend_spec, backend)
        .build()
        .unwrap()
}

/// What the ledger says: spent, and set aside.
async fn ledger(stand: &RedisStand) -> (u64, u64) {
    let ledger = Ledger::new(link(stand).await, &RunId::new("run"), Amount::default());
    let totals = ledger.settle(&WorkerId::new("reader"), 0, &[]).await.unwrap();
    (totals.spent.input + totals.spent.output, totals.held_tokens)
}

fn tokens(cost: Cost) -> u64 {
    cost.tokens.input + cost.tokens.output
}

#[tokio::test]
async fn four_workers_never_spend_more_than_the_ceiling_and_use_it_up() {
    let stand = RedisStand::start(&[]);
    let ceiling = 1_000;
    let workers = ["a", "b", "c", "d"];
    let budgets = join_all(workers.map(|worker| budget(&stand, worker, TOKENS(ceiling)))).await;
    let clients: Vec<Client> =
        budgets.iter().map(|budget| client(budget, Duration::from_millis(20))).collect();
    let asked = join_all(clients.iter().map(|client| client.ask_all(requests(20))));
    let watched = async {
        let mut most = 0;
        loop {
            let (spent, held) = ledger(&stand).await;
            most = most.max(spent + held);
            assert!(most <= ceiling, "{spent} spent and {held} held of {ceiling}");
            sleep(Duration::from_millis(2)).await;
        }
    };
    let answers = tokio::select! {
        answers = asked => answers,
        () = watched => unreachable!("it never ends"),
    };
    let answered = answers.iter().flatten().filter(|answer| answer.is_ok()).count() as u64;
    for error in answers.iter().flatten().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(error.kind, ModelErrorKind::Budget, "{error}");
    }
    join_all(budgets.iter().map(SharedBudget::flush)).await;
    let each = ANSWER.input + ANSWER.output;
    assert_eq!(ledger(&stand).await, (answered * each, 0));
    // What is left is less than the worst case of one request.
    assert!(answered * each > ceiling - 100, "{answered} answered");
    assert!(budgets.iter().all(|budget| tokens(budget.spent()) <= ceiling));
}

#[tokio::test]
async fn money_is_counted_over_all_workers_too() {
    let stand = RedisStand::start(&[]);
    // An answer costs 0.00012 USD, and at worst twice that.
    let ceilings = Ceilings { usd: Some(0.000_4), tokens: None };
    let (one, other) = (budget(&stand, "one", ceilings).await, budget(&stand, "other", ceilings).await);
    assert!(client(&one, Duration::ZERO).ask(request(1)).await.is_ok());
    one.flush().await;
    let spent = NanoDollars(ANSWER.input * 1_000 + ANSWER.output * 10_000);
    assert_eq!(one.spent().money, spent);
    let second = client(&other, Duration::ZERO);
    while second.ask(request(2)).await.is_ok() {}
    let error = second.ask(request(3)).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Budget);
    assert!(error.message.contains("of 0.000400 USD are spent"), "{error}");
    other.flush().await;
    assert!(other.spent().money <= NanoDollars(400_000) && other.spent().money > spent);
}

#[tokio::test]
async fn nothing_is_sent_while_redis_is_away_and_requests_wait_as_long_as_they_may() {
    let mut stand = RedisStand::start(&[]);
    let budget = budget(&stand, "w", TOKENS(10_000)).await;
    let client = client(&budget, Duration::ZERO);
    assert!(client.ask(request(1)).await.is_ok());
    budget.flush().await;
    stand.kill();
    let deadline = (Instant::now() + Duration::from_millis(300)).into_std();
    let error = client.ask(ModelRequest { deadline: Some(deadline), ..request(2) }).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable, "{error}");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.ask(request(3)).await }
    });
    sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    stand.begin();
    assert!(waiting.await.unwrap().is_ok());
    budget.flush().await;
    // Of the first one Redis may have lost what it had not written; it was told again.
    assert_eq!(ledger(&stand).await, (2 * (ANSWER.input + ANSWER.output), 0));
}

#[tokio::test]
async fn a_request_that_fails_unsent_comes_back_and_one_that_was_cut_counts() {
    let stand = RedisStand::start(&[]);
    let budget = budget(&stand, "w", TOKENS(1_000)).await;
    let failing = |kind, status| {
        let backend = service_fn(move |_request: ModelRequest| -> Answering {
            Box::pin(async move { Err(failure(kind, status, None)) })
        });
        Client::builder(ClientSettings::default())
            .with_budget(budget.clone())
            .backend(spec("one", Parallelism::Fixed(1)), backend)
            .build()
            .unwrap()
    };
    assert!(failing(ModelErrorKind::BadRequest, 400).ask(request(1)).await.is_err());
    budget.flush().await;
    assert_eq!(ledger(&stand).await, (0, 0));
    let slow = client(&budget, Duration::from_mins(10));
    let deadline = (Instant::now() + Duration::from_millis(500)).into_std();
    assert!(slow.ask(ModelRequest { deadline: Some(deadline), ..request(2) }).await.is_err());
    budget.flush().await;
    let (spent, held) = ledger(&stand).await;
    assert!(spent >= 40 && held == 0, "{spent} spent, {held} held");
}

/// A worker that ends as if by SIGKILL: its runtime is gone, and nobody settles what it holds.
#[test]
fn what_a_dead_worker_held_stays_out_of_reach() {
    let stand = RedisStand::start(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let budget_of_dead = runtime.block_on(async {
        let budget = budget(&stand, "dead", TOKENS(150)).await;
        let client = client(&budget, Duration::from_mins(10));
        tokio::spawn(async move { client.ask(request(1)).await });
        while ledger(&stand).await.1 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        budget
    });
    runtime.shutdown_background();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (spent, of_dead) = ledger(&stand).await;
        assert!(spent == 0 && of_dead > 30, "{spent} spent, {of_dead} held");
        let next = budget(&stand, "next", TOKENS(150)).await;
        let client = client(&next, Duration::ZERO);
        let mut answered = 0;
        let error = loop {
            let deadline = (Instant::now() + Duration::from_secs(1)).into_std();
            match client.ask(ModelRequest { deadline: Some(deadline), ..request(2) }).await {
                Ok(_) => answered += 1,
                Err(error) => break error,
            }
        };
        // It waits: what the dead one holds might still come back.
        assert_eq!(error.kind, ModelErrorKind::Unavailable, "{error}");
        next.flush().await;
        let (spent, held) = ledger(&stand).await;
        assert_eq!((spent, held), (answered * (ANSWER.input + ANSWER.output), of_dead));
        assert!(answered >= 1 && spent + held <= 150, "{spent} spent, {held} held");
    });
    drop(budget_of_dead);
}

#[tokio::test]
async fn without_a_ceiling_nothing_is_asked() {
    let mut stand = RedisStand::start(&[]);
    let budget = Arc::new(budget(&stand, "w", Ceilings::default()).await);
    stand.kill();
    let client = client(&budget, Duration::ZERO);
    assert!(client.ask(request(1)).await.is_ok());
    assert_eq!(tokens(client.spent()), ANSWER.input + ANSWER.output);
}

/// A worker keeps its name when it begins a run again.
#[tokio::test]
async fn a_worker_that_begins_a_run_again_goes_on_counting() {
    let stand = RedisStand::start(&[]);
    let each = ANSWER.input + ANSWER.output;
    for part in 1..=3 {
        let budget = budget(&stand, "w", TOKENS(10_000)).await;
        assert!(client(&budget, Duration::ZERO).ask(request(part)).await.is_ok());
        budget.flush().await;
        assert_eq!(ledger(&stand).await, (part * each, 0));
    }
    // Two at once, as when one still ends: neither takes the other's hold for its own.
    let budgets = [budget(&stand, "w", TOKENS(10_000)).await, budget(&stand, "w", TOKENS(10_000)).await];
    let clients = budgets.each_ref().map(|budget| client(budget, Duration::from_millis(50)));
    assert!(
        join_all(clients.each_ref().map(|client| client.ask(request(9)))).await.iter().all(Result::is_ok)
    );
    join_all(budgets.each_ref().map(SharedBudget::flush)).await;
    assert_eq!(ledger(&stand).await, (5 * each, 0));
}

#[tokio::test]
async fn a_redis_that_forgets_gives_no_second_budget() {
    let stand = RedisStand::start(&[]);
    let each = ANSWER.input + ANSWER.output;
    let (one, other) = (budget(&stand, "one", TOKENS(300)).await, budget(&stand, "other", TOKENS(300)).await);
    for id in 0..3 {
        assert!(client(&one, Duration::ZERO).ask(request(id)).await.is_ok());
    }
    one.flush().await;
    // What is held while Redis forgets is held afterwards, too.
    let slow = client(&one, Duration::from_secs(1));
    let asking = tokio::spawn(async move { slow.ask(request(3)).await });
    while ledger(&stand).await.1 == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    let emptied: String = link(&stand).await.query("emptying", &command("FLUSHALL")).await.unwrap();
    assert_eq!((emptied.as_str(), ledger(&stand).await), ("OK", (0, 0)));
    let mut answered = 4;
    while client(&one, Duration::ZERO).ask(request(4)).await.is_ok() {
        answered += 1;
    }
    assert!(asking.await.unwrap().is_ok());
    let error =
        client(&other, Duration::ZERO).ask(ModelRequest { most_output_tokens: 300, ..request(5) }).await;
    assert_eq!(error.unwrap_err().kind, ModelErrorKind::Budget);
    one.flush().await;
    assert_eq!(ledger(&stand).await, (answered * each, 0));
    assert!(answered * each <= 300, "{answered} answers");
}
