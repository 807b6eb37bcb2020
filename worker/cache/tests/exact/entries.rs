//! Entries and claims written by hand: ignored and counted, never served, never fatal.

use sheaf_cache::ExactCounts;

use super::*;

/// A worker that only reads sees the entry as it is, however often.
async fn refused(read: &ExactCache, text: &str) -> ExactCounts {
    ask(read.begin(&key(text), late()).await);
    assert!(read.find(&key(text)).await.is_none(), "and is not found without asking either");
    read.counts()
}

/// A worker that stores asks, and the next one gets the right answer.
async fn mended(stand: &RedisStand, text: &str) {
    let (here, elsewhere) = (worker(stand).await, worker(stand).await);
    fill(&here, text, right()).await;
    assert_eq!(*hit(elsewhere.begin(&key(text), late()).await, Level::Redis).answer, right());
    assert_eq!((here.counts().refused(), here.counts().stored, here.counts().withheld), (1, 1, 0));
}

#[tokio::test]
async fn damaged_entries_are_never_served() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    fill(&worker(&stand).await, "a", right()).await;
    let whole = hand.get(&entry("a")).await.unwrap();
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    let mut seen = 0;
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        })
        .collect();
    damaged.extend((0..whole.len()).step_by(7).map(|length| whole[..length].to_vec()));
    damaged.extend([
        b"garbage".to_vec(),
        vec![0; 200],
        b"{\"value\":{}}".to_vec(),
        [&whole[..], b"!"].concat(),
    ]);
    for entry_bytes in &damaged {
        hand.set(&entry("a"), entry_bytes).await;
        seen += 2;
        assert_eq!(refused(&read, "a").await.corrupt, seen);
    }
    for bytes in [&b""[..], b"garbage", &whole[..whole.len() / 2], &damaged[4], &damaged[60]] {
        hand.set(&entry("a"), bytes).await;
        mended(&stand, "a").await;
    }
    // As it was, it serves.
    hand.set(&entry("a"), &whole).await;
    hit(read.begin(&key("a"), late()).await, Level::Redis);
}

#[tokio::test]
async fn an_entry_of_another_unit_is_never_served() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    fill(&worker(&stand).await, "a", right()).await;
    hand.set(&entry("b"), &hand.get(&entry("a")).await.unwrap()).await;
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    assert_eq!(refused(&read, "b").await.wrong_key, 2);
    mended(&stand, "b").await;
}

#[tokio::test]
async fn what_is_no_string_or_too_large_is_never_read() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    hand.number(&["RPUSH", &entry("list"), "x"]).await;
    hand.number(&["HSET", &entry("hash"), "x", "y"]).await;
    hand.number(&["SETRANGE", &entry("huge"), "100000000", "x"]).await;
    ask(read.begin(&key("list"), late()).await);
    ask(read.begin(&key("hash"), late()).await);
    ask(read.begin(&key("huge"), late()).await);
    assert_eq!((read.counts().corrupt, read.counts().too_large), (2, 1));
    for text in ["list", "hash", "huge"] {
        mended(&stand, text).await;
    }
}

/// As `frame.rs` writes them, by hand.
fn framed(version: u8, of: &UnitKey, body: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let rest = [of.scope.bytes(), &of.content[..], body].concat();
    let checksum = Sha256::new().chain_update([version]).chain_update(&rest).finalize();
    [b"ShfA", &[version][..], &checksum[..16], &rest].concat()
}

#[tokio::test]
async fn a_bomb_and_nonsense_with_a_right_checksum_are_never_served() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    let bomb = zstd::bulk::compress(&vec![b'0'; 256 << 20], 1).unwrap();
    assert!(bomb.len() < 32 << 10, "{} bytes that become 256 MiB", bomb.len());
    hand.set(&entry("bomb"), &framed(1, &key("bomb"), &bomb)).await;
    ask(read.begin(&key("bomb"), late()).await);
    assert_eq!(read.counts().too_large, 1);
    let other = zstd::bulk::compress(b"{\"value\":1}", 1).unwrap();
    for body in [&b"no zstd"[..], b"", &other] {
        hand.set(&entry("nonsense"), &framed(1, &key("nonsense"), body)).await;
        ask(read.begin(&key("nonsense"), late()).await);
    }
    assert_eq!(read.counts().corrupt, 3);
    mended(&stand, "bomb").await;
    mended(&stand, "nonsense").await;
}

