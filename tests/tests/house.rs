//! The house's own rules: the line of crates, one file each for the wire and the keys, and a picture that is true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;
use serde_json::Value;

/// Each crate may use only what stands to its right; the first two stand side by side.
const LINE: [&str; 14] = [
    "sheaf-tests",
    "sheaf-benches",
    "sheaf-coordinator",
    "sheaf-report",
    "sheaf-table",
    "sheaf-fetch",
    "sheaf-worker",
    "sheaf-cache",
    "sheaf-llm",
    "sheaf-rules",
    "sheaf-parse",
    "sheaf-extract",
    "sheaf-common",
    "sheaf-proto",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of Rust below the root with its path from there, but for what is built.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.insert(below, fs::read_to_string(path).unwrap());
            }
        }
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

#[test]
fn crates_stand_in_a_line() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let place = |name: &str| LINE.iter().position(|member| *member == name);
    let packages = metadata["packages"].as_array().unwrap();
    let mut members: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let mut line = LINE.to_vec();
    members.sort_unstable();
    line.sort_unstable();
    assert_eq!(members, line, "the line and the workspace name the same crates");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let dependency = dependency["name"].as_str().unwrap();
            // A crate may turn on its own features for its tests.
            let Some(right) = place(dependency).filter(|_| dependency != name) else { continue };
            assert!(
                place(name).unwrap().max(1) < right,
                "{name} uses {dependency}, which stands to its left"
            );
        }
    }
}

#[test]
fn the_line_is_drawn_where_people_look() {
    let line = LINE.map(|name| name.trim_start_matches("sheaf-"));
    let drawn = |arrow: &str| format!("tests, benches{arrow}{}", line[2..].join(arrow));
    assert!(read("ARCHITECTURE.md").contains(&drawn(" ─► ")), "{}", drawn(" ─► "));
    assert!(read("Cargo.toml").contains(&drawn(" -> ")), "{}", drawn(" -> "));
}

#[test]
fn the_wire_has_one_room() {
    for (path, text) in sources() {
        let knows = text.contains("sheaf_proto::") || text.contains("use sheaf_proto");
        let room = path == "common/src/wire.rs" || path.starts_with("common/src/wire/");
        let may = room || path.starts_with("proto/") || path == "tests/tests/house.rs";
        assert!(!knows || may, "{path} speaks of messages; only common/src/wire may");
    }
}

#[test]
fn redis_keys_have_at_most_one_room() {
    let key = Regex::new(r#""sheaf:|"\{sheaf"#).unwrap();
    let rooms: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| path != "tests/tests/house.rs" && key.is_match(text))
        .map(|(path, _)| path)
        .collect();
    assert!(rooms.iter().all(|room| room == "common/src/keys.rs"), "keys are built in {rooms:?}");
}

/// The capacities on the picture's arrows, each with the constant it stands for.
#[test]
fn the_picture_is_true() {
    let picture = read("ARCHITECTURE.md");
    for (drawn, file, constant) in [
        ("Sources ──(256)──►", "coordinator/src/source/enumerate.rs", "const AHEAD: usize = 256;"),
        ("(4,096 admitted)", "coordinator/src/run.rs", "const ADMITTED: u32 = 4_096;"),
        (
            "(MemoryQueue: 64 jobs, 32 MiB)",
            "common/src/queue/memory.rs",
            "ready_jobs: 64, ready_bytes: 32 << 20,",
        ),
        ("Recorder ◄─(256)──", "coordinator/src/run.rs", "const ARRIVALS: usize = 256;"),
        ("(256 outcomes)", "common/src/queue/memory.rs", "uncollected: 256,"),
    ] {
        assert!(picture.contains(drawn), "ARCHITECTURE.md does not show {drawn}");
        assert!(read(file).contains(constant), "{file} does not say {constant}, as {drawn} does");
    }
}

#[test]
fn no_channel_is_without_bounds() {
    for (path, text) in sources() {
        let free = !path.contains("tests/") && text.contains("unbounded_channel");
        assert!(!free, "{path} has a channel without a capacity");
    }
}

#[test]
fn files_that_the_documents_name_are_there() {
    let link = Regex::new(r"\]\(([A-Za-z][^)#:]*)\)|`((?:tests|common|worker|coordinator|docs|benches)/[a-z_/.-]+\.(?:rs|md|py))`")
        .unwrap();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/performance.md"]
    {
        for found in link.captures_iter(&read(document)) {
            let name = found.get(1).or(found.get(2)).unwrap().as_str();
            let folder = Path::new(document).parent().unwrap();
            let there = [root().join(folder).join(name), root().join(name)].iter().any(|path| path.exists());
            assert!(there, "{document} names {name}, which is not there");
        }
    }
}
