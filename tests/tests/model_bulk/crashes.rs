//! The program ends in the middle, and another one goes on over the same journal.

use sheaf_llm::config::Provider as Whose;
use sheaf_tests::provider::bulk::{BatchScript, Creating};

use crate::{
    bench::{Bench, ask_all, ask_in_background, in_both, until},
    models::all_answered,
};

/// At work for as long as a test looks.
const FOR_EVER: BatchScript =
    BatchScript { looks: usize::MAX, creating: Vec::new(), fates: Vec::new(), items: Vec::new() };

#[tokio::test]
async fn requests_are_answered_each_with_its_own_answer_and_the_same_is_asked_once() {
    in_both(|whose| async move {
        let bench = Bench::with(whose, BatchScript { looks: 3, ..BatchScript::default() });
        let bulk = bench.start().await;
        let answers = ask_all(&bulk, (0..60).chain(0..20)).await;
        assert!(all_answered(&answers[..60]) && all_answered(&answers[60..]), "{whose:?}");
        bench.assert_paid_once(60);
        assert_eq!(bench.seen().batches.len(), 1, "all came together");
        let seen = (bench.seen().looks, bench.seen().fetched);
        assert!(seen.0 >= 4 && seen.1 <= 2, "{seen:?}");
        let told = bench.told();
        assert!(told.contains(": 60 requests handed in; it may take up to 24 hours"), "{told}");
        assert!(told.contains("60 answered"), "{told}");
        // Half the price, and who asked second pays nothing.
        let first = answers[0].as_ref().unwrap();
        let usage = first.answer.usage.unwrap();
        let dollars = (usage.input + usage.output) as f64 / 1e6 / 2.0;
        assert!((first.cost.money.usd() - dollars).abs() < 1e-8, "{first:?}");
        let both: u64 = [0, 60].iter().map(|place| answers[*place].as_ref().unwrap().cost.money.0).sum();
        assert_eq!(both, first.cost.money.0.max(answers[60].as_ref().unwrap().cost.money.0));
        let all: u64 = answers.iter().map(|answer| answer.as_ref().unwrap().cost.money.0).sum();
        assert_eq!(bulk.spent().money.0, all);
        // Asked again: from the journal.
        assert!(all_answered(&ask_all(&bulk, 0..60).await));
        bench.assert_paid_once(60);
    })
    .await;
}

#[tokio::test]
async fn what_was_handed_in_before_a_crash_is_collected_after_it() {
    in_both(|whose| async move {
        let bench = Bench::with(whose, FOR_EVER);
        let first = bench.start().await;
        let asking = ask_in_background(&first, 0..40);
        until(|| bench.seen().looks > 2).await;
        assert_eq!(first.at_provider(), (40, 1));
        asking.abort();
        let _gone = asking.await;
        drop(first);
        bench.change(BatchScript::default());
        let second = bench.start().await;
        // Ten that are new, among those that were handed in.
        assert!(all_answered(&ask_all(&second, 0..50).await), "{whose:?}: {}", bench.told());
        bench.assert_paid_once(50);
        assert_eq!(bench.seen().batches.len(), 2);
        assert!(
            bench.told().contains("40 requests, handed in 0 s ago, not handed in again but waited for"),
            "{}",
            bench.told()
        );
        drop(second);
        // And a third time, when nothing is open any more.
        assert!(all_answered(&ask_all(&bench.start().await, 0..50).await));
        bench.assert_paid_once(50);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_ends_while_nobody_waits_is_kept_for_who_asks_later() {
    in_both(|whose| async move {
        let bench = Bench::with(whose, FOR_EVER);
        let first = bench.start().await;
        let asking = ask_in_background(&first, 0..10);
        until(|| bench.seen().looks > 0).await;
        asking.abort();
        let _gone = asking.await;
        drop(first);
        bench.change(BatchScript::default());
        let second = bench.start().await;
        until(|| bench.told().contains("10 answered")).await;
        assert!(all_answered(&ask_all(&second, 0..10).await));
        bench.assert_paid_once(10);
    })
    .await;
}

/// The provider has taken the batch, and the program ends before it hears of it.
#[tokio::test]
async fn a_batch_that_was_taken_unheard_is_found_at_the_provider() {
    in_both(|whose| async move {
        // Two others' batches are there before it, one of them of the same size.
        let bench = Bench::with(whose, BatchScript::default());
        let others = Bench { folder: tempfile::tempdir().unwrap(), ..bench };
        let other = others.start().await;
        assert!(ask_all(&other, 100..130).await.iter().all(Result::is_ok));
        assert!(ask_all(&other, 200..203).await.iter().all(Result::is_ok));
        drop(other);
        let bench = Bench { folder: tempfile::tempdir().unwrap(), ..others };
        let silent = Creating::Silent;
        bench.change(BatchScript { creating: vec![(2..3, silent)], ..BatchScript::default() });
        let first = bench.start().await;
        let asking = ask_in_background(&first, 0..30);
        until(|| bench.seen().batches.len() == 3).await;
        asking.abort();
        let _gone = asking.await;
        drop(first);
        let second = bench.start().await;
        assert!(all_answered(&ask_all(&second, 0..30).await), "{whose:?}: {}", bench.told());
        bench.assert_paid_once(63);
        assert_eq!(bench.seen().batches.len(), 3, "{whose:?}: nothing was handed in again");
        assert!(bench.told().contains("batch without a name yet: 30 requests"), "{}", bench.told());
    })
    .await;
}

/// The program ends after the intention and before the provider has anything of it.
#[tokio::test]
async fn an_intention_that_came_to_nothing_is_handed_in_anew() {
    in_both(|whose| async move {
        let refused = Creating::Refused(503, None);
        let bench = Bench::with(
            whose,
            BatchScript { creating: vec![(0..usize::MAX, refused)], ..BatchScript::default() },
        );
        let first = bench.start().await;
        let asking = ask_in_background(&first, 0..12);
        until(|| bench.seen().creating > 1).await;
        asking.abort();
        let _gone = asking.await;
        drop(first);
        assert_eq!(bench.seen().batches.len(), 0);
        bench.change(BatchScript::default());
        assert!(all_answered(&ask_all(&bench.start().await, 0..12).await), "{whose:?}");
        bench.assert_paid_once(12);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_was_lost_is_not_taken_for_a_refusal() {
    in_both(|whose| async move {
        let creating = vec![(0..1, Creating::TakenWith500)];
        let bench = Bench::with(whose, BatchScript { creating, looks: 2, ..BatchScript::default() });
        assert!(all_answered(&ask_all(&bench.start().await, 0..12).await), "{whose:?}");
        bench.assert_paid_once(12);
        assert_eq!(bench.seen().batches.len(), 1, "{whose:?}");
    })
    .await;
}

/// Everything at once: the program is ended again and again, at any moment.
#[tokio::test]
async fn ended_at_any_moment_again_and_again_nothing_is_paid_twice() {
    for whose in [Whose::Custom, Whose::Anthropic] {
        let bench = Bench::with(whose, BatchScript { looks: 2, ..BatchScript::default() });
        for round in 0..25 {
            let bulk = bench.start().await;
            let asking = ask_in_background(&bulk, 0..10 + round);
            tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(0..60))).await;
            asking.abort();
            let _gone = asking.await;
        }
        assert!(all_answered(&ask_all(&bench.start().await, 0..35).await), "{whose:?}");
        bench.assert_paid_once(35);
    }
}
