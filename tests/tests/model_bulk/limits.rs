//! Budgets, sizes of batches, and backends without an endpoint.

use std::{sync::Arc, time::Duration};

use sheaf_llm::{
    Ceilings, ModelErrorKind,
    bulk::{Bulk, BulkSettings, FolderStore, Gathering},
    config::{BackendConfig, Provider as Whose},
};
use sheaf_tests::provider::bulk::BatchScript;
use url::Url;

use crate::{
    bench::{Bench, ask_all, ask_in_background, in_both, until},
    models::{all_answered, request},
};

#[tokio::test]
async fn a_ceiling_is_kept_and_what_comes_back_is_used() {
    in_both(|whose| async move {
        let bench = Bench::with(whose, BatchScript::default());
        let ceilings = Ceilings { usd: None, tokens: Some(600) };
        let bulk = bench.start_with(BulkSettings { ceilings, ..bench.settings() }).await;
        let answers = ask_all(&bulk, 0..60).await;
        let done: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        let spent = bulk.spent().tokens;
        assert!(spent.input + spent.output <= 600, "{spent:?}");
        let first = done[0].answer.usage.unwrap();
        // Worst cases are set aside and come back: without that, about half as many would have fitted.
        assert!(done.len() as u64 >= 540 / (first.input + first.output) - 4, "{}", done.len());
        assert!(bench.seen().batches.len() > 1, "more than one batch was needed");
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(error.kind, ModelErrorKind::Budget);
        }
        bench.assert_paid_once(done.len());
    })
    .await;
}

#[tokio::test]
async fn what_was_spent_before_a_crash_counts_after_it() {
    let bench = Bench::with(Whose::Custom, BatchScript { looks: usize::MAX, ..BatchScript::default() });
    let first = bench.start().await;
    let asking = ask_in_background(&first, 0..10);
    until(|| bench.seen().looks > 0).await;
    asking.abort();
    let _gone = asking.await;
    drop(first);
    bench.change(BatchScript::default());
    let second = bench.start().await;
    let answers = ask_all(&second, 0..10).await;
    let cost: u64 = answers.iter().map(|answer| answer.as_ref().unwrap().cost.money.0).sum();
    assert!(cost > 0);
    assert_eq!(second.spent().money.0, cost);
}

#[tokio::test]
async fn batches_are_as_large_as_allowed_and_as_many() {
    let bench = Bench::with(Whose::Anthropic, BatchScript { looks: 3, ..BatchScript::default() });
    let gathering = Gathering { most_requests: 10, most_open: 2, ..bench.settings().gathering };
    let bulk = bench.start_with(BulkSettings { gathering, ..bench.settings() }).await;
    assert!(all_answered(&ask_all(&bulk, 0..45).await));
    bench.assert_paid_once(45);
    let sizes: Vec<usize> = bench.seen().batches.iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= 10) && sizes.len() >= 5, "{sizes:?}");
}

#[tokio::test]
async fn when_nothing_more_is_coming_nothing_is_waited_for() {
    let bench = Bench::with(Whose::Custom, BatchScript::default());
    let day = Duration::from_hours(24);
    let gathering = Gathering { quiet: day, longest: day, ..Gathering::default() };
    let bulk = bench.start_with(BulkSettings { gathering, ..bench.settings() }).await;
    let asking = ask_in_background(&bulk, 0..5);
    until(|| bulk.waiting() == 5).await;
    assert_eq!(bench.seen().batches.len(), 0);
    bulk.nothing_more(true);
    asking.await.unwrap();
    bench.assert_paid_once(5);
}

#[tokio::test]
async fn a_deadline_is_kept_and_the_answer_is_there_afterwards() {
    let bench = Bench::with(Whose::Custom, BatchScript { looks: usize::MAX, ..BatchScript::default() });
    let bulk = bench.start().await;
    let deadline = Some(std::time::Instant::now() + Duration::from_millis(200));
    let error = bulk.ask(sheaf_llm::ModelRequest { deadline, ..request(1) }).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unavailable);
    assert!(
        error.message.contains("gave no answer within") && error.hint.contains("not paid again"),
        "{error:?}"
    );
    bench.change(BatchScript::default());
    assert!(bulk.ask(request(1)).await.is_ok());
    bench.assert_paid_once(1);
}

#[tokio::test]
async fn a_backend_without_an_endpoint_is_refused_with_what_to_do() {
    let bench = Bench::with(Whose::Custom, BatchScript::default());
    let mut nowhere = bench.config();
    nowhere.base_url = Url::parse(&format!("{}/elsewhere", bench.provider.root())).unwrap();
    let local = BackendConfig::new("local", Whose::LlamaCpp, Url::parse("http://127.0.0.1:9/v1").unwrap());
    let ollama = BackendConfig::new("own", Whose::Ollama, Url::parse("http://127.0.0.1:9").unwrap());
    for config in [nowhere, local, ollama] {
        let store = Arc::new(FolderStore::open(bench.folder.path()).unwrap());
        let error = Bulk::start(&config, bench.settings(), store).await.unwrap_err();
        assert!(
            error.message.contains("has no endpoint for batches, which --llm-batch-api asks for"),
            "{error}"
        );
        assert!(error.hint.contains("Leave --llm-batch-api away"), "{}", error.hint);
    }
}
