//! Requests and batches that fail.

use std::time::Duration;

use sheaf_llm::{ModelErrorKind, StopReason};
use sheaf_tests::provider::{
    Content, Deed, Script, When,
    bulk::{BatchScript, Creating, Fate, ItemFate},
};

use crate::{
    bench::{Bench, ask_all, failures, in_both},
    models::{all_answered, said},
};

fn about(number: u64) -> When {
    When::Holds(said(number))
}

/// The first time that a request comes whose text has this in it; numbers are counted over all batches.
fn first_time(number: u64, before: usize) -> When {
    When::test(move |place, body| place < before && body.contains(&said(number)))
}

#[tokio::test]
async fn one_request_that_fails_touches_no_other() {
    in_both(|whose| async move {
        let script = Script {
            batch: BatchScript {
                items: vec![
                    // Of these, each comes right when it is handed in again.
                    (first_time(10, 20), ItemFate::Expired),
                    (first_time(11, 20), ItemFate::Missing),
                    (first_time(12, 20), ItemFate::Garbled),
                    (about(13), ItemFate::Twice),
                    (about(14), ItemFate::Cancelled),
                    (about(15), ItemFate::Expired),
                ],
                ..BatchScript::default()
            },
            ..Script::default()
        };
        let script = script
            .rule(first_time(0, 20), Deed::error(500))
            .rule(about(1), Deed::error(400))
            .rule(about(2), Deed::says(Content::Refusal("no".to_owned())))
            .rule(about(3), Deed::says(Content::OutOfLength))
            .rule(about(4), Deed::error(500))
            .rule(about(5), Deed::says(Content::Raw("{\"what\": 1}".to_owned())));
        let bench = Bench::new(whose, script);
        let bulk = bench.start().await;
        let answers = ask_all(&bulk, 0..20).await;
        let kind = |number: usize| answers[number].as_ref().unwrap_err().kind;
        assert_eq!(kind(1), ModelErrorKind::BadRequest);
        assert!(matches!(answers[2].as_ref().unwrap().answer.stop, StopReason::Refusal(_)));
        assert_eq!(answers[3].as_ref().unwrap().answer.stop, StopReason::Length);
        assert_eq!(kind(4), ModelErrorKind::Server);
        assert_eq!(kind(5), ModelErrorKind::Malformed);
        assert_eq!((kind(14), kind(15)), (ModelErrorKind::Unavailable, ModelErrorKind::Unavailable));
        for right in [0, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18, 19] {
            let answered = answers[right].as_ref().unwrap();
            assert!(answered.answer.text.ends_with(&said(right as u64)), "{whose:?} {right}: {answered:?}");
            assert_eq!(answered.attempts, if [0, 10, 11, 12].contains(&right) { 2 } else { 1 }, "{right}");
        }
        // Two batches: what was worth another try went into the second.
        let seen = bench.seen();
        assert_eq!((seen.batches.len(), seen.batches[1].len()), (2, 7), "{whose:?}: {}", bench.told());
        let said = failures(&answers);
        let ends = |end: &str| said.iter().filter(|message| message.contains(end)).count();
        assert_eq!(ends("the request was handed in 2 times, the last time in batch "), 3, "{said:#?}");
        assert_eq!(ends("the request was handed in once, the last time in batch "), 2, "{said:#?}");
        assert!(bench.told().contains("11 answered, 2 failed, 7 to be handed in again"), "{}", bench.told());
        // What failed for good is known too, and nothing is asked a third time.
        let again = ask_all(&bulk, 0..20).await;
        assert_eq!(failures(&again), said);
        assert_eq!(bench.seen().batches.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn of_an_expired_batch_what_was_done_is_used_and_the_rest_handed_in_again() {
    in_both(|whose| async move {
        // The time of the first batch is up after its first thirty requests.
        let late = When::test(|place, _| (30..50).contains(&place));
        let bench = Bench::with(
            whose,
            BatchScript {
                fates: vec![(0..1, Fate::Expired)],
                items: vec![(late, ItemFate::Expired)],
                ..BatchScript::default()
            },
        );
        assert!(all_answered(&ask_all(&bench.start().await, 0..50).await), "{whose:?}");
        bench.assert_paid_once(50);
        let seen = bench.seen();
        assert_eq!((seen.batches.len(), seen.batches[1].len()), (2, 20));
        assert!(bench.told().contains("30 answered, 20 to be handed in again"), "{}", bench.told());
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_is_the_persons_to_mend_and_nothing_is_lost() {
    let whose = sheaf_llm::config::Provider::Custom;
    let refused = Fate::Refused(3, "mismatched_model", "The model is not the batch's.");
    let bench = Bench::with(whose, BatchScript { fates: vec![(0..1, refused)], ..BatchScript::default() });
    let bulk = bench.start().await;
    let answers = ask_all(&bulk, 0..5).await;
    let said = failures(&answers);
    assert_eq!(said.len(), 1, "{said:?}");
    let message = said.first().unwrap();
    assert!(
        message.contains("refused the batch batch_0000 of 5 requests as a whole: line 3, about document "),
        "{message}"
    );
    assert!(message.contains("The model is not the batch's. (mismatched_model)"), "{message}");
    assert!(bulk.stopped().is_some());
    let after = ask_all(&bulk, 7..8).await;
    assert_eq!(failures(&after), said, "nothing more is sent");
    assert_eq!((bench.seen().batches.len(), bench.seen().paid.len()), (1, 0));
    drop(bulk);
    // Mended: the same command asks them.
    assert!(all_answered(&ask_all(&bench.start().await, 0..5).await));
    bench.assert_paid_once(5);
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_said() {
    let whose = sheaf_llm::config::Provider::Custom;
    let bench =
        Bench::with(whose, BatchScript { fates: vec![(0..2, Fate::Crowded)], ..BatchScript::default() });
    assert!(all_answered(&ask_all(&bench.start().await, 0..8).await));
    bench.assert_paid_once(8);
    assert!(bench.told().contains("handing in a batch: Enqueued token limit reached"), "{}", bench.told());
    in_both(|whose| async move {
        let later = Creating::Refused(429, Some(Duration::from_millis(150)));
        let bench =
            Bench::with(whose, BatchScript { creating: vec![(0..2, later)], ..BatchScript::default() });
        let begun = std::time::Instant::now();
        assert!(all_answered(&ask_all(&bench.start().await, 0..8).await));
        bench.assert_paid_once(8);
        assert!(begun.elapsed() >= Duration::from_millis(300), "the provider's wait is kept to");
        assert!(bench.told().contains("handing in a batch: box"), "{}", bench.told());
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_is_away_is_waited_for() {
    in_both(|whose| async move {
        let mut bench = Bench::with(whose, BatchScript { looks: 1, ..BatchScript::default() });
        let bulk = bench.start().await;
        bench.provider.stop();
        let asking = bulk.clone();
        let answers = tokio::spawn(async move { ask_all(&asking, 0..8).await });
        crate::bench::until(|| bench.told().contains("trying again until it can be done")).await;
        bench.provider.start_again();
        assert!(all_answered(&answers.await.unwrap()), "{whose:?}");
        bench.assert_paid_once(8);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_said_at_the_start() {
    in_both(|whose| async move {
        let bench = Bench::new(whose, Script { key: Some("another".to_owned()), ..Script::default() });
        let store = std::sync::Arc::new(sheaf_llm::bulk::FolderStore::open(bench.folder.path()).unwrap());
        let error = sheaf_llm::bulk::Bulk::start(&bench.config(), bench.settings(), store).await.unwrap_err();
        assert_eq!(
            (error.kind, error.hint.as_str()),
            (ModelErrorKind::Unauthorized, "Check the key in LLM_API_KEY.")
        );
    })
    .await;
}