#[tokio::test]
async fn an_entry_of_a_newer_program_is_left_alone() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    let newer = framed(2, &key("a"), b"what only the newer one can read");
    hand.set(&entry("a"), &newer).await;
    let here = worker(&stand).await;
    fill(&here, "a", right()).await;
    hit(here.begin(&key("a"), late()).await, Level::Memory);
    assert_eq!((here.counts().newer, here.counts().stored), (1, 0));
    assert_eq!(hand.get(&entry("a")).await.unwrap(), newer);
    // One that comes while this one asks.
    let claim = ask(here.begin(&key("b"), late()).await);
    let newer = framed(2, &key("b"), b"newer");
    hand.set(&entry("b"), &newer).await;
    claim.fill(right()).await;
    assert_eq!((here.counts().stored, here.counts().withheld), (0, 2));
    assert_eq!(hand.get(&entry("b")).await.unwrap(), newer);
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_is_rejected_and_asked_for_again() {
    let stand = RedisStand::start(&[]);
    let (poisoner, here, elsewhere) = (worker(&stand).await, worker(&stand).await, worker(&stand).await);
    fill(&poisoner, "a", answer(json!({ "summary": 7 }))).await;
    let wrong = hit(here.begin(&key("a"), late()).await, Level::Redis);
    let claim = ask(here.reject(wrong, late()).await);
    let hand = Hand::of(&stand).await;
    assert!(hand.get(&entry("a")).await.is_none(), "removed from Redis");
    claim.fill(right()).await;
    assert_eq!(*hit(here.begin(&key("a"), late()).await, Level::Memory).answer, right());
    assert_eq!(*hit(elsewhere.begin(&key("a"), late()).await, Level::Redis).answer, right());
    assert_eq!((here.counts().invalid, here.counts().stored), (1, 1));
    // Whoever rejects what it had in memory removes no better one that took its place.
    let old = hit(poisoner.begin(&key("a"), late()).await, Level::Memory);
    let new = hit(poisoner.reject(old, late()).await, Level::Redis);
    assert_eq!(*new.answer, right());
    // A second rejection in a row ends with asking.
    ask(poisoner.reject(new, late()).await);
    let read = worker_with(&stand, &settings(CacheMode::Read)).await;
    fill(&elsewhere, "c", right()).await;
    let there = hit(read.begin(&key("c"), late()).await, Level::Redis);
    ask(read.reject(there, late()).await);
    assert!(hand.get(&entry("c")).await.is_some(), "whoever only reads removes nothing");
}

#[tokio::test]
async fn a_poisoned_claim_holds_nobody_up() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    hand.number(&["RPUSH", &claim_key("list"), "x"]).await;
    hand.set(&claim_key("for ever"), b"somebody").await;
    hand.run(&["SET", &claim_key("a year"), "somebody", "PX", "31536000000"]).await;
    hand.set(&claim_key("empty"), b"").await;
    let here = worker(&stand).await;
    for text in ["list", "for ever", "a year", "empty"] {
        fill(&here, text, right()).await;
        assert!(hand.get(&claim_key(text)).await.is_none(), "{text}");
    }
    assert_eq!((here.counts().waits, here.counts().stored), (0, 4));
    // One that looks right holds others up for as long as it lives.
    hand.run(&["SET", &claim_key("right"), "somebody", "PX", "700"]).await;
    fill(&here, "right", right()).await;
    assert_eq!(here.counts().waits, 1);
}

#[tokio::test]
async fn an_index_of_another_type_is_made_anew() {
    let stand = RedisStand::start(&[]);
    let hand = Hand::of(&stand).await;
    let index = bucket(&key("a")).index();
    hand.set(&index, b"nonsense").await;
    let here = worker(&stand).await;
    fill(&here, "a", right()).await;
    assert_eq!(hand.number(&["ZCARD", &index]).await, 1);
    assert_eq!(here.counts().stored, 1);
}
