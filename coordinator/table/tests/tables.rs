//! Tables do what maps in memory do, in bounded memory, and say what failed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use sheaf_table::{Field, Key, Scratch, Table};

/// What is done to a table.
#[derive(Debug, Clone)]
enum Step<K, V> {
    Get(K),
    Put(K, V),
    Insert(K, V),
    Remove(K),
}

/// Steps over few keys, so that they meet.
fn steps<K, V>(
    keys: impl Strategy<Value = K> + Clone + 'static,
    values: impl Strategy<Value = V> + Clone + 'static,
) -> impl Strategy<Value = Vec<Step<K, V>>>
where
    K: Clone + std::fmt::Debug + 'static,
    V: Clone + std::fmt::Debug + 'static,
{
    let step = prop_oneof![
        keys.clone().prop_map(Step::Get),
        (keys.clone(), values.clone()).prop_map(|(key, value)| Step::Put(key, value)),
        (keys.clone(), values).prop_map(|(key, value)| Step::Insert(key, value)),
        keys.prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 0..200)
}

fn scratch(room: &tempfile::TempDir) -> Scratch {
    Scratch::create(&room.path().join("tables")).unwrap()
}

/// Each step says and leaves what it does in a map.
fn agrees<K, V>(steps: Vec<Step<K, V>>)
where
    K: Key + Ord + std::fmt::Debug + std::hash::Hash + Send,
    V: Field + Clone + PartialEq + std::fmt::Debug,
{
    let room = tempfile::tempdir().unwrap();
    let table: Table<K, V> = scratch(&room).table("steps").unwrap();
    let mut map = HashMap::new();
    for step in steps {
        match step {
            Step::Get(key) => assert_eq!(table.get(key).unwrap(), map.get(&key).cloned()),
            Step::Put(key, value) => {
                table.put(key, &value).unwrap();
                map.insert(key, value);
            }
            Step::Insert(key, value) => {
                assert_eq!(table.insert(key, &value).unwrap(), !map.contains_key(&key));
                map.entry(key).or_insert(value);
            }
            Step::Remove(key) => assert_eq!(table.remove(key).unwrap(), map.remove(&key).is_some()),
        }
    }
    let scanned: Vec<_> = table.scan().map(Result::unwrap).collect();
    let sorted: Vec<_> = map.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    assert_eq!(scanned, sorted);
}

/// Numbers at both ends and in the middle of their range, where the sign of the database's integers changes.
fn numbers() -> impl Strategy<Value = u64> + Clone {
    (prop_oneof![Just(0), Just(1 << 63), Just(u64::MAX)], 0..20_u64)
        .prop_map(|(base, step)| if base == u64::MAX { base - step } else { (base + step).wrapping_sub(9) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_table_of_numbers_is_a_map(steps in steps(numbers(), any::<u64>())) {
        agrees(steps);
    }

    #[test]
    fn a_table_of_hashes_is_a_map(
        steps in steps(any::<u8>().prop_map(|byte| [byte & 31; 16]), proptest::collection::vec(any::<u8>(), 0..9)),
    ) {
        agrees(steps);
    }

    #[test]
    fn a_table_of_places_is_a_map(steps in steps(numbers(), any::<(u64, u32)>())) {
        agrees(steps);
    }
}

#[test]
fn a_scan_leaves_the_tables_free() {
    let room = tempfile::tempdir().unwrap();
    let scratch = scratch(&room);
    let (from, to) = (scratch.table("from").unwrap(), scratch.table("to").unwrap());
    for key in 0..1_000_u64 {
        from.put(key, &(key * key)).unwrap();
    }
    for entry in from.scan() {
        let (key, value): (u64, u64) = entry.unwrap();
        to.put(value, &key).unwrap();
        from.put(key, &0).unwrap();
    }
    assert_eq!(to.get(998_001).unwrap(), Some(999));
    assert_eq!(from.get(999).unwrap(), Some(0));
}

#[test]
fn nothing_is_left_where_the_file_was() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("tables");
    std::fs::write(&path, "of an earlier program").unwrap();
    let scratch = Scratch::create(&path).unwrap();
    let table = scratch.table("numbers").unwrap();
    for key in 0..20_000_u64 {
        table.put(key.wrapping_mul(0x9E37_79B9_7F4A_7C15), &key).unwrap();
    }
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 0);
    assert_eq!(table.scan().map(Result::unwrap).count(), 20_000);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let room = tempfile::tempdir().unwrap();
    let error = Scratch::create(&room.path().join("gone/tables")).unwrap_err().to_string();
    assert!(error.contains("gone/tables"), "{error}");
}
