use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use sheaf_common::{id::DocumentId, record::Usage};

use super::*;
use crate::unit::Scope;

fn key(text: &str) -> UnitKey {
    UnitKey::new(Scope::new("t", "overview", b"1", ["m"]), None, text)
}

fn answer(value: Value) -> Answer {
    Answer {
        value,
        model: "m".to_owned(),
        of: DocumentId::new("d1"),
        usage: Usage { input_tokens: 900, output_tokens: 120, cost_usd: 0.001_234 },
        requests: 1.0 / 3.0,
        at: 1_800_000_000,
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_answer_comes_back_as_it_went(value in value()) {
        let sent = answer(value);
        let frame = pack(&key("a"), &sent).unwrap();
        prop_assert_eq!(unpack(&key("a"), &frame).unwrap(), sent);
    }

    #[test]
    fn whatever_is_not_what_was_written_is_refused(
        at: Index, bit in 0u8..8, cut: Index, garbage in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let whole = pack(&key("a"), &answer(json!({ "summary": "The lamp was lit at noon." }))).unwrap();
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1 << bit;
        prop_assert_eq!(unpack(&key("a"), &flipped), Err(Refusal::Corrupt));
        prop_assert_eq!(unpack(&key("a"), &whole[..cut.index(whole.len())]), Err(Refusal::Corrupt));
        prop_assert_eq!(unpack(&key("a"), &[&whole[..], &garbage[..], b"!"].concat()), Err(Refusal::Corrupt));
        prop_assert_eq!(unpack(&key("a"), &garbage), Err(Refusal::Corrupt));
        // Garbage with a right head: the checksum is made for it.
        prop_assert!(unpack(&key("a"), &framed(VERSION, &key("a"), &garbage)).is_err());
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = pack(&key("a"), &answer(json!({ "n": 1 }))).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            assert_eq!(unpack(&key("a"), &flipped), Err(Refusal::Corrupt), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_entry_copied_to_another_key_is_refused() {
    let frame = pack(&key("a"), &answer(json!(1))).unwrap();
    assert_eq!(unpack(&key("b"), &frame), Err(Refusal::WrongKey));
}

#[test]
fn versions_are_told_apart() {
    let body = zstd::bulk::compress(&serde_json::to_vec(&answer(json!(1))).unwrap(), LEVEL).unwrap();
    let of = |version| unpack(&key("a"), &framed(version, &key("a"), &body)).map(|_| ());
    assert_eq!(of(VERSION), Ok(()));
    assert_eq!(of(VERSION + 1), Err(Refusal::Newer));
    assert_eq!(of(0), Err(Refusal::Corrupt));
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    // Half a GiB in some 20 KB.
    let mut bomb = zstd::bulk::Compressor::new(1).unwrap();
    let bomb = bomb.compress(&vec![b'0'; 1 << 29]).unwrap();
    let frame = framed(VERSION, &key("a"), &bomb);
    assert!(frame.len() <= MOST_PACKED, "{}", frame.len());
    assert_eq!(unpack(&key("a"), &frame), Err(Refusal::TooLarge));
    // Many frames, each small.
    let many: Vec<u8> =
        (0..200).flat_map(|_| zstd::bulk::compress(&[b' '; 8 << 10], LEVEL).unwrap()).collect();
    assert_eq!(unpack(&key("a"), &framed(VERSION, &key("a"), &many)), Err(Refusal::TooLarge));
}

#[test]
fn what_is_too_large_is_not_packed() {
    let noise: String = (0..100_000).map(|_| fastrand::alphanumeric()).collect();
    assert_eq!(pack(&key("a"), &answer(json!(noise))), Err(Refusal::TooLarge));
    assert_eq!(pack(&key("a"), &answer(json!("a".repeat(MOST_UNPACKED)))), Err(Refusal::TooLarge));
    assert!(pack(&key("a"), &answer(json!("a".repeat(MOST_UNPACKED / 2)))).is_ok());
    let free = Answer { requests: f64::NAN, ..answer(json!(1)) };
    assert_eq!(pack(&key("a"), &free), Err(Refusal::Invalid));
}
