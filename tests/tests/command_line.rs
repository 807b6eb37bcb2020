//! What is wrong with a command line, a source, the output folder or a port is said in one line, with what to do. Standard
//! error holds nothing else but progress and warnings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{fs, net::TcpListener, os::unix::fs::symlink, path::Path, process::Stdio};

use regex::Regex;
use sheaf_tests::program::{Ended, Room, Running};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");

/// Runs the program, which must end with `status` and one line on standard error that says all of `says`; nothing else.
#[track_caller]
fn one_line(room: &Room, arguments: &[&str], status: i32, says: &[&str]) -> String {
    let ended = room.run(arguments);
    assert_eq!(ended.status, Some(status), "{arguments:?}: {ended:?}");
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let said = errors(&ended);
    let [line] = said.as_slice() else { panic!("{arguments:?} says {:?}", ended.stderr) };
    for part in says {
        assert!(line.contains(part), "{arguments:?} says {line:?}, not {part:?}");
    }
    assert!(!line.contains("os error") && !line.contains("Error {"), "{line:?} speaks to programmers");
    (*line).to_owned()
}

/// The lines of standard error that are not progress.
fn errors(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| line.starts_with("error")).collect()
}

fn room() -> Room {
    let room = Room::new(PROGRAM);
    room.write("set/a.txt", "The tide gauge of the harbour was read at noon.");
    room
}

/// Runs that could not begin leave no output folder behind.
#[track_caller]
fn nothing_left(room: &Room) {
    let left: Vec<_> = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "sheaf-out" || name == "out"), "{left:?}");
}

#[test]
fn wrong_flags_and_values() {
    let room = room();
    one_line(&room, &["run", "set", "--paralelism-mode", "sync"], 2, &["--parallelism-mode", "--help"]);
    one_line(&room, &["run", "set", "--parallelism-mode", "fast"], 2, &["fast", "hybrid", "sync"]);
    one_line(&room, &["run", "set", "--max-workers", "0"], 2, &["--max-workers", "0", "1..=1024"]);
    one_line(&room, &["run", "set", "--max-workers", "many"], 2, &["--max-workers", "many"]);
    one_line(&room, &["run", "set", "--parse-timeout", "soon"], 2, &["--parse-timeout", "number of seconds"]);
    one_line(&room, &["run", "set", "--listen", "nowhere"], 2, &["--listen", "nowhere"]);
    one_line(&room, &["run", "set", "--include", "a[", "--out", "out"], 2, &["a["]);
    one_line(&room, &["run"], 2, &["SOURCE"]);
    one_line(&room, &["rum", "set"], 2, &["rum", "run"]);
    nothing_left(&room);
}

#[test]
fn addresses_of_no_coordinator() {
    let room = room();
    for verb in [&["workers"][..], &["drain", "w"], &["pause", "w"], &["resume", "w"]] {
        for (address, why) in [
            ("foo", "neither http:// nor https://"),
            ("hub:7700", "neither http:// nor https://"),
            ("ftp://hub:7700", "neither http:// nor https://"),
            ("http://", ""),
        ] {
            let arguments = [verb, &["--coordinator", address]].concat();
            let said = format!("--coordinator {address} is no address of a coordinator: ");
            one_line(&room, &arguments, 2, &[&said, why, "give one such as http://127.0.0.1:7700"]);
        }
        // Where nobody answers, the command line was right.
        let nobody = [verb, &["--coordinator", "http://127.0.0.1:9"]].concat();
        one_line(&room, &nobody, 1, &["no coordinator answers at http://127.0.0.1:9"]);
    }
}

#[test]
fn without_a_command_the_help_is_shown() {
    let ended = room().run([""; 0]);
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.contains("Usage:") && ended.stderr.contains("run"), "{}", ended.stderr);
    let ended = room().run(["--version"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (Some(0), "coordinator 0.1.0\n"));
}

