//! What every [`Store`] must do, whatever it keeps things in.

#![allow(clippy::expect_used, reason = "this is a test")]

use std::{ops::Range, time::Duration};

use super::{
    id::{CustomId, SubmissionId},
    store::{KeptAnswer, Known, Outcome, Step, Store, Submission, Worst},
};
use crate::{
    answer::{ModelAnswer, RateHeaders, StopReason, TokenUsage},
    budget::Cost,
};

/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(10);

/// A submission with requests of these numbers.
pub(super) fn submission(numbers: Range<u32>) -> Submission {
    let name = |number| CustomId::parse(&format!("item-{number}")).expect("a name");
    Submission {
        id: SubmissionId::fresh(),
        endpoint: "http://127.0.0.1/v1".to_owned(),
        begun_ms: 1_790_000_000_000,
        most: Worst { nano_usd: 7, input: 8, output: 9 },
        items: numbers.map(name).collect(),
        file: None,
        batch: None,
    }
}

/// An answer with this text.
pub(super) fn answer(text: &str) -> Outcome {
    let answer = ModelAnswer {
        id: 0,
        text: text.to_owned(),
        stop: StopReason::Refusal("no \"thanks\"\nto that".to_owned()),
        model: "m".to_owned(),
        backend: "b".into(),
        usage: Some(TokenUsage { input: 3, output: 4 }),
        rates: RateHeaders::default(),
        latency: Duration::ZERO,
    };
    Outcome::Answer(KeptAnswer::new(answer, Cost::default(), 1))
}

/// Runs the whole suite over one store, which must be empty; it is empty again afterwards.
pub(super) async fn suite(store: &dyn Store) {
    a_request_is_in_one_submission_at_most(store).await;
    steps_are_kept(store).await;
    an_end_keeps_outcomes_and_frees_the_rest(store).await;
    one_looks_after_a_submission_at_a_time(store).await;
    assert_eq!(store.open().await.expect("the open ones"), []);
}

async fn emptied(store: &dyn Store) {
    store.forget().await.expect("forgotten");
}

async fn a_request_is_in_one_submission_at_most(store: &dyn Store) {
    let (first, second) = (submission(0..4), submission(2..6));
    assert_eq!(store.look(&first.items).await.expect("known"), vec![Known::Free(0); 4]);
    assert_eq!(store.begin(&first, "a", LONG).await.expect("begun"), first.items);
    assert_eq!(store.begin(&first, "a", LONG).await.expect("begun"), first.items, "a repeated call");
    assert_eq!(store.begin(&second, "b", LONG).await.expect("begun"), second.items[2..]);
    let third = submission(0..6);
    assert_eq!(store.begin(&third, "c", LONG).await.expect("begun"), []);
    let mut open = store.open().await.expect("the open ones");
    let mut expected = vec![first, Submission { items: second.items[2..].to_vec(), ..second }];
    open.sort_by(|one, other| one.id.cmp(&other.id));
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(open, expected, "one without requests was never begun");
    assert_eq!(store.look(&third.items).await.expect("known"), vec![Known::Held(0); 6]);
    emptied(store).await;
}

async fn steps_are_kept(store: &dyn Store) {
    let begun = submission(0..1);
    let (file, batch) = (Step::Uploaded("file-1".to_owned()), Step::Accepted("batch_1".to_owned()));
    assert!(!store.note(&begun.id, &file).await.expect("noted"), "it is not open");
    store.begin(&begun, "a", LONG).await.expect("begun");
    assert!(store.note(&begun.id, &file).await.expect("noted"));
    assert!(store.note(&begun.id, &batch).await.expect("noted"));
    let open = store.open().await.expect("the open ones");
    let expected = Submission { file: Some("file-1".into()), batch: Some("batch_1".into()), ..begun };
    assert_eq!(open, [expected]);
    emptied(store).await;
}

async fn an_end_keeps_outcomes_and_frees_the_rest(store: &dyn Store) {
    let begun = submission(0..4);
    let items = begun.items.clone();
    store.begin(&begun, "a", LONG).await.expect("begun");
    let outcomes = [(items[0].clone(), answer("zero")), (items[1].clone(), answer("one"))];
    assert!(store.end(&begun.id, &outcomes, &items[2..3]).await.expect("ended"));
    assert!(!store.end(&begun.id, &outcomes, &items[2..3]).await.expect("ended"), "once");
    let known = store.look(&items).await.expect("known");
    let expected = [
        Known::Done(answer("zero")),
        Known::Done(answer("one")),
        // Handed in for nothing, and given up before it was.
        Known::Free(1),
        Known::Free(0),
    ];
    assert_eq!(known, expected);
    let again = Submission { id: SubmissionId::fresh(), ..begun };
    assert_eq!(store.begin(&again, "a", LONG).await.expect("begun"), items[2..], "what is done stays done");
    assert_eq!(store.look(&items[2..]).await.expect("known"), [Known::Held(1), Known::Held(0)]);
    assert!(store.end(&again.id, &[], &items[2..]).await.expect("ended"));
    assert_eq!(store.look(&items[2..]).await.expect("known"), [Known::Free(2), Known::Free(1)]);
    emptied(store).await;
    assert_eq!(store.look(&items).await.expect("known"), vec![Known::Free(0); 4]);
}

async fn one_looks_after_a_submission_at_a_time(store: &dyn Store) {
    let begun = submission(0..1);
    assert!(!store.lease(&begun.id, "a", LONG).await.expect("an answer"), "it is not open");
    store.begin(&begun, "a", LONG).await.expect("begun");
    assert!(!store.lease(&begun.id, "b", LONG).await.expect("an answer"), "who begins it has it");
    assert!(
        store.lease(&begun.id, "a", Duration::from_millis(1)).await.expect("an answer"),
        "its own, again"
    );
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(store.lease(&begun.id, "b", LONG).await.expect("an answer"), "it has run out");
    assert!(!store.lease(&begun.id, "a", LONG).await.expect("an answer"));
    store.end(&begun.id, &[], &[]).await.expect("ended");
    assert!(!store.lease(&begun.id, "b", LONG).await.expect("an answer"), "it is over");
    emptied(store).await;
}
