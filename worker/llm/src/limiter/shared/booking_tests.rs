//! What the script books is what the limiter in memory lets pass.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sheaf_common::{
    quota::{Ask, Contact, Rates, Seen, Slot, View},
    redis::{Link, Patience, stand::RedisStand},
};
use tokio::runtime::Runtime;

use super::clerk::PACING;
use crate::limiter::{ToldLimits, key::KeyLimits};

const SILENT: Seen = Seen { told: 0, said: 0, left: -1 };

fn ask(told: ToldLimits, wants: Vec<u64>) -> Ask {
    let seen = |told: Option<u64>| Seen { told: told.unwrap_or(0), ..SILENT };
    Ask {
        pacing: PACING,
        requests: seen(told.requests_per_minute),
        tokens: seen(told.tokens_per_minute),
        horizon: Duration::from_hours(1_000),
        contact: Contact::New,
        grace: Duration::from_secs(1),
        sent: 0,
        given: 0,
        back: Vec::new(),
        again: None,
        wants,
    }
}

/// When the limiter in memory would let these pass, in seconds from the first.
fn in_memory(told: ToldLimits, wants: &[u64]) -> Vec<f64> {
    let start = Instant::now();
    let (mut key, mut now) = (KeyLimits::new(told, start), start);
    wants
        .iter()
        .map(|tokens| {
            now += key.wait(*tokens, now);
            key.send(*tokens, now);
            (now - start).as_secs_f64()
        })
        .collect()
}

fn seconds(slots: &[Slot]) -> Vec<f64> {
    let first = slots.first().map_or(0, |slot| slot.at);
    slots.iter().map(|slot| (slot.at - first) as f64 / 1e6).collect()
}

#[test]
fn the_script_books_what_the_limiter_in_memory_lets_pass() {
    let stand = RedisStand::start(&[]);
    let runtime = Runtime::new().unwrap();
    let link = Link::new(runtime.block_on(stand.connector()), Patience::Endless);
    let number = std::cell::Cell::new(0);
    proptest!(ProptestConfig::with_cases(64), |(
        requests in prop::option::of(1u64..20_000),
        tokens in prop::option::of(1u64..2_000_000),
        wants in prop::collection::vec(0u64..20_000, 1..60),
    )| {
        number.set(number.get() + 1);
        let rates = Rates::new(link.clone(), &format!("key {}", number.get()));
        let told = ToldLimits { requests_per_minute: requests, tokens_per_minute: tokens };
        // A wait longer than a day is one of a day.
        let expected = in_memory(told, &wants);
        prop_assume!(expected.windows(2).all(|pair| pair[1] - pair[0] < 86_000.0));
        // Some in one call and the rest in another: what flows in between is less than any burst.
        let (first, second) = wants.split_at(wants.len() / 2);
        let book = |wants: &[u64]| runtime.block_on(rates.take(&ask(told, wants.to_vec()))).unwrap();
        let View { slots: mut booked, .. } = book(first);
        booked.extend(book(second).slots);
        prop_assert_eq!(booked.len(), wants.len());
        for (index, (booked, expected)) in seconds(&booked).iter().zip(&expected).enumerate() {
            // A microsecond a booking is rounding; what is sent later than it could be is at most the time between the calls.
            let late = booked - expected;
            prop_assert!((-1e-3..0.5).contains(&late), "slot {index}: {booked} instead of {expected}");
        }
    });
}

#[test]
fn what_was_booked_last_is_undone_without_a_trace() {
    let stand = RedisStand::start(&[]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let rates = Rates::new(Link::new(stand.connector().await, Patience::Endless), "key");
        let told = ToldLimits { requests_per_minute: Some(60), tokens_per_minute: Some(6_000) };
        let booked = rates.take(&ask(told, vec![10; 30])).await.unwrap().slots;
        let undone = &booked[20..];
        let back: Vec<Slot> = undone.iter().rev().copied().collect();
        let undo = Ask { back, given: 100, ..ask(told, vec![10; 10]) };
        let again = rates.take(&undo).await.unwrap().slots;
        for (one, other) in undone.iter().zip(&again) {
            assert_eq!(one.number, other.number);
            assert!(one.at.abs_diff(other.at) < 1_000, "{one:?} {other:?}");
        }
        // One that is not the last stays lost: behind it others have their slots.
        let lost = Ask { back: vec![booked[5]], ..ask(told, vec![10]) };
        let next = rates.take(&lost).await.unwrap().slots[0];
        assert_eq!(next.number, 31);
        assert!(next.at > again[9].at + 900_000);
    });
}

#[test]
fn tokens_that_come_back_bring_a_far_slot_nearer() {
    let stand = RedisStand::start(&[]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let rates = Rates::new(Link::new(stand.connector().await, Patience::Endless), "key");
        let told = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: Some(6_000) };
        let view = rates.take(&ask(told, vec![5_000, 80])).await.unwrap();
        let far = view.slots[1];
        assert!(far.at - view.now > 40_000_000, "{far:?}");
        let given = Ask { given: 4_990, again: Some((far, 80)), ..ask(told, Vec::new()) };
        let view = rates.take(&given).await.unwrap();
        assert_eq!(view.slots[0].number, far.number);
        assert!(view.slots[0].at - view.now < 2_000_000, "{view:?}");
        // Behind somebody else's slot it stays, but what is booked next is as near as the tokens allow.
        let view = rates.take(&ask(told, vec![5_000, 80, 80])).await.unwrap();
        let given = Ask { given: 5_000, again: Some((view.slots[1], 80)), ..ask(told, vec![80]) };
        let next = rates.take(&given).await.unwrap();
        assert_eq!(next.slots[0].number, view.slots[2].number + 1);
        assert!(next.slots[0].at < view.slots[1].at - 30_000_000, "{next:?}");
    });
}

#[test]
fn whoever_comes_back_has_everybody_keep_to_shares_unless_others_were_there() {
    let mut stand = RedisStand::start(&[]);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let rates = Rates::new(Link::new(stand.connector().await, Patience::Endless), "key");
        let told = ToldLimits { requests_per_minute: Some(60_000), tokens_per_minute: None };
        let take = async |contact| rates.take(&Ask { contact, ..ask(told, vec![1]) }).await.unwrap();
        assert_eq!(take(Contact::New).await.slots.len(), 1);
        assert_eq!(take(Contact::New).await.slots.len(), 1, "the same server");
        assert_eq!(take(Contact::Back(Duration::from_hours(1))).await.slots.len(), 1, "others were there");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let alone = take(Contact::Back(Duration::from_millis(10))).await;
        assert!(alone.slots.is_empty() && alone.keep_until == alone.now + 1_000_000, "{alone:?}");
        assert!(take(Contact::Steady).await.slots.is_empty(), "for everybody");
        tokio::time::sleep(Duration::from_millis(1_001)).await;
        assert_eq!(take(Contact::Steady).await.slots.len(), 1);
        // The append-only file is written at once, so that the state is there after the start.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        stand.kill();
        stand.begin();
        let restarted = take(Contact::New).await;
        assert!(restarted.slots.is_empty() && restarted.keep_until > restarted.now, "another server");
    });
}