#[test]
fn the_help_says_what_each_flag_does() {
    let ended = room().run(["run", "--help"]);
    assert_eq!(ended.status, Some(0));
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn sources_that_are_not_there() {
    let room = room();
    room.write("empty.txt", "");
    room.write("comments.txt", "# nothing yet\n\n   \n");
    fs::create_dir(room.path().join("bare")).unwrap();
    one_line(&room, &["run", "missing.pdf"], 2, &["missing.pdf", "does not exist", "check the name"]);
    one_line(&room, &["run", "@missing.txt"], 2, &["the list missing.txt", "does not exist"]);
    one_line(&room, &["run", "@set"], 2, &["is a folder", "without the @"]);
    one_line(&room, &["run", "ftp://example.org/a"], 2, &["ftp://example.org/a", "http://"]);
    one_line(&room, &["run", "http://"], 2, &["http://"]);
    one_line(&room, &["run", "@empty.txt"], 1, &["name no document", "empty"]);
    one_line(&room, &["run", "@comments.txt"], 1, &["name no document"]);
    one_line(&room, &["run", "bare"], 1, &["name no document"]);
    one_line(&room, &["run", "set", "--include", "*.pdf"], 1, &["name no document", "--include"]);
    one_line(&room, &["run", "-"], 1, &["name no document"]);
    nothing_left(&room);
}

#[test]
fn output_folders_that_cannot_be_written() {
    let room = room();
    room.write("file", "");
    one_line(&room, &["run", "set", "--out", "file"], 1, &["file", "--out"]);
    one_line(&room, &["run", "set", "--out", "file/below"], 1, &["file/below", "--out"]);
    one_line(&room, &["run", "set", "--out", "/proc/sheaf"], 1, &["/proc/sheaf", "--out"]);
    symlink("nowhere/at/all", room.path().join("dangling")).unwrap();
    one_line(&room, &["run", "set", "--out", "dangling"], 1, &["dangling", "--out"]);
    nothing_left(&room);
}

#[test]
fn an_output_folder_in_use() {
    let room = room();
    let mut command = room.command(["run", "-", "--out", "out", "--progress", "plain"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // A run whose list has not ended yet holds the folder.
    let list = child.stdin.take();
    let mut running = Running::of(child);
    assert!(running.until(|_| room.path().join("out").exists()));
    one_line(&room, &["run", "set", "--out", "out"], 1, &["out", "another run"]);
    drop(list);
    running.end();
}

#[test]
fn an_output_folder_of_another_run() {
    let room = room();
    let ended = room.run(["run", "set", "--out", "out"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    one_line(&room, &["run", "set", "--out", "out", "--include-text"], 1, &["include-text", "--fresh"]);
    assert_eq!(room.run(["run", "set", "--out", "out", "--include-text", "--fresh"]).status, Some(0));
}

#[test]
fn a_port_that_is_taken() {
    let room = room();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    one_line(&room, &["run", "set", "--listen", &address], 1, &[&address, "in use", "--listen"]);
    nothing_left(&room);
}

/// Documents of every format, and some that are broken: parsers have much to complain of.
fn examples() -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let examples = project.join("examples/documents");
    for format in ["html", "pdf", "docx", "md", "txt"] {
        let is_one = |name: &Path| name.extension().is_some_and(|extension| extension == format);
        let some = fs::read_dir(&examples).unwrap().any(|entry| is_one(&entry.unwrap().path()));
        assert!(some, "no example is {format}");
    }
    examples.to_str().unwrap().to_owned()
}

#[test]
fn standard_error_holds_progress_and_warnings_only() {
    let progress = Regex::new(
        r"^\d+ of (at least )?\d+ documents(, [\d.]+/s)?, \d+ downloading, \d+ analysing(, \d+ failed)?(, \d+ skipped)?(, [\dhmins ]+ left)?$",
    )
    .unwrap();
    let room = room();
    let examples = examples();
    for mode in ["async", "process"] {
        let arguments = ["run", &examples, "-", "--llm", "never", "--progress", "plain", "--out", mode];
        let mut command = room.command(arguments);
        let mut child = command.args(["--parallelism-mode", mode]).stdin(Stdio::piped()).spawn().unwrap();
        // The list ends when progress was told: without it there would be none of so short a run.
        let list = child.stdin.take();
        let mut running = Running::of(child);
        assert!(running.until(|running| running.stderr().contains(" documents, ")), "{}", running.stderr());
        drop(list);
        let ended = running.end();
        assert_eq!(ended.status, Some(3), "some are broken: {ended:?}");
        assert!(room.records(mode).len() > 15);
        for line in ended.stderr.lines() {
            assert!(progress.is_match(line) || line.starts_with("warning: "), "{mode}: {line:?}");
        }
    }
}

#[test]
fn without_progress_standard_error_is_empty() {
    let room = room();
    let examples = examples();
    for mode in ["sync", "async", "process", "hybrid"] {
        let arguments = ["run", &examples, "--llm", "never", "--progress", "none", "--out", mode];
        let ended = room.run(arguments.iter().chain(&["--parallelism-mode", mode]));
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(3), ""), "{mode}");
        assert!(room.records(mode).len() > 15);
    }
}
