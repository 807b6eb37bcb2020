//! The four modes give the same results for the same input, byte for byte but for timings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use sheaf_tests::{
    documents,
    program::{Room, assert_same},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");
const MODES: [&str; 4] = ["sync", "async", "process", "hybrid"];

/// The folder of the project.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder")
}

/// Runs the sources in every mode and compares what comes out.
fn alike(room: &Room, sources: &[&str], status: i32) -> usize {
    for mode in MODES {
        let options = ["--include-text", "--parallelism-mode", mode, "--out", mode, "--progress", "none"];
        let ended = room.run(["run"].iter().chain(sources).chain(&options));
        assert_eq!(ended.status, Some(status), "{mode}: {}{}", ended.stdout, ended.stderr);
    }
    let baseline = room.records("sync");
    for mode in &MODES[1..] {
        assert_same(mode, room.records(mode), baseline.clone());
    }
    baseline.len()
}

/// What tells modes apart if anything does: what is parsed in a child process in every mode, what comes close to a cap,
/// what is read in two ways, and copies of each other that are ready at the same moment.
fn awkward(room: &Room) {
    let words = "The keeper wrote down how high the water stood. ".repeat(40);
    let nested = |depth: usize| format!("{}{words}{}", "<div>".repeat(depth), "</div>".repeat(depth));
    room.write("set/awkward/deep.html", nested(120));
    room.write("set/awkward/deeper.html", nested(3_000));
    room.write("set/awkward/large.txt", words.repeat(600));
    room.write(
        "set/awkward/latin.html",
        b"<html><meta charset=iso-8859-1><p>La mar\xe9e monta jusqu'\xe0 la digue.",
    );
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(nested(3).as_bytes()).unwrap();
    room.write("set/awkward/packed.html.gz", packed.finish().unwrap());
    // The same bytes under names that are read in two ways, again and again.
    let marked = format!("# Tides\n\n{words}\n\n* one\n* two\n");
    for number in 0..6 {
        room.write(format!("set/two-ways/{number}.txt"), &marked);
        room.write(format!("set/two-ways/{number}.md"), &marked);
    }
    // Copies whose first cannot be analysed.
    for number in 0..6 {
        room.write(format!("set/failing/{number}.txt"), "sheaf-hostile: abort\n");
        room.write(format!("set/failing/{number}.html"), "sheaf-hostile: panic\n");
        room.write(format!("set/failing/{number}.pdf"), "%PDF-1.7\nnothing that follows from it");
    }
}

#[test]
fn the_four_modes_give_the_same_results() {
    let room = Room::new(PROGRAM);
    documents::generate(&room, "set", 200, 11);
    awkward(&room);
    let examples = project().join("examples/documents");
    let count = alike(&room, &["set", examples.to_str().unwrap()], 3);
    assert!(count > 200 + 35, "{count}");

    let records = room.records("sync");
    let of = |ending: &str| -> Vec<_> {
        let is_of = |source: &str| source.contains("two-ways") && source.ends_with(ending);
        records.iter().filter(|record| is_of(record["source"].as_str().unwrap())).collect()
    };
    for (ending, read_as) in [(".md", "text/markdown"), (".txt", "text/plain")] {
        let copies = of(ending);
        assert_eq!(copies.len(), 6);
        assert!(copies.iter().all(|copy| copy["document"]["content_type"] == read_as), "{ending}");
        assert_eq!(copies[0]["cache"]["kind"], "none");
        assert!(copies[1..].iter().all(|copy| copy["cache"]["of"] == copies[0]["id"]), "{copies:?}");
    }
}

#[test]
fn the_four_modes_give_the_same_results_for_real_pages() {
    let folder = project().join("../shared/corpora/dev/pages");
    let Ok(pages) = fs::read_dir(&folder) else {
        println!("not checked: there are no real pages at ../shared/corpora/dev/pages beside the project");
        return;
    };
    let mut pages: Vec<_> = pages.flatten().map(|entry| entry.path()).collect();
    pages.sort();
    let sample: Vec<_> =
        pages.iter().step_by(5.max(pages.len() / 60)).map(|page| page.to_string_lossy()).collect();
    let room = Room::new(PROGRAM);
    room.write("list", sample.join("\n"));
    assert_eq!(alike(&room, &["@list"], 0), sample.len());
}
