//! The memory of tables does not grow with what is in them, and hardly any is left when they rest. Alone in its file, because it asks for the memory of the
//! whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;

use sheaf_table::{Scratch, Table};

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the database has in use, in bytes.
fn used() -> i64 {
    #[allow(unsafe_code, reason = "there is no safe way to ask")]
    // SAFETY: it reads a counter, behind the database's own lock.
    unsafe {
        rusqlite::ffi::sqlite3_memory_used()
    }
}

#[test]
fn ten_times_the_entries_take_the_same_memory_and_at_rest_almost_none() {
    let room = tempfile::tempdir().unwrap();
    let scratch = Scratch::create(&room.path().join("tables")).unwrap();
    let hashes: Table<[u8; 16], [u8; 12]> = scratch.table("hashes").unwrap();
    let numbers: Table<u64, Vec<u8>> = scratch.table("numbers").unwrap();
    let fill = |keys: std::ops::Range<u64>| {
        for key in keys {
            // As far apart as hashes are: Knuth's multiplicative hashing.
            let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            hashes.put((u128::from(spread) << 64).to_be_bytes(), &[7; 12]).unwrap();
            numbers.put(spread, &vec![7; 12]).unwrap();
        }
        (hashes.scan().count(), numbers.scan().count())
    };
    assert_eq!(fill(0..15_000), (15_000, 15_000));
    let before = peak();
    assert_eq!(fill(15_000..150_000), (150_000, 150_000));
    let more = peak() - before;
    // In memory they would be some 15,000 KiB.
    assert!(more < 1_000, "{more} KiB more than {before} KiB");

    let busy = used();
    scratch.rest().unwrap();
    assert!(used() < busy / 3, "{} of {busy} bytes are left", used());
    assert_eq!((hashes.scan().count(), numbers.scan().count()), (150_000, 150_000));
}
