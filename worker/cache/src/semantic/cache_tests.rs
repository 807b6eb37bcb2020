//! The cache without a fleet.

use std::sync::Arc;

use serde_json::json;
use sheaf_common::id::DocumentId;

use super::{SemanticCache, SemanticHit, SemanticSettings};
use crate::{
    embedder::Lexical,
    guard::Alike,
    unit::{Scope, UnitKey},
};

const TEXT: &str =
    "The mill of Orrin sold 5,000 sacks of flour on 12 March 2026 and was then closed for repairs.";

fn scope() -> Scope {
    Scope::new("tenant", "overview", b"1", ["model"])
}

fn open(settings: SemanticSettings) -> SemanticCache {
    SemanticCache::open(settings, Arc::new(Lexical::new()), None)
}

async fn insert(cache: &SemanticCache, scope: Scope, text: &str) -> UnitKey {
    let key = UnitKey::new(scope, None, text);
    let probe = cache.probe(None, text).await.unwrap();
    cache.insert(key, probe, &DocumentId::of_source(text.as_bytes())).await;
    key
}

async fn lookup(cache: &SemanticCache, scope: Scope, text: &str) -> Option<SemanticHit> {
    let probe = cache.probe(None, text).await?;
    cache.lookup(&UnitKey::new(scope, None, text), &probe).await
}

#[tokio::test]
async fn what_says_the_same_is_found_and_what_does_not_is_not() {
    let cache = open(SemanticSettings::default());
    let key = insert(&cache, scope(), TEXT).await;
    let near = TEXT.replace("5,000", "5000").replace("12 March 2026", "March 12, 2026");
    let hit = lookup(&cache, scope(), &near).await.unwrap();
    assert_eq!((hit.key, hit.alike), (key, Alike::SameWords));
    assert_eq!(hit.of, DocumentId::of_source(TEXT.as_bytes()));
    assert!(hit.similarity > 0.8 && hit.similarity <= 1.0);
    for (from, to) in
        [("5,000", "6,000"), ("2026", "2025"), ("Orrin", "Torrin"), ("closed", "opened"), ("flour", "salt")]
    {
        assert_eq!(lookup(&cache, scope(), &TEXT.replace(from, to)).await, None, "{to}");
    }
    let statistics = cache.statistics();
    assert_eq!((statistics.lookups, statistics.hits, statistics.entries), (6, 1, 1));
    assert_eq!(statistics.refused.values().sum::<u64>(), statistics.candidates - 1);
    assert!(serde_json::to_value(&statistics).unwrap()["refused"]["number"].as_u64() >= Some(1));
}

#[tokio::test]
async fn scopes_never_meet() {
    let cache = open(SemanticSettings::default());
    insert(&cache, scope(), TEXT).await;
    assert_eq!(lookup(&cache, Scope::new("other", "overview", b"1", ["model"]), TEXT).await, None);
}

#[tokio::test]
async fn nothing_is_kept_twice_and_never_too_much() {
    let cache = open(SemanticSettings { entries: 400, ..SemanticSettings::default() });
    let text = |number: u32| format!("Barge {number} lies at the northern quay with a load of timber.");
    for number in 0..1_000 {
        insert(&cache, scope(), &text(number)).await;
        insert(&cache, scope(), &text(number)).await;
        assert!(cache.statistics().entries <= 400);
    }
    let statistics = cache.statistics();
    assert!(statistics.entries >= 300, "no more leave than must: {}", statistics.entries);
    assert!(lookup(&cache, scope(), &text(999)).await.is_some());
    assert_eq!(lookup(&cache, scope(), &text(0)).await, None, "the oldest left");

    let bytes = statistics.bytes / statistics.entries * 100;
    let cache = open(SemanticSettings { bytes, ..SemanticSettings::default() });
    for number in 0..300 {
        insert(&cache, scope(), &text(number)).await;
        assert!(cache.statistics().bytes <= bytes);
    }
    let none = open(SemanticSettings { bytes: 10, ..SemanticSettings::default() });
    insert(&none, scope(), TEXT).await;
    assert_eq!(none.statistics().entries, 0);
}

#[tokio::test]
async fn many_scopes_make_room_for_each_other() {
    let cache = open(SemanticSettings::default());
    for tenant in 0..200 {
        insert(&cache, Scope::new(&tenant.to_string(), "overview", b"1", []), TEXT).await;
    }
    assert_eq!(cache.statistics().entries, 64);
}

#[tokio::test]
async fn a_text_that_says_too_little_is_not_looked_up() {
    let cache = open(SemanticSettings::default());
    for text in ["", "Menu", "!!! ???"] {
        assert!(cache.probe(None, text).await.is_none(), "{text}");
    }
    let long = "word ".repeat(1 << 19);
    assert!(cache.probe(None, &long).await.is_none());
    assert_eq!(cache.statistics().not_looked_up, 4);
}

#[tokio::test]
async fn the_first_hits_are_checked_and_then_the_stated_share() {
    let cache = open(SemanticSettings { checked: 0.2, ..SemanticSettings::default() });
    insert(&cache, scope(), TEXT).await;
    let mut checked = 0;
    for number in 0..1_000 {
        let hit = lookup(&cache, scope(), &format!("{TEXT}{}", " ".repeat(number))).await.unwrap();
        assert!(hit.check || number >= 5);
        checked += usize::from(hit.check);
    }
    assert!((150..260).contains(&checked), "{checked} of 1,000");
    let cache = open(SemanticSettings { checked: 0.0, ..SemanticSettings::default() });
    insert(&cache, scope(), TEXT).await;
    assert!(!lookup(&cache, scope(), TEXT).await.unwrap().check);
}

#[tokio::test]
async fn wrong_hits_turn_it_off() {
    let cache = open(SemanticSettings::default());
    insert(&cache, scope(), TEXT).await;
    let one = json!({ "document_type": "report", "summary": "The mill of Orrin sold 5,000 sacks." });
    let reworded = json!({ "document_type": "report", "summary": "Orrin's mill sold 5000 sacks." });
    let other = json!({ "document_type": "report", "summary": "The mill of Orrin sold 6,000 sacks." });
    assert_eq!(cache.judge(&one, &reworded).await, Some(true));
    assert_eq!(cache.judge(&one, &json!({ "document_type": "letter", "summary": "x" })).await, Some(false));
    assert!(!cache.is_off());
    for _ in 0..2 {
        assert_eq!(cache.judge(&one, &other).await, Some(false));
    }
    assert!(cache.is_off());
    assert!(cache.probe(None, TEXT).await.is_none());
    let statistics = cache.statistics();
    assert_eq!((statistics.checks.made, statistics.checks.wrong), (4, 3));
    assert!(statistics.off.unwrap().contains("3 of 4"));
}
